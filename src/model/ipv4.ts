import { isIPv4 } from 'node:net';

/** A block of addresses as unsigned 32-bit numbers, both ends included. */
export interface AddressRange {
  readonly first: number;
  readonly last: number;
}

/** `172.31.0.2` as an unsigned 32-bit number. Throws RangeError for anything but four plain decimal parts. */
export function addressNumber(address: string): number {
  if (!isIPv4(address)) throw new RangeError(`not an IPv4 address: ${JSON.stringify(address)}`);
  return address.split('.').reduce((number, part) => number * 256 + Number(part), 0);
}

/** The dotted form of an unsigned 32-bit number. */
export function formatAddress(number: number): string {
  return [24, 16, 8, 0].map((shift) => (number >>> shift) & 255).join('.');
}

/** Prefix length of `ADDRESS/LENGTH`; 32 where there is none. */
export function prefixLength(block: string): number {
  const slash = block.indexOf('/');
  return slash < 0 ? 32 : Number(block.slice(slash + 1));
}

/** `172.31.0.2` of `172.31.0.2/24`. */
export function addressOf(block: string): string {
  return block.split('/')[0] ?? block;
}

/** All addresses of the block that `ADDRESS[/LENGTH]` lies in; host bits are ignored. */
export function blockRange(block: string): AddressRange {
  const size = 2 ** (32 - prefixLength(block));
  const first = Math.floor(addressNumber(addressOf(block)) / size) * size;
  return { first, last: first + size - 1 };
}

/** `172.31.0.0/24` for `172.31.0.2/24`. */
export function networkOf(block: string): string {
  return `${formatAddress(blockRange(block).first)}/${prefixLength(block)}`;
}

/** Whether every address of `inner` (an address or a CIDR) lies in `outer`. */
export function contains(outer: string, inner: string): boolean {
  const out = blockRange(outer);
  const within = blockRange(inner);
  return out.first <= within.first && within.last <= out.last;
}

/** Whether two blocks share an address. */
export function overlaps(left: string, right: string): boolean {
  const a = blockRange(left);
  const b = blockRange(right);
  return a.first <= b.last && b.first <= a.last;
}

/** `a.b.c.d/nn` split and checked; null when it is anything else. */
export function parseCidr(text: string): { address: string; prefix: number } | null {
  const [address = '', prefix = '', ...rest] = text.split('/');
  if (rest.length > 0 || !isIPv4(address) || !/^\d{1,2}$/.test(prefix) || Number(prefix) > 32) return null;
  return { address, prefix: Number(prefix) };
}

/** Whether an address lies in a range. */
export const inRange = (address: string, { first, last }: AddressRange): boolean =>
  addressNumber(address) >= first && addressNumber(address) <= last;

/** Whether two ranges share an address. */
export const rangesOverlap = (a: AddressRange, b: AddressRange): boolean =>
  a.first <= b.last && b.first <= a.last;
