import { readFile, stat } from 'node:fs/promises';
import { extname, resolve } from 'node:path';
import { isProvisionError } from '../model/error.ts';
import { causeCode, causeMessage } from './cause.ts';
import { computedDocument, shownFile } from './document.ts';
import type { SourceDocument } from './document.ts';
import type { Problem, Problems } from './problems.ts';
import { parseYamlDocument } from './yaml-document.ts';

const MOST_BYTES = 10 * 1024 * 1024;

/** Extensions of inventories that are run to get their data. */
export const PROGRAMS: ReadonlySet<string> = new Set(['.ts', '.mts', '.js', '.mjs']);

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
    if (isProvisionError(cause)) {
      const { message, hint, frame } = cause;
      problems.add({ message, hint, frame, place: cause.place ?? place, cause });
      return undefined;
    }
    const what = causeMessage(cause);
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

/** The text of a file; undefined = it cannot be read, and a problem told. */
export async function readText(file: string, problems: Problems): Promise<string | undefined> {
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
    if (causeCode(cause) === 'ERR_ENCODING_INVALID_ENCODED_DATA')
      problems.add({ message: 'this file is not UTF-8 text', hint: 'Save it as UTF-8.', place, cause });
    else problems.add(unreadable(file, cause));
  }
  return undefined;
}

/** The problem of a file that the system does not let us read. */
export function unreadable(file: string, cause: unknown): Problem {
  const code = causeCode(cause);
  const place = { file: shownFile(resolve(file)) };
  if (code === 'ENOENT' || code === 'ENOTDIR') {
    const hint = file.includes(',')
      ? 'A list of hosts cannot be given here: write them into a YAML file.'
      : 'Check the path: it counts from the current directory.';
    return { message: `no such inventory: ${file}`, hint, place, cause };
  }
  const why = code === 'EACCES' || code === 'EPERM' ? 'permission denied' : causeMessage(cause);
  return {
    message: `cannot read ${file}: ${why}`,
    hint: 'Make it readable for the user that runs provision.',
    place,
    cause,
  };
}
