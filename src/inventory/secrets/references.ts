import { readFile, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, resolve } from 'node:path';
import { isProvisionError, ProvisionError } from '../../model/error.ts';
import type { Place } from '../../model/error.ts';
import { Secret } from '../../model/secret.ts';
import type { ReadSecret } from '../../model/secret.ts';
import { causeCode, causeMessage } from '../cause.ts';
import { shellWords } from '../shell-words.ts';
import { isAgeFile, isAgeText } from './age.ts';
import { secretError } from './failure.ts';
import { isEncrypted, vaultIn } from './keyring.ts';
import type { Keyring } from './keyring.ts';
import { printedBy, takeVariable } from './programs.ts';
import { isVaultText } from './vault.ts';

const MOST_BYTES = 1024 * 1024;
const KINDS = 'Write env:NAME, file:PATH, age:PATH, exec:COMMAND, or the encrypted text itself.';

/** Where a reference stands, and what it may be. */
export interface ReferencePlace {
  readonly place: Place;
  /** What a program printed may hold encrypted text; it must not make us read files or run programs. */
  readonly onlyCiphertext: boolean;
}

const encryptedValues = new WeakSet<Secret>();

/** Whether a secret is an encrypted text that stands in the inventory itself: reading it touches nothing else. */
export const isEncryptedValue = (secret: Secret): boolean => encryptedValues.has(secret);

/** Says so of a secret that is made of such ones only. */
export const countAsEncrypted = (secret: Secret): void => void encryptedValues.add(secret);

/** Whether a text is encrypted, and not a reference to something. */
export const isCiphertext = (text: string): boolean => isVaultText(text) || isAgeText(text);

/**
 * The secret that a text stands for: `env:NAME`, `file:PATH`, `age:PATH`, `exec:COMMAND`, or a text of ansible-vault or
 * age. Paths count from the file that names them. Nothing is read now. Throws for a text that is none of these.
 */
export function secretReference(
  text: string,
  { place, onlyCiphertext }: ReferencePlace,
  keyring: Keyring,
): Secret {
  if (isCiphertext(text)) return encryptedValue(text, place, keyring);
  const [, kind = '', rest = ''] = /^\s*(env|file|age|exec):\s*([\s\S]*?)\s*$/.exec(text) ?? [];
  if (kind === '' || rest === '')
    // Not the text itself: who writes the secret where its reference belongs must not see it in a log.
    throw secretError('this refers to no secret', KINDS, place);
  if (onlyCiphertext)
    throw secretError(
      `${kind}: is refused in what a program prints: only encrypted text may stand there`,
      'Print the encrypted text, or refer to the secret in group_vars or host_vars.',
      place,
    );
  const [name, read] = readerOf(kind, rest, resolve(dirname(place.file)), keyring);
  return sharedSecret(keyring, name, place, read);
}

function encryptedValue(text: string, place: Place, keyring: Keyring): Secret {
  const tool = isVaultText(text) ? 'ansible-vault' : 'age';
  const what = 'this value';
  if (tool === 'ansible-vault') at(place, () => vaultIn(text, what));
  const secret = sharedSecret(keyring, text, place, async () =>
    notEmpty(await keyring.open(Buffer.from(text), what), what),
  );
  encryptedValues.add(secret);
  return secret;
}

/** The name by which errors speak of it, and how its value is had. */
function readerOf(kind: string, rest: string, directory: string, keyring: Keyring): [string, ReadSecret] {
  if (kind === 'env') {
    // Already now: ssh -G and git are started before secrets are read, and must not be handed it.
    takeVariable(rest);
    return [`env:${rest}`, () => variable(rest)];
  }
  if (kind === 'exec') {
    const name = `exec:${rest}`;
    const words = shellWords(rest);
    return [
      name,
      async () => notEmpty(await printedBy(name, words), `what ${words[0] ?? ''} of ${name} prints`),
    ];
  }
  const file = resolve(directory, rest.replace(/^~(?=\/|$)/, homedir()));
  return [`${kind}:${file}`, () => fileContent(file, `${kind}:${rest}`, kind === 'age', keyring)];
}

function sharedSecret(keyring: Keyring, name: string, place: Place, read: ReadSecret): Secret {
  const known = keyring.references.get(name);
  if (known) return known;
  const secret = new Secret(async () => {
    try {
      return await read();
    } catch (error) {
      throw placed(error, place);
    }
  });
  keyring.references.set(name, secret);
  return secret;
}

/** The same error with the place of the reference. */
function placed(error: unknown, place: Place): unknown {
  if (!isProvisionError(error) || error.place) return error;
  return new ProvisionError(error.code, error.message, { hint: error.hint, place, cause: error.cause });
}

function at<T>(place: Place, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw placed(error, place);
  }
}

function notEmpty(value: string, what: string): string {
  if (value !== '') return value;
  throw secretError(
    `${what} is empty`,
    'A secret must not be empty: give it a value, or take the reference out.',
  );
}

function variable(name: string): string {
  const value = takeVariable(name);
  if (value !== undefined) return notEmpty(value, `the environment variable ${name} of env:${name}`);
  throw secretError(
    `env:${name}: this environment variable is not set`,
    'Set it where provision runs, or mend the name.',
  );
}

async function fileContent(
  file: string,
  name: string,
  mustBeAge: boolean,
  keyring: Keyring,
): Promise<string> {
  const bytes = await bytesOf(file, name);
  if (mustBeAge && !isAgeFile(bytes))
    throw secretError(
      `${name} is no whole text of age: its header is missing`,
      'Encrypt it with age, or write file: instead of age:.',
    );
  const text = isEncrypted(bytes) ? await keyring.open(bytes, name) : utf8(bytes, name);
  return notEmpty(text.replace(/(?:\r?\n)+$/, ''), name);
}

async function bytesOf(file: string, name: string): Promise<Buffer> {
  try {
    const info = await stat(file);
    if (info.isFile() && info.size <= MOST_BYTES) return await readFile(file);
  } catch (cause) {
    const code = causeCode(cause);
    const why =
      code === 'ENOENT'
        ? 'there is no such file'
        : code === 'EACCES'
          ? 'permission denied'
          : causeMessage(cause);
    throw secretError(
      `${name}: ${why}`,
      `Paths count from the file that names them: ${file}`,
      undefined,
      cause,
    );
  }
  throw secretError(
    `${name}: this is no regular file of at most 1 MiB`,
    'Name a file that holds the secret.',
  );
}

function utf8(bytes: Buffer, name: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw secretError(`${name} is not UTF-8 text`, 'Encode it, for example in base64.');
  }
}
