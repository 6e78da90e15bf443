import { isIPv4 } from 'node:net';
import { blockRange, contains, formatAddress, parseCidr } from '../../model/ipv4.ts';
import type { Recognised } from './host-listeners.ts';
import type { HostContainer, HostDockerNetwork, HostPublished } from './host-docker.ts';
import type { HostAddress } from './host-reading.ts';
import type { Notes } from './import-notes.ts';
import { FILL_IN } from './import-yaml.ts';
import { bare, natRules, saysOnly } from './iptables-text.ts';
import type { Rule } from './iptables-text.ts';

export interface ImportedContainer {
  readonly name: string;
  readonly image: string;
  readonly ip: string;
  readonly publish: readonly string[];
  readonly restart: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly command?: readonly string[];
}

/** An entry of `egress`, scheme docker. */
export interface ImportedDocker {
  readonly name: string;
  readonly nic: string;
  readonly scheme: 'docker';
  readonly network: Readonly<Record<string, unknown>>;
  readonly containers: readonly ImportedContainer[];
}

const publishOf = ({ outer, inner, protocol }: HostPublished): string =>
  `${outer}:${inner}${protocol === 'udp' ? '/udp' : ''}`;

/** What the inventory says of the network; a gateway that is the first address is what Docker takes by itself. */
function networkOf({
  name,
  subnet,
  gateway,
  bridge,
  named,
  options,
}: HostDockerNetwork): Record<string, unknown> {
  const first = formatAddress(blockRange(subnet).first + 1);
  return {
    ...{ name, subnet },
    ...(gateway === '' || gateway === first ? {} : { gateway }),
    ...(named ? { bridge } : {}),
    ...(Object.keys(options).length > 0 ? { options } : {}),
  };
}

function containerOf(container: HostContainer, ip: string, out: string, notes: Notes): ImportedContainer {
  const { name, image, published, restart, environment, command } = container;
  const title = `container ${name}`;
  for (const port of published.filter(({ address }) => address !== out))
    notes.add(
      `${title}, port ${publishOf(port)} on ${port.address || '0.0.0.0'}`,
      `an entry publishes on ${out} alone, and the container would be made anew: publish it there first`,
    );
  environment.forEach((variable) =>
    notes.add(
      `${title}, ${variable}`,
      `its value is not read: write it, or a reference to it, for ${FILL_IN}`,
    ),
  );
  return {
    ...{ name, image, ip, restart },
    publish: published.filter(({ address }) => address === out).map(publishOf),
    ...(environment.length > 0
      ? { environment: Object.fromEntries(environment.map((variable) => [variable, FILL_IN])) }
      : {}),
    ...(command === null ? {} : { command }),
  };
}

/** Containers of fixed addresses that an SNAT rule leads out by an address of the host, as `egress`. */
export function importContainers(
  rules: readonly Rule[],
  reading: {
    readonly addresses: readonly HostAddress[];
    readonly networks: readonly HostDockerNetwork[];
    readonly containers: readonly HostContainer[];
  },
  notes: Notes,
): Recognised<ImportedDocker> {
  const entries = new Map<string, ImportedDocker>();
  const used: Rule[] = [];
  for (const container of reading.containers) {
    const [[name = '', ip = ''] = [], ...more] = Object.entries(container.networks);
    const network = reading.networks.find((each) => each.name === name);
    const snat = natRules(rules, 'POSTROUTING', 'SNAT').find(
      (rule) => saysOnly(rule, ['-s', '-j', '--to-source']) && bare(rule.options.get('-s') ?? '') === ip,
    );
    const out = snat?.options.get('--to-source') ?? '';
    const nic = reading.addresses.find(({ address, kind }) => address === out && kind !== 'bridge')?.nic;
    if (!snat || !network || nic === undefined || more.length > 0 || !isIPv4(ip)) continue;
    if (!parseCidr(network.subnet) || !contains(network.subnet, ip)) continue;
    const key = `${name} ${nic}`;
    const before = entries.get(key);
    const declared = containerOf(container, ip, out, notes);
    entries.set(key, {
      ...{ name: before?.name ?? container.name, nic, scheme: 'docker', network: networkOf(network) },
      containers: [...(before?.containers ?? []), declared],
    });
    used.push(snat);
  }
  return { found: [...entries.values()], used };
}
