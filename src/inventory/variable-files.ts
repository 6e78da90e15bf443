import { readdir } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { isMapping, shownFile } from './document.ts';
import type { SourceDocument } from './document.ts';
import { closest } from './did-you-mean.ts';
import { kindOf } from './kind-of.ts';
import type { Definitions } from './tree.ts';
import type { Problem, Problems } from './problems.ts';
import { Locked } from './read-document.ts';
import { sealed } from './secrets/sealed.ts';

/** What files say of one group or host. */
export interface OwnerVariables {
  readonly definitions: Definitions;
  /** Files of it that cannot be opened: what they say is not known. */
  readonly locked: readonly Problem[];
}

/** The variables that the files of one group_vars or host_vars directory give, by group or host. */
export type VariableFiles = ReadonlyMap<string, OwnerVariables>;

// Ansible looks for the bare name first, then these, and reads the first that is there (C.YAML_FILENAME_EXTENSIONS).
const EXTENSIONS = ['', '.yml', '.yaml', '.json'];

type Read = (file: string) => Promise<SourceDocument | Locked | undefined>;

/**
 * Reads `DIRECTORY/NAME`, `NAME.yml`, `NAME.yaml`, `NAME.json` or the files of the directory `NAME` for every known
 * name. A missing directory is an empty one. A file that belongs to no known name is warned about.
 */
export async function readVariableFiles(
  directory: string,
  kind: 'group' | 'host',
  known: ReadonlySet<string>,
  read: Read,
  problems: Problems,
): Promise<VariableFiles> {
  const entries = await readdir(directory, { withFileTypes: true }).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code !== 'ENOENT') {
      problems.add({
        message: `cannot read this directory: ${cause.message}`,
        hint: 'Make it readable for the user that runs provision.',
        place: { file: shownFile(directory) },
        cause,
      });
    }
    return [];
  });
  const chosen = new Map<string, { file: string; rank: number }>();
  for (const entry of entries) {
    if (isIgnored(entry.name)) continue;
    const owner = ownerOf(entry.name, known);
    const file = join(directory, entry.name);
    if (owner === undefined) {
      warnOfStranger(file, entry.name, kind, known, problems);
      continue;
    }
    const rank = EXTENSIONS.indexOf(entry.name.slice(owner.length));
    const before = chosen.get(owner);
    if (before) warnOfDouble(rank < before.rank ? before.file : file, problems);
    if (!before || rank < before.rank) chosen.set(owner, { file, rank });
  }
  const result = new Map<string, OwnerVariables>();
  for (const [owner, { file }] of chosen) {
    const definitions: Definitions = new Map();
    const locked: Problem[] = [];
    for (const path of await filesBelow(file)) {
      const document = await read(path);
      if (document instanceof Locked) locked.push(document.problem);
      else if (document) collect(definitions, document, `${kind} ${owner}`, problems);
    }
    result.set(owner, { definitions, locked });
  }
  return result;
}

const isIgnored = (name: string): boolean =>
  name.startsWith('.') || name.endsWith('~') || /\.(?:md|txt|swp|bak|orig)$/.test(name);

// A host name has dots in it, so the whole name is looked for first.
function ownerOf(name: string, known: ReadonlySet<string>): string | undefined {
  if (known.has(name)) return name;
  const extension = extname(name);
  const owner = name.slice(0, name.length - extension.length);
  return EXTENSIONS.includes(extension) && known.has(owner) ? owner : undefined;
}

function warnOfStranger(
  file: string,
  name: string,
  kind: string,
  known: ReadonlySet<string>,
  problems: Problems,
): void {
  const stem = name.replace(/\.(?:yml|yaml|json)$/, '');
  const near = closest(stem, known);
  const hint = near === undefined ? undefined : `Did you mean "${near}"?`;
  problems.warn({
    message: `this file is not read: there is no ${kind} ${JSON.stringify(stem)}`,
    hint,
    place: { file: shownFile(file) },
  });
}

function warnOfDouble(file: string, problems: Problems): void {
  const message =
    'this file is not read: of NAME, NAME.yml, NAME.yaml and NAME.json only the first counts, as in Ansible';
  problems.warn({ message, place: { file: shownFile(file) } });
}

async function filesBelow(path: string): Promise<string[]> {
  const entries = await readdir(path, { withFileTypes: true }).catch(() => undefined);
  if (!entries) return [path];
  const names = entries.map((entry) => entry.name).filter((name) => !isIgnored(name));
  const files: string[] = [];
  for (const name of names.sort()) {
    if (EXTENSIONS.includes(extname(name))) files.push(...(await filesBelow(join(path, name))));
  }
  return files;
}

function collect(into: Definitions, document: SourceDocument, owner: string, problems: Problems): void {
  if (document.data === null || document.data === undefined) return;
  const origin = { document, path: [] };
  if (!isMapping(document.data)) {
    const message = `the variables of ${owner}: a mapping is expected, this is ${kindOf(document.data)}`;
    problems.add({ message, hint: 'Write "key: value" pairs, not indented.', origin });
    return;
  }
  if ('all' in document.data && isMapping(document.data['all']) && 'children' in document.data['all']) {
    problems.warn({
      message: 'this is a file of variables, but it looks like an inventory file',
      hint: 'Move it beside hosts.yml',
      origin,
    });
  }
  if ('ansible_group_priority' in document.data) {
    const message = 'ansible_group_priority has no effect here, as in Ansible';
    problems.warn({
      message,
      hint: 'Set it in the inventory file',
      origin: { document, path: ['ansible_group_priority'] },
      at: 'key',
    });
  }
  for (const [key, value] of Object.entries(document.data)) {
    const own = document.isSealed ? sealed(value) : value;
    into.set(key, { key, value: own, owner, origin: { document, path: [key] } });
  }
}
