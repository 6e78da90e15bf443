import type { EipNames } from './host-nat.ts';
import type { HostAddress } from './host-reading.ts';
import type { HostClass, HostShaper } from './host-shaping.ts';
import type { Notes } from './import-notes.ts';
import { namer } from './gateway-names.ts';

/** An entry of `bandwidth`. */
export interface ImportedBandwidth {
  readonly name: string;
  readonly cap: string;
  readonly eips: readonly string[];
  readonly guarantee?: Readonly<Record<string, string>>;
  /** Left out = both. */
  readonly direction?: 'egress' | 'ingress';
}

interface Reading {
  readonly addresses: readonly HostAddress[];
  /** Lines of tc qdisc show. */
  readonly qdiscs: readonly string[];
  readonly shapers: readonly HostShaper[];
}

/** Addresses that share a rate. */
interface Limit {
  readonly cap: string;
  /** What each address gets in any case; empty = nobody said. */
  readonly shares: ReadonlyMap<string, string>;
  readonly addresses: readonly string[];
  /** All that passes the device is limited, whatever its address. */
  readonly whole: boolean;
}

const UNITS: Readonly<Record<string, number>> = { '': 1, k: 1e3, m: 1e6, g: 1e9, t: 1e12 };

/** `1500mbit` → bits per second. */
function bitsOf(rate: string): number {
  const [, number = '0', unit = ''] = /^([\d.]+)([kmgt]?)bit$/.exec(rate) ?? [];
  return Number(number) * (UNITS[unit] ?? 1);
}

/** Leaves that only order what waits. */
const LEAF = /^qdisc (fq_codel|sfq|pfifo|bfifo|pfifo_fast|fq) \S+ dev \S+ parent /;

/** HTB has no more levels (TC_HTB_MAXDEPTH of linux/pkt_sched.h). */
const DEEPEST = 8;

/** The class and those above it, up to the one that stands alone; empty = it does not stand below the qdisc. */
function chainOf(id: string, classes: readonly HostClass[]): HostClass[] {
  const chain: HostClass[] = [];
  for (let next = id; next !== '';) {
    const found = classes.find((each) => each.id === next);
    if (!found || chain.length === DEEPEST) return [];
    chain.push(found);
    next = found.parent;
  }
  return chain;
}

const least = (chain: readonly HostClass[]): string =>
  chain.map(({ ceil }) => ceil).reduce((low, next) => (bitsOf(next) < bitsOf(low) ? next : low));

/** Addresses whose filters lead below one class; a text = why no entry says it. */
function groupsOf(shaper: HostShaper, side: 'src' | 'dst', own: readonly string[]): Limit[] | string {
  const members = new Map<string, HostClass[]>();
  for (const { side: looksAt, address, flow, device } of shaper.filters) {
    const chain = chainOf(flow, shaper.classes);
    if (device !== '' || looksAt !== side || !own.includes(address) || chain.length === 0)
      return `a filter for ${address || 'everything'} does not lead an address of this NIC to a class`;
    if (members.has(address)) return `two filters are for ${address}`;
    members.set(address, chain);
  }
  const tops = new Map<string, [string, HostClass[]][]>();
  for (const member of members) {
    const top = member[1].at(-1)?.id ?? '';
    tops.set(top, [...(tops.get(top) ?? []), member]);
  }
  const limits: Limit[] = [];
  for (const group of tops.values()) {
    const [cap = '', ...others] = [...new Set(group.map(([, chain]) => least(chain)))];
    const classes = new Set(group.map(([, [leaf]]) => leaf?.id));
    const above = group[0]?.[1].at(-1)?.ceil ?? cap;
    if (others.length > 0 || (group.length > 1 && bitsOf(above) !== bitsOf(cap)))
      return 'an address has a limit of its own below the one that it shares: in a package that does not count';
    if (classes.size > 1 && classes.size < group.length)
      return 'some addresses share a class below the cap, others have one of their own';
    const shares = new Map(
      classes.size === 1 ? [] : group.map(([address, [leaf]]) => [address, leaf?.rate ?? '']),
    );
    const sum = [...shares.values()].reduce((bits, rate) => bits + bitsOf(rate), 0);
    if (sum > bitsOf(cap)) return `more is guaranteed than the cap of ${cap}`;
    limits.push({ cap, shares, addresses: group.map(([address]) => address), whole: false });
  }
  return limits;
}

/** What the root qdisc of a device limits; null = nothing. */
function limitsOf(
  device: string,
  side: 'src' | 'dst',
  own: readonly string[],
  { qdiscs, shapers }: Reading,
): Limit[] | string | null {
  const lines = qdiscs.filter((line) => line.split(' ')[4] === device);
  const root = lines.find((line) => / root /.test(`${line} `) && /^qdisc (htb|tbf) /.test(line));
  const shaper = shapers.find(({ nic }) => nic === device);
  const others = lines.filter(
    (line) => line !== root && !LEAF.test(line) && !/^qdisc (ingress|clsact) /.test(line),
  );
  if (root === undefined || others.length > 0) return others.length > 0 ? 'it has other qdiscs too' : null;
  const whole = (cap: string): Limit[] => [{ cap, shares: new Map(), addresses: own, whole: true }];
  if (root.startsWith('qdisc tbf ')) {
    const [, rate = ''] = / rate (\d+(?:\.\d+)?[KMGT]?bit) /.exec(root) ?? [];
    // With a peakrate it is two buckets.
    return rate === '' || root.includes(' peakrate ')
      ? 'its rate was not understood'
      : whole(rate.toLowerCase());
  }
  if (!shaper || shaper.strange !== null) return `not understood: ${shaper?.strange ?? 'its classes'}`;
  const [, handle = ''] = /^qdisc htb (\S+:) /.exec(root) ?? [];
  const mine = { ...shaper, filters: shaper.filters.filter(({ parent }) => parent !== 'ffff:') };
  if (mine.filters.some(({ parent }) => parent !== handle)) return 'it has filters below a class';
  const [, number = '0'] = / default (?:0x)?([0-9a-f]+)/.exec(root) ?? [];
  const rest = chainOf(`${handle}${number}`, shaper.classes);
  if (mine.filters.length === 0) return rest.length > 0 ? whole(least(rest)) : null;
  return rest.length > 0
    ? 'what no filter names is limited too, by its default class'
    : groupsOf(mine, side, own);
}

/** Where what comes in by a NIC is led, and for which of its addresses. */
function inwardOf(nic: string, own: readonly string[], { qdiscs, shapers }: Reading) {
  if (!qdiscs.some((line) => line.startsWith(`qdisc ingress ffff: dev ${nic} `))) return null;
  const shaper = shapers.find((each) => each.nic === nic);
  const filters = shaper?.filters.filter(({ parent }) => parent === 'ffff:') ?? [];
  if (!shaper || shaper.strange !== null) return `not understood: ${shaper?.strange ?? 'its filters'}`;
  const [device = '', ...more] = [...new Set(filters.map((filter) => filter.device))];
  const led = filters.flatMap(({ side, address }) =>
    side === 'any' ? own : side === 'dst' ? [address] : [],
  );
  if (filters.length === 0 || device === '' || more.length > 0 || led.length === 0)
    return 'its filters lead to no device that limits';
  return { device, addresses: own.filter((address) => led.includes(address)) };
}

const sameLimit = (one: Limit, other: Limit): boolean =>
  JSON.stringify([one.cap, one.addresses.toSorted(), [...one.shares].toSorted()]) ===
  JSON.stringify([other.cap, other.addresses.toSorted(), [...other.shares].toSorted()]);

const BOTH =
  'it limits; bandwidth does that on devices of its own, for EIPs only, and not what stays inside the networks';

/** Limits of a NIC and of the device that what comes in is led over, as `bandwidth`; and the qdiscs that they stand for. */
export function importBandwidth(
  reading: Reading,
  eipOf: EipNames,
  notes: Notes,
): { readonly found: readonly ImportedBandwidth[]; readonly used: readonly string[] } {
  const unique = namer();
  const used: string[] = [];
  const nics = [...new Set(reading.addresses.filter(({ kind }) => kind !== 'bridge').map(({ nic }) => nic))];
  const found = nics.flatMap((nic): ImportedBandwidth[] => {
    const own = reading.addresses.filter((each) => each.nic === nic).map(({ address }) => address);
    const lines = (device: string): string[] =>
      reading.qdiscs.filter((line) => line.split(' ')[4] === device);
    const out = limitsOf(nic, 'src', own, reading);
    const inward = inwardOf(nic, own, reading);
    const into =
      inward === null || typeof inward === 'string'
        ? inward
        : (limitsOf(inward.device, 'dst', inward.addresses, reading) ??
          'where it is led to, nothing limits it');
    const why = [out, into].find((each) => typeof each === 'string');
    if (typeof why === 'string') {
      notes.add(`tc on ${nic}`, `${why}; write it under bandwidth, or leave it as it is`);
      return [];
    }
    const [outward, incoming] = [out ?? [], into ?? []] as [readonly Limit[], readonly Limit[]];
    if (outward.length + incoming.length === 0) return [];
    used.push(...lines(nic), ...(inward === null || typeof inward === 'string' ? [] : lines(inward.device)));
    const before =
      inward === null ? '' : ` Before the run: tc qdisc del dev ${nic} ingress, beside which it is refused.`;
    const after = out === null ? '' : ` After it: tc qdisc del dev ${nic} root.`;
    notes.add(
      `tc on ${nic}`,
      `${BOTH}. What is there stays until somebody takes it away, also where it is made at boot.${before}${after}`,
    );
    const entry = (limit: Limit, direction?: 'egress' | 'ingress'): ImportedBandwidth => ({
      ...{ name: unique(nic, 'shared'), cap: limit.cap, eips: limit.addresses.map(eipOf) },
      ...guaranteeOf(limit, eipOf),
      ...(direction ? { direction } : {}),
    });
    const both = outward.filter((limit) => incoming.some((other) => sameLimit(limit, other)));
    return [
      ...both.map((limit) => entry(limit)),
      ...outward.filter((limit) => !both.includes(limit)).map((limit) => entry(limit, 'egress')),
      ...incoming
        .filter((limit) => !both.some((other) => sameLimit(limit, other)))
        .map((limit) => entry(limit, 'ingress')),
    ];
  });
  return { found, used };
}

/** Equal parts of the cap are what every member gets anyway. */
function guaranteeOf({ cap, shares }: Limit, eipOf: EipNames): Pick<ImportedBandwidth, 'guarantee'> {
  const part = bitsOf(cap) / Math.max(1, shares.size);
  const unequal = [...shares.values()].some((rate) => Math.abs(bitsOf(rate) - part) > part / 100);
  return unequal
    ? { guarantee: Object.fromEntries([...shares].map(([address, rate]) => [eipOf(address), rate])) }
    : {};
}
