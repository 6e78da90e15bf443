import type { Place } from '../model/error.ts';
import { causeMessage } from './cause.ts';
import type { Origin, SourceDocument } from './document.ts';
import { shownFile } from './document.ts';
import type { Problems } from './problems.ts';
import { pythonLiteral } from './python-literal.ts';
import { shellWords } from './shell-words.ts';
import type { Keyring } from './secrets/keyring.ts';
import { sealed } from './secrets/sealed.ts';
import { withSpecialValues } from './special-values.ts';
import { addChild, addGroup, addHosts, setGroupVariable } from './tree.ts';
import type { Definition, Group, Tree } from './tree.ts';
import type { FileText } from './yaml-document.ts';

// As ansible/plugins/inventory/ini.py reads them: a comment may follow a header and the name of a child.
const SECTION = /^\[([^:\]\s]+)(?::(\w+))?\]\s*(?:#.*)?$/;
const CHILD = /^([^:\]\s]+)\s*(?:#.*)?$/;

/** A text whose places are a line, the column of a key and that of its value. */
export function linesDocument(file: string, { text, isSealed }: FileText): SourceDocument {
  const shown = shownFile(file);
  return {
    file: shown,
    data: text,
    text: isSealed ? undefined : text,
    ...(isSealed ? { isSealed: true } : {}),
    place: ([line = 1, key = 1, value = key], part = 'value') => ({
      file: shown,
      line: Number(line),
      column: Number(part === 'key' ? key : value),
    }),
  };
}

/** Adds the groups and hosts of one INI inventory. Values are read as Ansible reads them: as Python literals, else text. */
export function growIniTree(
  tree: Tree,
  document: SourceDocument,
  { problems, keyring }: { readonly problems: Problems; readonly keyring: Keyring },
): void {
  new IniReader(tree, document, problems, keyring).read();
}

class IniReader {
  readonly tree: Tree;
  readonly document: SourceDocument;
  readonly problems: Problems;
  readonly keyring: Keyring;
  /** Groups that a section of this file, or an earlier source, declares. */
  readonly declared: Set<string>;
  /** Groups that are named and need a declaration somewhere. */
  readonly wanted: { name: string; as: 'child' | 'vars'; origin: Origin }[] = [];
  number = 0;
  line = '';

  constructor(tree: Tree, document: SourceDocument, problems: Problems, keyring: Keyring) {
    this.tree = tree;
    this.document = document;
    this.problems = problems;
    this.keyring = keyring;
    this.declared = new Set(['all', 'ungrouped', ...tree.groups.keys()]);
  }

  read(): void {
    let section: { group: Group | undefined; kind: string } | undefined;
    for (const [index, whole] of String(this.document.data)
      .split(/\r\n|\r|\n/)
      .entries()) {
      this.number = index + 1;
      this.line = whole;
      const line = whole.trim();
      if (line === '' || /^[;#]/.test(line)) continue;
      if (line.startsWith('[') && SECTION.test(line)) section = this.section(line);
      else if (line.startsWith('[') && line.endsWith(']'))
        this.refuse(
          'this is not a section',
          'Write [group], [group:children] or [group:vars], without blanks.',
        );
      else {
        // Hosts may stand before the first section.
        section ??= { group: addGroup(this.tree, 'ungrouped', this.origin(1), this.problems), kind: 'hosts' };
        if (section.group) this.content(section.group, section.kind, line);
      }
    }
    for (const { name, as, origin } of this.wanted.filter(({ name }) => !this.declared.has(name))) {
      const message =
        as === 'child'
          ? `there is no group ${name}`
          : `[${name}:vars] is of a group that is declared nowhere`;
      this.problems.add({ message, hint: `Add [${name}], or mend the name.`, origin, at: 'key' });
    }
  }

  section(line: string): { group: Group | undefined; kind: string } {
    const [, name = '', kind = 'hosts'] = SECTION.exec(line) ?? [];
    const origin = this.origin(this.line.indexOf('[') + 2);
    if (!['hosts', 'children', 'vars'].includes(kind)) {
      this.refuse(
        `[${name}:${kind}] is no section of an inventory`,
        'Known: [group], [group:children], [group:vars].',
      );
      return { group: undefined, kind };
    }
    if (kind === 'vars') this.wanted.push({ name, as: 'vars', origin });
    else this.declared.add(name);
    return { group: addGroup(this.tree, name, origin, this.problems), kind };
  }

  content(group: Group, kind: string, line: string): void {
    if (kind === 'vars') this.variable(group, line);
    else if (kind === 'children') this.child(group, line);
    else this.hosts(group, line);
  }

  variable(group: Group, line: string): void {
    const end = line.indexOf('=');
    if (end < 0) return this.refuse('a variable is expected: key=value', 'Write key=value.');
    const definition = this.definition(
      line.slice(0, end).trim(),
      line.slice(end + 1).trim(),
      `group ${group.name}`,
    );
    setGroupVariable(group, definition);
  }

  child(group: Group, line: string): void {
    const name = CHILD.exec(line)?.[1];
    if (name === undefined) return this.refuse('the name of a group is expected', 'Write one group a line.');
    const origin = this.origin(this.line.indexOf(name) + 1);
    const child = addGroup(this.tree, name, origin, this.problems);
    if (!child) return;
    this.wanted.push({ name, as: 'child', origin });
    addChild(group, child);
  }

  hosts(group: Group, line: string): void {
    const [written, ...pairs] = this.words(line);
    if (written === undefined) return;
    const definitions: Definition[] = [];
    for (const pair of pairs) {
      const end = pair.indexOf('=');
      if (end < 0)
        return this.refuse(
          `key=value is expected, not ${JSON.stringify(pair)}`,
          'Put a value with blanks into quotes.',
        );
      definitions.push(this.definition(pair.slice(0, end), pair.slice(end + 1), `host ${written}`));
    }
    const origin = this.origin(this.line.indexOf(written) + 1);
    addHosts(this.tree, group, written, origin, definitions, this.problems);
  }

  words(line: string): string[] {
    try {
      return shellWords(line, { comments: true });
    } catch (error) {
      this.refuse(causeMessage(error), 'Close the quote, or put the whole value into quotes.');
      return [];
    }
  }

  definition(key: string, value: string, owner: string): Definition {
    const column = Math.max(this.line.search(new RegExp(`(?<![\\w.-])${escape(key)}\\s*=`)), 0) + 1;
    const origin = this.origin(column, this.line.indexOf('=', column) + 2);
    const { keyring, problems, document } = this;
    const literal = pythonLiteral(value);
    const place = (): Place => document.place(origin.path);
    const plain = literal ? withSpecialValues(literal.value, { place, keyring, problems }) : value;
    return { key, value: document.isSealed ? sealed(plain) : plain, origin, owner };
  }

  origin(column: number, value = column): Origin {
    return { document: this.document, path: [this.number, column, value] };
  }

  refuse(message: string, hint: string): void {
    const column = this.line.length - this.line.trimStart().length + 1;
    this.problems.add({ message, hint, origin: this.origin(column) });
  }
}

const escape = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
