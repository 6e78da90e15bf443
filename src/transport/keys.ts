import { readFile } from 'node:fs/promises';
import type { ParsedKey } from 'ssh2';
import { quote } from '../shell/quote.ts';

/** A key file as far as it can be known without its passphrase. */
export type KeyFile =
  | { readonly state: 'missing'; readonly reason: string }
  | { readonly state: 'unusable'; readonly reason: string; readonly remedy?: string }
  | { readonly state: 'open'; readonly key: ParsedKey }
  /** Encrypted, or only the public half is here: an agent may hold the private one. */
  | { readonly state: 'locked'; readonly publicKey?: Buffer | undefined; readonly reason: string };

export interface KeyReader {
  read(path: string): Promise<KeyFile>;
  /** Decrypts with the passphrase; slow (bcrypt, 0.2 s and more, blocking), hence once per run. */
  unlock(path: string): Promise<KeyFile>;
}

/** The variable that holds the passphrase of encrypted key files. */
export const PASSPHRASE_VARIABLE = 'PROVISION_KEY_PASSPHRASE';

/** What other programs may see of the environment. */
export const withoutPassphrase = (env: NodeJS.ProcessEnv): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(env).filter(([name]) => name !== PASSPHRASE_VARIABLE));

/** Reads each key file once per run. Formats: OpenSSH and PEM (PKCS#1, SEC 1); not PKCS#8, FIDO or certificates. */
export function keyReader(passphrase: string | undefined): KeyReader {
  const files = new Map<string, Promise<KeyFile>>();
  const unlocked = new Map<string, Promise<KeyFile>>();
  const once = (
    cache: Map<string, Promise<KeyFile>>,
    path: string,
    make: () => Promise<KeyFile>,
  ): Promise<KeyFile> => {
    const made = cache.get(path) ?? make();
    cache.set(path, made);
    return made;
  };
  return {
    read: (path) => once(files, path, () => parseFile(path)),
    unlock: async (path) => {
      if (passphrase === undefined || passphrase === '') {
        return { state: 'locked', reason: `is encrypted and ${PASSPHRASE_VARIABLE} is not set` };
      }
      return once(unlocked, path, () => parseFile(path, passphrase));
    },
  };
}

async function parseFile(path: string, passphrase?: string): Promise<KeyFile> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    const { code = 'unreadable' } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return { state: 'missing', reason: 'does not exist' };
    return { state: 'unusable', reason: `cannot be read (${code})` };
  }
  const { default: ssh2 } = await import('ssh2');
  const parsed = ssh2.utils.parseKey(text, passphrase);
  // An OpenSSH file may hold several keys; ssh too uses the first one only.
  const key = Array.isArray(parsed) ? (parsed as ParsedKey[])[0] : parsed;
  if (key === undefined || key instanceof Error)
    return unparsed(path, text, key?.message ?? '', passphrase !== undefined);
  if (key.isPrivateKey()) return { state: 'open', key };
  return { state: 'locked', publicKey: key.getPublicSSH(), reason: 'holds a public key only' };
}

async function unparsed(path: string, text: string, message: string, tried: boolean): Promise<KeyFile> {
  if (/no passphrase/i.test(message)) {
    return {
      state: 'locked',
      publicKey: (await publicHalf(path)) ?? publicKeyInside(text),
      reason: 'is encrypted',
    };
  }
  if (tried) return { state: 'unusable', reason: `is not opened by ${PASSPHRASE_VARIABLE}` };
  if (/^-----BEGIN (ENCRYPTED )?PRIVATE KEY-----/m.test(text)) {
    const remedy = `Convert it: \`ssh-keygen -p -f ${quote(path)}\`.`;
    return { state: 'unusable', reason: 'is in the PKCS#8 format, which is not supported', remedy };
  }
  return { state: 'unusable', reason: 'is in a format that is not supported' };
}

/** The `.pub` file beside a private key. */
async function publicHalf(path: string): Promise<Buffer | undefined> {
  const { default: ssh2 } = await import('ssh2');
  const text = await readFile(`${path}.pub`, 'utf8').catch(() => '');
  const key = text === '' ? undefined : ssh2.utils.parseKey(text);
  return key === undefined || key instanceof Error ? undefined : key.getPublicSSH();
}

/**
 * OpenSSH's own format keeps the public key outside the encrypted part (PROTOCOL.key of OpenSSH: magic, cipher,
 * kdf, kdf options, number of keys, public key).
 */
export function publicKeyInside(text: string): Buffer | undefined {
  const body = /-----BEGIN OPENSSH PRIVATE KEY-----([\s\S]*?)-----END/.exec(text)?.[1];
  if (body === undefined) return undefined;
  const data = Buffer.from(body, 'base64');
  let at = 'openssh-key-v1\0'.length;
  const next = (): Buffer => {
    const start = at + 4;
    at = start + data.readUInt32BE(at);
    return data.subarray(start, at);
  };
  try {
    for (let field = 0; field < 3; field += 1) next();
    at += 4;
    return next();
  } catch {
    return undefined;
  }
}
