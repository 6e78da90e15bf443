import { createHash } from 'node:crypto';
import { isIPv4 } from 'node:net';
import type { Host } from '../model/host.ts';
import { addressOf, inRange, networkOf, parseCidr, blockRange, prefixLength } from '../model/ipv4.ts';
import type { LabEip, LabNetwork, LabNic } from './plan.ts';
import { networkAt } from './plan-networks.ts';
import { addressAt, cidrAt, isRecord, recordAt, refuse } from './plan-values.ts';

/** The router that hosts outside all networks see. */
export const OUTSIDE_ROUTER = '169.254.0.1';

/** The only NIC of a host outside all networks. */
export function probeNic(host: Host, index: number): LabNic {
  const address = host.connection.address;
  if (!isIPv4(address)) {
    throw refuse(
      host,
      ['ansible_host'],
      'a probe needs an IPv4 address',
      'Write `ansible_host: 198.51.100.10`, an address outside all networks.',
    );
  }
  const mac = macOf(`${host.name}/eth0`);
  return {
    host: host.name,
    name: 'eth0',
    index,
    network: null,
    addresses: [`${address}/32`],
    atBoot: [`${address}/32`],
    mac,
    router: OUTSIDE_ROUTER,
    eips: [],
  };
}

/** Always the same for the same NIC, locally administered, never multicast. */
export const macOf = (seed: string): string => {
  const hex = createHash('sha256').update(seed).digest('hex').slice(0, 10);
  return ['02', ...(hex.match(/../g) ?? [])].join(':');
};

/** What the NICs of a host are read among. */
interface NicPlace {
  readonly networks: readonly LabNetwork[];
  /** The number of its first NIC in the whole lab. */
  readonly firstNic: number;
  readonly allAtBoot: boolean;
  readonly notes: string[];
}

/** `nics:`, or one NIC with the address that the inventory connects to. */
function declaredNics(host: Host, { networks, notes }: NicPlace): [string, unknown][] {
  const entries = Object.entries(recordAt(host, ['nics'], host.vars.nics));
  if (entries.length > 0) return entries;
  const { address } = host.connection;
  const network = isIPv4(address) ? networkAt(networks, address) : undefined;
  if (network !== undefined) {
    const block = `${address}/${prefixLength(network.cidr)}`;
    notes.push(`${host.name}: one NIC, eth0 with ${block}, since it has no \`nics\``);
    return [['eth0', { address: block }]];
  }
  throw refuse(
    host,
    [],
    'the lab cannot guess its NICs',
    'Write `nics: { eth0: { network: NAME, address: a.b.c.d/nn } }` with a network of `networks`, or put the host into the group `probes`.',
  );
}

/** The NICs of a host with the addresses it has when it boots and the EIPs that lead to them. */
export function readNics(host: Host, place: NicPlace): LabNic[] {
  const { networks, firstNic, allAtBoot } = place;
  const entries = declaredNics(host, place);
  const eips = readEips(host);
  const nics = entries.map(([name, value], offset) =>
    readNic(host, name, value, networks, eips, { index: firstNic + offset, allAtBoot }),
  );
  const owned = nics.flatMap((nic) => nic.eips);
  const lost = eips.find((eip) => !owned.includes(eip));
  if (lost === undefined) return nics;
  throw refuse(
    host,
    ['eips', lost.name],
    `EIP ${lost.name} maps to ${lost.private}, which is no address of its NICs`,
    `Write \`${lost.private}/nn\` as \`address\` or \`secondary\` of a NIC, or correct \`eips.${lost.name}.private\`.`,
  );
}

/** The network that a NIC names, else the one that its address lies in. Regions may have networks of one name. */
function networkOfNic(
  host: Host,
  { network, address }: Record<string, unknown>,
  networks: readonly LabNetwork[],
): LabNetwork | undefined {
  if (typeof network === 'string') {
    const declared = isRecord(host.vars.networks) ? host.vars.networks[network] : undefined;
    const cidr = isRecord(declared) && typeof declared.cidr === 'string' ? networkOf(declared.cidr) : null;
    return networks.find((known) => known.cidr === cidr);
  }
  const own = typeof address === 'string' ? addressOf(address) : '';
  return network === undefined && isIPv4(own) ? networkAt(networks, own) : undefined;
}

function readNic(
  host: Host,
  name: string,
  value: unknown,
  networks: readonly LabNetwork[],
  eips: readonly LabEip[],
  { index, allAtBoot }: { readonly index: number; readonly allAtBoot: boolean },
): LabNic {
  const path = ['nics', name];
  // 15 bytes is the kernel's limit (IFNAMSIZ); the name goes into file names and networkd's [Match].
  if (!/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,14}$/.test(name) || name === 'lo') {
    throw refuse(
      host,
      path,
      `\`${name}\` cannot be the name of a NIC`,
      'Use a name such as eth0 or ens5, 15 characters at most.',
    );
  }
  const entry = recordAt(host, path, value);
  const network = networkOfNic(host, entry, networks);
  if (network === undefined) {
    throw refuse(
      host,
      [...path, 'network'],
      `NIC ${name} is in no network of \`networks\``,
      `Write \`nics.${name}.network:\` with one of: ${networks.map((known) => known.name).join(', ') || '(none is declared)'}.`,
    );
  }
  const secondary = entry.secondary ?? [];
  const addresses = [
    cidrAt(host, [...path, 'address'], entry.address),
    ...(Array.isArray(secondary) ? secondary : [secondary]).map((item, at) =>
      cidrAt(host, [...path, 'secondary', at], item),
    ),
  ];
  const net = parseCidr(network.cidr) ?? { address: '', prefix: 32 };
  for (const cidr of addresses) {
    const address = cidr.split('/')[0] ?? '';
    if (!inRange(address, blockRange(`${net.address}/${net.prefix}`)) || address === network.gateway) {
      throw refuse(
        host,
        [...path, 'address'],
        `${address} of NIC ${name} is not a host address of network ${network.name} (${network.cidr}, gateway ${network.gateway})`,
        `Correct \`nics.${name}.address\` or \`nics.${name}.network\`.`,
      );
    }
  }
  const own = addresses.map((cidr) => cidr.split('/')[0]);
  const ownEips = eips.filter((eip) => own.includes(eip.private));
  // What the operator connects to must be there before anybody adds it.
  const reached = ownEips.find((eip) => eip.public === host.connection.address)?.private;
  const atBoot = addresses.filter(
    (cidr, at) =>
      allAtBoot || at === 0 || [host.connection.address, reached].includes(cidr.split('/')[0] ?? ''),
  );
  return {
    host: host.name,
    name,
    index,
    network: network.name,
    addresses,
    atBoot,
    mac: readMac(host, [...path, 'mac'], entry.mac) ?? macOf(`${host.name}/${name}`),
    router: network.gateway,
    eips: ownEips,
  };
}

function readMac(host: Host, path: readonly string[], value: unknown): string | null {
  if (value === undefined || value === null) return null;
  const mac = typeof value === 'string' ? value.toLowerCase() : '';
  if (/^[0-9a-f][02468ace](:[0-9a-f]{2}){5}$/.test(mac)) return mac;
  throw refuse(
    host,
    path,
    `\`${path.join('.')}\` is not a MAC address of one NIC`,
    `Write \`${path.join('.')}: 02:00:00:00:00:01\`.`,
  );
}

function readEips(host: Host): LabEip[] {
  return Object.entries(recordAt(host, ['eips'], host.vars.eips)).map(([name, value]) => {
    const path = ['eips', name];
    const entry = isRecord(value) ? value : {};
    return {
      name,
      public: addressAt(host, [...path, 'public'], entry.public),
      private: addressAt(host, [...path, 'private'], entry.private),
    };
  });
}
