import { ProvisionError } from '../model/error.ts';
import { fingerprintOf, keyTypeOf } from './known-hosts.ts';
import type { KnownHost } from './known-hosts.ts';
import { loginOf, sshCommandFor } from './stop.ts';
import type { Stop } from './stop.ts';

// None of these hints deletes a known key: whoever meets an attack would then be one paste away from trusting it.

const ASK_ELSEWHERE =
  "Ask the host's owner, or look on its console with `ssh-keygen -lf /etc/ssh/ssh_host_…_key.pub`, which key is right";

const shown = (key: Buffer): string => `${keyTypeOf(key)} ${fingerprintOf(key)}`;
const where = ({ file, line }: KnownHost): string => `${file}:${String(line)}`;
const kept = (entry: KnownHost): string =>
  `${entry.type} ${fingerprintOf(Buffer.from(entry.key, 'base64'))} (${where(entry)})`;
const list = (entries: readonly KnownHost[]): string => entries.map(kept).join(', ');
const placeOf = (entries: readonly KnownHost[]): { place?: { file: string; line: number } } =>
  entries[0] === undefined ? {} : { place: { file: entries[0].file, line: entries[0].line } };

/** The host is in no known_hosts file; `file` is where ssh would keep it. */
export function unknownKeyError(stop: Stop, key: Buffer, file: string | undefined): ProvisionError {
  const { strictHostKeyChecking: setting } = stop.settings;
  const loose = setting === 'false' || setting === 'no' || setting === 'off' || setting === 'accept-new';
  const message = `${stop.who}: the host key of ${loginOf(stop)} is not known; it shows ${shown(key)}`;
  return new ProvisionError('host-key-unknown', message, {
    hint:
      `Compare this fingerprint with the host's own, then connect once with \`${sshCommandFor(stop)}\` to add it` +
      `${file === undefined ? '' : ` to ${file}`}, or run with \`--host-key-checking accept-new\`.` +
      (loose ? ' (StrictHostKeyChecking of the ssh_config is not followed.)' : ''),
  });
}

/** Known under this name is another key of the same type. */
export function changedKeyError(stop: Stop, key: Buffer, entries: readonly KnownHost[]): ProvisionError {
  const message = `${stop.who}: the host key of ${loginOf(stop)} has changed: known is ${list(entries)}, but it shows ${shown(key)}`;
  return new ProvisionError('host-key-changed', message, {
    hint: `Somebody may be between you and the host, or it was installed anew. ${ASK_ELSEWHERE}; only then correct the line named above.`,
    ...placeOf(entries),
  });
}

/** Only keys of other types are known, although the host was asked for those first. */
export function otherTypeError(stop: Stop, key: Buffer, entries: readonly KnownHost[]): ProvisionError {
  const message = `${stop.who}: ${loginOf(stop)} does not show the host key that is known, ${list(entries)}, but ${shown(key)}`;
  return new ProvisionError('host-key-changed', message, {
    hint: `Somebody may be between you and the host, or it was installed anew. ${ASK_ELSEWHERE}; only then add it to the file named above.`,
    ...placeOf(entries),
  });
}

/** The key is not among the `host_keys` of the inventory. */
export function pinError(stop: Stop, key: Buffer): ProvisionError {
  const message = `${stop.who}: the host key of ${loginOf(stop)} is not the one pinned in the inventory (${stop.connection.hostKeys.join(', ')}); it shows ${shown(key)}`;
  return new ProvisionError('host-key-changed', message, {
    hint: `${ASK_ELSEWHERE}; only then correct \`host_keys\` in the inventory. A pinned fingerprint must be that of the key type shown.`,
  });
}

/** A line marked `@revoked` holds this key. */
export function revokedKeyError(stop: Stop, key: Buffer, entries: readonly KnownHost[]): ProvisionError {
  const message = `${stop.who}: the host key of ${loginOf(stop)}, ${shown(key)}, is revoked (${entries.map(where).join(', ')})`;
  return new ProvisionError('host-key-revoked', message, {
    hint: `Do not log in there: a revoked key may be in other hands. ${ASK_ELSEWHERE}, and give the host a new one.`,
    ...placeOf(entries),
  });
}

/** Known through a certificate authority only: ssh2 has no host certificates. */
export function certificateOnlyError(stop: Stop, entries: readonly KnownHost[]): ProvisionError {
  const message = `${stop.who}: ${loginOf(stop)} is known only through a certificate authority (${entries.map(where).join(', ')}), and host certificates are not supported by ssh2`;
  return new ProvisionError('host-key-unsupported', message, {
    hint: 'Use --transport openssh, which follows host certificates; or pin the host key itself under `host_keys` in the inventory.',
    ...placeOf(entries),
  });
}
