import { fingerprintOf } from './known-hosts.ts';

/** Whether a key is one of the pinned ones, each `ssh-ed25519 AAAA… [comment]` or `SHA256:…`. */
export function isPinned(pins: readonly string[], key: Buffer): boolean {
  const encoded = key.toString('base64');
  const fingerprint = fingerprintOf(key);
  return pins.some((pin) => {
    const [first, second] = pin.trim().split(/\s+/);
    return first?.replace(/=+$/, '') === fingerprint || second === encoded;
  });
}

/** The key types that the pins name; a fingerprint names none. */
export const pinnedKeyTypes = (pins: readonly string[]): string[] => [
  ...new Set(
    pins
      .map((pin) => pin.trim().split(/\s+/))
      .flatMap(([type, key]) => (key === undefined ? [] : [type ?? ''])),
  ),
];
