import { isDeepStrictEqual } from 'node:util';
import { blockRange, contains, formatAddress, networkOf, overlaps, prefixLength } from '../../model/ipv4.ts';
import type { DockerNetwork, EgressEntry } from '../../roles/variables/index.ts';
import type { Path } from '../document.ts';
import type { Lint, LintInput } from './lint.ts';

type Vars = LintInput['vars'];

interface Declared {
  readonly entry: EgressEntry;
  readonly network: DockerNetwork;
  readonly index: number;
}

/** docker0, which dockerd makes at its first start (default-address-pools of dockerd(8)). */
const DOCKER0 = '172.17.0.0/16';
/** Networks that every Docker has. */
const BUILT_IN = ['bridge', 'host', 'none', 'default'];
/** What the role says itself: the NIC's address, and `bridge:`. */
const OURS: Readonly<Record<string, string>> = {
  'com.docker.network.host_ipv4': 'nic: says by which address the network leaves',
  'com.docker.network.bridge.name': 'write bridge:',
};

/** Docker's networks: subnets that nothing else uses, bridges with names of their own, addresses that a container can have. */
export function lintDocker({ vars }: LintInput): Lint[] {
  const entries = (vars.egress ?? []).flatMap((entry, index): Declared[] =>
    entry.network ? [{ entry, network: entry.network, index }] : [],
  );
  const first = entries.filter(
    ({ network }, at) => entries.findIndex((other) => other.network.name === network.name) === at,
  );
  return [
    ...entries.flatMap((one) => [...sameAsBefore(one, entries), ...addresses(one)]),
    ...first.flatMap((one) => [
      ...subnetOf(one),
      ...clashes(one, first, vars),
      ...names(one, first, vars),
      ...options(one),
    ]),
  ];
}

const at = ({ index }: Declared, ...rest: (string | number)[]): Path => ['egress', index, 'network', ...rest];

function sameAsBefore(one: Declared, all: readonly Declared[]): Lint[] {
  const before = all.find(({ network, index }) => network.name === one.network.name && index < one.index);
  if (!before || isDeepStrictEqual(before.network, one.network)) return [];
  return [
    {
      path: at(one),
      message: `the network ${one.network.name} is not the same as in ${before.entry.name}`,
      hint: 'Write it alike in both entries.',
    },
  ];
}

const lastOf = (subnet: string): string => formatAddress(blockRange(subnet).last);
const gatewayOf = ({ subnet, gateway }: DockerNetwork): string =>
  gateway ?? formatAddress(blockRange(subnet).first + 1);

/** Why nobody in the subnet can have this address as his own; null = he can. */
function notForHosts(address: string, subnet: string): string | null {
  if (!contains(subnet, address)) return `${address} is not in ${subnet}`;
  if (address === formatAddress(blockRange(subnet).first))
    return `${address} is the network address of ${subnet}`;
  return address === lastOf(subnet) ? `${address} is the broadcast address of ${subnet}` : null;
}

function subnetOf(one: Declared): Lint[] {
  const { subnet, gateway } = one.network;
  if (prefixLength(subnet) > 30) {
    const message = `${subnet} has no room for a gateway and containers`;
    return [{ path: at(one, 'subnet'), message, hint: 'Write a subnet of /30 or more, as 172.19.0.0/24.' }];
  }
  const wrong = gateway === undefined ? null : notForHosts(gateway, subnet);
  return wrong === null
    ? []
    : [{ path: at(one, 'gateway'), message: wrong, hint: `Write an address of ${subnet}.` }];
}

function addresses({ entry, network, index }: Declared): Lint[] {
  const { subnet } = network;
  return (entry.containers ?? []).flatMap(({ ip }, position): Lint[] => {
    const gateway =
      ip === gatewayOf(network) ? `${ip} is the gateway of ${network.name}, the host itself` : null;
    const message = notForHosts(ip, subnet) ?? gateway;
    if (message === null) return [];
    const path = ['egress', index, 'containers', position, 'ip'];
    return [{ path, message, hint: `Write an address of ${subnet}.` }];
  });
}

/** Everything of the host that the subnet must not meet, the first that it does. */
function clashes(one: Declared, all: readonly Declared[], { networks, nics, egress = [] }: Vars): Lint[] {
  const { subnet, name } = one.network;
  const earlier = all.filter(({ index }) => index < one.index);
  const taken: readonly (readonly [string, string])[] = [
    ...earlier.map(({ network }) => [network.subnet, `the Docker network ${network.name}`] as const),
    ...Object.entries(networks ?? {}).map(([known, { cidr }]) => [cidr, `the network ${known}`] as const),
    ...Object.entries(nics ?? {}).map(
      ([nic, { address }]) => [networkOf(address), `the network of ${nic}`] as const,
    ),
    [DOCKER0, 'the network that Docker makes for itself, docker0'],
    ...egress.flatMap(({ scheme, address, bridge }) =>
      scheme === 'bridge' && address !== undefined ? [[address, `the bridge ${bridge ?? ''}`] as const] : [],
    ),
  ];
  const found = taken.find(([block]) => overlaps(block, subnet));
  if (!found) return [];
  const [block, what] = found;
  const message = `${subnet} of ${name} overlaps ${what} (${block})`;
  return [{ path: at(one, 'subnet'), message, hint: 'Choose a subnet that nothing else uses.' }];
}

function names(one: Declared, all: readonly Declared[], { nics, egress = [] }: Vars): Lint[] {
  const { name, bridge } = one.network;
  const lints: Lint[] = [];
  if (BUILT_IN.includes(name)) {
    lints.push({
      path: at(one, 'name'),
      message: `${name} is a network of Docker itself`,
      hint: 'Choose another name.',
    });
  }
  if (bridge === undefined) return lints;
  const taken = [
    ...all.filter(({ index }) => index < one.index).map(({ network }) => network.bridge),
    ...egress.map((entry) => entry.bridge),
    ...Object.keys(nics ?? {}),
    'docker0',
    'lo',
  ];
  if (taken.includes(bridge)) {
    const message = `${bridge} is the name of another interface of this host`;
    lints.push({ path: at(one, 'bridge'), message, hint: 'Choose another name, of 15 bytes at most.' });
  }
  return lints;
}

const options = (one: Declared): Lint[] =>
  Object.keys(one.network.options).flatMap((key): Lint[] => {
    const instead = OURS[key];
    if (instead === undefined) return [];
    return [
      {
        path: at(one, 'options', key),
        message: `${key} cannot be set here`,
        hint: `Leave it out: ${instead}.`,
      },
    ];
  });
