import { importNics } from './host-nics.ts';
import type { ImportedNic } from './host-nics.ts';
import type { Host } from '../../model/host.ts';
import { namer } from './gateway-names.ts';
import { importBandwidth } from './host-bandwidth.ts';
import type { ImportedBandwidth } from './host-bandwidth.ts';
import { importContainers } from './host-containers.ts';
import type { ImportedDocker } from './host-containers.ts';
import { importBridges } from './host-egress.ts';
import type { ImportedBridge } from './host-egress.ts';
import { tellLeftovers } from './host-leftovers.ts';
import { importListeners } from './host-listeners.ts';
import type { ImportedListener } from './host-listeners.ts';
import { importNat } from './host-nat.ts';
import type { ImportedNat } from './host-nat.ts';
import { importPolicy, tellRoutes, tellUnled } from './host-policy.ts';
import type { ImportedBind } from './host-policy.ts';
import type { HostAddress, HostReading } from './host-reading.ts';
import { importSysctls } from './host-sysctls.ts';
import { viasOf } from './host-vias.ts';
import { notes } from './import-notes.ts';
import { FILL_IN } from './import-yaml.ts';
import { readRuleText } from './iptables-text.ts';

type Role = 'nat-gateway' | 'app-host' | 'load-balancer';

/** A host that was set up by hand, in the words of an inventory. */
export interface ImportedHost {
  readonly name: string;
  readonly roles: readonly Role[];
  /** Null = the inventory says them already. */
  readonly nics: Readonly<Record<string, ImportedNic>> | null;
  /** Networks of those NICs; null = the inventory says them already. */
  readonly networks: Readonly<Record<string, unknown>> | null;
  /** Null = the inventory says all of them already. What it says is kept; a person fills in the public addresses of the others. */
  readonly eips: Readonly<Record<string, unknown>> | null;
  readonly nat: ImportedNat | null;
  /** `nat.conntrack`; empty = the kernel's own. */
  readonly conntrack: Readonly<Record<string, number | string | boolean>>;
  readonly bandwidth: readonly ImportedBandwidth[];
  readonly egress: readonly (ImportedBridge | ImportedDocker | ImportedBind)[];
  readonly listeners: readonly ImportedListener[];
  /** Rules that these entries stand for, as `adopt.iptables` names them. */
  readonly adopted: readonly string[];
  readonly notes: readonly string[];
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null;

/** Names of EIPs by the address of the NIC: the inventory's own, and new ones after the NIC. */
function eipNames(host: Host, addresses: readonly HostAddress[]) {
  const { eips } = host.vars;
  const known = new Map(
    Object.entries(isObject(eips) ? eips : {}).flatMap(([name, eip]) =>
      isObject(eip) && typeof eip['private'] === 'string' ? [[eip['private'], name] as const] : [],
    ),
  );
  const unique = namer();
  [...known.values()].forEach((name) => unique(name, name));
  const made = new Map<string, string>();
  const nameOf = (address: string): string => {
    const name = known.get(address) ?? made.get(address);
    if (name !== undefined) return name;
    const nic = addresses.find((each) => each.address === address)?.nic ?? 'eip';
    made.set(address, unique(nic, 'eip'));
    return made.get(address) ?? '';
  };
  return { nameOf, made, known: [...known.keys()] };
}

/**
 * What a host that was set up by hand does, in the words of an inventory. Everything that it does and that they cannot
 * say is in `notes`, never left out in silence.
 */
export function importHost(reading: HostReading, host: Host): ImportedHost {
  const found = notes();
  const { rules, ownChains } = readRuleText(reading.rules);
  const { addresses } = reading;
  const { nameOf, made, known } = eipNames(host, addresses);
  const dockerBridges = ['docker0', ...reading.networks.map(({ bridge }) => bridge)];

  // In this order: a service that is spread is no plain DNAT entry, and the rules of a bridge are no SNAT table.
  const spread = importListeners(rules, addresses, found);
  const { listeners, taken: ways } = viasOf(spread, reading);
  let left = rules.filter((rule) => !spread.used.includes(rule));
  const egress = importBridges(left, addresses, dockerBridges, found);
  left = left.filter((rule) => !egress.used.includes(rule));
  const docker = importContainers(left, reading, found);
  left = left.filter((rule) => !docker.used.includes(rule));
  const nat = importNat(left, reading, nameOf, found);
  left = left.filter((rule) => !nat.used.includes(rule));
  const bound = importPolicy(reading, [...egress.found, ...docker.found], found);
  // An app host says which EIP stands for a NIC.
  const entries = [...egress.found, ...docker.found, ...bound.found];
  entries.forEach(({ nic }) => {
    const primary = addresses.find((each) => each.nic === nic);
    if (primary) nameOf(primary.address);
  });
  const isGateway = nat.found.length > 0;
  const bandwidth = isGateway ? importBandwidth(reading, nameOf, found) : { found: [], used: [] };
  const conntrack = importSysctls(reading, isGateway, found);
  tellUnled(reading, known, found);
  tellRoutes(reading.routes, ways, found);
  const declared = docker.found.flatMap(({ containers }) => containers.map(({ name }) => name));
  const rest = {
    ...reading,
    containers: reading.containers.filter(({ name }) => !declared.includes(name)),
    qdiscs: reading.qdiscs.filter((line) => !bandwidth.used.includes(line)),
  };
  tellLeftovers(rest, left, ownChains, nat.why ?? new Map(), found);

  const used = rules.filter((rule) => [spread, egress, docker, nat].some((each) => each.used.includes(rule)));
  const saved = readRuleText(reading.saved).rules.map(({ table, line }) => `${table} ${line}`);
  const lost = used.filter(({ table, line }) => !saved.includes(`${table} ${line}`)).length;
  if (lost > 0)
    found.list.push(
      lost === used.length
        ? 'No rule of adopt is saved: a reboot loses them today.'
        : `${lost} of the ${used.length} rules of adopt are not saved: a reboot loses them today.`,
    );
  if (!reading.forwarding && used.length > 0)
    found.list.push('net.ipv4.ip_forward is 0: nothing is forwarded today, and will be.');
  return {
    name: host.name,
    roles: [
      ...(isGateway ? (['nat-gateway'] as const) : []),
      ...(entries.length > 0 ? (['app-host'] as const) : []),
      ...(listeners.length > 0 ? (['load-balancer'] as const) : []),
    ],
    ...importNics(reading, host.vars, bound.routers),
    eips:
      made.size === 0
        ? null
        : {
            ...(isObject(host.vars['eips']) ? host.vars['eips'] : {}),
            ...Object.fromEntries(
              [...made].map(([address, name]) => [name, { public: FILL_IN, private: address }]),
            ),
          },
    nat: nat.found[0] ?? null,
    conntrack,
    bandwidth: bandwidth.found,
    egress: entries,
    listeners,
    adopted: used.map(({ table, line }) => `-t ${table} ${line}`),
    notes: found.list,
  };
}
