import { ProvisionError } from '../model/error.ts';
import { inRange, overlaps, rangesOverlap, parseCidr, blockRange } from '../model/ipv4.ts';
import type { LabHost, LabNetwork } from './plan.ts';

const rangeOfCidr = (cidr: string) => {
  const { address, prefix } = parseCidr(cidr) ?? { address: '0.0.0.0', prefix: 32 };
  return blockRange(`${address}/${prefix}`);
};

/** What no host can know alone: addresses used twice, networks that overlap, outside addresses inside a network. */
export function checkAddresses(hosts: readonly LabHost[], networks: readonly LabNetwork[]): ProvisionError[] {
  const problems: ProvisionError[] = [];
  const problem = (message: string, hint: string) =>
    problems.push(new ProvisionError('usage', message, { hint }));

  networks.forEach((network, index) => {
    for (const other of networks.slice(index + 1)) {
      if (rangesOverlap(rangeOfCidr(network.cidr), rangeOfCidr(other.cidr))) {
        problem(
          `networks ${network.name} and ${other.name} overlap`,
          `Correct \`networks.${other.name}.cidr\`.`,
        );
      }
    }
  });

  const owners = new Map<string, string>();
  const own = (address: string, owner: string, key: string) => {
    const other = owners.get(address);
    if (other === undefined) owners.set(address, owner);
    else
      problem(
        `${owner}: ${address} is also an address of ${other}`,
        `Correct \`${key}\` of ${owner} or of ${other}.`,
      );
  };
  const outside = (address: string, owner: string, key: string) => {
    const network = networks.find((known) => inRange(address, rangeOfCidr(known.cidr)));
    if (network !== undefined) {
      problem(
        `${owner}: ${address} should be outside, but is in network ${network.name}`,
        `Correct \`${key}\` of ${owner}.`,
      );
    }
  };
  for (const host of hosts) {
    const privates = new Set<string>();
    for (const nic of host.nics) {
      const key = nic.network === null ? 'ansible_host' : `nics.${nic.name}.address`;
      for (const cidr of nic.addresses) {
        const address = cidr.split('/')[0] ?? '';
        own(address, host.name, key);
        if (nic.network === null) outside(address, host.name, key);
      }
      for (const eip of nic.eips) {
        own(eip.public, host.name, `eips.${eip.name}.public`);
        outside(eip.public, host.name, `eips.${eip.name}.public`);
        if (privates.has(eip.private)) {
          problem(
            `${host.name}: two EIPs map to ${eip.private}`,
            `Correct \`eips.${eip.name}.private\`: a cloud maps one to one.`,
          );
        }
        privates.add(eip.private);
      }
    }
  }
  return problems;
}

const standsIn = (host: LabHost, network: LabNetwork): boolean =>
  host.nics.some((nic) => nic.network === network.name);

/**
 * Each network with the gateway that its route table names: one that stands in it, else one of its region whose rules
 * translate it. Of several the one marked `default_route`, else the first.
 */
export function chooseGateways(
  hosts: readonly LabHost[],
  networks: readonly LabNetwork[],
  notes: string[],
): LabNetwork[] {
  const gateways = hosts.filter((host) => host.role === 'gateway');
  return networks.map((network) => {
    if (network.isPublic) return network;
    const there = gateways.filter((host) => standsIn(host, network));
    const translating = gateways.filter(
      (host) =>
        host.natSources.some((source) => overlaps(source, network.cidr)) &&
        networks.some((other) => other.region === network.region && standsIn(host, other)),
    );
    const candidates = there.length > 0 ? there : translating;
    const marked = candidates.filter((host) => host.defaultRoute);
    const [chosen, ...others] = marked.length > 0 ? marked : candidates;
    if (chosen !== undefined && others.length > 0)
      notes.push(
        `network ${network.name}: its route table points to ${chosen.name}, the first of ${[chosen, ...others].map(({ name }) => name).join(', ')}; \`lab: { default_route: true }\` names another`,
      );
    return { ...network, gatewayHost: chosen?.name ?? null };
  });
}
