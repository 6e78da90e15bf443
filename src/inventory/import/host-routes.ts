/** A route, as ip-route(8) prints it. */
export interface HostRoute {
  /** `default`, an address or a block. */
  readonly to: string;
  /** Empty = no router. */
  readonly via: string;
  readonly nic: string;
  /** A number, a name of rt_tables, or main. */
  readonly table: string;
  /** unreachable, blackhole …; empty = it leads somewhere. */
  readonly type: string;
  /** Somebody typed it: whoever else makes routes says so (`proto kernel`, `dhcp`, `static`). */
  readonly byHand: boolean;
  readonly line: string;
}

/** A rule, as ip-rule(8) prints it; fields are null where there is more to it. */
export interface HostPolicyRule {
  readonly line: string;
  readonly says: {
    /** `all`, an address or a block. */
    readonly from: string;
    /** First and last user; null = everybody. */
    readonly users: readonly [number, number] | null;
    readonly table: string;
  } | null;
}

const TYPES = ['unreachable', 'blackhole', 'prohibit', 'throw', 'broadcast', 'local', 'multicast'];

/** `default via 172.31.0.1 dev eth1 table 100`, and its like; those of the kernel's own table say nothing. */
export function routeOf(line: string): HostRoute[] {
  const [, first = '', second = ''] = /^(\S+)(?: (\S+))?/.exec(line) ?? [];
  const type = TYPES.includes(first) ? first : '';
  const word = (name: string): string => new RegExp(` ${name} (\\S+)`).exec(line)?.[1] ?? '';
  const table = word('table') || 'main';
  if (first === '' || table === 'local') return [];
  const to = type === '' ? first : second;
  return [{ to, type, table, via: word('via'), nic: word('dev'), byHand: word('proto') === '', line }];
}

/** `32765: from 172.31.0.14 lookup 100`; also `from all uidrange 33-33`. */
export function policyRuleOf(text: string): HostPolicyRule {
  const line = text.replaceAll(/\s+/g, ' ').trim();
  const [, from, first, last, table] =
    /^\d+: from (\S+)(?: uidrange (\d+)-(\d+))? lookup (\S+)$/.exec(line) ?? [];
  if (from === undefined || table === undefined) return { line, says: null };
  const users = first === undefined || last === undefined ? null : ([Number(first), Number(last)] as const);
  return { line, says: { from, users, table } };
}
