import { accessSync, constants } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, extname, resolve } from 'node:path';
import { Secret } from '../../model/secret.ts';
import { causeCode, causeMessage } from '../cause.ts';
import { secretError } from './failure.ts';
import { printedBy } from './programs.ts';

/** One password of ansible-vault, with the name that texts of format 1.2 call it by. */
export interface VaultPassword {
  readonly id: string;
  readonly secret: Secret;
}

/** Asks a person, where there is a terminal; rejects elsewhere. */
export type Ask = (question: string) => Promise<string>;

/**
 * `FILE`, `ID@FILE`, `ID@prompt`: as Ansible's --vault-id takes them. An executable is run and prints the password; one
 * called `…-client` gets `--vault-id ID`. Nothing is read or asked before a password is needed.
 */
export function vaultPassword(source: string, ask: Ask): VaultPassword {
  const at = source.indexOf('@');
  const id = at < 1 ? 'default' : source.slice(0, at);
  const from = source.slice(at + 1);
  if (from === 'prompt' || from === 'prompt_ask_vault_pass')
    return {
      id,
      secret: new Secret(async () => notEmpty(await ask(`Vault password (${id}): `), 'what was typed')),
    };
  const file = resolve(from);
  return {
    id,
    secret: new Secret(async () => notEmpty(await passwordIn(file, id), `the vault password file ${from}`)),
  };
}

function notEmpty(password: string, what: string): string {
  if (password !== '') return password;
  throw secretError(`${what} is empty`, 'Give the password that the text was encrypted with.');
}

async function passwordIn(file: string, id: string): Promise<string> {
  const name = `vault password file ${file}`;
  try {
    accessSync(file, constants.R_OK);
  } catch (cause) {
    const why = causeCode(cause) === 'ENOENT' ? 'there is no such file' : causeMessage(cause);
    throw secretError(
      `${name}: ${why}`,
      'Check --vault-password-file, --vault-id and ANSIBLE_VAULT_PASSWORD_FILE.',
    );
  }
  if (mayRun(file)) {
    const isClient = basename(file, extname(file)).endsWith('-client');
    return printedBy(name, [file, ...(isClient ? ['--vault-id', id] : [])]);
  }
  return (await readFile(file, 'utf8')).trim();
}

function mayRun(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
