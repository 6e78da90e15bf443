import { readFileSync } from 'node:fs';
import { maskStreams } from '../reporters/masked.ts';
import { runProgram } from './program.ts';

/** What `import … from 'provision'` gives. */
export const api = () => import('../index.ts');

/**
 * Runs what was typed and sets the exit code. True when it was a whole run of a playbook: then what such a run needs has
 * been compiled, and is worth keeping.
 */
export function start(words: readonly string[]): Promise<boolean> {
  // Nothing but commander is loaded before a command is known: `--version` and `--help` answer at once.
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  maskStreams([process.stdout, process.stderr]);
  // `provision … | head`: a reader that goes away early must not end a run that is changing hosts, nor look like a defect.
  for (const stream of [process.stdout, process.stderr])
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
    });
  // Node would print the error as it is, past our streams.
  process.on('uncaughtException', (error: unknown) => {
    void import('./fail.ts').then(({ fail }) => fail(error)).then((code) => process.exit(code));
  });
  return runProgram(version, words);
}
