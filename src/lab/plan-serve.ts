import { isIPv4 } from 'node:net';
import type { Host } from '../model/host.ts';
import { addressOf } from '../model/ipv4.ts';
import type { LabHost } from './plan.ts';
import type { Elsewhere } from './plan-stand-ins.ts';
import { isRecord, listOf, portOf, refuse } from './plan-values.ts';

/** A range is served at its two ends: a thousand services would prove nothing more. */
function portsOf(value: unknown): number[] {
  if (Array.isArray(value)) return value.flatMap(portsOf);
  const text = typeof value === 'number' ? String(value) : value;
  if (typeof text !== 'string') return [];
  return text
    .split('-')
    .map(portOf)
    .filter((port) => port !== null);
}

/** Where entries of the DNAT table lead to: an address (or the name of a host), and its ports. */
function dnatTargets({ vars }: Host): [string, number[]][] {
  const nat = isRecord(vars.nat) ? vars.nat : {};
  return listOf(nat.dnat).flatMap((entry): [string, number[]][] =>
    isRecord(entry) && entry.protocol !== 'udp' && typeof entry.to === 'string'
      ? [[entry.to, portsOf(entry.to_port ?? entry.port)]]
      : [],
  );
}

/** Where listeners lead to; a redirect leads to the host itself (null). */
function listenerTargets({ vars }: Host): [string | null, number[]][] {
  return listOf(vars.listeners).flatMap((entry): [string | null, number[]][] => {
    if (!isRecord(entry)) return [];
    if (isRecord(entry.redirect)) return [[null, portsOf(entry.redirect.to)]];
    if (entry.protocol === 'udp') return [];
    return listOf(entry.backends).flatMap((backend): [string, number[]][] =>
      isRecord(backend) && typeof backend.address === 'string'
        ? [[backend.address, portsOf(backend.port ?? entry.port)]]
        : [],
    );
  });
}

export interface Served {
  /** By the name of the host, in order. */
  readonly ofHosts: ReadonlyMap<string, readonly number[]>;
  /** By the address, where no host has it. */
  readonly elsewhere: ReadonlyMap<string, Elsewhere>;
}

export const NOTHING_SERVED: Served = { ofHosts: new Map(), elsewhere: new Map() };

/** Where echo services listen: what DNAT entries and listeners lead to, what `lab.serve` says, and 80 on probes. */
export function servedPorts(inventory: readonly Host[], hosts: readonly LabHost[]): Served {
  const ports = new Map(hosts.map((host) => [host.name, new Set<number>(host.role === 'probe' ? [80] : [])]));
  const elsewhere = new Map<string, Elsewhere>();
  const owners = new Map(
    hosts.flatMap((host) =>
      host.nics.flatMap((nic) =>
        [...nic.addresses.map(addressOf), ...nic.eips.map((eip) => eip.public)].map(
          (address) => [address, host.name] as const,
        ),
      ),
    ),
  );
  const serve = (from: Host, target: string, wanted: readonly number[]): void => {
    const own = ports.get(owners.get(target) ?? target);
    if (own !== undefined) wanted.forEach((port) => own.add(port));
    else if (isIPv4(target)) {
      const already = elsewhere.get(target) ?? { ports: new Set<number>(), region: regionOf(from) };
      wanted.forEach((port) => already.ports.add(port));
      elsewhere.set(target, already);
    }
  };
  for (const host of inventory) {
    for (const [target, wanted] of dnatTargets(host)) serve(host, target, wanted);
    for (const [target, wanted] of listenerTargets(host)) serve(host, target ?? host.name, wanted);
    const lab = isRecord(host.vars.lab) ? host.vars.lab : {};
    for (const [index, value] of listOf(lab.serve).entries()) {
      const port = portOf(value);
      if (port === null)
        throw refuse(
          host,
          ['lab', 'serve', index],
          '`lab.serve` has an entry that is no port',
          'Write `lab: { serve: [80, 8080] }`.',
        );
      ports.get(host.name)?.add(port);
    }
  }
  for (const host of hosts) ports.get(host.name)?.delete(host.sshPort);
  const ofHosts = new Map([...ports].map(([name, set]) => [name, [...set].sort((a, b) => a - b)]));
  return { ofHosts, elsewhere };
}

/** The region of the first network that its NICs name; '' where regions are not told apart. */
function regionOf({ vars }: Host): string {
  const networks = isRecord(vars.networks) ? vars.networks : {};
  const nics = Object.values(isRecord(vars.nics) ? vars.nics : {});
  const regions = nics.flatMap((nic) => {
    const network = isRecord(nic) && typeof nic.network === 'string' ? networks[nic.network] : undefined;
    return isRecord(network) && typeof network.region === 'string' ? [network.region] : [];
  });
  return regions[0] ?? '';
}
