import { ProvisionError } from '../model/error.ts';

/** Asks on the terminal, once, and reads one line without showing it. Ctrl-C throws `usage`. */
export function askHidden(question: string): Promise<string> {
  const { stdin, stderr } = process;
  stderr.write(question);
  return new Promise((resolve, reject) => {
    let typed = '';
    const end = (): void => {
      stdin.setRawMode(false);
      stdin.pause();
      stdin.off('data', read);
      stderr.write('\n');
    };
    const read = (chunk: Buffer): void => {
      for (const char of chunk.toString('utf8')) {
        if (char === '\r' || char === '\n') {
          end();
          return resolve(typed);
        }
        if (char === '\u0003') {
          end();
          return reject(
            new ProvisionError('usage', 'No password was given.', { hint: 'Run again and type it.' }),
          );
        }
        typed = char === '\u007f' ? typed.slice(0, -1) : typed + char;
      }
    };
    stdin.setRawMode(true);
    stdin.on('data', read);
    stdin.resume();
  });
}
