import { PRIVATE_SPACE } from '../model/nat-rules.ts';
import type { NatRules, PacketFilter, PortForward, Ports } from '../model/nat-rules.ts';
import { merged, rangeText, smallestFirst } from './address-ranges.ts';

/** Elements of a set or map, one a line: a change of one entry is a change of one line. */
const elements = (items: readonly string[]): string => [...new Set(items)].join(',\n\t\t\t');

const portText = ({ from, to }: Ports): string => (from === to ? String(from) : `${from}-${to}`);

const keepsPorts = ({ ports, toPorts }: PortForward): boolean => ports.from === toPorts.from;

/** Every address and protocol of an entry. */
const keys = ({ addresses, protocols }: PortForward): { address: string; protocol: string }[] =>
  addresses.flatMap((address) => protocols.map((protocol) => ({ address, protocol })));

/**
 * nft cannot shift a range (1.0.6): one element a port. An exact key costs the same at one entry and at thousands. A map
 * for each protocol: nft 0.9.8 takes no key of three parts where the value has two.
 */
const singlePorts = (forward: PortForward, protocol: string): string[] =>
  keys(forward)
    .filter((key) => key.protocol === protocol)
    .flatMap(({ address }) =>
      Array.from({ length: forward.ports.to - forward.ports.from + 1 }, (_none, offset) => {
        const [port, toPort] = [forward.ports.from + offset, forward.toPorts.from + offset];
        return `${address} . ${port} : ${forward.to} . ${toPort}`;
      }),
    );

const portRange = (forward: PortForward): string[] =>
  keys(forward).map(
    ({ address, protocol }) => `${address} . ${protocol} . ${portText(forward.ports)} : ${forward.to}`,
  );

const isRange = ({ ports }: PortForward): boolean => ports.from !== ports.to;

/** SNAT by the smallest block that holds the source: ranges that share no address, as interval maps need them. */
function sources({ snat }: NatRules) {
  const ranges = smallestFirst(snat.map((entry) => ({ block: entry.source, value: entry })));
  const pools = new Map<string, { to: readonly string[]; ranges: string[] }>();
  for (const range of ranges.filter(({ value }) => value.to.length > 1)) {
    const key = range.value.to.join(' ');
    const pool = pools.get(key) ?? { to: range.value.to, ranges: [] };
    pool.ranges.push(rangeText(range));
    pools.set(key, pool);
  }
  return {
    single: ranges
      .filter(({ value }) => value.to.length === 1)
      .map((range) => `${rangeText(range)} : ${range.value.to[0] ?? ''}`),
    pools: [...pools.values()].map(({ to, ranges: members }, index) => ({
      name: `pool_${index + 1}`,
      sources: elements(members),
      size: to.length,
      members: to.map((address, member) => `${member} : ${address}`).join(', '),
    })),
    exceptions: ranges.flatMap((range) =>
      merged(range.value.except).map((except) => `${rangeText(range)} . ${rangeText(except)}`),
    ),
  };
}

const braces = (items: readonly string[]): string =>
  items.length === 1 ? (items[0] ?? '') : `{ ${items.join(', ')} }`;

const sets = (word: string, blocks: readonly string[]): string[] =>
  blocks.length === 0 ? [] : [`${word} ${braces(merged(blocks).map(rangeText))}`];

/** One rule in nft's words. */
function filterRule({
  action,
  direction,
  protocols,
  ports,
  sources: from,
  destinations,
  nic,
}: PacketFilter): string {
  const transport = ports.length > 0 ? [`th dport ${braces(ports.map(portText))}`] : [];
  return [
    ...(nic === '' ? [] : [`${direction === 'out' ? 'oifname' : 'iifname'} "${nic}"`]),
    ...sets('ip saddr', from),
    ...sets('ip daddr', destinations),
    ...(protocols.length > 0 ? [`meta l4proto ${braces(protocols)}`, ...transport] : []),
    action,
  ].join(' ');
}

/** Rules → what the template `nftables/nat.nft` needs. All values are addresses, ports and names that were checked. */
export function nftablesData(rules: NatRules): Readonly<Record<string, unknown>> {
  const { ports, whole, filter } = rules;
  const { single: snatTo, pools, exceptions } = sources(rules);
  const single = ports.filter((entry) => !isRange(entry) || !keepsPorts(entry));
  const of = (direction: PacketFilter['direction']): string[] =>
    filter.filter((rule) => rule.direction === direction).map(filterRule);
  return {
    wan: elements(rules.wan.map((name) => `"${name}"`)),
    inside: elements(merged(rules.inside).map(rangeText)),
    private: elements(PRIVATE_SPACE),
    public: elements([...ports, ...whole].flatMap(({ addresses }) => addresses)),
    backends: elements([...ports, ...whole].map(({ to }) => to)),
    dnatTcp: elements(single.flatMap((entry) => singlePorts(entry, 'tcp'))),
    dnatUdp: elements(single.flatMap((entry) => singlePorts(entry, 'udp'))),
    dnatRange: elements(ports.filter((entry) => isRange(entry) && keepsPorts(entry)).flatMap(portRange)),
    keep: elements(
      whole.flatMap(({ addresses, keep }) =>
        addresses.flatMap((address) =>
          keep.flatMap((kept) =>
            ['tcp', 'udp'].map((protocol) => `${address} . ${protocol} . ${portText(kept)}`),
          ),
        ),
      ),
    ),
    dnatAny: elements(whole.flatMap(({ addresses, to }) => addresses.map((address) => `${address} : ${to}`))),
    snatTo: elements(snatTo),
    pools,
    exceptions: elements(exceptions),
    masqueraded: elements(merged(rules.masquerade).map(rangeText)),
    clampMss: rules.clampMss,
    input: of('in'),
    output: of('out'),
    forward: of('forward'),
  };
}
