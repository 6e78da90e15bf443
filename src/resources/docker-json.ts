/** Parts of Docker's answers: somebody else's JSON, of which nothing is taken for granted. */
export type Json = Readonly<Record<string, unknown>>;

/** A plain object; anything else is an empty one. */
export const recordOf = (value: unknown): Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {};

/** A text; anything else is an empty one. */
export const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

/** The texts of a list. */
export const textsOf = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter((item): item is string => typeof item === 'string') : [];

/** The objects of a list. */
export const recordsOf = (value: unknown): Json[] => (Array.isArray(value) ? value.map(recordOf) : []);

/** What Docker says of itself and of us on things that we made. */
export const OUR_LABEL = 'provision.name';

/** Whether a thing carries our label. */
export const isOurs = (labels: unknown): boolean => OUR_LABEL in recordOf(labels);
