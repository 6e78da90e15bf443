import { addressNumber, formatAddress, networkOf } from '../../model/ipv4.ts';
import type { Recognised } from './host-listeners.ts';
import type { HostAddress, HostZone } from './host-reading.ts';
import type { ImportedDnat } from './imported-gateway.ts';
import type { Notes } from './import-notes.ts';
import { bare, natRules, saysOnly } from './iptables-text.ts';
import type { Rule } from './iptables-text.ts';

/** Address of the host → name of the EIP that the cloud maps to it. */
export type EipNames = (address: string) => string;

export interface ImportedNat {
  readonly masquerade: readonly string[];
  readonly snat: readonly { readonly source: string; readonly to: string | readonly string[] }[];
  readonly dnat: readonly Omit<ImportedDnat, 'remark'>[];
  /** Zones that lose what they translate. */
  readonly zones: Readonly<Record<string, ImportedZone>>;
}

/** The networks that NICs stand in. */
const networksOf = (addresses: readonly HostAddress[]): string[] => [
  ...new Set(
    addresses
      .filter(({ kind }) => kind !== 'bridge')
      .map(({ address, prefix }) => networkOf(`${address}/${prefix}`)),
  ),
];

/** What leaves by a NIC, where a rule names no source: the networks of the other NICs; behind a single one, its own. */
function sourcesBehind(nic: string, addresses: readonly HostAddress[]): string[] {
  const others = networksOf(addresses.filter((each) => each.nic !== nic));
  return others.length > 0 ? others : networksOf(addresses);
}

/** A pool of more addresses than this is no pool that somebody meant. */
const LARGEST_POOL = 64;

/** The addresses of `--to-source`, all of them the host's own; empty = they are not, or there is more to it. */
function pool({ options }: Rule, own: readonly string[]): string[] {
  const [, first, last = first] = /^([\d.]+)(?:-([\d.]+))?$/.exec(options.get('--to-source') ?? '') ?? [];
  if (first === undefined || last === undefined) return [];
  const count = addressNumber(last) - addressNumber(first) + 1;
  if (!(count >= 1 && count <= LARGEST_POOL)) return [];
  const all = Array.from({ length: count }, (_none, index) => formatAddress(addressNumber(first) + index));
  return all.every((address) => own.includes(address)) ? all : [];
}

/** Sources that leave by a chosen address, or by that of the NIC. */
function sources(rules: readonly Rule[], addresses: readonly HostAddress[], eipOf: EipNames, notes: Notes) {
  const own = addresses.map(({ address }) => address);
  const snat = natRules(rules, 'POSTROUTING', 'SNAT').filter(
    (rule) =>
      saysOnly(rule, ['-s', '-o', '-j', '--to-source', '--random', '--random-fully']) &&
      rule.options.has('-s') &&
      pool(rule, own).length > 0,
  );
  const masquerade = natRules(rules, 'POSTROUTING', 'MASQUERADE').filter((rule) =>
    saysOnly(rule, ['-s', '-o', '-j', '--random', '--random-fully']),
  );
  return {
    used: [...snat, ...masquerade],
    snat: snat.map((rule) => {
      const names = pool(rule, own).map(eipOf);
      return {
        source: bare(rule.options.get('-s') ?? ''),
        to: names.length === 1 ? (names[0] ?? '') : names,
      };
    }),
    masquerade: masquerade.flatMap(({ options, line }) => {
      const source = options.get('-s');
      if (source !== undefined) return [bare(source)];
      const behind = sourcesBehind(options.get('-o') ?? '', addresses);
      notes.add(
        `-t nat ${line}`,
        `it translates whatever is routed through this host, from any source; here only ${behind.join(', ')} is let out: add the other sources behind this host to nat.masquerade`,
      );
      return behind;
    }),
  };
}

const TO = /^(\d+\.\d+\.\d+\.\d+)(?::(\d+)(?:-(\d+))?)?$/;

/** Services inside that are reached by an address of the host. */
function services(rules: readonly Rule[], addresses: readonly HostAddress[], eipOf: EipNames) {
  const found: Omit<ImportedDnat, 'remark'>[] = [];
  const used = natRules(rules, 'PREROUTING', 'DNAT').filter((rule) => {
    const { options } = rule;
    if (!saysOnly(rule, ['-d', '-i', '-p', '--dport', '-j', '--to-destination'])) return false;
    const [nicAddress] = addresses.filter(({ nic }) => nic === options.get('-i'));
    const address = options.has('-d') ? bare(options.get('-d') ?? '') : (nicAddress?.address ?? '');
    const [protocol, dport] = [options.get('-p'), options.get('--dport') ?? ''];
    const [, to = '', low, high] = TO.exec(options.get('--to-destination') ?? '') ?? [];
    if (!addresses.some((each) => each.address === address)) return false;
    if ((protocol !== 'tcp' && protocol !== 'udp') || !/^\d+(:\d+)?$/.test(dport) || to === '') return false;
    const port = dport.replace(':', '-');
    const toPort = low === undefined ? null : high === undefined ? low : `${low}-${high}`;
    // A range that leads to one port is nothing that a DNAT entry says.
    if (port.includes('-') && toPort !== null && !toPort.includes('-')) return false;
    found.push({
      ...{ name: `${protocol}-${port}`, eip: eipOf(address), protocol, port, to },
      toPort: toPort === port ? null : toPort,
    });
    return true;
  });
  return { used, dnat: found };
}

/** A zone as the inventory owns it: as it is, but for what `nat` does from then on. */
export interface ImportedZone {
  readonly interfaces: readonly string[];
  readonly services: readonly string[];
  readonly ports: readonly string[];
}

interface ZoneWork {
  readonly sources: readonly string[];
  readonly zones: Readonly<Record<string, ImportedZone>>;
}

/** Zones of firewalld that masquerade: nobody said which sources, so those of their own networks are let out. */
function importZones(zones: readonly HostZone[], addresses: readonly HostAddress[], notes: Notes): ZoneWork {
  const translating = zones.filter(({ masquerade, forwardPorts }) => masquerade || forwardPorts.length > 0);
  const work = translating.map((zone) => {
    const title = `zone ${zone.name}`;
    const networks = networksOf(addresses.filter(({ nic }) => zone.nics.includes(nic)));
    if (zone.masquerade)
      notes.add(
        `${title} has masquerade`,
        `it translates whatever is routed through this host, from any source; the zone loses it, and only ${networks.join(', ') || 'nothing'} is let out: add the other sources behind this host to nat.masquerade`,
      );
    zone.forwardPorts.forEach((port) =>
      notes.add(`${title}, forward-port ${port}`, 'the zone loses it: write it under nat.dnat'),
    );
    zone.others.forEach((tag) =>
      notes.add(`${title}, <${tag}>`, 'the zone loses it: firewall.zones cannot say it'),
    );
    const { nics: interfaces, services, ports } = zone;
    return {
      sources: zone.masquerade ? networks : [],
      named: [zone.name, { interfaces, services, ports }] as const,
    };
  });
  return {
    sources: work.flatMap(({ sources: each }) => each),
    zones: Object.fromEntries(work.map(({ named }) => named)),
  };
}

/** What a hand-made gateway does, as `nat`. */
export function importNat(
  rules: readonly Rule[],
  { zones, addresses }: { readonly zones: readonly HostZone[]; readonly addresses: readonly HostAddress[] },
  eipOf: EipNames,
  notes: Notes,
): Recognised<ImportedNat> {
  const out = sources(rules, addresses, eipOf, notes);
  const inward = services(rules, addresses, eipOf);
  const zoned = importZones(zones, addresses, notes);
  const masquerade = [...new Set([...out.masquerade, ...zoned.sources])];
  const isEmpty =
    masquerade.length + out.snat.length + inward.dnat.length + Object.keys(zoned.zones).length === 0;
  return {
    found: isEmpty ? [] : [{ masquerade, snat: out.snat, dnat: inward.dnat, zones: zoned.zones }],
    used: [...out.used, ...inward.used],
  };
}
