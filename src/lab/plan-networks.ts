import { isIPv4 } from 'node:net';
import type { Host } from '../model/host.ts';
import {
  addressNumber,
  addressOf,
  blockRange,
  contains,
  formatAddress,
  inRange,
  networkOf,
  overlaps,
  parseCidr,
} from '../model/ipv4.ts';
import { PRIVATE_SPACE } from '../model/nat-rules.ts';
import type { LabNetwork } from './plan.ts';
import { addressAt, cidrAt, isRecord, listOf, recordAt, refuse } from './plan-values.ts';

/** What the lab makes of an inventory by itself, said in a sentence each. */
export interface Networks {
  readonly networks: readonly LabNetwork[];
  readonly notes: readonly string[];
}

/** The addresses of a host as its NICs say them, with their prefix length, and the network that each NIC names. */
function nicBlocks(host: Host): { nic: string; block: string; network: unknown }[] {
  return Object.entries(recordAt(host, ['nics'], host.vars.nics)).flatMap(([nic, value]) => {
    const entry = isRecord(value) ? value : {};
    return [entry.address, ...listOf(entry.secondary)]
      .filter((block): block is string => typeof block === 'string' && parseCidr(block) !== null)
      .map((block) => ({ nic, block, network: entry.network }));
  });
}

/** Is it a network whose addresses the world reaches as they are? */
function isPublic(cidr: string, hosts: readonly Host[]): boolean {
  if (PRIVATE_SPACE.some((block) => contains(block, cidr))) return false;
  // Translated addresses are private ones, whatever they look like.
  const translated = hosts.flatMap((host) => [
    ...Object.values(isRecord(host.vars.eips) ? host.vars.eips : {}).map((eip) =>
      isRecord(eip) ? eip.private : undefined,
    ),
    ...natSources(host),
  ]);
  return !translated.some(
    (block) => typeof block === 'string' && isIPv4(addressOf(block)) && overlaps(cidr, block),
  );
}

/** What the rules of a gateway translate: addresses and CIDRs, as written. */
export function natSources(host: Host): string[] {
  const nat = isRecord(host.vars.nat) ? host.vars.nat : {};
  return [
    ...listOf(nat.masquerade),
    ...listOf(nat.snat).map((entry) => (isRecord(entry) ? entry.source : undefined)),
  ].filter((source): source is string => typeof source === 'string' && isIPv4(addressOf(source)));
}

/** The first address of a network that no NIC has: where its router stands when nobody says it. */
function freeAddress(cidr: string, taken: ReadonlySet<string>): string {
  const { first, last } = blockRange(cidr);
  for (let number = first + 1; number < last; number += 1) {
    if (!taken.has(formatAddress(number))) return formatAddress(number);
  }
  return formatAddress(first);
}

/** The networks of the inventory: those under `networks`, and one for each NIC that stands in none of them. */
export function readNetworks(hosts: readonly Host[]): Networks {
  const found = new Map<string, LabNetwork>();
  const notes: string[] = [];
  const taken = new Set(hosts.flatMap((host) => nicBlocks(host).map(({ block }) => addressOf(block))));
  const add = (name: string, cidr: string, gateway: string | null, region: string): void => {
    const sameName = [...found.values()].some((network) => network.name === name);
    found.set(cidr, {
      name: sameName ? `${name} (${cidr})` : name,
      cidr,
      gateway: gateway ?? freeAddress(cidr, taken),
      gatewayHost: null,
      region,
      isPublic: isPublic(cidr, hosts),
    });
    if (gateway === null)
      notes.push(
        `network ${name}: its router is ${found.get(cidr)?.gateway}, since \`networks.${name}.gateway\` says none`,
      );
  };

  for (const host of hosts) {
    for (const [name, value] of Object.entries(recordAt(host, ['networks'], host.vars.networks))) {
      const entry = recordAt(host, ['networks', name], value);
      const cidr = networkOf(cidrAt(host, ['networks', name, 'cidr'], entry.cidr));
      if (found.has(cidr)) continue;
      const gateway =
        entry.gateway === undefined ? null : addressAt(host, ['networks', name, 'gateway'], entry.gateway);
      if (gateway !== null && !inRange(gateway, blockRange(cidr))) {
        throw refuse(
          host,
          ['networks', name, 'gateway'],
          `\`networks.${name}.gateway\` ${gateway} is not in ${cidr}`,
          `Write \`networks.${name}.gateway\` as an address of ${cidr}.`,
        );
      }
      add(name, cidr, gateway, typeof entry.region === 'string' ? entry.region : '');
    }
  }
  const isKnown = (block: string) => [...found.keys()].some((cidr) => contains(cidr, addressOf(block)));
  for (const host of hosts) {
    for (const { nic, block, network } of nicBlocks(host)) {
      const cidr = networkOf(block);
      if (network !== undefined || isKnown(block) || (parseCidr(block)?.prefix ?? 32) > 30) continue;
      notes.push(`network ${cidr}: from \`nics.${nic}.address\` of ${host.name}, which names no network`);
      add(cidr, cidr, null, '');
    }
  }
  return { networks: [...found.values()], notes };
}

/** The network that an address lies in. */
export const networkAt = (networks: readonly LabNetwork[], address: string): LabNetwork | undefined =>
  networks.find(({ cidr }) => contains(cidr, address));

/** A network for addresses that nobody has declared: the /24 around each. */
export const networkAround = (address: string, region: string): LabNetwork => {
  const cidr = networkOf(`${address}/24`);
  const last = blockRange(cidr).last;
  const gateway = formatAddress(addressNumber(address) === last - 1 ? last - 2 : last - 1);
  return { name: cidr, cidr, gateway, gatewayHost: null, region, isPublic: false };
};
