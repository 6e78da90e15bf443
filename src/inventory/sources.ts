import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, extname, join, resolve } from 'node:path';
import { shownFile } from './document.ts';
import type { Problems } from './problems.ts';
import { PROGRAMS, unreadable } from './read-document.ts';

/** What one `-i` names: the inventory files to read, in order, and where its group_vars and host_vars stand. */
export interface Source {
  readonly files: readonly string[];
  readonly directory: string;
}

const DATA = new Set(['.yml', '.yaml', '.json']);
// Ansible's INVENTORY_IGNORE_EXTS, and what stands beside an inventory in a repository.
const NO_INVENTORY = new Set([
  '.pyc',
  '.pyo',
  '.swp',
  '.bak',
  '.rpm',
  '.md',
  '.txt',
  '.rst',
  '.orig',
  '.cfg',
  '.retry',
  '.pub',
]);

const SUPPORTED = 'Supported are a YAML or JSON file, a TypeScript file, and a directory of them';
const CONVERT = `${SUPPORTED}. To convert: ansible-inventory -i FILE --list --yaml > hosts.yml`;

/** Finds out what the argument of one `-i` is. Everything wrong with it goes to `problems`. */
export async function findSource(argument: string, problems: Problems): Promise<Source | undefined> {
  const path = resolve(argument);
  const info = await stat(path).catch((cause: unknown) => void problems.add(unreadable(argument, cause)));
  if (!info) return undefined;
  if (!info.isDirectory()) {
    return isInventoryFile(path, info.mode, problems, true)
      ? { files: [path], directory: dirname(path) }
      : undefined;
  }
  return { files: await filesOf(path, problems), directory: path };
}

async function filesOf(directory: string, problems: Problems): Promise<string[]> {
  const entries = await readdir(directory, { withFileTypes: true }).catch((cause: unknown) => {
    problems.add(unreadable(directory, cause));
    return undefined;
  });
  if (!entries) return [];
  const files: string[] = [];
  for (const name of entries.map((entry) => entry.name).sort()) {
    if (name === 'group_vars' || name === 'host_vars' || name.startsWith('.') || name.endsWith('~')) continue;
    const path = join(directory, name);
    const info = await stat(path).catch((cause: unknown) => void problems.add(unreadable(path, cause)));
    if (!info) continue;
    if (info.isDirectory()) {
      problems.warn({
        message: 'this directory is not read: only group_vars and host_vars are',
        place: { file: shownFile(path) },
      });
    } else if (isInventoryFile(path, info.mode, problems, false)) files.push(path);
  }
  if (files.length === 0) {
    problems.add({
      message: 'there is no inventory file in this directory',
      hint: 'Create hosts.yml in it.',
      place: { file: shownFile(directory) },
    });
  }
  return files;
}

function isInventoryFile(path: string, mode: number, problems: Problems, asked: boolean): boolean {
  const extension = extname(path);
  const place = { file: shownFile(path) };
  if (DATA.has(extension)) return true;
  if (PROGRAMS.has(extension)) return !path.endsWith('.d.ts');
  if (!asked && NO_INVENTORY.has(extension)) return false;
  const ini = extension === '.ini' || basename(path) === 'hosts' || (asked && extension === '');
  if ((mode & 0o111) !== 0) {
    problems.add({
      message: 'executable inventories are not supported in this version',
      hint: CONVERT,
      place,
    });
  } else if (ini) {
    problems.add({ message: 'INI inventories are not supported in this version', hint: CONVERT, place });
  } else if (asked) {
    problems.add({ message: `${extension} is not a kind of inventory file`, hint: `${SUPPORTED}.`, place });
  } else problems.warn({ message: 'this file is not read: it is no kind of inventory file', place });
  return false;
}
