import type { Stats } from 'node:fs';
import { open, readdir, stat } from 'node:fs/promises';
import { dirname, extname, join, resolve } from 'node:path';
import { shownFile } from './document.ts';
import type { Problems } from './problems.ts';
import { PROGRAMS, unreadable } from './read-document.ts';

/** How a file of an inventory is read; `unclear` = YAML or INI, its text decides. */
export type SourceKind = 'yaml' | 'program' | 'executable' | 'ini' | 'unclear';

export interface SourceFile {
  readonly path: string;
  readonly kind: SourceKind;
}

/** What one `-i` names: the inventory files to read, in order, and where its group_vars and host_vars stand. */
export interface Source {
  readonly files: readonly SourceFile[];
  readonly directory: string;
}

const DATA = new Set(['.yml', '.yaml', '.json']);
// Ansible's INVENTORY_IGNORE_EXTS, by which .ini files of a directory are passed over; and what lies beside an
// inventory in a repository.
const IGNORED =
  /(?:\.pyc|\.pyo|\.swp|\.bak|~|\.rpm|\.md|\.txt|\.rst|\.orig|\.ini|\.cfg|\.retry|\.pub|\.pem|\.key|\.age)$/;
const NO_SOURCE = new Set(['group_vars', 'host_vars', 'vars_plugins']);

/** Finds out what the argument of one `-i` is. Everything wrong with it goes to `problems`. */
export async function findSource(argument: string, problems: Problems): Promise<Source | undefined> {
  const path = resolve(argument);
  const info = await stat(path).catch((cause: unknown) => void problems.add(unreadable(argument, cause)));
  if (!info) return undefined;
  if (!info.isDirectory()) {
    const kind = await kindOfFile(path, info, problems, true);
    return kind && { files: [{ path, kind }], directory: dirname(path) };
  }
  const files = await filesBelow(path, problems);
  if (files.length === 0) {
    problems.add({
      message: 'there is no inventory file in this directory',
      hint: 'Create hosts.yml in it.',
      place: { file: shownFile(path) },
    });
  }
  return { files, directory: path };
}

/** The inventory files of a directory and those below it, by name, as Ansible takes them. */
async function filesBelow(directory: string, problems: Problems): Promise<SourceFile[]> {
  const names = await readdir(directory).catch((cause: unknown) => {
    problems.add(unreadable(directory, cause));
    return [];
  });
  const files: SourceFile[] = [];
  for (const name of names.sort()) {
    if (NO_SOURCE.has(name) || name.startsWith('.')) continue;
    const path = join(directory, name);
    if (IGNORED.test(name)) {
      if (name.endsWith('.ini'))
        problems.warn({
          message: 'this file is not read: in a directory .ini files are passed over, as by Ansible',
          hint: 'Name it without .ini',
          place: { file: shownFile(path) },
        });
      continue;
    }
    const info = await stat(path).catch((cause: unknown) => void problems.add(unreadable(path, cause)));
    if (info?.isDirectory()) files.push(...(await filesBelow(path, problems)));
    else if (info) {
      const kind = await kindOfFile(path, info, problems, false);
      if (kind) files.push({ path, kind });
    }
  }
  return files;
}

async function kindOfFile(
  path: string,
  info: Stats,
  problems: Problems,
  asked: boolean,
): Promise<SourceKind | undefined> {
  const extension = extname(path);
  const place = { file: shownFile(path) };
  const isProgram = PROGRAMS.has(extension);
  const mayRun = (info.mode & 0o111) !== 0;
  if (path.endsWith('.d.ts')) return undefined;
  // What is no regular file is complained of when it is read.
  const start = info.isFile() ? await firstBytes(path) : '';
  // A data file may have the bit too, by a careless chmod or a foreign file system: then it has no start of a program.
  const runs = start.startsWith('#!') || start === '\x7fELF';
  if (runs && mayRun) return 'executable';
  if (isProgram) return 'program';
  if (DATA.has(extension)) return 'yaml';
  if (extension === '.toml') {
    problems.add({
      message: 'TOML inventories are not supported',
      hint: 'To convert: ansible-inventory -i FILE --list --yaml > hosts.yml',
      place,
    });
    return undefined;
  }
  if (runs) {
    const message = 'this program is not run: it may not be executed';
    const hint = `Type: chmod +x ${shownFile(path)}`;
    if (asked) problems.add({ message, hint, place });
    else problems.warn({ message, hint, place });
    return undefined;
  }
  return extension === '' ? 'unclear' : 'ini';
}

/** The first four bytes; empty where they cannot be read, which reading the whole will complain of. */
async function firstBytes(path: string): Promise<string> {
  const file = await open(path).catch(() => undefined);
  try {
    const { buffer, bytesRead } = (await file?.read(Buffer.alloc(4), 0, 4, 0)) ?? {
      buffer: Buffer.alloc(0),
      bytesRead: 0,
    };
    const bytes = buffer.subarray(0, bytesRead).toString('latin1');
    return bytes.startsWith('#!') ? '#!' : bytes;
  } catch {
    return '';
  } finally {
    await file?.close();
  }
}

/** Whether the text of a file without an extension is YAML: its first line begins a mapping. */
export const looksLikeYaml = (text: string): boolean => {
  const line = text.split(/\r\n|\r|\n/).find((each) => /^\s*[^\s;#]/.test(each)) ?? '';
  return /^(?:---|%YAML|\{|(?:[\w.-]+|"[^"]*"|'[^']*')\s*:(?:\s|$))/.test(line);
};
