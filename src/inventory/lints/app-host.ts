import { addressOf, contains, networkOf } from '../../model/ipv4.ts';
import { MOST_NICS } from '../../roles/variables/egress.ts';
import { unknownName } from './lint.ts';
import type { Lint, LintInput } from './lint.ts';

/** NICs of an app host that can lead somewhere, and apps that belong to one of them. */
export function lintAppHost({ vars, broken }: LintInput): Lint[] {
  const { egress, nics, eips } = vars;
  if (!egress || broken.has('nics')) return [];
  const lints: Lint[] = [];
  const names = Object.keys(nics ?? {});
  if (names.length > MOST_NICS) {
    lints.push({
      path: ['nics', names[MOST_NICS] ?? ''],
      message: `an app host has ${MOST_NICS} NICs at most`,
      hint: 'Each of them takes a place among the priorities 5200 to 5299.',
      at: 'key',
    });
  }
  egress.forEach(({ nic, eip }, index) => {
    if (eip === undefined || broken.has('eips')) return;
    const path = ['egress', index, 'eip'];
    lints.push(...unknownName(path, 'EIP', eip, eips, 'eips'));
    const own = nics?.[nic] && [nics[nic].address, ...nics[nic].secondary].map(addressOf);
    const mapped = eips?.[eip]?.private;
    if (own === undefined || mapped === undefined || own.includes(mapped)) return;
    lints.push({
      path,
      message: `${eip} is mapped to ${mapped}, which is no address of ${nic}`,
      hint: `Name an EIP of ${nic}, or the NIC that has ${mapped}.`,
    });
  });
  return [...lints, ...withoutGateway({ vars, broken }), ...sharedUsers({ vars, broken })];
}

/** What is to leave by a NIC needs a router there. */
function withoutGateway({
  vars: { egress = [], nics, networks },
  broken,
}: Pick<LintInput, 'vars' | 'broken'>): Lint[] {
  if (broken.has('networks')) return [];
  return egress.flatMap(({ nic }, index): Lint[] => {
    const network = nics?.[nic]?.network;
    if (!nics?.[nic] || (network !== undefined && networks?.[network]?.gateway !== undefined)) return [];
    const path = ['egress', index, 'nic'];
    if (network === undefined)
      return [
        {
          path,
          message: `${nic} is in no network`,
          hint: `Write nics.${nic}.network: its gateway leads out.`,
        },
      ];
    if (!networks?.[network]) return [];
    return [
      {
        path,
        message: `the network ${network} of ${nic} has no gateway`,
        hint: `Write networks.${network}.gateway: without it nothing leaves by ${nic}.`,
      },
    ];
  });
}

/** All that a user sends leaves by one NIC, and as one address. */
function sharedUsers({ vars: { egress = [] } }: Pick<LintInput, 'vars' | 'broken'>): Lint[] {
  const first = new Map<string, number>();
  return egress.flatMap(({ users = [], nic, eip }, index) =>
    users.flatMap((user, position): Lint[] => {
      const before = first.get(String(user));
      if (before === undefined) {
        first.set(String(user), index);
        return [];
      }
      const other = egress[before];
      if (before !== index && other?.nic === nic && other.eip === eip) return [];
      return [
        {
          path: ['egress', index, 'users', position],
          message: `the user ${user} already belongs to the entry ${other?.name ?? ''}`,
          hint: 'Everything that a user sends leaves by one NIC: run one of the apps as another user.',
        },
      ];
    }),
  );
}

/** Host bridges: names of their own, and addresses that nothing else has. */
export function lintBridges({ vars, broken }: LintInput): Lint[] {
  const { egress = [], networks, nics } = vars;
  const names = new Map(
    Object.keys(broken.has('nics') ? {} : (nics ?? {})).map((nic) => [nic, 'a NIC of this host']),
  );
  const taken: [block: string, what: string][] = [
    ...Object.entries(networks ?? {}).map(([name, { cidr }]): [string, string] => [
      cidr,
      `the network ${name}`,
    ]),
    ...Object.entries(nics ?? {}).map(([name, { address }]): [string, string] => [
      networkOf(address),
      `the network of ${name}`,
    ]),
  ];
  return egress.flatMap(({ name, scheme, bridge, address }, index): Lint[] => {
    if (scheme !== 'bridge' || bridge === undefined || address === undefined) return [];
    const lints: Lint[] = [];
    const owner = names.get(bridge);
    if (owner !== undefined) {
      lints.push({
        path: ['egress', index, 'bridge'],
        message: `${bridge} is ${owner}`,
        hint: 'Choose another name, of 15 bytes at most.',
      });
    }
    const found = taken.find(([block]) => contains(block, address));
    if (found) {
      lints.push({
        path: ['egress', index, 'address'],
        message: `${address} belongs to ${found[1]} (${found[0]})`,
        hint: 'Choose an address that nothing else uses, as 172.19.0.100.',
      });
    }
    names.set(bridge, `the bridge of the entry ${name}`);
    taken.push([address, `the entry ${name}`]);
    return lints;
  });
}

/** What a gateway forwards has a source from inside, which no rule of an app host speaks of: it leaves by the default route. */
export function lintGatewayBeside({ vars, broken }: LintInput): Lint[] {
  const { egress, nat, nics, eips } = vars;
  if (!egress || !nat || !nics || !eips || broken.has('nics')) return [];
  const [first] = Object.keys(nics);
  const nicOf = new Map(
    Object.entries(nics).flatMap(([name, { address, secondary }]) =>
      [address, ...secondary].map((block): [string, string] => [addressOf(block), name]),
    ),
  );
  const elsewhere = (path: Lint['path'], eip: string): Lint[] => {
    const nic = nicOf.get(eips[eip]?.private ?? '');
    if (nic === undefined || nic === first) return [];
    return [
      {
        path,
        severity: 'warning',
        message: `${eip} is an EIP of ${nic}, and what this host forwards leaves by its default route, usually ${first ?? ''}`,
        hint: `Use an EIP of ${first ?? ''}, or let another host be the gateway for ${eip}`,
      },
    ];
  };
  return [
    ...nat.snat.flatMap(({ to }, index) =>
      typeof to === 'string'
        ? elsewhere(['nat', 'snat', index, 'to'], to)
        : to.flatMap((eip, member) => elsewhere(['nat', 'snat', index, 'to', member], eip)),
    ),
    ...nat.dnat.flatMap(({ eip }, index) => elsewhere(['nat', 'dnat', index, 'eip'], eip)),
  ];
}
