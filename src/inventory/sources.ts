import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, dirname, extname, join, resolve } from 'node:path';
import { computedDocument, shownFile } from './document.ts';
import type { SourceDocument } from './document.ts';
import type { Problems } from './problems.ts';
import { parseYamlDocument } from './yaml-document.ts';

/** What one `-i` names: the inventory files to read, in order, and where its group_vars and host_vars stand. */
export interface Source {
  readonly files: readonly string[];
  readonly directory: string;
}

const MOST_BYTES = 10 * 1024 * 1024;
const DATA = new Set(['.yml', '.yaml', '.json']);
const PROGRAMS = new Set(['.ts', '.mts', '.js', '.mjs']);
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

/** Reads one file of data; TypeScript is loaded by `loadTypeScript`. Undefined = nothing usable, and a problem told. */
export async function readDocument(
  file: string,
  problems: Problems,
  loadTypeScript: (file: string) => Promise<unknown>,
): Promise<SourceDocument | undefined> {
  if (PROGRAMS.has(extname(file))) return runProgram(file, problems, loadTypeScript);
  const text = await readText(file, problems);
  return text === undefined ? undefined : parseYamlDocument(text, file, problems);
}

async function runProgram(
  file: string,
  problems: Problems,
  loadTypeScript: (file: string) => Promise<unknown>,
): Promise<SourceDocument | undefined> {
  const place = { file: shownFile(file) };
  try {
    const loaded = await loadTypeScript(file);
    const made =
      typeof loaded === 'object' && loaded !== null && 'default' in loaded ? loaded.default : loaded;
    const data: unknown = typeof made === 'function' ? await (made as () => unknown)() : made;
    const strange = findStrange(data, 'default', new Set());
    if (strange === undefined) return computedDocument(file, data);
    problems.add({
      message: `${strange} is not plain data`,
      hint: 'Export mappings, lists, texts, numbers and booleans only.',
      place,
    });
  } catch (cause) {
    const what = cause instanceof Error ? cause.message : String(cause);
    problems.add({
      message: `this inventory program failed: ${what}`,
      hint: 'Mend it: its default export is the inventory or a function that returns it.',
      place,
      cause,
    });
  }
  return undefined;
}

/** The path of the first value that YAML could not have held. */
function findStrange(value: unknown, path: string, above: Set<object>): string | undefined {
  if (value === null || value === undefined || ['string', 'number', 'boolean'].includes(typeof value))
    return undefined;
  if (typeof value !== 'object' || above.has(value)) return path;
  const prototype: unknown = Object.getPrototypeOf(value);
  // By name: a playbook loader may run the file with intrinsics of its own.
  const plain = Array.isArray(value) || prototype === null || Object.getPrototypeOf(prototype) === null;
  if (!plain || Object.hasOwn(value, '__proto__')) return path;
  above.add(value);
  for (const [key, inner] of Object.entries(value)) {
    const found = findStrange(inner, `${path}.${key}`, above);
    if (found !== undefined) return found;
  }
  above.delete(value);
  return undefined;
}

async function readText(file: string, problems: Problems): Promise<string | undefined> {
  const place = { file: shownFile(file) };
  try {
    const info = await stat(file);
    if (!info.isFile()) {
      problems.add({ message: 'this is not a regular file', hint: 'Name a file.', place });
    } else if (info.size > MOST_BYTES) {
      const size = (info.size / 1024 / 1024).toFixed(1);
      problems.add({
        message: `this file has ${size} MiB, more than the 10 MiB that are read`,
        hint: 'Split it: a directory may hold several inventory files.',
        place,
      });
    } else return new TextDecoder('utf-8', { fatal: true }).decode(await readFile(file));
  } catch (cause) {
    if (cause instanceof TypeError)
      problems.add({ message: 'this file is not UTF-8 text', hint: 'Save it as UTF-8.', place, cause });
    else problems.add(unreadable(file, cause));
  }
  return undefined;
}

function unreadable(file: string, cause: unknown) {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  const place = { file: shownFile(resolve(file)) };
  if (code === 'ENOENT' || code === 'ENOTDIR') {
    const hint = file.includes(',')
      ? 'A list of hosts cannot be given here: write them into a YAML file.'
      : 'Check the path: it counts from the current directory.';
    return { message: `no such inventory: ${file}`, hint, place, cause };
  }
  const why =
    code === 'EACCES' || code === 'EPERM'
      ? 'permission denied'
      : cause instanceof Error
        ? cause.message
        : String(cause);
  return {
    message: `cannot read ${file}: ${why}`,
    hint: 'Make it readable for the user that runs provision.',
    place,
    cause,
  };
}
