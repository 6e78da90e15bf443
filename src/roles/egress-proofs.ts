import { egress, reach } from '../checks/index.ts';
import type { CheckSpec, RoleContext } from '../model/playbook.ts';
import { addressesOf, wayOf } from './egress-ways.ts';
import type { EgressEntry, HostVariables } from './variables/index.ts';
import { publishedParts } from './variables/ports.ts';

/** How many entries are asked in every run; the others after a change. Each question is a connection of its own. */
const ASKED_ALWAYS = 8;

/** What an entry must show: its users and its bridge leave as its public address, and its ports answer there. */
function proofsOf(entry: EgressEntry, index: number, vars: HostVariables, host: string): CheckSpec[] {
  const way = wayOf(entry, vars);
  const when = index < ASKED_ALWAYS ? 'always' : 'change';
  const leaves = `leaves ${way.nic} as ${way.public}`;
  const users = (entry.users ?? []).map((user) =>
    egress({
      from: `${host}#${user}`,
      expect: way.public,
      when,
      name: `${entry.name}: user ${user} ${leaves}`,
    }),
  );
  if (entry.scheme !== 'bridge' || entry.address === undefined) return users;
  const source = entry.address;
  const ports = (entry.publish ?? []).map(publishedParts).filter(({ protocol }) => protocol === 'tcp');
  return [
    ...users,
    egress({ from: host, source, expect: way.public, when, name: `${entry.name}: ${source} ${leaves}` }),
    ...ports.map(({ outer }) =>
      reach({
        ...({ from: 'probes', to: `${way.public}:${outer}`, expect: 'open', optional: true, when } as const),
        name: `${entry.name} answers at ${way.public}:${outer}`,
      }),
    ),
  ];
}

/** Each mapped address of each NIC, and what belongs to each entry, leaves by the public address that belongs to it. */
export function egressProofs(vars: HostVariables, { host }: RoleContext): CheckSpec[] {
  const publicOf = new Map(Object.values(vars.eips ?? {}).map((eip) => [eip.private, eip.public]));
  const nics = Object.entries(vars.nics ?? {}).flatMap(([name, nic]) =>
    addressesOf(nic).flatMap((source) => {
      const expect = publicOf.get(source);
      if (expect === undefined) return [];
      return [egress({ from: host.name, source, expect, name: `${source} leaves ${name} as ${expect}` })];
    }),
  );
  const entries = (vars.egress ?? []).flatMap((entry, index) => proofsOf(entry, index, vars, host.name));
  return [...nics, ...entries];
}
