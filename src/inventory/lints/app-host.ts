import { addressOf } from '../../model/ipv4.ts';
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
function withoutGateway({ vars: { egress = [], nics, networks }, broken }: LintInput): Lint[] {
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
function sharedUsers({ vars: { egress = [] } }: LintInput): Lint[] {
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
