import { readFile, stat } from 'node:fs/promises';
import { extname, resolve } from 'node:path';
import { isProvisionError } from '../model/error.ts';
import type { ProvisionError } from '../model/error.ts';
import { causeCode, causeMessage } from './cause.ts';
import { computedDocument, shownFile } from './document.ts';
import type { SourceDocument } from './document.ts';
import type { Problem, Problems } from './problems.ts';
import { isAgeFile } from './secrets/age.ts';
import { isEncrypted, vaultIn } from './secrets/keyring.ts';
import type { Keyring } from './secrets/keyring.ts';
import { withSpecialValues } from './special-values.ts';
import { parseYamlDocument } from './yaml-document.ts';
import type { FileText } from './yaml-document.ts';

const MOST_BYTES = 10 * 1024 * 1024;

/** Extensions of inventories that are run to get their data. */
export const PROGRAMS: ReadonlySet<string> = new Set(['.ts', '.mts', '.js', '.mjs']);

/** What reading the files of an inventory needs besides their names. */
export interface Reading {
  readonly problems: Problems;
  readonly loadTypeScript: (file: string) => Promise<unknown>;
  readonly keyring: Keyring;
}

/** A file that is encrypted, and cannot be opened: who needs it, and only who needs it, cannot do without. */
export class Locked {
  readonly problem: Problem;

  constructor(problem: Problem) {
    this.problem = problem;
  }
}

/** Reads one file of data; TypeScript is loaded. Undefined = nothing usable, and a problem told. */
export async function readDocument(
  file: string,
  reading: Reading,
): Promise<SourceDocument | Locked | undefined> {
  if (PROGRAMS.has(extname(file))) return runProgram(file, reading);
  const text = await readText(file, reading);
  return text === undefined || text instanceof Locked ? text : parseYamlDocument(text, file, reading);
}

async function runProgram(file: string, reading: Reading): Promise<SourceDocument | undefined> {
  const { problems, loadTypeScript, keyring } = reading;
  const place = { file: shownFile(file) };
  try {
    const loaded = await loadTypeScript(file);
    const made =
      typeof loaded === 'object' && loaded !== null && 'default' in loaded ? loaded.default : loaded;
    const data: unknown = typeof made === 'function' ? await (made as () => unknown)() : made;
    const strange = findStrange(data, 'default', new Set());
    if (strange === undefined)
      return computedDocument(file, withSpecialValues(data, { place: () => place, keyring, problems }));
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

/** The text of a file, decrypted where it is encrypted; undefined = it cannot be read, and a problem told. */
export async function readText(
  file: string,
  { problems, keyring }: Reading,
): Promise<FileText | Locked | undefined> {
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
    } else {
      const bytes = await readFile(file);
      if (isEncrypted(bytes)) return await opened(bytes, file, keyring, problems);
      return { text: new TextDecoder('utf-8', { fatal: true }).decode(bytes), isSealed: false };
    }
  } catch (cause) {
    if (causeCode(cause) === 'ERR_ENCODING_INVALID_ENCODED_DATA')
      problems.add({ message: 'this file is not UTF-8 text', hint: 'Save it as UTF-8.', place, cause });
    else problems.add(unreadable(file, cause));
  }
  return undefined;
}

async function opened(
  bytes: Buffer,
  file: string,
  keyring: Keyring,
  problems: Problems,
): Promise<FileText | Locked | undefined> {
  const place = { file: shownFile(file) };
  const problemOf = ({ message, hint, cause }: ProvisionError): Problem => ({ message, hint, place, cause });
  try {
    // A text that is not whole is a mistake of the file, whoever has the password.
    if (!isAgeFile(bytes)) vaultIn(bytes.toString('latin1'), 'this file');
  } catch (error) {
    if (!isProvisionError(error)) throw error;
    problems.add(problemOf(error));
    return undefined;
  }
  try {
    return { text: await keyring.open(bytes, 'this file'), isSealed: true };
  } catch (error) {
    if (!isProvisionError(error)) throw error;
    return new Locked(problemOf(error));
  }
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
