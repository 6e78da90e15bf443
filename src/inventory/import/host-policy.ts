import { networkOf } from '../../model/ipv4.ts';
import type { ImportedDocker } from './host-containers.ts';
import type { ImportedBridge } from './host-egress.ts';
import type { HostAddress } from './host-reading.ts';
import type { HostPolicyRule, HostRoute } from './host-routes.ts';
import { bare } from './iptables-text.ts';
import type { Notes } from './import-notes.ts';

/** An entry of `egress`, scheme bind. */
export interface ImportedBind {
  readonly name: string;
  readonly nic: string;
  readonly scheme: 'bind';
  readonly users?: readonly number[];
}

/** The way out that a table gives: one NIC and its router. */
interface Way {
  readonly nic: string;
  readonly via: string;
}

interface Reading {
  readonly addresses: readonly HostAddress[];
  readonly routes: readonly HostRoute[];
  readonly policyRules: readonly HostPolicyRule[];
}

const UNSAID = 'stays as it is; app hosts get rules of their own for each NIC of egress';

/**
 * A table with one default route, by one NIC; beside it stand at most the networks of the NICs, and what ends the way
 * where the first is gone (`unreachable default`).
 */
function wayOf(table: string, { routes, addresses }: Reading): Way | null {
  const all = routes.filter((route) => route.table === table);
  const [way, ...more] = all.filter(({ to, type }) => to === 'default' && type === '');
  const networks = addresses.map(({ address, prefix }) => networkOf(`${address}/${prefix}`));
  const others = all.filter(({ to }) => to !== 'default');
  const isPlain = others.every(({ to, via, type }) => via === '' && type === '' && networks.includes(to));
  return way && more.length === 0 && way.nic !== '' && way.via !== '' && isPlain ? way : null;
}

/** What an entry sends as, before anything translates it. */
const sourcesOf = (entry: ImportedBridge | ImportedDocker): unknown[] =>
  entry.scheme === 'bridge'
    ? [entry.address]
    : [entry.network['subnet'], ...entry.containers.map(({ ip }) => ip)];

/** Rules of routing that lead an address of a NIC, an app, or a user out by a NIC: `egress`, scheme bind. */
export function importPolicy(
  reading: Reading,
  entries: readonly (ImportedBridge | ImportedDocker)[],
  notes: Notes,
): { readonly found: readonly ImportedBind[]; readonly routers: ReadonlyMap<string, string> } {
  const users = new Map<string, number[]>();
  const routers = new Map<string, string>();
  /** The NIC that a rule leads out by, or why no entry says it. */
  const said = ({ says }: HostPolicyRule): Way | string => {
    if (says === null) return UNSAID;
    const way = wayOf(says.table, reading);
    if (way === null) return `table ${says.table} is not just the way out of one NIC: ${UNSAID}`;
    const from = bare(says.from);
    if (says.users !== null) {
      const [first, last] = says.users;
      if (from !== 'all' || first !== last) return `an entry names single users: ${UNSAID}`;
      users.set(way.nic, [...(users.get(way.nic) ?? []), first]);
      return way;
    }
    const own = reading.addresses.find(({ address, kind }) => address === from && kind !== 'bridge');
    const nic = own?.nic ?? entries.find((entry) => sourcesOf(entry).includes(from))?.nic;
    if (nic === undefined) return UNSAID;
    if (nic !== way.nic) return `it leads what belongs to ${nic} out by ${way.nic}, which no entry says`;
    return way;
  };
  for (const rule of reading.policyRules) {
    const way = said(rule);
    if (typeof way === 'string') notes.add(`ip rule ${rule.line}`, way);
    else {
      routers.set(way.nic, way.via);
      users.set(way.nic, users.get(way.nic) ?? []);
      notes.add(
        `ip rule ${rule.line}`,
        'egress does the same by rules of its own; this one stays beside them, and may go after the run',
      );
    }
  }
  // Every NIC of an app host gets its rules; an entry is there for what nothing else says.
  const found = [...users].flatMap(([nic, ids]): ImportedBind[] =>
    ids.length === 0 && entries.some((entry) => entry.nic === nic)
      ? []
      : [{ name: nic, nic, scheme: 'bind', ...(ids.length > 0 ? { users: [...new Set(ids)] } : {}) }],
  );
  return { found, routers };
}

/** NICs beside that of the default route which are ways out too, and that nothing leads to: the way out is looked up before SNAT. */
export function tellUnled(
  { addresses, defaultNic, policyRules }: Reading & { readonly defaultNic: string },
  mapped: readonly string[],
  notes: Notes,
): void {
  const networkAt = ({ address, prefix }: HostAddress): string => networkOf(`${address}/${prefix}`);
  const beside = addresses.filter(({ nic }) => nic === defaultNic).map(networkAt);
  for (const each of addresses) {
    const { nic, address, kind } = each;
    if (nic === defaultNic || kind === 'bridge' || beside.length === 0) continue;
    // A NIC towards a network inside is no way out.
    if (!beside.includes(networkAt(each)) && !mapped.includes(address)) continue;
    if (policyRules.some(({ says }) => bare(says?.from ?? '') === address)) continue;
    notes.add(
      `${nic} (${address})`,
      `no rule of routing leads what has this address out by it: that leaves by ${defaultNic}, and is lost where the network looks at sources; app hosts get such rules for every NIC`,
    );
  }
}

const AUTOMATIC = /^169\.254\./;

/** Routes that somebody typed, and that nothing takes over. */
export function tellRoutes(routes: readonly HostRoute[], taken: readonly HostRoute[], notes: Notes): void {
  for (const route of routes) {
    const { table, to, byHand, via, type, line } = route;
    if (table !== 'main' || !byHand || to === 'default' || AUTOMATIC.test(to) || taken.includes(route))
      continue;
    if (via !== '' || type !== '') notes.add(`ip route ${line}`, 'stays as it is, and is lost at a reboot');
  }
}
