export type Json = Readonly<Record<string, unknown>>;
export const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null;
export const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

/** A list of objects; nothing where a host says something else. */
export function listOf(json: unknown): Json[] {
  return Array.isArray(json) ? json.filter(isObject) : [];
}

export function parsed(json: string): unknown {
  try {
    return JSON.parse(json) as unknown;
  } catch {
    return null;
  }
}
