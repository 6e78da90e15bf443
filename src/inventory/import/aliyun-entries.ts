import { isIPv4 } from 'node:net';
import { networkOf, parseCidr } from '../../model/ipv4.ts';
import { shown } from '../../roles/variables/text.ts';
import type { ForwardEntry, SnatEntry } from './aliyun-responses.ts';
import { remarkOf, titleOf } from './import-notes.ts';
import type { Notes } from './import-notes.ts';
import type { ImportedDnat, ImportedSnat } from './imported-gateway.ts';

/** The addresses of a pool: "203.0.113.10,203.0.113.11". */
export const addressesIn = (text: string): string[] =>
  text
    .split(',')
    .map((part) => part.trim())
    .filter(Boolean);

/** The name of an EIP by its public address. */
export type NameOf = (address: string) => string | undefined;

/** One entry for a source: two of the cloud with one source become one with a pool. */
export function snatOf(entries: readonly SnatEntry[], nameOf: NameOf, found: Notes): ImportedSnat[] {
  const bySource = new Map<string, ImportedSnat>();
  for (const entry of entries) {
    const title = titleOf(entry.SnatEntryName, entry.SnatEntryId);
    const block = parseCidr(entry.SourceCIDR) ?? parseCidr(`${entry.SourceCIDR}/32`);
    if (block === null) {
      const from = entry.SourceVSwitchId === '' ? '' : ` (of the vSwitch ${shown(entry.SourceVSwitchId)})`;
      found.add(title, `its SourceCIDR${from} is ${shown(entry.SourceCIDR)}, no IPv4 network: left out`);
      continue;
    }
    const network = networkOf(`${block.address}/${block.prefix}`);
    const source = block.prefix === 32 ? block.address : network;
    if (block.prefix !== 32 && network !== entry.SourceCIDR)
      found.add(title, `host bits of ${entry.SourceCIDR} are set: taken for ${network}`);
    const names = addressesIn(entry.SnatIp).map((address) => ({ address, name: nameOf(address) }));
    const unknown = names.filter(({ name }) => name === undefined).map(({ address }) => shown(address));
    if (unknown.length > 0)
      found.add(title, `SnatIp ${unknown.join(', ')} is no IPv4 address: left out of it`);
    const to = names.flatMap(({ name }) => name ?? []);
    if (to.length === 0) {
      found.add(title, 'it has no public address that can be used: left out');
      continue;
    }
    const before = bySource.get(source);
    if (before) found.add(title, `${source} has an entry already: its addresses were added to that pool`);
    bySource.set(source, {
      source,
      to: [...new Set([...(before?.to ?? []), ...to])],
      remark:
        before?.remark ?? (entry.SnatEntryName === '' ? null : `in the cloud: ${shown(entry.SnatEntryName)}`),
    });
  }
  return [...bySource.values()];
}

/** `80`, `80/82` → `80`, `80-82`; null for anything else. */
function portOf(text: string): string | null {
  const match = /^([1-9]\d{0,4})(?:[/-]([1-9]\d{0,4}))?$/.exec(text);
  const [from, to] = [Number(match?.[1]), Number(match?.[2] ?? match?.[1])];
  if (!match || from > to || to > 65535) return null;
  return from === to ? String(from) : `${from}-${to}`;
}

const lengthOf = (port: string): number => {
  const [from = 0, to = from] = port.split('-').map(Number);
  return to - from + 1;
};

const isAny = (text: string): boolean => /^any$/i.test(text) || text === '';

/** A port or range for a port or range of the same length; null where it cannot be said. */
export function dnatOf(
  entry: ForwardEntry,
  nameOf: NameOf,
  unique: (wish: string, otherwise: string) => string,
  found: Notes,
): ImportedDnat | null {
  const title = titleOf(entry.ForwardEntryName, entry.ForwardEntryId);
  const leaveOut = (why: string): null => {
    found.add(title, `${why}: left out`);
    return null;
  };
  const eip = nameOf(entry.ExternalIp);
  if (eip === undefined) return leaveOut(`ExternalIp ${shown(entry.ExternalIp)} is no IPv4 address`);
  if (!isIPv4(entry.InternalIp)) return leaveOut(`InternalIp ${shown(entry.InternalIp)} is no IPv4 address`);
  const protocol = entry.IpProtocol.toLowerCase();
  if (!['tcp', 'udp', 'any'].includes(protocol))
    return leaveOut(`IpProtocol ${shown(entry.IpProtocol)} is none of TCP, UDP and Any`);
  const common = { eip, to: entry.InternalIp };
  const named = (otherwise: string): { name: string; remark: string | null } => {
    const name = unique(entry.ForwardEntryName, otherwise);
    return { name, remark: remarkOf(entry.ForwardEntryName, name) };
  };
  if (protocol === 'any' && isAny(entry.ExternalPort)) {
    const { name, remark } = named(`${eip}-any`);
    found.add(
      `nat.dnat ${name}`,
      'port 22 was kept for the gateway itself (except_ports): the cloud’s NAT gateway has no SSH of its own, yours has',
    );
    return { ...common, name, remark, protocol: 'any', port: null, toPort: null };
  }
  const port = isAny(entry.ExternalPort) ? '1-65535' : portOf(entry.ExternalPort);
  const toPort = isAny(entry.InternalPort) ? port : portOf(entry.InternalPort);
  if (port === null) return leaveOut(`ExternalPort ${shown(entry.ExternalPort)} is no port and no range`);
  if (toPort === null) return leaveOut(`InternalPort ${shown(entry.InternalPort)} is no port and no range`);
  if (lengthOf(port) !== lengthOf(toPort))
    return leaveOut(`${port} and ${toPort} are ranges of different length`);
  if (protocol === 'any') found.add(title, `protocol Any with a port became tcp+udp: nothing else has ports`);
  const spoken = protocol === 'tcp' ? 'tcp' : protocol === 'udp' ? 'udp' : 'tcp+udp';
  return {
    ...common,
    ...named(`${eip}-${port}-${protocol}`),
    protocol: spoken,
    port,
    toPort: toPort === port ? null : toPort,
  };
}
