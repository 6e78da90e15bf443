import type { FieldDifference, FieldValue, Layer } from '../model/resource.ts';

/** Where a difference was seen, in words. */
export const LAYER_WORDS: Readonly<Record<Layer, string>> = {
  live: 'live',
  saved: 'in the saved configuration',
};

const shown = (value: FieldValue): string => {
  if (value === null) return 'absent';
  if (typeof value === 'string')
    return value.length > 60 || value.includes('\n') ? `${value.length} characters` : value;
  return Array.isArray(value) ? `[${value.join(', ')}]` : String(value);
};

/** What is too much and what is missing between two lists. */
export function listDifference(
  before: FieldValue,
  after: FieldValue,
): { extra: string[]; missing: string[] } {
  const list = (value: FieldValue): readonly string[] =>
    Array.isArray(value) ? (value as readonly string[]) : [];
  const [has, wants] = [new Set(list(before)), new Set(list(after))];
  return {
    extra: list(before).filter((item) => !wants.has(item)),
    missing: list(after).filter((item) => !has.has(item)),
  };
}

/** One sentence for a difference that has no better words of its own. */
export function describeDifference(
  resource: string,
  { field, layer, before, after }: FieldDifference,
): string {
  const where = LAYER_WORDS[layer];
  if (Array.isArray(before) || Array.isArray(after)) {
    const { extra, missing } = listDifference(before, after);
    const parts = [
      ...(missing.length > 0 ? [`missing ${where}: ${missing.join(', ')}`] : []),
      ...(extra.length > 0 ? [`not declared but present ${where}: ${extra.join(', ')}`] : []),
    ];
    return `${resource} ${field} ${parts.length > 0 ? parts.join('; ') : `${where}: ${shown(before)}, should be ${shown(after)}`}`;
  }
  return `${resource} ${field} is ${shown(before)} ${where}, should be ${shown(after)}`;
}
