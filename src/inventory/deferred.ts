import { isMapping } from './document.ts';
import type { Path } from './document.ts';
import { errorOf } from './problems.ts';
import type { Problem } from './problems.ts';

/**
 * A value that cannot be had, because it is more of Jinja than plain references. Nobody may need it: in a tree of
 * Ansible's such values are many. It is an error only where it is asked for.
 */
export class Deferred {
  /** As it was written. */
  readonly text: string;
  readonly problem: Problem;
  /** It refers to a variable that does not exist. */
  readonly missing: boolean;

  constructor(text: string, problem: Problem, missing: boolean) {
    this.text = text;
    this.problem = problem;
    this.missing = missing;
  }
}

const deferredBy = new WeakMap<() => unknown, Deferred>();

/** The value of a property that `setValue` has set, without reading it. */
export function valueOf(property: PropertyDescriptor): unknown {
  const { get } = property as { readonly get?: (this: void) => unknown };
  return get ? deferredBy.get(get) : (property.value as unknown);
}

/** Sets a value; one that cannot be had throws when it is read, and is passed over when keys are counted or copied. */
export function setValue(target: object, key: string | number, value: unknown): void {
  if (!(value instanceof Deferred)) {
    if (key === '__proto__') return void Object.defineProperty(target, key, { value, enumerable: true });
    (target as Record<string | number, unknown>)[key] = value;
    return;
  }
  const get = (): never => {
    throw errorOf(value.problem);
  };
  deferredBy.set(get, value);
  Object.defineProperty(target, key, { get, enumerable: Array.isArray(target), configurable: true });
}

/** Keys and values of a mapping or list; what cannot be had is its `Deferred`. */
export function* entriesOf(value: object): Generator<[string, unknown]> {
  for (const [key, property] of Object.entries(Object.getOwnPropertyDescriptors(value))) {
    if (Array.isArray(value) && key === 'length') continue;
    yield [key, valueOf(property)];
  }
}

/** The first value inside that cannot be had. */
export function deferredIn(value: unknown, path: Path = []): { deferred: Deferred; path: Path } | undefined {
  if (value instanceof Deferred) return { deferred: value, path };
  if (!Array.isArray(value) && !isMapping(value)) return undefined;
  for (const [key, inner] of entriesOf(value)) {
    const found = deferredIn(inner, [...path, key]);
    if (found) return found;
  }
  return undefined;
}

/** The value with the written text in the place of what cannot be had: for showing it. */
export function asWritten(value: unknown): unknown {
  if (value instanceof Deferred) return value.text;
  if (!Array.isArray(value) && !isMapping(value)) return value;
  if (!deferredIn(value)) return value;
  const entries = [...entriesOf(value)].map(([key, inner]) => [key, asWritten(inner)] as const);
  return Array.isArray(value) ? entries.map(([, inner]) => inner) : Object.fromEntries(entries);
}
