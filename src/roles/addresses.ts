import ipaddr from 'ipaddr.js';

/** True when the IPv4 address lies in the CIDR (or is the single address given instead of one). */
export function contains(cidr: string, address: string): boolean {
  const [network, bits] = ipaddr.IPv4.parseCIDR(cidr.includes('/') ? cidr : `${cidr}/32`);
  return ipaddr.IPv4.parse(address).match(network, bits);
}

/** True when the whole of `inner` lies in `outer`. */
export function containsCidr(outer: string, inner: string): boolean {
  const bits = (cidr: string): number => Number(cidr.split('/')[1] ?? 32);
  return bits(outer) <= bits(inner) && contains(outer, inner.split('/')[0] ?? '');
}
