import { execFile } from 'node:child_process';
import { causeMessage } from '../cause.ts';
import { secretError } from './failure.ts';

/** A person may have to touch a key or type a PIN. */
const PATIENCE_MS = 2 * 60 * 1000;
const MOST_BYTES = 1024 * 1024;
const SAID = 300;

/** What an environment variable holds that no program of ours is handed any more, by name. */
const taken = new Map<string, string>();

/** Takes the value of an environment variable out of the environment that programs we start would get. */
export function takeVariable(name: string): string | undefined {
  const value = process.env[name];
  if (value !== undefined) {
    taken.set(name, value);
    delete process.env[name];
  }
  return taken.get(name);
}

/**
 * What a program prints, without the line ends at its end. It gets the whole environment: it may need a token of it.
 * Nothing is handed to it as an argument but what was written. Rejects with an error for a person.
 */
export async function printedBy(name: string, words: readonly string[]): Promise<string> {
  const [program = '', ...rest] = words;
  return new Promise((resolve, reject) => {
    const options = {
      timeout: PATIENCE_MS,
      maxBuffer: MOST_BYTES,
      encoding: 'utf8',
      env: { ...process.env, ...Object.fromEntries(taken) },
    } as const;
    const child = execFile(program, rest, options, (error, stdout, stderr) => {
      if (!error) return resolve(stdout.replace(/(?:\r?\n)+$/, ''));
      const said = stderr.trim().slice(-SAID);
      const by = said === '' ? '' : `: ${said}`;
      if (error.code === 'ENOENT')
        return reject(
          secretError(
            `${name}: ${program} is not installed, or not in PATH`,
            `Install ${program}, or mend the command.`,
          ),
        );
      const why = error.killed
        ? `it did not end within ${PATIENCE_MS / 1000} s`
        : typeof error.code === 'number'
          ? `it ended with exit code ${error.code}`
          : causeMessage(error);
      reject(secretError(`${name}: ${why}${by}`, 'Run the command by hand, and mend what it says.'));
    });
    child.stdin?.end();
  });
}
