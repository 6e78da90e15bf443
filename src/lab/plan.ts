import type { Host, Inventory } from '../model/host.ts';
import { ProblemList, ProvisionError } from '../model/error.ts';
import type { AddressRange } from '../model/ipv4.ts';
import { formatAddress, rangesOverlap, blockRange } from '../model/ipv4.ts';
import type { LabFault } from './faults.ts';
import type { ImageSpec, Release } from './image-spec.ts';
import { DEFAULT_RELEASE } from './image-spec.ts';
import { readHost } from './plan-host.ts';
import { readNetworks } from './plan-networks.ts';
import { checkAddresses, chooseGateways } from './plan-whole.ts';
import { NOTHING_SERVED, servedPorts } from './plan-serve.ts';
import { standIns } from './plan-stand-ins.ts';

export interface LabNetwork {
  readonly name: string;
  readonly cidr: string;
  readonly gateway: string;
  /** Where the route table sends what leaves the network without an EIP; null = nowhere. */
  readonly gatewayHost: string | null;
  /** Networks of one region route to each other; others meet by public addresses only. */
  readonly region: string;
  /** The world reaches its addresses as they are. */
  readonly isPublic: boolean;
}

export interface LabEip {
  readonly name: string;
  readonly public: string;
  readonly private: string;
}

export interface LabNic {
  readonly host: string;
  readonly name: string;
  /** Counted over the whole lab; its link in the fabric is named by it. */
  readonly index: number;
  /** null = outside all networks. */
  readonly network: string | null;
  /** `a.b.c.d/nn`, the primary one first. */
  readonly addresses: readonly string[];
  /** Those that the host itself has when it boots; the cloud knows all of them. */
  readonly atBoot: readonly string[];
  readonly mac: string;
  readonly router: string;
  readonly eips: readonly LabEip[];
}

export type LabRole = 'probe' | 'gateway' | 'plain';

export interface LabHost {
  readonly name: string;
  readonly index: number;
  readonly hostname: string;
  readonly role: LabRole;
  readonly image: ImageSpec;
  readonly user: string;
  /** What the inventory connects to: `ansible_host`. */
  readonly address: string;
  readonly sshPort: number;
  readonly nics: readonly LabNic[];
  /** TCP ports where the echo service answers. */
  readonly serve: readonly number[];
  /** Is the one to route for its network when there are several gateways. */
  readonly defaultRoute: boolean;
  /** What its rules translate, for the route tables of networks that it does not stand in. */
  readonly natSources: readonly string[];
  /** Nobody's host: it answers where the inventory points to addresses that it has no host for. */
  readonly standIn: boolean;
  readonly faults: readonly LabFault[];
}

/** Where the operator stands: one address inside hosts see directly, one for everything else. */
export interface LabController {
  readonly fabric: string;
  readonly direct: string;
  readonly public: string;
}

/** Everything `lab up` makes, as plain data. */
export interface LabPlan {
  /** What was derived and what an operator may want to know of it, a sentence each. */
  readonly notes: readonly string[];
  readonly networks: readonly LabNetwork[];
  readonly hosts: readonly LabHost[];
  readonly controller: LabController;
}

/** Every address the inventory uses stays free of the operator's own: benchmarking space of RFC 2544. */
function chooseController(taken: readonly AddressRange[]): LabController {
  const { first, last } = blockRange('198.18.0.0/15');
  for (let base = first; base < last; base += 256) {
    if (taken.some((range) => rangesOverlap(range, { first: base, last: base + 255 }))) continue;
    return {
      fabric: formatAddress(base + 1),
      direct: formatAddress(base + 2),
      public: formatAddress(base + 3),
    };
  }
  throw new ProvisionError('usage', 'the networks of this inventory leave no address for the operator', {
    hint: 'Leave one /24 of 198.18.0.0/15 unused: that is where the lab puts the operator.',
  });
}

/**
 * The lab that an inventory asks for; hosts that do not say of which release they are get this one. Throws every
 * problem at once; each names the host and the key to write.
 */
export function labPlan(inventory: Inventory, release: Release = DEFAULT_RELEASE): LabPlan {
  const problems: ProvisionError[] = [];
  const attempt = <T>(read: () => T): T | null => {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof ProvisionError)) throw error;
      problems.push(error);
      return null;
    }
  };
  const inLab = [...inventory.hosts.values()].filter((host) => host.connection.via !== 'local');
  const found = attempt(() => readNetworks(inLab)) ?? { networks: [], notes: [] };
  const notes = [...found.notes];
  let nicCount = 0;
  const readNext = (host: Host, index: number): LabHost | null => {
    const place = { index, firstNic: nicCount, networks: found.networks, release, notes };
    const read = attempt(() => readHost(host, place));
    nicCount += read?.nics.length ?? 0;
    return read;
  };
  const declared = inLab.map(readNext).filter((host) => host !== null);
  if (problems.length === 0 && declared.length === 0) {
    problems.push(
      new ProvisionError('usage', 'this inventory has no host to build', {
        hint: 'Write at least one host that has `nics:`, or one in the group `probes`.',
      }),
    );
  }
  const ports = attempt(() => servedPorts(inLab, declared)) ?? NOTHING_SERVED;
  const beside = standIns(ports.elsewhere, { declared, networks: found.networks, nicCount, release, notes });
  const hosts = [
    ...declared.map((host) => ({ ...host, serve: ports.ofHosts.get(host.name) ?? [] })),
    ...beside.hosts,
  ];
  const networks = [...found.networks, ...beside.networks];
  problems.push(...checkAddresses(hosts, networks));
  const routed = attempt(() => chooseGateways(hosts, networks, notes)) ?? [];
  const [first, ...others] = problems;
  if (first !== undefined) throw others.length === 0 ? first : new ProblemList(problems);

  const addresses = hosts.flatMap((host) =>
    host.nics.flatMap((nic) => [
      ...nic.addresses.map((cidr) => cidr.split('/')[0] ?? ''),
      ...nic.eips.map((eip) => eip.public),
    ]),
  );
  const taken = [
    ...routed.map((network) => blockRange(network.cidr)),
    ...addresses.map((address) => blockRange(address)),
  ];
  return { notes, networks: routed, hosts, controller: chooseController(taken) };
}
