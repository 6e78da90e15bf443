import { LAYERS } from './resource.ts';
import type { FieldDifference, Fields, FieldValue, Layer, State } from './resource.ts';

export const sameValue = (a: FieldValue, b: FieldValue): boolean => JSON.stringify(a) === JSON.stringify(b);

/** What a field of something absent is worth: nothing, as an empty list or a plain no. */
const isNothing = (value: FieldValue): boolean =>
  value === null || value === false || (Array.isArray(value) && value.length === 0);

function differencesOfLayer(layer: Layer, actual: Fields | null, desired: Fields | null): FieldDifference[] {
  const fields = new Set([...Object.keys(desired ?? {}), ...Object.keys(actual ?? {})]);
  const whole = actual === null || desired === null;
  const found = [...fields].flatMap((field) => {
    const before = actual?.[field] ?? null;
    const after = desired?.[field] ?? null;
    const same = sameValue(before, after) || (whole && isNothing(before) && isNothing(after));
    return same ? [] : [{ field, layer, before, after }];
  });
  const onlyExistence = found.length === 0 && (actual === null) !== (desired === null);
  return onlyExistence
    ? [{ field: 'exists', layer, before: actual !== null, after: desired !== null }]
    : found;
}

/** Field by field, layer by layer, what is not as desired. A layer that `desired` leaves out is not compared. */
export function differences(actual: State, desired: State): FieldDifference[] {
  return LAYERS.flatMap((layer) => {
    const wanted = desired[layer];
    return wanted === undefined ? [] : differencesOfLayer(layer, actual[layer] ?? null, wanted);
  });
}

/** True when any layer of the state holds a field. */
export const exists = (state: State): boolean =>
  LAYERS.some((layer) => Object.keys(state[layer] ?? {}).length > 0);
