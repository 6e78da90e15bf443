import type { Group, Tree } from './tree.ts';
import type { Problems } from './problems.ts';

/** The order in which Ansible merges groups: the greater wins. */
export interface GroupOrder {
  /** The longest way from `all`. */
  depth(group: string): number;
  /** `ansible_group_priority`, 1 where there is none. */
  priority(group: string): number;
  /** These groups and all their ancestors, in merge order: depth, then priority, then name. */
  sorted(groups: Iterable<string>): readonly string[];
}

/** Ties up what every inventory has: `all` above everything, `ungrouped` for hosts without a group. */
export function completeTree(tree: Tree): void {
  const all = ensure(tree, 'all');
  for (const host of tree.hosts.values()) {
    if ([...host.groups].every((name) => name === 'all' || name === 'ungrouped')) {
      ensure(tree, 'ungrouped').hosts.add(host.name);
      host.groups.add('ungrouped');
    } else host.groups.delete('ungrouped');
  }
  for (const group of tree.groups.values()) {
    if (group !== all && group.parents.size === 0) {
      group.parents.add('all');
      all.children.add(group.name);
    }
  }
}

function ensure(tree: Tree, name: string): Group {
  const known = tree.groups.get(name);
  if (known) return known;
  const document = [...tree.groups.values()][0]?.origin.document;
  const origin = {
    document: document ?? { file: '', data: {}, text: undefined, place: () => ({ file: '' }) },
    path: [],
  };
  const made = {
    name,
    origin,
    children: new Set<string>(),
    parents: new Set<string>(),
    hosts: new Set<string>(),
    vars: new Map(),
  };
  tree.groups.set(name, made);
  return made;
}

/** A group that is its own ancestor is a problem for each group of the circle. Returns whether there are any. */
export function refuseCircles(tree: Tree, problems: Problems): boolean {
  const done = new Set<string>();
  let found = false;
  const visit = (name: string, above: readonly string[]): void => {
    if (above.includes(name)) {
      const circle = [...above.slice(above.indexOf(name)), name].join(' > ');
      const origin = tree.groups.get(name)?.origin;
      problems.add({
        message: `the group ${name} is inside itself: ${circle}`,
        hint: 'Take one of these children out.',
        origin,
        at: 'key',
      });
      found = true;
    } else if (!done.has(name)) {
      for (const child of tree.groups.get(name)?.children ?? []) visit(child, [...above, name]);
      done.add(name);
    }
  };
  for (const name of tree.groups.keys()) visit(name, []);
  return found;
}

/** Works out depths and priorities of a tree without circles. */
export function orderGroups(tree: Tree, problems: Problems): GroupOrder {
  const depths = new Map<string, number>([['all', 0]]);
  const depth = (name: string): number => {
    let known = depths.get(name);
    if (known === undefined) {
      known = 1 + Math.max(0, ...[...(tree.groups.get(name)?.parents ?? [])].map(depth));
      depths.set(name, known);
    }
    return known;
  };
  const priorities = new Map(
    [...tree.groups.values()].map((group) => [group.name, priorityOf(group, problems)]),
  );
  const priority = (name: string): number => priorities.get(name) ?? 1;
  const compare = (a: string, b: string): number =>
    depth(a) - depth(b) || priority(a) - priority(b) || (a < b ? -1 : Number(a > b));
  const sorted = (groups: Iterable<string>): readonly string[] => {
    const found = new Set<string>(['all']);
    const add = (name: string): void => {
      if (found.has(name)) return;
      found.add(name);
      for (const parent of tree.groups.get(name)?.parents ?? []) add(parent);
    };
    for (const name of groups) add(name);
    return [...found].sort(compare);
  };
  return { depth, priority, sorted };
}

function priorityOf(group: Group, problems: Problems): number {
  const definition = group.priority;
  if (!definition) return 1;
  const priority = typeof definition.value === 'string' ? Number(definition.value) : definition.value;
  if (Number.isInteger(priority)) return priority as number;
  problems.add({
    message: 'ansible_group_priority must be a whole number',
    hint: 'Write 10, for example.',
    origin: definition.origin,
  });
  return 1;
}
