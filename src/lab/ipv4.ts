import { isIPv4 } from 'node:net';

/** An address range as numbers, both ends included. */
export interface Range {
  readonly first: number;
  readonly last: number;
}

/** A dotted quad as an unsigned number. */
export const ipv4ToNumber = (address: string): number =>
  address.split('.').reduce((sum, octet) => sum * 256 + Number(octet), 0);

/** The dotted quad of an unsigned number. */
export const numberToIpv4 = (value: number): string =>
  [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join('.');

/** `a.b.c.d/nn` split and checked; null when it is anything else. */
export function parseCidr(text: string): { address: string; prefix: number } | null {
  const [address = '', prefix = '', ...rest] = text.split('/');
  if (rest.length > 0 || !isIPv4(address) || !/^\d{1,2}$/.test(prefix) || Number(prefix) > 32) return null;
  return { address, prefix: Number(prefix) };
}

/** Every address of `address/prefix`, whatever its host bits are. */
export function rangeOf(address: string, prefix: number): Range {
  const size = 2 ** (32 - prefix);
  const first = Math.floor(ipv4ToNumber(address) / size) * size;
  return { first, last: first + size - 1 };
}

/** Is the address one of the range? */
export const inRange = (address: string, range: Range): boolean =>
  ipv4ToNumber(address) >= range.first && ipv4ToNumber(address) <= range.last;

/** Do two ranges share an address? */
export const overlaps = (a: Range, b: Range): boolean => a.first <= b.last && b.first <= a.last;
