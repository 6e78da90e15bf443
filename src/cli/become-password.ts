import { readFileSync, statSync } from 'node:fs';
import { ProvisionError } from '../model/error.ts';
import { Secret } from '../model/secret.ts';
import { askHidden } from './ask-hidden.ts';

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
  return new Secret(await askHidden('sudo password: '));
}
