import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll } from '@jest/globals';
import { problemsOf } from '../../../src/model/error.ts';
import type { ProvisionError } from '../../../src/model/error.ts';
import { loadInventory } from '../../../src/inventory/load.ts';
import type { Host, Inventory } from '../../../src/model/host.ts';

const directories: string[] = [];
afterAll(() => directories.forEach((directory) => rmSync(directory, { recursive: true })));

/** Writes files into a new directory, gone after the tests of the file, and answers its path. */
export function directoryOf(files: Readonly<Record<string, string>>): string {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), 'inventory-')));
  directories.push(directory);
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, name)), { recursive: true });
    writeFileSync(join(directory, name), text);
  }
  return directory;
}

/** Loads one YAML text. */
export const loadText = (text: string): Promise<Inventory> =>
  loadInventory([join(directoryOf({ 'hosts.yml': text }), 'hosts.yml')]);

export const loadFiles = (files: Readonly<Record<string, string>>): Promise<Inventory> =>
  loadInventory([directoryOf(files)]);

/** What a load that must fail complains of. */
export async function problemsIn(load: Promise<unknown>): Promise<readonly ProvisionError[]> {
  try {
    await load;
  } catch (error) {
    return problemsOf(error);
  }
  throw new Error('this inventory loaded, and should not have');
}

export interface Complaint {
  readonly message: string;
  readonly line?: number | undefined;
  readonly column?: number | undefined;
  readonly hint?: string | undefined;
}

/** Message, line, column and hint of every problem in a YAML text; each must be an `inventory` problem. */
export async function complaintsAbout(text: string): Promise<Complaint[]> {
  const problems = await problemsIn(loadText(text));
  return problems.map(({ code, message, place, hint }) => {
    if (code !== 'inventory') throw new Error(`${code}: ${message}`);
    return { message, line: place?.line, column: place?.column, hint };
  });
}

/** The only host of a YAML text. */
export async function hostIn(text: string): Promise<Host> {
  const [host] = [...(await loadText(text)).hosts.values()];
  if (!host) throw new Error('no host');
  return host;
}
