import { execFile } from 'node:child_process';
import { causeMessage } from './cause.ts';
import { computedDocument, isMapping, shownFile } from './document.ts';
import type { Origin, SourceDocument } from './document.ts';
import { kindOf } from './kind-of.ts';
import type { Problems } from './problems.ts';
import type { Keyring } from './secrets/keyring.ts';
import { mayHoldForms, withSpecialValues } from './special-values.ts';
import type { FormSource } from './special-values.ts';
import { addChild, addGroup, addHosts, setGroupVariable } from './tree.ts';
import type { Definition, Group, Tree } from './tree.ts';

const PATIENCE_MS = 5 * 60 * 1000;
const MOST_BYTES = 64 * 1024 * 1024;
/** How many `--host` calls run side by side. */
const AT_ONCE = 8;
/** So much of what a program complains of is told. */
const SAID = 400;

/** Runs an executable inventory by `--list`, and by `--host` where that has no `_meta`, and adds what it prints. */
export async function growScriptTree(
  tree: Tree,
  file: string,
  { problems, keyring }: { readonly problems: Problems; readonly keyring: Keyring },
): Promise<boolean> {
  const refuse = (message: string, hint: string, cause?: unknown): false => {
    problems.add({ message, hint, place: { file: shownFile(file) }, cause });
    return false;
  };
  const forms: FormSource = {
    place: () => ({ file: shownFile(file) }),
    onlyCiphertext: true,
    keyring,
    problems,
  };
  try {
    const data = await jsonOf(file, ['--list'], forms);
    if (!isMapping(data))
      return refuse(`--list printed ${kindOf(data)}, not a mapping of groups`, 'See docs/inventory.md.');
    const document = computedDocument(file, data);
    const reader = new ScriptReader(tree, document, problems);
    for (const [name, content] of Object.entries(data)) if (name !== '_meta') reader.group(name, content);
    const meta = data['_meta'];
    const known = isMapping(meta) ? meta['hostvars'] : undefined;
    const names = [...reader.hosts];
    for (let index = 0; index < names.length; index += AT_ONCE) {
      const few = names.slice(index, index + AT_ONCE);
      const found = await Promise.all(
        few.map((name) =>
          known === undefined ? jsonOf(file, ['--host', name], forms) : hostIn(known, name),
        ),
      );
      few.forEach((name, at) => reader.hostVariables(name, found[at]));
    }
    return true;
  } catch (cause) {
    return refuse(causeMessage(cause), `Run it by hand: ${shownFile(file)} --list`, cause);
  }
}

const hostIn = (known: unknown, name: string): unknown =>
  isMapping(known) && Object.hasOwn(known, name) ? known[name] : {};

/** What the program prints, as JSON. Rejects with a sentence. */
async function jsonOf(file: string, words: readonly string[], forms: FormSource): Promise<unknown> {
  const output = await new Promise<string>((resolve, reject) => {
    const options = { timeout: PATIENCE_MS, maxBuffer: MOST_BYTES, encoding: 'utf8' } as const;
    const child = execFile(file, words, options, (error, stdout, stderr) => {
      if (!error) return resolve(stdout);
      const said = stderr.trim().slice(-SAID);
      const why =
        typeof error.code === 'number' ? `it ended with exit code ${error.code}` : causeMessage(error);
      reject(new Error(`${words.join(' ')} of this program failed: ${why}${said === '' ? '' : `: ${said}`}`));
    });
    child.stdin?.end();
  });
  let data: unknown;
  // "--host" of a program without variables may print nothing at all.
  if (words[0] === '--host' && output.trim() === '') return {};
  try {
    data = JSON.parse(output);
  } catch {
    throw new Error(`${words.join(' ')} of this program printed no JSON`);
  }
  return mayHoldForms(output) ? withSpecialValues(data, forms) : data;
}

class ScriptReader {
  readonly tree: Tree;
  readonly document: SourceDocument;
  readonly problems: Problems;
  readonly hosts = new Set<string>();

  constructor(tree: Tree, document: SourceDocument, problems: Problems) {
    this.tree = tree;
    this.document = document;
    this.problems = problems;
  }

  /** A list of hosts, a mapping of hosts, vars and children, or the variables of one host of that name. */
  group(name: string, content: unknown): void {
    const origin = { document: this.document, path: [name] };
    const group = addGroup(this.tree, name, origin, this.problems);
    if (!group) return;
    if (!isMapping(content)) return this.members(group, content, origin);
    const { hosts, vars, children } = content;
    if (hosts === undefined && vars === undefined && children === undefined) {
      this.members(group, [name], origin);
      return this.variables(group, content, origin);
    }
    if (hosts !== undefined) this.members(group, hosts, { ...origin, path: [name, 'hosts'] });
    if (vars !== undefined) this.variables(group, vars, { ...origin, path: [name, 'vars'] });
    if (children !== undefined) this.children(group, children, { ...origin, path: [name, 'children'] });
  }

  members(group: Group, hosts: unknown, origin: Origin): void {
    for (const name of this.names(hosts, `the hosts of the group ${group.name}`, origin)) {
      this.hosts.add(name);
      addHosts(this.tree, group, name, origin, [], this.problems);
    }
  }

  children(group: Group, children: unknown, origin: Origin): void {
    for (const name of this.names(children, `the children of the group ${group.name}`, origin)) {
      const child = addGroup(this.tree, name, origin, this.problems);
      if (child) addChild(group, child);
    }
  }

  variables(group: Group, vars: unknown, origin: Origin): void {
    for (const definition of this.definitions(vars, `group ${group.name}`, origin))
      setGroupVariable(group, definition);
  }

  hostVariables(name: string, vars: unknown): void {
    const origin = { document: this.document, path: ['_meta', 'hostvars', name] };
    for (const definition of this.definitions(vars, `host ${name}`, origin))
      this.tree.hosts.get(name)?.vars.set(definition.key, definition);
  }

  definitions(vars: unknown, owner: string, origin: Origin): Definition[] {
    if (!isMapping(vars)) {
      this.refuse(`the variables of ${owner}: a mapping is expected, this is ${kindOf(vars)}`, origin);
      return [];
    }
    return Object.entries(vars).map(([key, value]) => ({
      key,
      value,
      owner,
      origin: { ...origin, path: [...origin.path, key] },
    }));
  }

  names(value: unknown, what: string, origin: Origin): string[] {
    if (Array.isArray(value) && value.every((name) => typeof name === 'string')) return value;
    this.refuse(`${what}: a list of names is expected, this is ${kindOf(value)}`, origin);
    return [];
  }

  refuse(message: string, origin: Origin): void {
    this.problems.add({ message, hint: 'Mend what the program prints for --list.', origin });
  }
}
