import { createHash } from 'node:crypto';
import type { BalancedService, BalanceRules, HealthCheck, PortSpread, WayBack } from '../model/balance.ts';
import { addressOf, contains, networkOf } from '../model/ipv4.ts';
import { slots, turns } from '../model/turns.ts';
import { portsOnce } from './nat-rules.ts';
import { durationSeconds } from './variables/amounts.ts';
import type { Backend, Health, HostVariables, Listener } from './variables/index.ts';
import { portRanges } from './variables/ports.ts';

/** 28 characters are all that a chain of iptables may have; ours take 15 before the name, and 4 after it. */
const LONGEST_ID = 9;

/** The name where it is short enough, else its beginning and a part of its hash: the same at every run. */
export const shortId = (name: string): string =>
  name.length <= LONGEST_ID
    ? name
    : `${name.slice(0, 4)}${createHash('sha256').update(name).digest('hex').slice(0, 5)}`;

const milliseconds = (duration: string): number => Math.round(durationSeconds(duration) * 1000);

/** What packets to an address may carry as their destination: the address of the NIC, and EIPs that lead to it. */
function addressesOf(address: string, eips: HostVariables['eips'] = {}): string[] {
  const all = Object.values(eips);
  const own = all.find((eip) => eip.public === address)?.private ?? address;
  return [...new Set([own, address, ...all.filter((eip) => eip.private === own).map((eip) => eip.public)])];
}

/** NICs, each with its primary address; the one that holds the listener's address with that. */
const sourcesOf = (addresses: readonly string[], { nics }: HostVariables) =>
  Object.entries(nics ?? {}).map(([nic, { address, secondary }]) => {
    const own = [address, ...secondary].map(addressOf);
    return { nic, address: own.find((each) => addresses.includes(each)) ?? addressOf(address) };
  });

/** Known networks that hold a backend: clients there would be answered past this host. */
function hairpinNetworks(backends: readonly Backend[], { networks, nics }: HostVariables): string[] {
  const known = [
    ...Object.values(networks ?? {}).map(({ cidr }) => cidr),
    ...Object.values(nics ?? {}).map(({ address }) => networkOf(address)),
  ];
  return [...new Set(known)].filter((cidr) => backends.some(({ address }) => contains(cidr, address)));
}

function healthCheck(health: Health): HealthCheck {
  const { http, command } = health;
  return {
    ask: http
      ? { kind: 'http', path: http.path, status: http.status, body: http.body ?? '' }
      : command === undefined
        ? { kind: 'tcp' }
        : { kind: 'command', command },
    port: health.port ?? null,
    source: health.source ?? null,
    interval: milliseconds(health.interval),
    timeout: milliseconds(health.timeout),
    fast: milliseconds(health.fast),
    rise: health.rise,
    fall: health.fall,
    allDown: health.all_down,
  };
}

const BY = { 'round-robin': 'turn', weighted: 'turn', random: 'chance', 'source-hash': 'source' } as const;

function service(entry: Listener, vars: HostVariables): BalancedService[] {
  const { address, port, backends } = entry;
  if (address === undefined || port === undefined || backends === undefined) return [];
  const ports = portsOnce(portRanges(port));
  const [first] = ports;
  const single = ports.length === 1 && first?.from === first?.to ? (first?.from ?? null) : null;
  const addresses = addressesOf(address, vars.eips);
  const weights = backends.map(({ weight }) => weight);
  const back: WayBack = entry.snat
    ? { snat: true, sources: sourcesOf(addresses, vars) }
    : { snat: false, hairpin: hairpinNetworks(backends, vars) };
  return [
    {
      name: entry.name,
      id: shortId(entry.name),
      addresses,
      protocols: entry.protocol === 'tcp+udp' ? ['tcp', 'udp'] : [entry.protocol],
      ports,
      by: BY[entry.algorithm],
      turns: entry.algorithm === 'source-hash' ? slots(weights) : turns(weights),
      affinity: entry.affinity ? Math.max(1, Math.round(durationSeconds(entry.affinity.timeout))) : null,
      backends: backends.map((backend) => ({
        address: backend.address,
        port: backend.port ?? single,
        weight: backend.weight,
        state: backend.state,
      })),
      health: entry.health ? healthCheck(entry.health) : null,
      identity: entry.identity?.path ?? null,
      back,
    },
  ];
}

function spread({ name, redirect }: Listener): PortSpread[] {
  const [to] = redirect ? portRanges(redirect.to) : [];
  return redirect && to ? [{ name, protocol: redirect.protocol, port: redirect.port, to }] : [];
}

/** A balancer's variables → what it loads, whatever loads it. What does not fit together was refused with the inventory. */
export const balanceRules = (vars: HostVariables): BalanceRules => ({
  services: (vars.listeners ?? []).flatMap((entry) => service(entry, vars)),
  spreads: (vars.listeners ?? []).flatMap(spread),
  eips: [...new Set(Object.values(vars.eips ?? {}).map((eip) => eip.public))].filter(
    (eip) => !Object.values(vars.nics ?? {}).some((nic) => addressOf(nic.address) === eip),
  ),
});
