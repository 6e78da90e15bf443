import { contains, prefixLength } from '../model/ipv4.ts';
import { PRIVATE_SPACE } from '../model/nat-rules.ts';
import type { Release } from './image-spec.ts';
import { networkAround, networkAt } from './plan-networks.ts';
import { macOf, OUTSIDE_ROUTER } from './plan-nic.ts';
import type { LabHost, LabNetwork } from './plan.ts';

/** An address that something of the inventory leads to and no host has. */
export interface Elsewhere {
  readonly ports: Set<number>;
  /** Where the host stands that leads there. */
  readonly region: string;
}

interface Place {
  readonly declared: readonly LabHost[];
  readonly networks: readonly LabNetwork[];
  readonly nicCount: number;
  readonly release: Release;
  /** Grows by what is made. */
  readonly notes: string[];
}

const isPrivate = (address: string): boolean => PRIVATE_SPACE.some((block) => contains(block, address));

/**
 * Hosts that answer where entries and backends point to addresses that the inventory has no host for: one for each
 * network, and one for the outside. A private address in no network gets a network of its own, the /24 around it.
 */
export function standIns(
  elsewhere: ReadonlyMap<string, Elsewhere>,
  { declared, networks, nicCount, release, notes }: Place,
): { hosts: LabHost[]; networks: LabNetwork[] } {
  const made: LabNetwork[] = [];
  const groups = new Map<LabNetwork | null, string[]>();
  for (const [address, { region }] of elsewhere) {
    let network = networkAt([...networks, ...made], address) ?? null;
    if (network === null && isPrivate(address)) {
      network = networkAround(address, region);
      made.push(network);
    }
    if (address !== network?.gateway) groups.set(network, [...(groups.get(network) ?? []), address]);
  }
  const hosts = [...groups].map(([network, addresses], at): LabHost => {
    const index = declared.length + at;
    const name = `stand-in-${at + 1}`;
    const prefix = network === null ? 32 : prefixLength(network.cidr);
    const blocks = addresses.map((address, position) => `${address}/${position === 0 ? prefix : 32}`);
    notes.push(`${name}: answers at ${addresses.join(', ')}, which no host of the inventory has`);
    return {
      ...{ name, index, hostname: name, role: network === null ? 'probe' : 'plain', standIn: true },
      image: { release, image: 'bare', nic: 'networkd', iptables: 'nft' },
      ...{
        user: 'root',
        address: addresses[0] ?? '',
        sshPort: 22,
        defaultRoute: false,
        natSources: [],
        faults: [],
      },
      nics: [
        {
          ...{ host: name, name: 'eth0', index: nicCount + at, network: network?.name ?? null, eips: [] },
          ...{ addresses: blocks, atBoot: blocks, mac: macOf(`${name}/eth0`) },
          router: network?.gateway ?? OUTSIDE_ROUTER,
        },
      ],
      serve: [...new Set(addresses.flatMap((address) => [...(elsewhere.get(address)?.ports ?? [])]))].sort(
        (a, b) => a - b,
      ),
    };
  });
  return { hosts, networks: made };
}
