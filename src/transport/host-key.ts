import { randomBytes } from 'node:crypto';
import { appendFileSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { ProvisionError } from '../model/error.ts';
import { isPinned, pinnedKeyTypes } from './host-key-pins.ts';
import {
  changedKeyError,
  certificateOnlyError,
  otherTypeError,
  pinError,
  revokedKeyError,
  unknownKeyError,
} from './host-key-errors.ts';
import {
  knownHostsLine,
  knownHostsName,
  knownKeyTypes,
  lookUpHostKey,
  parseKnownHosts,
} from './known-hosts.ts';
import type { HostKeyVerdict, KnownHost } from './known-hosts.ts';
import type { Stop } from './stop.ts';

/**
 * `strict`: a host that is not known is refused. `accept-new`: its key is kept at first sight. `off`: any key will do.
 * A revoked key, and one that is not the key pinned in the inventory, is refused in every mode.
 */
export type HostKeyChecking = 'strict' | 'accept-new' | 'off';

export interface HostKeyCheck {
  /** The types of the keys that are known, so that the host is asked for one of these first. */
  readonly keyTypes: readonly string[];
  /** The reason to refuse the key (RFC 4253 section 6.6 wire format) that the host has shown; undefined = go on. */
  judge(key: Buffer): ProvisionError | undefined;
}

/** Reads what is known about a host and decides about the key it shows. Pinned keys stand in for known_hosts. */
export function hostKeyCheck(stop: Stop, mode: HostKeyChecking): HostKeyCheck {
  const { settings, connection } = stop;
  const names = namesOf(stop);
  const pins = connection.hostKeys;
  const known = readKnownHosts(stop);
  return {
    keyTypes: pins.length > 0 ? pinnedKeyTypes(pins) : knownKeyTypes(known, names),
    judge(key) {
      const found = lookUpHostKey(known, names, key);
      if (found.verdict === 'revoked') return revokedKeyError(stop, key, found.entries);
      if (pins.length > 0) return isPinned(pins, key) ? undefined : pinError(stop, key);
      if (mode === 'off') return undefined;
      if (found.verdict === 'unknown' && mode === 'accept-new') return keepKey(stop, names, key);
      return refusal(stop, key, found, settings.userKnownHostsFiles[0]);
    },
  };
}

function refusal(stop: Stop, key: Buffer, found: HostKeyVerdict, file?: string): ProvisionError | undefined {
  switch (found.verdict) {
    case 'ok':
      return undefined;
    case 'changed':
      return changedKeyError(stop, key, found.entries);
    case 'other-type':
      return otherTypeError(stop, key, found.entries);
    case 'revoked':
      return revokedKeyError(stop, key, found.entries);
    case 'cert-only':
      return certificateOnlyError(stop, found.entries);
    case 'unknown':
      return unknownKeyError(stop, key, file);
  }
}

/** ssh falls back to the plain name for a host on another port (check_host_key in OpenSSH's sshconnect.c). */
function namesOf({ settings }: Stop): string[] {
  const name = knownHostsName(settings.address, settings.port, settings.hostKeyAlias);
  return settings.hostKeyAlias === undefined && settings.port !== 22
    ? [name, knownHostsName(settings.address, 22)]
    : [name];
}

function readKnownHosts({ settings }: Stop): KnownHost[] {
  const files = [...settings.userKnownHostsFiles, ...settings.globalKnownHostsFiles];
  return files.flatMap((file) => parseKnownHosts(readText(file), file));
}

/** A known_hosts file that cannot be read counts as empty, as with ssh: its hosts are then unknown, not trusted. */
function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

/**
 * Keeps a new key, after one more look: a connection made at the same time may have kept another key for this
 * host. One short O_APPEND write, so that parallel runs never mix their lines (write(2)).
 */
function keepKey(stop: Stop, names: readonly string[], key: Buffer): ProvisionError | undefined {
  const now = lookUpHostKey(readKnownHosts(stop), names, key);
  if (now.verdict !== 'unknown') return refusal(stop, key, now);
  const [file] = stop.settings.userKnownHostsFiles;
  const [name] = names;
  if (file === undefined || name === undefined) return undefined;
  const line = knownHostsLine(name, key, stop.settings.hashKnownHosts ? randomBytes(20) : undefined);
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    const text = readText(file);
    appendFileSync(file, text === '' || text.endsWith('\n') ? line : `\n${line}`, { mode: 0o600 });
    return undefined;
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).message;
    return new ProvisionError('host-key-unknown', `${stop.who}: its host key could not be kept: ${reason}`, {
      hint: `Make ${file} writable, or add the key there yourself.`,
      cause: error,
    });
  }
}
