/** A NIC with a table of its own. All values are addresses, names and numbers that were checked. */
export interface RoutedNic {
  readonly name: string;
  /** 5200 and its position among the NICs. */
  readonly table: number;
  /** What the NIC sends as when nobody says otherwise. */
  readonly address: string;
  /** What it reaches without a router, in CIDR form, and what it sends there as. None for an address that is a /32. */
  readonly networks: readonly { readonly cidr: string; readonly address: string }[];
  /** Null = it has no way out of its network. */
  readonly gateway: string | null;
}

export interface PolicyRoutingProps {
  /** Empty = nothing of ours. */
  readonly nics: readonly RoutedNic[];
  /** Sources before any translation, address or CIDR, each with the NIC that it leaves by. */
  readonly sources: readonly { readonly block: string; readonly nic: string }[];
  /** Login names or numeric ids: what they send leaves by that NIC, unless a source of another decides. */
  readonly users: readonly { readonly user: string; readonly nic: string }[];
}

/** Priorities and tables that are ours, both ends included. */
export const FIRST_OF_OURS = 5200;
export const LAST_OF_OURS = 5299;

/**
 * The bands, each with a place for 20 NICs, in the order the kernel asks them. Networks of NICs come before the main table: that knows one way into
 * each of them, whichever NIC a packet must leave by. Sources come before users: a bound address has decided.
 */
const BAND = { sourceToNetwork: 0, userToNetwork: 20, main: 40, source: 50, user: 70 } as const;

const MAIN_TABLE = 'main';
/** Far behind any other default route, and there when the NIC is not: nothing falls through to the main table. */
export const LAST_METRIC = 4_278_198_272;

/** The rule that keeps what the main table knows better than by default: containers, bridges, other routes. */
export const MAIN_RULE = `${FIRST_OF_OURS + BAND.main}: from all lookup ${MAIN_TABLE} suppress_prefixlength 0`;

const positionOf = ({ table }: RoutedNic): number => table - FIRST_OF_OURS;

/** Rules as `ip rule` prints them, sorted. `uidOf` looks a user up on the host. */
export function wantedRules(
  { nics, sources, users }: PolicyRoutingProps,
  uidOf: (user: string) => string,
): string[] {
  if (nics.length === 0) return [];
  const networks = [...new Set(nics.flatMap((nic) => nic.networks.map(({ cidr }) => cidr)))];
  const rules = nics.flatMap((nic) => {
    const at = (band: keyof typeof BAND): number => FIRST_OF_OURS + BAND[band] + positionOf(nic);
    const lookup = `lookup ${nic.table}`;
    const blocks = sources.filter((source) => source.nic === nic.name).map(({ block }) => block);
    const ranges = users.filter((user) => user.nic === nic.name).map(({ user }) => uidOf(user));
    return [
      ...blocks.flatMap((block) => [
        ...networks.map((network) => `${at('sourceToNetwork')}: from ${block} to ${network} ${lookup}`),
        `${at('source')}: from ${block} ${lookup}`,
      ]),
      ...ranges.flatMap((uid) => [
        ...networks.map((to) => `${at('userToNetwork')}: from all to ${to} uidrange ${uid}-${uid} ${lookup}`),
        `${at('user')}: from all uidrange ${uid}-${uid} ${lookup}`,
      ]),
    ];
  });
  return [...new Set([...rules, MAIN_RULE])].toSorted();
}

/** The routes that hang on a NIC, as `table N: ROUTE` in the words of `ip route`. */
export const routesBy = ({ name, table, address, networks, gateway }: RoutedNic): string[] => [
  ...networks.map((network) => `table ${table}: ${network.cidr} dev ${name} src ${network.address}`),
  ...(gateway === null ? [] : [`table ${table}: default via ${gateway} dev ${name} src ${address}`]),
];

/** The route of a table that hangs on no NIC. */
export const lastRoute = ({ table }: RoutedNic): string =>
  `table ${table}: unreachable default metric ${LAST_METRIC}`;

/** Every route of our tables, sorted. */
export const wantedRoutes = ({ nics }: PolicyRoutingProps): string[] =>
  nics.flatMap((nic) => [...routesBy(nic), lastRoute(nic)]).toSorted();

/** A rule or a route as the words of `ip rule add` or `ip route add`. */
export function ipWords(line: string): string[] {
  const [, priority, rule = ''] = /^(\d+): (.*)$/.exec(line) ?? [];
  if (priority !== undefined) return ['priority', priority, ...rule.split(' ')];
  const [, table = '', route = ''] = /^table (\d+): (.*)$/.exec(line) ?? [];
  // The router may stand outside of what the NIC reaches directly, or the NIC not have its address yet.
  return [...route.split(' '), ...(route.includes(' via ') ? ['onlink'] : []), 'table', table];
}
