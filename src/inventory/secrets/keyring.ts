import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Secret } from '../../model/secret.ts';
import { causeMessage } from '../cause.ts';
import { isAgeFile, openAge, parseIdentities } from './age.ts';
import { secretError } from './failure.ts';
import { isVaultText, openVault, parseVault } from './vault.ts';
import type { VaultText } from './vault.ts';
import { vaultPassword } from './vault-passwords.ts';
import type { Ask, VaultPassword } from './vault-passwords.ts';

/** What the operator gives to open what is encrypted. */
export interface Keys {
  /** In the order in which they are tried: `FILE`, `ID@FILE`, `ID@prompt`. */
  readonly vaultSources?: readonly string[];
  /** Files as age-keygen(1) writes them. */
  readonly ageIdentities?: readonly string[];
  readonly ask?: Ask;
}

const NO_TERMINAL: Ask = () =>
  Promise.reject(
    secretError(
      'a vault password would have to be asked for, and there is no terminal',
      'Give it by --vault-password-file FILE or ANSIBLE_VAULT_PASSWORD_FILE in pipelines.',
    ),
  );

const GIVE_VAULT = 'Give it by --vault-password-file, --vault-id or ANSIBLE_VAULT_PASSWORD_FILE.';
const GIVE_AGE = 'Give the file of its key by --age-identity or PROVISION_AGE_IDENTITY.';

/** Whether bytes are encrypted in a way that a keyring may open. */
export const isEncrypted = (bytes: Buffer): boolean =>
  isVaultText(bytes.subarray(0, 200).toString('latin1')) || isAgeFile(bytes);

/** Opens what is encrypted, with keys that are looked at only when they are needed. */
export class Keyring {
  private readonly passwords: readonly VaultPassword[];
  private readonly identityFiles: readonly string[];
  private identities: Promise<readonly string[]> | undefined;
  /** One secret for one reference, wherever it stands: it is had once. */
  readonly references = new Map<string, Secret>();

  constructor({ vaultSources = [], ageIdentities = [], ask = NO_TERMINAL }: Keys = {}) {
    this.passwords = vaultSources.map((source) => vaultPassword(source, ask));
    this.identityFiles = ageIdentities;
  }

  /** The plain text; `what` names it in errors. Rejects with an error for a person. */
  async open(bytes: Buffer, what: string): Promise<string> {
    const plain = isAgeFile(bytes)
      ? await this.openAgeFile(bytes, what)
      : await this.openVaultText(bytes, what);
    try {
      return new TextDecoder('utf-8', { fatal: true }).decode(plain);
    } catch {
      throw secretError(`${what}: what is encrypted there is not UTF-8 text`, 'Encrypt text.');
    }
  }

  private async openVaultText(bytes: Buffer, what: string): Promise<Buffer> {
    const text = vaultIn(bytes.toString('latin1'), what);
    const named = text.id === undefined ? '' : ` (vault id ${text.id})`;
    if (this.passwords.length === 0)
      throw secretError(
        `${what} is encrypted with ansible-vault${named}, and no vault password was given`,
        GIVE_VAULT,
      );
    // As for Ansible the name is a hint: the password of that name is tried first, the others after it.
    const likely = this.passwords.filter(({ id }) => id === text.id);
    const ordered = [...likely, ...this.passwords.filter(({ id }) => id !== text.id)];
    for (const { secret } of ordered) {
      await secret.read();
      const plain = attempt(() => openVault(text, secret.reveal()), what);
      if (plain !== undefined) return plain;
    }
    const tried = [...new Set(ordered.map(({ id }) => id))].join(', ');
    throw secretError(
      `${what}${named}: no vault password that was given opens it (tried: ${tried})`,
      GIVE_VAULT,
    );
  }

  private async openAgeFile(bytes: Buffer, what: string): Promise<Buffer> {
    if (this.identityFiles.length === 0)
      throw secretError(`${what} is encrypted with age, and no identity was given`, GIVE_AGE);
    this.identities ??= Promise.all(this.identityFiles.map(identitiesIn)).then((lists) => lists.flat());
    const identities = await this.identities;
    try {
      const plain = await openAge(bytes, identities);
      if (plain !== undefined) return plain;
    } catch (cause) {
      throw malformed('age', what, cause);
    }
    throw secretError(`${what}: no age identity that was given opens it`, GIVE_AGE);
  }
}

async function identitiesIn(file: string): Promise<string[]> {
  try {
    return parseIdentities(await readFile(resolve(file), 'utf8'));
  } catch (cause) {
    throw secretError(
      `the age identity ${file} cannot be used: ${causeMessage(cause)}`,
      'Name a file as age-keygen writes it. For other keys: !secret exec:age -d -i KEY FILE',
      undefined,
      cause,
    );
  }
}

const malformed = (tool: string, what: string, cause: unknown) =>
  secretError(
    `${what} is no whole text of ${tool}: ${causeMessage(cause)}`,
    'Encrypt it again, or take the last good version of it.',
    undefined,
    cause,
  );

function attempt<T>(open: () => T, what: string): T {
  try {
    return open();
  } catch (cause) {
    throw malformed('ansible-vault', what, cause);
  }
}

/** Takes a text of ansible-vault apart. Throws an error for a person: its form can be told without any password. */
export const vaultIn = (text: string, what: string): VaultText => attempt(() => parseVault(text), what);
