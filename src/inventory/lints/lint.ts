import type { HostVariables } from '../../roles/variables/index.ts';
import type { Path } from '../document.ts';
import { closest } from '../did-you-mean.ts';

/** Values that are each well formed and do not fit together. */
export interface Lint {
  /** From the variable on: `['nat', 'dnat', 0, 'eip']`. */
  readonly path: Path;
  readonly message: string;
  readonly hint?: string | undefined;
  readonly at?: 'key' | 'value';
  readonly severity?: 'error' | 'warning';
}

/** The valid variables of one host, and the names of those that are there but not valid: nothing is said about them. */
export interface LintInput {
  readonly vars: Readonly<HostVariables>;
  readonly broken: ReadonlySet<string>;
  /** Every group that the host is in, by its name. */
  readonly groups: readonly string[];
}

/** One lint where a name is not among the keys of what it refers to. */
export function unknownName(
  path: Path,
  what: string,
  name: string,
  table: Readonly<Record<string, unknown>> | undefined,
  whereTo: string,
): Lint[] {
  if (table !== undefined && Object.hasOwn(table, name)) return [];
  const names = Object.keys(table ?? {});
  const near = closest(name, names);
  const listed =
    names.length === 0 ? `Declare it under ${whereTo}.` : `Known: ${names.slice(0, 12).join(', ')}.`;
  const hint = near === undefined ? listed : `Did you mean "${near}"?`;
  return [{ path, message: `there is no ${what} named ${JSON.stringify(name)}`, hint }];
}

/** One lint for every name that an earlier entry of the list has. */
export function doubleNames(path: Path, key: string, names: readonly (string | undefined)[]): Lint[] {
  const first = new Map<string, number>();
  return names.flatMap((name, index): Lint[] => {
    if (name === undefined) return [];
    const before = first.get(name);
    if (before === undefined) {
      first.set(name, index);
      return [];
    }
    const message = `${JSON.stringify(name)} is already the ${key} of entry ${before + 1} of ${path.join('.')}`;
    return [{ path: [...path, index, key], message, hint: `Give each entry a ${key} of its own.` }];
  });
}

/** Something that takes a piece of a number line: `from` to `to`, both included. */
export interface Stretch {
  /** Only stretches of the same lane can collide. */
  readonly lane: string;
  readonly from: number;
  readonly to: number;
  readonly index: number;
}

/** Pairs that share a number, the earlier entry first; each later entry is named once. */
export function collisions<Item extends Stretch>(
  stretches: readonly Item[],
): { earlier: Item; later: Item }[] {
  const sorted = [...stretches].sort(
    (a, b) => (a.lane < b.lane ? -1 : Number(a.lane > b.lane)) || a.from - b.from || a.index - b.index,
  );
  const found = new Map<number, { earlier: Item; later: Item }>();
  let widest: Item | undefined;
  for (const item of sorted) {
    if (widest?.lane === item.lane && item.from <= widest.to) {
      const [earlier, later] = widest.index <= item.index ? [widest, item] : [item, widest];
      if (!found.has(later.index)) found.set(later.index, { earlier, later });
    }
    if (widest?.lane !== item.lane || item.to > widest.to) widest = item;
  }
  return [...found.values()];
}
