/** Ports `from` to `to`, both included. */
export interface Ports {
  readonly from: number;
  readonly to: number;
}

export type PortProtocol = 'tcp' | 'udp';

/** One or more ports of public addresses that a private address serves. */
export interface PortForward {
  readonly name: string;
  /** What packets may carry: the NIC's address that an EIP is mapped to, and the EIP itself (hairpin, local clients). */
  readonly addresses: readonly string[];
  readonly protocols: readonly PortProtocol[];
  readonly ports: Ports;
  readonly to: string;
  /** As many as `ports`. */
  readonly toPorts: Ports;
}

/** A whole public address that belongs to one private address, but for the ports that stay with the gateway. */
export interface AddressForward {
  readonly name: string;
  readonly addresses: readonly string[];
  readonly to: string;
  readonly keep: readonly Ports[];
}

/** Sources that leave by a chosen address, or by several: each source keeps to one of them. */
export interface SourceNat {
  /** An address or a CIDR. */
  readonly source: string;
  readonly to: readonly string[];
  /** Destinations towards which the source stays as it is. */
  readonly except: readonly string[];
}

/** A plain rule. Empty lists match everything. */
export interface PacketFilter {
  readonly action: 'accept' | 'drop' | 'reject';
  readonly direction: 'in' | 'out' | 'forward';
  readonly protocols: readonly ('tcp' | 'udp' | 'icmp')[];
  readonly ports: readonly Ports[];
  readonly sources: readonly string[];
  readonly destinations: readonly string[];
  /** It comes in by this interface; for `out`, it goes out by it. Empty = any. */
  readonly nic: string;
}

/** Everything that a NAT gateway loads into the kernel, whatever tool loads it. */
export interface NatRules {
  /** Interfaces towards the outside. */
  readonly wan: readonly string[];
  /** Networks whose addresses are never translated among themselves. */
  readonly inside: readonly string[];
  readonly ports: readonly PortForward[];
  readonly whole: readonly AddressForward[];
  readonly snat: readonly SourceNat[];
  /** Sources that leave by the primary address of the interface they leave by. */
  readonly masquerade: readonly string[];
  readonly filter: readonly PacketFilter[];
  /** Lower the MSS of forwarded TCP connections to what fits the route (RFC 879, path MTU black holes). */
  readonly clampMss: boolean;
}

/**
 * Addresses that no public network routes (RFC 1918, RFC 6598): a packet that leaves towards the outside with one of
 * them, and not the gateway's own, was not translated.
 */
export const PRIVATE_SPACE: readonly string[] = [
  '10.0.0.0/8',
  '100.64.0.0/10',
  '172.16.0.0/12',
  '192.168.0.0/16',
];
