import { causeMessage } from './cause.ts';
import type { Origin } from './document.ts';
import { expandHostRange } from './host-range.ts';
import type { Problems } from './problems.ts';

/** One variable where it was written. */
export interface Definition {
  readonly key: string;
  readonly value: unknown;
  readonly origin: Origin;
  /** `group web` or `host web1`, for messages. */
  readonly owner: string;
}

export type Definitions = Map<string, Definition>;

export interface Group {
  readonly name: string;
  readonly origin: Origin;
  readonly children: Set<string>;
  readonly parents: Set<string>;
  /** Direct members. */
  readonly hosts: Set<string>;
  /** From the inventory files; a later source replaces key by key. */
  readonly vars: Definitions;
  /** `ansible_group_priority`, which counts in inventory files only and is no variable, as in Ansible. */
  priority?: Definition;
}

export interface HostEntry {
  readonly name: string;
  readonly origin: Origin;
  readonly groups: Set<string>;
  readonly vars: Definitions;
}

/** All groups and hosts of all inventory files, before variables are merged. */
export interface Tree {
  readonly groups: Map<string, Group>;
  readonly hosts: Map<string, HostEntry>;
}

// A group name ends up in patterns (`web:&db,!old`), so their signs cannot be in it.
const GROUP_NAME = /^[\p{L}\p{N}_][\p{L}\p{N}_.-]*$/u;
const HOST_NAME = /^[A-Za-z0-9_][A-Za-z0-9_.-]*$/;

export const emptyTree = (): Tree => ({ groups: new Map(), hosts: new Map() });

/** The group of this name, made if there is none. Undefined, and a problem told: it cannot be a group's name. */
export function addGroup(tree: Tree, name: string, origin: Origin, problems: Problems): Group | undefined {
  const known = tree.groups.get(name);
  if (known) return known;
  if (!GROUP_NAME.test(name)) {
    problems.add({
      message: `${JSON.stringify(name)} cannot be the name of a group`,
      hint: 'Use letters, digits, "_", "." and "-".',
      origin,
      at: 'key',
    });
    return undefined;
  }
  const made: Group = {
    name,
    origin,
    children: new Set(),
    parents: new Set(),
    hosts: new Set(),
    vars: new Map(),
  };
  tree.groups.set(name, made);
  return made;
}

/** Puts one group below another. */
export function addChild(parent: Group, child: Group): void {
  parent.children.add(child.name);
  child.parents.add(parent.name);
}

/** Sets a variable of a group. */
export function setGroupVariable(group: Group, definition: Definition): void {
  if (definition.key === 'ansible_group_priority') group.priority = definition;
  else group.vars.set(definition.key, definition);
}

/** Puts the host of this name into a group; what is new are its variables, key by key. */
export function addHost(
  tree: Tree,
  group: Group,
  name: string,
  origin: Origin,
  vars: Iterable<Definition>,
): void {
  let host = tree.hosts.get(name);
  if (!host) {
    host = { name, origin, groups: new Set(), vars: new Map() };
    tree.hosts.set(name, host);
  }
  for (const definition of vars) host.vars.set(definition.key, definition);
  host.groups.add(group.name);
  group.hosts.add(name);
}

/**
 * Puts the hosts that `web[01:10]` or `web1:2222` stands for into a group. As in Ansible, a port counts where the host
 * is named for the first time, and a variable of its own wins.
 */
export function addHosts(
  tree: Tree,
  group: Group,
  written: string,
  origin: Origin,
  vars: readonly Definition[],
  problems: Problems,
): void {
  // What stands before the last colon outside of brackets (parse_address of ansible/parsing/utils/addresses.py).
  const [, head, port] = /^((?:[^:[\]]|\[[^\]]*\])+):(\d+)$/.exec(written) ?? [];
  const owner = `host ${written}`;
  const byName: Definition[] =
    port === undefined ? [] : [{ key: 'ansible_port', value: Number(port), origin, owner }];
  for (const name of hostNames(head ?? written, written, origin, problems))
    addHost(tree, group, name, origin, tree.hosts.has(name) ? vars : [...byName, ...vars]);
}

function hostNames(range: string, written: string, origin: Origin, problems: Problems): string[] {
  const refuse = (message: string, hint: string): string[] => {
    problems.add({ message: `host ${JSON.stringify(written)}: ${message}`, hint, origin, at: 'key' });
    return [];
  };
  try {
    const names = expandHostRange(range);
    const wrong = names.find((name) => !HOST_NAME.test(name));
    if (wrong === undefined) return names;
    if (wrong.startsWith('-'))
      return refuse(
        'a name must not start with "-": ssh would take it for an option',
        'Choose another name.',
      );
    if (wrong.split(':').length > 2)
      return refuse(
        'IPv6 is not supported in this version',
        'Give it a name, and ansible_host with an IPv4 address.',
      );
    return refuse(
      'this is not a host name',
      'Use letters, digits, "_", "." and "-", and ranges such as web[01:10].',
    );
  } catch (error) {
    return refuse(causeMessage(error), 'Write ranges as web[01:10], db-[a:f] or [1:9:2].');
  }
}
