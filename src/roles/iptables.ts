import { PRIVATE_SPACE } from '../model/nat-rules.ts';
import type { NatRules, PacketFilter, PortForward, Ports, SourceNat } from '../model/nat-rules.ts';
import { blockRange, prefixLength } from '../model/ipv4.ts';
import { rangeText } from './address-ranges.ts';

/** iptables-extensions(8), multiport: 15 ports a rule, a range counts as two. */
const MULTIPORT_SLOTS = 15;

/** xt_cluster's seed; any number does, as long as it stays the same. */
const HASH_SEED = '0x70726f76';

const portText = ({ from, to }: Ports): string => (from === to ? String(from) : `${from}:${to}`);

/** Ports in as few rules as multiport allows. */
export function multiport(ports: readonly Ports[]): string[] {
  const rules: string[][] = [];
  let free = 0;
  for (const range of ports) {
    const slots = range.from === range.to ? 1 : 2;
    if (slots > free) {
      rules.push([]);
      free = MULTIPORT_SLOTS;
    }
    rules.at(-1)?.push(portText(range));
    free -= slots;
  }
  return rules.map((list) => `-m multiport --dports ${list.join(',')}`);
}

function portForward({ addresses, protocols, ports, to, toPorts }: PortForward): string[] {
  const span = toPorts.from === toPorts.to ? String(toPorts.from) : `${toPorts.from}-${toPorts.to}`;
  const shifted = ports.from === ports.to || ports.from === toPorts.from ? '' : `/${ports.from}`;
  const target = ports.from === toPorts.from ? to : `${to}:${span}${shifted}`;
  return addresses.flatMap((address) =>
    protocols.map(
      (protocol) =>
        `-d ${address} -p ${protocol} -m ${protocol} --dport ${portText(ports)} -j DNAT --to-destination ${target}`,
    ),
  );
}

/** One EIP a source: its hash decides (xt_cluster hashes the original source of a connection). */
const pool = (source: string, to: readonly string[]): string[] =>
  to.map((address, index) => {
    const member = `-m cluster --cluster-total-nodes ${to.length} --cluster-local-node ${index + 1} --cluster-hash-seed ${HASH_SEED}`;
    return `-s ${source} ${member} -j SNAT --to-source ${address} --random-fully`;
  });

const sourceNat = ({ source, to, except }: SourceNat): string[] => [
  ...except.map((destination) => `-s ${source} -d ${destination} -j ACCEPT`),
  ...(to.length === 1
    ? [`-s ${source} -j SNAT --to-source ${to[0] ?? ''} --random-fully`]
    : pool(source, to)),
];

/** The smallest block first; of two equal ones the later is the one that counts. */
const smallestFirst = (entries: readonly SourceNat[]): SourceNat[] =>
  // 10.0.0.5 and 10.0.0.5/32 are one.
  [...new Map(entries.map((entry) => [rangeText(blockRange(entry.source)), entry])).values()].toSorted(
    (a, b) => prefixLength(b.source) - prefixLength(a.source),
  );

const each = (flag: string, blocks: readonly string[]): string[] =>
  blocks.length === 0 ? [''] : blocks.map((block) => `${flag} ${block} `);

/** One plain rule; several where iptables has no list of its own. */
function filterRules({
  action,
  direction,
  protocols,
  ports,
  sources,
  destinations,
  nic,
}: PacketFilter): string[] {
  const through = nic === '' ? '' : `${direction === 'out' ? '-o' : '-i'} ${nic} `;
  const services =
    protocols.length === 0
      ? ['']
      : protocols.flatMap((protocol) =>
          ports.length === 0
            ? [`-p ${protocol} `]
            : multiport(ports).map((match) => `-p ${protocol} ${match} `),
        );
  return each('-s', sources).flatMap((source) =>
    each('-d', destinations).flatMap((destination) =>
      services.map((service) => `${source}${destination}${through}${service}-j ${action.toUpperCase()}`),
    ),
  );
}

/** Rules → what the template `iptables/nat.rules` needs: rules without their chain. */
export function iptablesData(rules: NatRules): Readonly<Record<string, unknown>> {
  const { ports, whole, snat, masquerade, inside, wan, filter } = rules;
  const of = (direction: PacketFilter['direction']): string[] =>
    filter.filter((rule) => rule.direction === direction).flatMap(filterRules);
  const backends = [...new Set([...ports, ...whole].map(({ to }) => to))];
  const exceptions = snat.flatMap(({ source, except }) =>
    except.map((destination) => `-s ${source} -d ${destination} -j RETURN`),
  );
  const declared = [...new Set([...snat.map(({ source }) => source), ...masquerade])];
  return {
    wan,
    inside,
    clampMss: rules.clampMss,
    dnat: ports.flatMap(portForward),
    keep: whole.flatMap(({ addresses, keep }) =>
      addresses.flatMap((address) =>
        keep.length === 0
          ? []
          : ['tcp', 'udp'].flatMap((protocol) =>
              multiport(keep).map((match) => `-d ${address} -p ${protocol} ${match} -j RETURN`),
            ),
      ),
    ),
    dnatAny: whole.flatMap(({ addresses, to }) =>
      addresses.map((address) => `-d ${address} -j DNAT --to-destination ${to}`),
    ),
    backends,
    snat: smallestFirst(snat).flatMap(sourceNat),
    masquerade: masquerade.map((source) => `-s ${source} -j MASQUERADE --random-fully`),
    exceptions,
    declared,
    private: PRIVATE_SPACE,
    input: of('in'),
    output: of('out'),
    forward: of('forward'),
  };
}
