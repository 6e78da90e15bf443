import type { Path, SourceDocument } from './document.ts';
import { isMapping } from './document.ts';
import { didYouMean } from './did-you-mean.ts';
import { kindOf } from './kind-of.ts';
import type { Problems } from './problems.ts';
import { sealed } from './secrets/sealed.ts';
import { addChild, addGroup, addHosts, setGroupVariable } from './tree.ts';
import type { Definition, Group, Tree } from './tree.ts';

const GROUP_KEYS = ['vars', 'hosts', 'children'];

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

const named = (section: unknown): unknown => (typeof section === 'string' ? { [section]: null } : section);

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
    const group = addGroup(this.tree, name, { document: this.document, path }, this.problems);
    if (!group) return undefined;
    for (const [key, section] of this.mapping(content, path, `the group ${name}`)) {
      const inner = [...path, key];
      if (key === 'vars')
        for (const definition of this.vars(section, inner, `group ${name}`))
          setGroupVariable(group, definition);
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
    // Ansible takes a single name as well, here and for hosts.
    for (const [name, content] of this.mapping(named(section), path, 'children')) {
      const child = this.group(name, content, typeof section === 'string' ? path : [...path, name]);
      if (child) addChild(group, child);
    }
  }

  hosts(group: Group, section: unknown, path: Path): void {
    for (const [written, content] of this.mapping(named(section), path, 'hosts')) {
      const inner = typeof section === 'string' ? path : [...path, written];
      const vars = this.vars(content, inner, `host ${written}`);
      addHosts(this.tree, group, written, { document: this.document, path: inner }, vars, this.problems);
    }
  }

  vars(section: unknown, path: Path, owner: string): Definition[] {
    return this.mapping(section, path, `the variables of ${owner}`).map(([key, value]) => ({
      key,
      value: this.document.isSealed ? sealed(value) : value,
      owner,
      origin: { document: this.document, path: [...path, key] },
    }));
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
