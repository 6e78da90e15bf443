import { readFileSync, statSync } from 'node:fs';
import { ProvisionError } from '../model/error.ts';
import { Secret } from '../model/secret.ts';

export interface BecomeFlags {
  readonly askBecomePass?: boolean;
  readonly becomePasswordFile?: string;
}

const VARIABLE = 'PROVISION_BECOME_PASSWORD';

function fromFile(file: string): Secret {
  try {
    if ((statSync(file).mode & 0o077) !== 0) {
      throw new ProvisionError('usage', `${file} can be read by others.`, {
        hint: `Type: chmod 600 ${file}`,
      });
    }
    return new Secret(readFileSync(file, 'utf8').replace(/\r?\n[\s\S]*$/, ''));
  } catch (error) {
    if (error instanceof ProvisionError) throw error;
    throw new ProvisionError('usage', `The password file ${file} cannot be read.`, {
      hint: 'Name a file that holds the password in its first line.',
      cause: error,
    });
  }
}

/** Reads one line from the terminal without showing it. */
function prompt(): Promise<Secret> {
  const { stdin, stderr } = process;
  stderr.write('sudo password: ');
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
          return resolve(new Secret(typed));
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

/** The sudo password, from a file, the environment, or a terminal; undefined = sudo must not ask. Throws `usage`. */
export async function becomePassword({
  askBecomePass,
  becomePasswordFile,
}: BecomeFlags): Promise<Secret | undefined> {
  if (becomePasswordFile !== undefined) return fromFile(becomePasswordFile);
  const variable = process.env[VARIABLE];
  if (variable !== undefined && variable !== '') {
    delete process.env[VARIABLE];
    return new Secret(variable);
  }
  if (!askBecomePass) return undefined;
  if (!process.stdin.isTTY) {
    throw new ProvisionError('usage', '-K needs a terminal to ask on.', {
      hint: `Use --become-password-file FILE or ${VARIABLE} in pipelines.`,
    });
  }
  return prompt();
}
