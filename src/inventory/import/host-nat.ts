import { isIPv4 } from 'node:net';
import {
  addressNumber,
  contains,
  formatAddress,
  networkOf,
  overlaps,
  parseCidr,
  rangesOverlap,
} from '../../model/ipv4.ts';
import type { AddressRange } from '../../model/ipv4.ts';
import { namer } from './gateway-names.ts';
import type { Recognised } from './host-listeners.ts';
import type { HostDockerNetwork } from './host-docker.ts';
import type { HostAddress, HostReading, HostZone } from './host-reading.ts';
import type { ImportedDnat } from './imported-gateway.ts';
import type { Notes } from './import-notes.ts';
import { bare, natRules, saysOnly, targetOf } from './iptables-text.ts';
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

/** The Docker network that a source is in. */
export const inDocker = (
  source: string | undefined,
  networks: readonly HostDockerNetwork[],
): HostDockerNetwork | undefined =>
  networks.find(
    ({ subnet }) =>
      source !== undefined &&
      isIPv4(source.split('/')[0] ?? '') &&
      parseCidr(subnet) !== null &&
      contains(subnet, source),
  );

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

type Reading = Pick<HostReading, 'zones' | 'addresses' | 'networks' | 'defaultNic'>;

/** Whether this rule translates sources as `nat` does: whatever of them goes out by the default route. */
function isTranslation(rule: Rule, { networks, defaultNic }: Reading, own: readonly string[]): boolean {
  const { options } = rule;
  const out = options.get('-o');
  // What leaves a Docker network is an app's, and no gateway's.
  if ((out !== undefined && out !== defaultNic) || inDocker(options.get('-s'), networks)) return false;
  return targetOf(rule) === 'SNAT'
    ? saysOnly(rule, ['-s', '-o', '-j', '--to-source', '--random', '--random-fully']) &&
        options.has('-s') &&
        pool(rule, own).length > 0
    : targetOf(rule) === 'MASQUERADE' && saysOnly(rule, ['-s', '-o', '-j', '--random', '--random-fully']);
}

/**
 * Sources that leave by a chosen address, or by that of the NIC. The first rule that matches decides, so one whose sources an
 * earlier one has already is not taken, unless both masquerade, or it was an SNAT of some of them: that comes first in an inventory too.
 */
function sources(rules: readonly Rule[], reading: Reading, eipOf: EipNames, notes: Notes) {
  const own = reading.addresses.map(({ address }) => address);
  const used: Rule[] = [];
  const why = new Map<Rule, string>();
  const snat: { source: string; to: string | readonly string[] }[] = [];
  const masquerade: string[] = [];
  const taken: { readonly source: string; readonly chosen: boolean }[] = [];
  for (const rule of rules) {
    if (rule.table !== 'nat' || rule.chain !== 'POSTROUTING' || !isTranslation(rule, reading, own)) continue;
    const source = rule.options.get('-s') ?? '0.0.0.0/0';
    const isMasquerade = targetOf(rule) === 'MASQUERADE';
    const agrees = (one: (typeof taken)[number]): boolean =>
      one.chosen ? one.source !== source && contains(source, one.source) : isMasquerade;
    const earlier = taken.find((one) => overlaps(one.source, source) && !agrees(one));
    if (earlier) {
      why.set(rule, `an earlier rule translates ${bare(earlier.source)} already, otherwise`);
      continue;
    }
    const names = isMasquerade ? [] : pool(rule, own).map(eipOf);
    taken.push({ source, chosen: names.length > 0 });
    used.push(rule);
    if (names.length > 0)
      snat.push({ source: bare(source), to: names.length === 1 ? (names[0] ?? '') : names });
    else if (rule.options.has('-s')) masquerade.push(bare(source));
    else {
      const behind = sourcesBehind(rule.options.get('-o') ?? reading.defaultNic, reading.addresses);
      notes.add(
        `-t nat ${rule.line}`,
        `it translates whatever is routed through this host, from any source; here only ${behind.join(', ')} is let out: add the other sources behind this host to nat.masquerade`,
      );
      masquerade.push(...behind);
    }
  }
  return { used, why, snat, masquerade };
}

const TO = /^(\d+\.\d+\.\d+\.\d+)(?::(\d+)(?:-(\d+))?)?$/;

/** Services inside that are reached by an address of the host. Of several rules for a port only the first is ever met. */
function services(rules: readonly Rule[], addresses: readonly HostAddress[], eipOf: EipNames, notes: Notes) {
  const found: Omit<ImportedDnat, 'remark'>[] = [];
  const why = new Map<Rule, string>();
  const unique = namer();
  const taken: { readonly address: string; readonly protocol: string; readonly ports: AddressRange }[] = [];
  const used = natRules(rules, 'PREROUTING', 'DNAT').filter((rule) => {
    const { options } = rule;
    if (!saysOnly(rule, ['-d', '-i', '-p', '--dport', '-j', '--to-destination'])) return false;
    const ofNic = addresses.filter(({ nic }) => nic === options.get('-i')).map(({ address }) => address);
    const address = options.has('-d') ? bare(options.get('-d') ?? '') : (ofNic[0] ?? '');
    const [protocol, dport] = [options.get('-p'), options.get('--dport') ?? ''];
    const [, to = '', low, high] = TO.exec(options.get('--to-destination') ?? '') ?? [];
    if (!addresses.some((each) => each.address === address)) return false;
    // From one NIC to the address of another: an entry cannot say by which NIC somebody comes.
    if (options.has('-i') && !ofNic.includes(address)) return false;
    if ((protocol !== 'tcp' && protocol !== 'udp') || !/^\d+(:\d+)?$/.test(dport) || to === '') return false;
    const port = dport.replace(':', '-');
    const toPort = low === undefined ? null : high === undefined ? low : `${low}-${high}`;
    // A range that leads to one port is nothing that a DNAT entry says.
    if (port.includes('-') && toPort !== null && !toPort.includes('-')) return false;
    const [first = 0, last = first] = port.split('-').map(Number);
    const ports = { first, last };
    if (
      taken.some(
        (one) => one.address === address && one.protocol === protocol && rangesOverlap(one.ports, ports),
      )
    ) {
      why.set(rule, `an earlier rule leads some of these ports elsewhere`);
      return false;
    }
    taken.push({ address, protocol, ports });
    if (options.has('-i'))
      notes.add(
        `-t nat ${rule.line}`,
        `the entry holds for whoever asks ${address}, also by another NIC and from inside`,
      );
    found.push({
      ...{ name: unique(`${protocol}-${port}`, 'dnat'), eip: eipOf(address), protocol, port, to },
      toPort: toPort === port ? null : toPort,
    });
    return true;
  });
  return { used, why, dnat: found };
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
  reading: Reading,
  eipOf: EipNames,
  notes: Notes,
): Recognised<ImportedNat> {
  const { zones, addresses } = reading;
  const out = sources(rules, reading, eipOf, notes);
  const inward = services(rules, addresses, eipOf, notes);
  const zoned = importZones(zones, addresses, notes);
  const masquerade = [...new Set([...out.masquerade, ...zoned.sources])];
  const isEmpty =
    masquerade.length + out.snat.length + inward.dnat.length + Object.keys(zoned.zones).length === 0;
  return {
    found: isEmpty ? [] : [{ masquerade, snat: out.snat, dnat: inward.dnat, zones: zoned.zones }],
    used: [...out.used, ...inward.used],
    why: new Map([...out.why, ...inward.why]),
  };
}
