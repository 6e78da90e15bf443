import { createHash, createHmac } from 'node:crypto';

/** One key on one line of a known_hosts file (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT"). */
export interface KnownHost {
  readonly marker?: 'revoked' | 'cert-authority';
  /** The host names field as written: patterns separated by commas, or one hash. */
  readonly names: string;
  readonly type: string;
  /** The key in the wire format of RFC 4253 section 6.6, base64. */
  readonly key: string;
  readonly file: string;
  /** Counts from 1. */
  readonly line: number;
}

/**
 * What the known_hosts files say about a key that a host has shown. `other-type`: the host is known, but only
 * by keys of other types. `cert-only`: the host is known only through a certificate authority.
 */
export interface HostKeyVerdict {
  readonly verdict: 'ok' | 'changed' | 'other-type' | 'revoked' | 'cert-only' | 'unknown';
  /** The lines the verdict rests on. */
  readonly entries: readonly KnownHost[];
}

/** The lines of a known_hosts file that can be read; ssh too passes over the others. */
export function parseKnownHosts(text: string, file: string): KnownHost[] {
  return text.split('\n').flatMap((line, index) => {
    const words = line.trim().split(/\s+/);
    const marked = words[0]?.startsWith('@') === true;
    const marker = marked ? words.shift()?.slice(1) : undefined;
    if (marker !== undefined && marker !== 'revoked' && marker !== 'cert-authority') return [];
    const [names, type, key] = words;
    if (names === undefined || names.startsWith('#') || type === undefined || key === undefined) return [];
    return [{ ...(marker === undefined ? {} : { marker }), names, type, key, file, line: index + 1 }];
  });
}

/** The name a host is kept under: `host`, or `[host]:port` when the port is not 22; an alias stands alone. */
export function knownHostsName(address: string, port: number, alias?: string): string {
  if (alias !== undefined) return alias.toLowerCase();
  const host = address.toLowerCase();
  return port === 22 ? host : `[${host}]:${String(port)}`;
}

/** Whether a host names field holds this (lower-case) name: hashed, or patterns of which no negated one fits. */
export function namesHold(names: string, name: string): boolean {
  if (names.startsWith('|1|')) {
    const [salt, digest] = names.slice(3).split('|');
    return salt !== undefined && digest === hashOfName(name, Buffer.from(salt, 'base64'));
  }
  const patterns = names.toLowerCase().split(',');
  const fits = (pattern: string): boolean => patternOf(pattern).test(name);
  return (
    patterns.some((pattern) => !pattern.startsWith('!') && fits(pattern)) &&
    !patterns.some((pattern) => pattern.startsWith('!') && fits(pattern.slice(1)))
  );
}

/**
 * Looks a host's key up. `names` are asked in order, and only an `ok` or `revoked` of a later name counts: ssh
 * accepts a key kept under the plain name for a host on another port, and never calls such a host changed.
 */
export function lookUpHostKey(
  known: readonly KnownHost[],
  names: readonly string[],
  key: Buffer,
): HostKeyVerdict {
  const verdicts = names.map((name) => lookUpName(known, name, key));
  return (
    verdicts.find(({ verdict }) => verdict === 'revoked') ??
    verdicts.find(({ verdict }) => verdict === 'ok') ??
    verdicts[0] ?? { verdict: 'unknown', entries: [] }
  );
}

function lookUpName(known: readonly KnownHost[], name: string, key: Buffer): HostKeyVerdict {
  const encoded = key.toString('base64');
  const type = keyTypeOf(key);
  const entries = known.filter(({ names }) => namesHold(names, name));
  const plain = entries.filter(({ marker }) => marker === undefined);
  const same = (entry: KnownHost): boolean => entry.key === encoded;

  const revoked = entries.filter((entry) => entry.marker === 'revoked' && same(entry));
  if (revoked.length > 0) return { verdict: 'revoked', entries: revoked };
  const equal = plain.filter(same);
  if (equal.length > 0) return { verdict: 'ok', entries: equal };
  const ofType = plain.filter((entry) => entry.type === type);
  if (ofType.length > 0) return { verdict: 'changed', entries: ofType };
  if (plain.length > 0) return { verdict: 'other-type', entries: plain };
  const authorities = entries.filter(({ marker }) => marker === 'cert-authority');
  return { verdict: authorities.length > 0 ? 'cert-only' : 'unknown', entries: authorities };
}

/** The types of the keys kept under these names, so that the host can be asked for one of them. */
export function knownKeyTypes(known: readonly KnownHost[], names: readonly string[]): string[] {
  const kept = known.filter(
    (entry) => entry.marker === undefined && names.some((name) => namesHold(entry.names, name)),
  );
  return [...new Set(kept.map(({ type }) => type))];
}

/** The type a key names itself (RFC 4253 section 6.6: the first string of its wire format). */
export function keyTypeOf(key: Buffer): string {
  if (key.length < 4) return '';
  return key.subarray(4, 4 + key.readUInt32BE(0)).toString('latin1');
}

/** As ssh shows it: `SHA256:` and base64 without padding. */
export const fingerprintOf = (key: Buffer): string =>
  `SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`;

/** A line to append to a known_hosts file, ending in a newline; with a salt (20 bytes) the name is hashed. */
export function knownHostsLine(name: string, key: Buffer, salt?: Buffer): string {
  const names = salt === undefined ? name : `|1|${salt.toString('base64')}|${hashOfName(name, salt)}`;
  return `${names} ${keyTypeOf(key)} ${key.toString('base64')}\n`;
}

/** HashKnownHosts of ssh_config(5) is HMAC-SHA1 of the name, keyed by the salt. */
const hashOfName = (name: string, salt: Buffer): string =>
  createHmac('sha1', salt).update(name).digest('base64');

/** `*` and `?` of ssh_config(5) PATTERNS; everything else, brackets too, stands for itself. */
const patternOf = (pattern: string): RegExp =>
  new RegExp(
    `^${pattern
      .replace(/[.+^${}()|[\]\\]/g, String.raw`\$&`)
      .replace(/\*+/g, '.*')
      .replaceAll('?', '.')}$`,
    's',
  );
