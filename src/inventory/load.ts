import { join } from 'node:path';
import type { Inventory } from '../model/host.ts';
import { readExtraVars } from './extra-vars.ts';
import { completeTree, refuseCircles } from './group-order.ts';
import { growTree } from './groups.ts';
import { growIniTree, linesDocument } from './ini-inventory.ts';
import type { SourceVariables } from './precedence.ts';
import { gatherProblems } from './problems.ts';
import type { Problems } from './problems.ts';
import { Locked, readDocument, readText } from './read-document.ts';
import type { Reading } from './read-document.ts';
import { growScriptTree } from './script-inventory.ts';
import { Keyring } from './secrets/keyring.ts';
import { findSource, looksLikeYaml } from './sources.ts';
import type { Source, SourceFile } from './sources.ts';
import { emptyTree } from './tree.ts';
import type { Tree } from './tree.ts';
import { readVariableFiles } from './variable-files.ts';
import { parseYamlDocument } from './yaml-document.ts';
import type { FileText } from './yaml-document.ts';

export interface LoadOptions {
  /** Loads a TypeScript file and answers its module. Default: the loader of playbooks. */
  readonly loadTypeScript?: (file: string) => Promise<unknown>;
  /** What opens encrypted files and values. Default: nothing does. */
  readonly keyring?: Keyring;
  /** `-e` as typed: set for every host, before everything else. */
  readonly extraVars?: readonly string[] | undefined;
}

const loadWithPlaybookLoader = async (file: string): Promise<unknown> => {
  const { loadModule } = await import('../playbook/load-module.ts');
  return loadModule(file);
};

/**
 * Reads inventories (files or directories in Ansible's layout, in the order of `-i`) into hosts with merged and
 * validated variables. Throws a ProblemList with every problem found.
 */
export async function loadInventory(
  sources: readonly string[],
  options: LoadOptions = {},
): Promise<Inventory> {
  const problems = gatherProblems();
  const loadTypeScript = options.loadTypeScript ?? loadWithPlaybookLoader;
  const reading: Reading = { problems, loadTypeScript, keyring: options.keyring ?? new Keyring() };
  let unread = 0;
  const read = async (file: string) => {
    const document = await readDocument(file, reading);
    if (!document) unread++;
    return document;
  };

  const found: Source[] = [];
  for (const argument of sources) {
    const source = await findSource(argument, problems);
    if (source) found.push(source);
  }
  const tree = emptyTree();
  for (const file of found.flatMap(({ files }) => files)) {
    if (!(await grow(tree, file, reading))) unread++;
  }
  completeTree(tree);
  const circles = refuseCircles(tree, problems);
  const files = await readAllVariables(found, tree, read, problems);
  const extra = await readExtraVars(options.extraVars ?? [], read, reading);
  // What could not be read makes names look unknown that are not; circles would never end.
  if (unread > 0 || found.length < sources.length || circles) problems.throwIfAny();
  // Only now: the schemas cost time that a run which fails above, or needs no inventory, should not pay.
  const { assembleInventory } = await import('./assemble.ts');
  return assembleInventory(tree, files, sources, problems, extra);
}

/** Adds what one file says to the tree. False = it could not be read. */
async function grow(tree: Tree, { path, kind }: SourceFile, reading: Reading): Promise<boolean> {
  const { problems } = reading;
  if (kind === 'executable') return growScriptTree(tree, path, reading);
  const text = kind === 'program' ? undefined : await readText(path, reading);
  if (
    text &&
    !(text instanceof Locked) &&
    (kind === 'ini' || (kind === 'unclear' && !looksLikeYaml(text.text)))
  ) {
    growIniTree(tree, linesDocument(path, text), reading);
    return true;
  }
  const document = kind === 'program' ? await readDocument(path, reading) : parsed(text, path, reading);
  // Without it nobody knows which hosts there are.
  if (document instanceof Locked) problems.add(document.problem);
  else if (document) growTree(tree, document, problems);
  return document !== undefined && !(document instanceof Locked);
}

const parsed = (text: FileText | Locked | undefined, path: string, reading: Reading) =>
  text && !(text instanceof Locked) ? parseYamlDocument(text, path, reading) : text;

async function readAllVariables(
  sources: readonly Source[],
  tree: Tree,
  read: (file: string) => ReturnType<typeof readDocument>,
  problems: Problems,
): Promise<SourceVariables[]> {
  const [groups, hosts] = [new Set(tree.groups.keys()), new Set(tree.hosts.keys())];
  // Of equal directories the last counts: later sources win.
  const directories = sources.map(({ directory }) => directory);
  const result: SourceVariables[] = [];
  for (const directory of directories.filter((each, index) => directories.lastIndexOf(each) === index)) {
    result.push({
      groups: await readVariableFiles(join(directory, 'group_vars'), 'group', groups, read, problems),
      hosts: await readVariableFiles(join(directory, 'host_vars'), 'host', hosts, read, problems),
    });
  }
  return result;
}
