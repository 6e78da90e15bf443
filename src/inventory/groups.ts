import type { Origin, Path, SourceDocument } from './document.ts';
import { isMapping } from './document.ts';
import { causeMessage } from './cause.ts';
import { didYouMean } from './did-you-mean.ts';
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

const GROUP_KEYS = ['vars', 'hosts', 'children'];
// A group name ends up in patterns (`web:&db,!old`), so their signs cannot be in it.
const GROUP_NAME = /^[\p{L}\p{N}_][\p{L}\p{N}_.-]*$/u;
const HOST_NAME = /^[A-Za-z0-9_][A-Za-z0-9_.-]*$/;

export const emptyTree = (): Tree => ({ groups: new Map(), hosts: new Map() });

/** Adds the groups and hosts of one inventory file. */
export function growTree(tree: Tree, document: SourceDocument, problems: Problems): void {
  const { data } = document;
  const origin = { document, path: [] };
  if (data === null || data === undefined) {
    problems.add({
      message: 'this inventory file is empty',
      hint: 'Begin with: all: { hosts: { web1: } }',
      origin,
    });
  } else if (!isMapping(data)) {
    problems.add({
      message: `an inventory file is a mapping of groups, this is ${kindOf(data)}`,
      hint: 'Begin with "all:".',
      origin,
    });
  } else if ('plugin' in data) {
    problems.add({
      message: 'inventory plugins are not supported in this version',
      hint: 'Write what it prints to a file: ansible-inventory -i FILE --list --yaml',
      origin: { document, path: ['plugin'] },
    });
  } else {
    const grow = new Grower(tree, document, problems);
    for (const [name, content] of Object.entries(data)) grow.group(name, content, [name]);
  }
}

export const kindOf = (value: unknown): string => {
  if (value === null || value === undefined) return 'empty';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a mapping';
  return typeof value === 'string' ? 'text' : `a ${typeof value}`;
};

class Grower {
  readonly tree: Tree;
  readonly document: SourceDocument;
  readonly problems: Problems;

  constructor(tree: Tree, document: SourceDocument, problems: Problems) {
    this.tree = tree;
    this.document = document;
    this.problems = problems;
  }

  group(name: string, content: unknown, path: Path): Group | undefined {
    const origin = { document: this.document, path };
    if (!GROUP_NAME.test(name)) {
      this.problems.add({
        message: `${JSON.stringify(name)} cannot be the name of a group`,
        hint: 'Use letters, digits, "_", "." and "-".',
        origin,
        at: 'key',
      });
      return undefined;
    }
    let group = this.tree.groups.get(name);
    if (!group) {
      group = { name, origin, children: new Set(), parents: new Set(), hosts: new Set(), vars: new Map() };
      this.tree.groups.set(name, group);
    }
    for (const [key, section] of this.mapping(content, path, `the group ${name}`)) {
      const inner = [...path, key];
      if (key === 'vars') this.vars(group.vars, section, inner, `group ${name}`);
      else if (key === 'hosts') this.hosts(group, section, inner);
      else if (key === 'children') this.children(group, section, inner);
      else {
        const message = `a group has no ${JSON.stringify(key)}: only vars, hosts and children`;
        const hint = didYouMean(key, GROUP_KEYS);
        this.problems.add({ message, hint, origin: { document: this.document, path: inner }, at: 'key' });
      }
    }
    return group;
  }

  children(group: Group, section: unknown, path: Path): void {
    for (const [name, content] of this.mapping(section, path, 'children')) {
      const child = this.group(name, content, [...path, name]);
      if (!child) continue;
      group.children.add(name);
      child.parents.add(group.name);
    }
  }

  hosts(group: Group, section: unknown, path: Path): void {
    // Ansible takes a single name as well.
    const hosts = typeof section === 'string' ? { [section]: null } : section;
    for (const [written, content] of this.mapping(hosts, path, 'hosts')) {
      const origin = {
        document: this.document,
        path: typeof section === 'string' ? path : [...path, written],
      };
      const vars: Definitions = new Map();
      this.vars(vars, content, origin.path, `host ${written}`);
      for (const name of this.names(written, origin)) {
        let host = this.tree.hosts.get(name);
        if (!host) {
          host = { name, origin, groups: new Set(), vars: new Map() };
          this.tree.hosts.set(name, host);
        }
        for (const [key, definition] of vars) host.vars.set(key, definition);
        host.groups.add(group.name);
        group.hosts.add(name);
      }
    }
  }

  names(written: string, origin: Origin): string[] {
    const refuse = (message: string, hint: string): string[] => {
      this.problems.add({ message: `host ${JSON.stringify(written)}: ${message}`, hint, origin, at: 'key' });
      return [];
    };
    const port = /^([^:]+|[^:]*\[.*\][^:]*):(\d+)$/.exec(written);
    if (port)
      return refuse(
        'a port is not part of a name',
        `Name it ${port[1]} and give it ansible_port: ${port[2]}.`,
      );
    try {
      const names = expandHostRange(written);
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

  vars(into: Definitions, section: unknown, path: Path, owner: string): void {
    for (const [key, value] of this.mapping(section, path, `the variables of ${owner}`)) {
      into.set(key, { key, value, owner, origin: { document: this.document, path: [...path, key] } });
    }
  }

  mapping(value: unknown, path: Path, what: string): [string, unknown][] {
    if (value === null || value === undefined) return [];
    if (isMapping(value)) return Object.entries(value);
    const hint = Array.isArray(value)
      ? 'Write each entry as a key of its own ("web1:"), without "- ".'
      : 'Write "key: value" pairs, indented below it.';
    this.problems.add({
      message: `${what}: a mapping is expected, this is ${kindOf(value)}`,
      hint,
      origin: { document: this.document, path },
    });
    return [];
  }
}
