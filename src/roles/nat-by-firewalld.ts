import { ProvisionError } from '../model/error.ts';
import type { Host } from '../model/host.ts';
import { contains } from '../model/ipv4.ts';
import type { HostVariables } from './variables/index.ts';

const OWN_TABLE = 'Leave nat.engine out: rules of its own can do that.';

/** What firewalld cannot say is refused, with the place, rather than left out in silence. */
export function refuseUnsupported({ nat, firewall }: HostVariables, host: Host): void {
  const refuse = (path: readonly (string | number)[], what: string, hint: string): never => {
    throw new ProvisionError('inventory', `${host.name}: ${what}`, { place: host.place(path), hint });
  };
  if (!nat)
    return refuse(
      [],
      'a NAT gateway needs `nat:`.',
      'Add nat: { masquerade: [SOURCE/BITS] } to its variables.',
    );
  if ((nat.snat ?? []).length > 0) {
    refuse(
      ['nat', 'snat'],
      'firewalld cannot translate to a chosen address.',
      `${OWN_TABLE} Or use masquerade: for these sources.`,
    );
  }
  (nat.dnat ?? []).forEach((entry, index) => {
    if (entry.protocol === 'any') {
      refuse(
        ['nat', 'dnat', index, 'protocol'],
        `DNAT entry ${entry.name}: firewalld cannot forward protocol "any".`,
        `${OWN_TABLE} Or name the ports and write protocol: tcp, udp or tcp+udp.`,
      );
    }
    const [port, toPort] = [String(entry.port), String(entry.to_port ?? entry.port)];
    if (port !== toPort && (port.includes('-') || toPort.includes('-'))) {
      refuse(
        ['nat', 'dnat', index, 'to_port'],
        `DNAT entry ${entry.name}: firewalld cannot shift a range of ports.`,
        `${OWN_TABLE} Or leave to_port out.`,
      );
    }
  });
  if ((firewall?.filter ?? []).length > 0) {
    refuse(
      ['firewall', 'filter'],
      'firewall.filter does not go with nat.engine firewalld.',
      `${OWN_TABLE} Or use firewall.zones.`,
    );
  }
}

/** What the inventory may say already and this version does nothing about: said, not passed over. */
export function ignoredVariables({ egress, listeners }: HostVariables, host: string): string[] {
  const ignored = [
    ...((egress ?? []).length > 0 ? ['egress'] : []),
    ...((listeners ?? []).length > 0 ? ['listeners'] : []),
  ];
  return ignored.map((what) => `${host}: ${what} has no effect in this version`);
}

/**
 * Masquerade of a source towards everything but the network it stands in: a rich rule can exclude one destination
 * (firewalld.richlanguage(5)), and traffic that stays inside keeps its address.
 */
export function masqueradeEntries({ nat, networks }: HostVariables): { source: string; inside: string }[] {
  return (nat?.masquerade ?? []).map((source) => ({
    source,
    inside: Object.values(networks ?? {}).find(({ cidr }) => contains(cidr, source))?.cidr ?? source,
  }));
}

export interface ForwardPort {
  readonly name: string;
  /** The EIP as the outside knows it. */
  readonly public: string;
  /** The NIC's address that the EIP is mapped to: what packets carry when they arrive. */
  readonly address: string;
  readonly port: string;
  readonly protocol: 'tcp' | 'udp';
  readonly toAddress: string;
  /** Empty = the port stays. */
  readonly toPort: string;
}

/** DNAT entries as forward-ports, one per protocol. */
export function forwardPorts({ nat, eips }: HostVariables): ForwardPort[] {
  return (nat?.dnat ?? []).flatMap((entry) => {
    const eip = eips?.[entry.eip];
    if (!eip || entry.port === undefined) return [];
    const port = String(entry.port);
    const toPort = entry.to_port === undefined || String(entry.to_port) === port ? '' : String(entry.to_port);
    const protocols =
      entry.protocol === 'tcp+udp' ? (['tcp', 'udp'] as const) : ([entry.protocol] as ('tcp' | 'udp')[]);
    return protocols.map((protocol) => ({
      name: entry.name,
      public: eip.public,
      address: eip.private,
      port,
      protocol,
      toAddress: entry.to,
      toPort,
    }));
  });
}
