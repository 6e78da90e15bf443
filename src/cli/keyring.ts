import { Keyring } from '../inventory/secrets/keyring.ts';
import { askHidden } from './ask-hidden.ts';

export interface SecretFlags {
  readonly vaultPasswordFile?: readonly string[];
  readonly vaultId?: readonly string[];
  readonly ageIdentity?: readonly string[];
}

const words = (text: string | undefined): string[] =>
  (text ?? '')
    .split(',')
    .map((word) => word.trim())
    .filter((word) => word !== '');

/**
 * What opens encrypted files and values: the flags, then Ansible's own variables. Nothing is read or asked before
 * something encrypted is needed, and asked only on a terminal.
 */
export function keyringOf({ vaultPasswordFile = [], vaultId = [], ageIdentity = [] }: SecretFlags): Keyring {
  const { env, stdin } = process;
  const files = [...vaultPasswordFile, ...words(env['ANSIBLE_VAULT_PASSWORD_FILE'])];
  return new Keyring({
    vaultSources: [
      ...vaultId,
      // A file may have "@" in its name, which would begin the source of a vault id.
      ...files.map((file) => `default@${file}`),
      ...words(env['ANSIBLE_VAULT_IDENTITY_LIST']),
    ],
    ageIdentities: ageIdentity,
    ...(stdin.isTTY ? { ask: askHidden } : {}),
  });
}
