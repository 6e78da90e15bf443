import { egress, reach } from '../checks/index.ts';
import { addressOf, contains, prefixLength } from '../model/ipv4.ts';
import type { NatRules } from '../model/nat-rules.ts';
import type { CheckSpec, RoleContext } from '../model/playbook.ts';
import { placeOf } from './declared-at.ts';
import { natRules } from './nat-rules.ts';
import type { HostVariables } from './variables/index.ts';

/** The address that the outside sees for masqueraded sources: the EIP of the first mapped primary address. */
function publicAddress({ nics, eips }: HostVariables): string | undefined {
  const primaries = Object.values(nics ?? {}).map((nic) => nic.address.split('/')[0]);
  return Object.values(eips ?? {}).find((eip) => primaries.includes(eip.private))?.public ?? primaries[0];
}

interface WayOut {
  /** Public addresses that it may leave by; none = no way out. */
  readonly by: readonly string[];
  /** The variable that says so. */
  readonly path: readonly (string | number)[];
}

/** The place of an entry of the inventory among those of its table that have its source. */
const entryOf = (table: 'snat' | 'masquerade', sources: readonly string[], source: string) => [
  'nat',
  table,
  Math.max(0, sources.indexOf(source)),
];

/** How a private address leaves: its smallest SNAT entry decides, else masquerade. */
function leavesBy(vars: HostVariables, wanted: NatRules, address: string): WayOut {
  const entry = wanted.snat
    .filter(({ source }) => contains(source, address))
    .toSorted((a, b) => prefixLength(a.source) - prefixLength(b.source))
    .at(-1);
  if (entry) {
    const publicOf = new Map(Object.values(vars.eips ?? {}).map((eip) => [eip.private, eip.public]));
    const written = (vars.nat?.snat ?? []).map(({ source }) => source);
    const path = written.includes(entry.source) ? entryOf('snat', written, entry.source) : ['nat', 'dnat'];
    return { by: entry.to.map((own) => publicOf.get(own) ?? own), path };
  }
  const masqueraded = publicAddress(vars);
  const declared = wanted.masquerade.find((source) => contains(source, address));
  return declared !== undefined && masqueraded !== undefined
    ? { by: [masqueraded], path: entryOf('masquerade', wanted.masquerade, declared) }
    : { by: [], path: ['nat'] };
}

/** How many entries are asked in every run, and after a change: each question is a connection from outside. */
const ASKED_ALWAYS = 4;
const ASKED_AFTER_A_CHANGE = 20;

/** Every known host with a declared source leaves by its public address; every TCP entry answers from the outside. */
export function natProofs(vars: HostVariables, context: RoleContext): CheckSpec[] {
  const wanted = natRules(vars);
  const views = Object.entries(context.hosts) as [string, HostVariables][];
  const behind = views.flatMap(([name, view]) => {
    const own = Object.keys(view.eips ?? {}).length > 0;
    if (name === context.host.name || own) return [];
    const [way] = Object.values(view.nics ?? {})
      .map((nic) => leavesBy(vars, wanted, addressOf(nic.address)))
      .filter(({ by }) => by.length > 0);
    return way ? [egress({ from: name, expect: way.by, place: placeOf(context.host, way.path) })] : [];
  });
  const names = (vars.nat?.dnat ?? []).map(({ name }) => name);
  const inward = wanted.ports.filter(({ protocols }) => protocols.includes('tcp'));
  return [
    ...behind,
    ...inward.map((entry, index) =>
      reach({
        when: index < ASKED_ALWAYS ? 'always' : index < ASKED_AFTER_A_CHANGE ? 'change' : 'verify',
        name: `${entry.name} answers from outside`,
        from: 'probes',
        to: `${entry.addresses.at(-1) ?? ''}:${entry.ports.from}`,
        expect: 'open',
        optional: true,
        place: placeOf(context.host, ['nat', 'dnat', names.indexOf(entry.name)]),
      }),
    ),
  ];
}
