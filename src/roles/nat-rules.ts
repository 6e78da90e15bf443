import type { NatRules, PacketFilter, PortForward, Ports, SourceNat } from '../model/nat-rules.ts';
import { addressOf, networkOf } from '../model/ipv4.ts';
import type { DnatEntry, Eip, FilterRule, HostVariables } from './variables/index.ts';
import { portRanges } from './variables/ports.ts';

/** What packets to an EIP may carry as their destination: the address it is mapped to, and itself. */
export const addressesOf = (eip: Eip): string[] => [...new Set([eip.private, eip.public])];

const list = <T>(value: T | readonly T[] | undefined): readonly T[] =>
  value === undefined ? [] : Array.isArray(value) ? (value as readonly T[]) : [value as T];

/** The NICs with a way out: those that an EIP is mapped to; without EIPs, all. */
export function wanNics({ nics, eips }: HostVariables): string[] {
  const mapped = new Set(Object.values(eips ?? {}).map((eip) => eip.private));
  const names = Object.keys(nics ?? {});
  const outside = names.filter((name) => {
    const nic = nics?.[name];
    return [nic?.address ?? '', ...(nic?.secondary ?? [])].some((address) => mapped.has(addressOf(address)));
  });
  return outside.length > 0 ? outside : names;
}

/** Known networks; without any, those that the NICs stand in. */
export const insideNetworks = ({ networks, nics }: HostVariables): string[] => {
  const known = Object.values(networks ?? {}).map(({ cidr }) => cidr);
  return known.length > 0
    ? known
    : [...new Set(Object.values(nics ?? {}).map(({ address }) => networkOf(address)))];
};

/**
 * In order, no port twice, and neighbours together: nft refuses maps whose elements overlap, and joins neighbours itself
 * in a form that it lists in another way once it has read its own listing.
 */
export function portsOnce(ports: readonly Ports[]): Ports[] {
  const once: Ports[] = [];
  for (const { from, to } of ports.toSorted((a, b) => a.from - b.from)) {
    const before = once.at(-1);
    if (before && from <= before.to + 1) once[once.length - 1] = { ...before, to: Math.max(before.to, to) };
    else once.push({ from, to });
  }
  return once;
}

function portForward(entry: DnatEntry, eip: Eip): PortForward[] {
  const [ports] = entry.port === undefined ? [] : portRanges(entry.port);
  if (!ports) return [];
  const [toPorts = ports] = entry.to_port === undefined ? [] : portRanges(entry.to_port);
  return [
    {
      name: entry.name,
      addresses: addressesOf(eip),
      protocols: entry.protocol === 'tcp+udp' ? ['tcp', 'udp'] : [entry.protocol as 'tcp' | 'udp'],
      ports,
      to: entry.to,
      toPorts,
    },
  ];
}

function packetFilter(rule: FilterRule): PacketFilter {
  const protocols = {
    tcp: ['tcp'],
    udp: ['udp'],
    'tcp+udp': ['tcp', 'udp'],
    icmp: ['icmp'],
    any: [],
  } as const;
  const ports = rule.ports === undefined ? [] : portsOnce(portRanges(rule.ports));
  return {
    action: rule.action,
    direction: rule.direction,
    protocols: protocols[rule.protocol],
    ports,
    sources: list(rule.source),
    destinations: list(rule.destination),
    nic: rule.interface ?? '',
  };
}

/** The reverse of a 1:1 mapping: the private address leaves by the public one it is reached by. */
const reverse = (entry: DnatEntry, eip: Eip): SourceNat => ({
  source: entry.to,
  to: [eip.private],
  except: [],
});

/** A gateway's variables → what it loads, whatever loads it. Names of EIPs were checked with the inventory. */
export function natRules(vars: HostVariables): NatRules {
  const { nat, eips = {}, firewall } = vars;
  const named = (name: string): Eip[] => (eips[name] ? [eips[name]] : []);
  const dnat = nat?.dnat ?? [];
  const whole = dnat.filter(({ protocol }) => protocol === 'any');
  return {
    wan: wanNics(vars),
    inside: insideNetworks(vars),
    ports: dnat
      .filter(({ protocol }) => protocol !== 'any')
      .flatMap((entry) => named(entry.eip).flatMap((eip) => portForward(entry, eip))),
    whole: whole.flatMap((entry) =>
      named(entry.eip).map((eip) => ({
        name: entry.name,
        addresses: addressesOf(eip),
        to: entry.to,
        keep: portsOnce(portRanges(entry.except_ports)),
      })),
    ),
    snat: [
      // First, so that an entry written for the same address wins.
      ...whole.flatMap((entry) => named(entry.eip).map((eip) => reverse(entry, eip))),
      ...(nat?.snat ?? []).map(({ source, to, except }) => ({
        source,
        to: list(to).flatMap((name) => named(name).map((eip) => eip.private)),
        except,
      })),
    ],
    masquerade: nat?.masquerade ?? [],
    filter: (firewall?.filter ?? []).map(packetFilter),
    clampMss: nat?.clamp_mss ?? true,
  };
}

/** Every source that the gateway lets out: what a firewall beside it must accept. */
export const declaredSources = ({ snat, masquerade }: NatRules): string[] => [
  ...new Set([...masquerade, ...snat.map(({ source }) => source)]),
];
