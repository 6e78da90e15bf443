import { addressOf, blockRange, contains, networkOf, prefixLength } from '../../model/ipv4.ts';
import type { HostVariables } from '../../roles/variables/index.ts';
import type { Path } from '../document.ts';
import { collisions, unknownName } from './lint.ts';
import type { Lint, LintInput } from './lint.ts';

type Networks = NonNullable<HostVariables['networks']>;
type Nics = NonNullable<HostVariables['nics']>;

// The hosts of a group share one `networks`, which may be long.
const lintsOfNetworks = new WeakMap<Networks, readonly Lint[]>();

/** Networks that overlap, gateways outside their network. */
export function lintNetworks({ vars: { networks } }: LintInput): readonly Lint[] {
  if (!networks) return [];
  let lints = lintsOfNetworks.get(networks);
  if (!lints) {
    lints = [...overlaps(networks), ...gateways(networks)];
    lintsOfNetworks.set(networks, lints);
  }
  return lints;
}

function overlaps(networks: Networks): Lint[] {
  const stretches = Object.entries(networks).map(([name, { cidr }], index) => {
    const { first, last } = blockRange(cidr);
    return { lane: '', from: first, to: last, index, name, cidr };
  });
  return collisions(stretches).map(({ earlier, later }) => ({
    path: ['networks', later.name, 'cidr'],
    message: `${later.cidr} overlaps the network ${earlier.name} (${earlier.cidr})`,
    hint: 'Give each network addresses of its own.',
  }));
}

const gateways = (networks: Networks): Lint[] =>
  Object.entries(networks).flatMap(([name, { cidr, gateway }]): Lint[] =>
    gateway === undefined || contains(cidr, gateway)
      ? []
      : [
          {
            path: ['networks', name, 'gateway'],
            message: `${gateway} is not in ${cidr}`,
            hint: `Write an address of ${cidr}.`,
          },
        ],
  );

/** Every address of the NICs, with the path it was written at. */
export function nicAddresses(nics: Nics): { nic: string; block: string; path: Path }[] {
  return Object.entries(nics).flatMap(([nic, { address, secondary }]) => [
    { nic, block: address, path: ['nics', nic, 'address'] },
    ...secondary.map((block, index) => ({ nic, block, path: ['nics', nic, 'secondary', index] })),
  ]);
}

/** NICs in networks that there are, with addresses of them, each address once. */
export function lintNics({ vars, broken }: LintInput): Lint[] {
  const { nics, networks } = vars;
  if (!nics) return [];
  const lints: Lint[] = [];
  for (const [name, { network }] of Object.entries(nics)) {
    if (network === undefined || broken.has('networks')) continue;
    lints.push(...unknownName(['nics', name, 'network'], 'network', network, networks, 'networks'));
  }
  const seen = new Map<string, string>();
  for (const { nic, block, path } of nicAddresses(nics)) {
    const address = addressOf(block);
    const before = seen.get(address);
    if (before !== undefined)
      lints.push({
        path,
        message: `${address} already is an address of ${before}`,
        hint: 'Write each address once.',
      });
    seen.set(address, nic);
    lints.push(...inNetwork(block, path, nics[nic]?.network, networks));
  }
  return lints;
}

function inNetwork(
  block: string,
  path: Path,
  name: string | undefined,
  networks: Networks | undefined,
): Lint[] {
  const network =
    name !== undefined && networks && Object.hasOwn(networks, name) ? networks[name] : undefined;
  if (!network) return [];
  const { cidr } = network;
  if (!contains(cidr, addressOf(block))) {
    return [
      {
        path,
        message: `${addressOf(block)} is not in the network ${name} (${cidr})`,
        hint: `Write an address of ${cidr}, or another network.`,
      },
    ];
  }
  // A /32 on a NIC is how many clouds hand out secondary addresses.
  if (prefixLength(block) !== 32 && networkOf(block) !== cidr) {
    return [
      {
        path,
        message: `${block} has another prefix length than the network ${name} (${cidr})`,
        hint: `Write ${addressOf(block)}/${prefixLength(cidr)}.`,
      },
    ];
  }
  return [];
}

/** EIPs that are mapped to addresses of this host's NICs, one to one. */
export function lintEips({ vars: { eips, nics }, broken }: LintInput): Lint[] {
  if (!eips || broken.has('nics')) return [];
  const own = nics ? nicAddresses(nics).map(({ block }) => addressOf(block)) : [];
  const lints: Lint[] = [];
  const seen = { public: new Map<string, string>(), private: new Map<string, string>() };
  for (const [name, eip] of Object.entries(eips)) {
    for (const side of ['public', 'private'] as const) {
      const before = seen[side].get(eip[side]);
      if (before !== undefined) {
        lints.push({
          path: ['eips', name, side],
          message: `${eip[side]} already is the ${side} address of ${before}`,
          hint: 'Public and private addresses are mapped one to one.',
        });
      } else seen[side].set(eip[side], name);
    }
    if (own.includes(eip.private)) continue;
    const message = nics
      ? `${eip.private} is not an address of any NIC of this host`
      : `${eip.private} cannot be an address of this host: it declares no nics`;
    const hint = nics ? `Its addresses: ${own.join(', ')}.` : 'Add nics: with the address.';
    lints.push({ path: ['eips', name, 'private'], message, hint });
  }
  return lints;
}
