import { afterEach, jest } from '@jest/globals';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { runProgram } from '../../../src/cli/program.ts';

export interface Printed {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** What `provision WORDS…` prints and its exit code, in this process. */
export async function typed(...words: string[]): Promise<Printed> {
  const printed = { out: '', err: '' };
  const catching = (into: 'out' | 'err', stream: NodeJS.WriteStream) =>
    jest.spyOn(stream, 'write').mockImplementation((chunk) => {
      printed[into] += String(chunk);
      return true;
    });
  const spies = [catching('out', process.stdout), catching('err', process.stderr)];
  const before = process.exitCode;
  process.exitCode = 0;
  try {
    await runProgram('1.2.3', words);
    return { code: Number(process.exitCode), ...printed };
  } finally {
    process.exitCode = before;
    spies.forEach((spy) => spy.mockRestore());
  }
}

/** Directories that go with each test. Call it once at the top of a test file. */
export function temporary(): (files?: Readonly<Record<string, string>>) => string {
  const made: string[] = [];
  afterEach(() => made.splice(0).forEach((directory) => rmSync(directory, { recursive: true, force: true })));
  return (files = {}) => {
    const directory = mkdtempSync(join(tmpdir(), 'provision-cli-'));
    made.push(directory);
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(dirname(join(directory, name)), { recursive: true });
      writeFileSync(join(directory, name), text);
    }
    return directory;
  };
}
