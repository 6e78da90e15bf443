import { isIPv4 } from 'node:net';
import type { Host } from '../model/host.ts';
import type { LabHost } from './plan.ts';
import { isRecord, portOf, refuse } from './plan-values.ts';

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

const listOf = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);

/** Where echo services listen: what DNAT entries point to, what `lab.serve` says, and 80 on probes. */
export function servedPorts(inventory: readonly Host[], hosts: readonly LabHost[]): Map<string, number[]> {
  const ports = new Map(hosts.map((host) => [host.name, new Set<number>(host.role === 'probe' ? [80] : [])]));
  const ownerOf = (address: string) =>
    hosts.find((host) =>
      host.nics.some((nic) => nic.addresses.some((cidr) => cidr.split('/')[0] === address)),
    )?.name;

  for (const host of inventory) {
    const nat = isRecord(host.vars.nat) ? host.vars.nat : {};
    for (const entry of listOf(nat.dnat)) {
      if (!isRecord(entry) || entry.protocol === 'udp' || typeof entry.to !== 'string') continue;
      const owner = isIPv4(entry.to) ? ownerOf(entry.to) : entry.to;
      for (const port of portsOf(entry.to_port ?? entry.port)) ports.get(owner ?? '')?.add(port);
    }
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
  return new Map([...ports].map(([name, set]) => [name, [...set].sort((a, b) => a - b)]));
}
