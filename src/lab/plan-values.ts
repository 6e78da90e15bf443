import { isIPv4 } from 'node:net';
import { ProvisionError } from '../model/error.ts';
import type { Host } from '../model/host.ts';
import { parseCidr } from '../model/ipv4.ts';

/** A refusal that names the host and the key. */
export const refuse = (
  host: Host,
  path: readonly (string | number)[],
  message: string,
  hint: string,
): ProvisionError =>
  new ProvisionError('usage', `${host.name}: ${message}`, { hint, place: host.place(path) });

/** Plain mapping or nothing. */
export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A list as it is, anything else as none. */
export const listOf = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);

/** The mapping at a key; absent = empty, anything else is refused. */
export function recordAt(
  host: Host,
  path: readonly (string | number)[],
  value: unknown,
): Record<string, unknown> {
  if (value === undefined || value === null) return {};
  if (isRecord(value)) return value;
  throw refuse(
    host,
    path,
    `\`${path.join('.')}\` is not a mapping`,
    `Write \`${path.join('.')}:\` as keys with values.`,
  );
}

/** An IPv4 address, checked. */
export function addressAt(host: Host, path: readonly (string | number)[], value: unknown): string {
  if (typeof value === 'string' && isIPv4(value)) return value;
  throw refuse(
    host,
    path,
    `\`${path.join('.')}\` is not an IPv4 address`,
    `Write \`${path.join('.')}: a.b.c.d\`.`,
  );
}

/** `a.b.c.d/nn`, checked. */
export function cidrAt(host: Host, path: readonly (string | number)[], value: unknown): string {
  if (typeof value === 'string' && parseCidr(value) !== null) return value;
  throw refuse(
    host,
    path,
    `\`${path.join('.')}\` is not an IPv4 address with a prefix length`,
    `Write \`${path.join('.')}: a.b.c.d/nn\`.`,
  );
}

/** A TCP port; null when it is none. */
export function portOf(value: unknown): number | null {
  const port =
    typeof value === 'number'
      ? value
      : typeof value === 'string' && /^\d{1,5}$/.test(value)
        ? Number(value)
        : NaN;
  return Number.isInteger(port) && port >= 1 && port <= 65535 ? port : null;
}
