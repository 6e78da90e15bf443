import { isAbsolute, relative } from 'node:path';
import type { Place } from '../model/error.ts';

export type Path = readonly (string | number)[];

/** One source of data that remembers where its values were written. */
export interface SourceDocument {
  /** As shown to a person: relative to the current directory if inside it. */
  readonly file: string;
  readonly data: unknown;
  /** The source text, for code frames; undefined where the data was computed. */
  readonly text: string | undefined;
  /** It was encrypted as a whole: its values are secrets. */
  readonly isSealed?: true;
  /** Where the value (or its key) at this path was written; the nearest known parent where there is none. */
  place(path: Path, part?: 'key' | 'value'): Place;
}

/** Where a variable, group or host was written: a path inside a document. */
export interface Origin {
  readonly document: SourceDocument;
  readonly path: Path;
}

/** The path of a file as a person would type it: relative to the current directory if inside it. */
export function shownFile(file: string): string {
  const inside = relative(process.cwd(), file);
  return inside === '' || inside.startsWith('..') || isAbsolute(inside) ? file : inside;
}

/** A document without positions: data that a program made. */
export function computedDocument(file: string, data: unknown): SourceDocument {
  const shown = shownFile(file);
  return { file: shown, data, text: undefined, place: () => ({ file: shown }) };
}

/** `nat.dnat[0].eip`; keys that are not plain words are quoted. */
export function pathText(path: Path): string {
  let text = '';
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`;
    else if (/^[\w-]+$/.test(step)) text += text === '' ? step : `.${step}`;
    else text += `[${JSON.stringify(step)}]`;
  }
  return text;
}

/** Whether a value is a mapping, as opposed to a list, a scalar or nothing. */
export const isMapping = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The first string inside a value, with its path, that `matches`. */
export function findString(
  value: unknown,
  matches: (text: string) => boolean,
  path: Path = [],
): { text: string; path: Path } | undefined {
  if (typeof value === 'string') return matches(value) ? { text: value, path } : undefined;
  if (typeof value !== 'object' || value === null) return undefined;
  const entries: [string | number, unknown][] = Array.isArray(value)
    ? [...value.entries()]
    : Object.entries(value);
  for (const [step, inner] of entries) {
    const found = findString(inner, matches, [...path, step]);
    if (found) return found;
  }
  return undefined;
}
