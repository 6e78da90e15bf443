import { createDecipheriv, createHmac, pbkdf2Sync, timingSafeEqual } from 'node:crypto';

/** A text of ansible-vault, taken apart (format 1.1, and 1.2 with the name of its password). */
export interface VaultText {
  readonly id: string | undefined;
  readonly salt: Buffer;
  readonly hmac: Buffer;
  readonly ciphertext: Buffer;
}

const HEADER = '$ANSIBLE_VAULT;';
// VaultAES256 of ansible/parsing/vault: one derivation gives the key of the cipher, that of the HMAC, and the counter.
const ITERATIONS = 10_000;
const KEY_BYTES = 32;
const BLOCK_BYTES = 16;

export const isVaultText = (text: string): boolean => text.trimStart().startsWith(HEADER);

function hexBytes(text: string, what: string): Buffer {
  if (text.length % 2 !== 0 || !/^[0-9a-f]*$/i.test(text))
    throw new RangeError(`${what} is no hexadecimal text`);
  return Buffer.from(text, 'hex');
}

/** Throws RangeError with what is wrong with the form of the text. No password is needed for that. */
export function parseVault(text: string): VaultText {
  const [header = '', ...body] = text
    .trim()
    .split(/\r?\n/)
    .map((line) => line.trim());
  const [, version = '', cipher = '', id] = header.split(';').map((part) => part.trim());
  if (version !== '1.1' && version !== '1.2')
    throw new RangeError(`the format ${version || '(none)'} is not known`);
  if (cipher !== 'AES256') throw new RangeError(`the cipher ${cipher || '(none)'} is not known`);
  const parts = hexBytes(body.join(''), 'what follows the header').toString('latin1').split('\n');
  const [salt = '', hmac = '', ciphertext = ''] = parts;
  if (parts.length !== 3 || salt === '' || hmac.length !== 2 * KEY_BYTES || ciphertext === '')
    throw new RangeError('salt, HMAC and encrypted text are expected');
  return {
    id: id === '' ? undefined : id,
    salt: hexBytes(salt, 'its salt'),
    hmac: hexBytes(hmac, 'its HMAC'),
    ciphertext: hexBytes(ciphertext, 'its encrypted text'),
  };
}

/** The plain bytes; undefined = this is not the password. Throws RangeError for a text that cannot be right. */
export function openVault({ salt, hmac, ciphertext }: VaultText, password: string): Buffer | undefined {
  const derived = pbkdf2Sync(password, salt, ITERATIONS, 2 * KEY_BYTES + BLOCK_BYTES, 'sha256');
  const [key, hmacKey] = [derived.subarray(0, KEY_BYTES), derived.subarray(KEY_BYTES, 2 * KEY_BYTES)];
  if (!timingSafeEqual(createHmac('sha256', hmacKey).update(ciphertext).digest(), hmac)) return undefined;
  const decipher = createDecipheriv('aes-256-ctr', key, derived.subarray(2 * KEY_BYTES));
  const padded = Buffer.concat([decipher.update(ciphertext), decipher.final()]);
  // PKCS #7: the last byte says how many there are of it.
  const padding = padded.at(-1) ?? 0;
  if (padding < 1 || padding > BLOCK_BYTES || padding > padded.length)
    throw new RangeError('its padding is wrong');
  return padded.subarray(0, padded.length - padding);
}
