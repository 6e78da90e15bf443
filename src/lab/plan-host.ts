import { createHash } from 'node:crypto';
import { isIPv4 } from 'node:net';
import type { Host } from '../model/host.ts';
import { inRange, parseCidr, blockRange } from '../model/ipv4.ts';
import type { LabEip, LabHost, LabNetwork, LabNic, LabRole } from './plan.ts';
import { addressAt, cidrAt, isRecord, portOf, recordAt, refuse } from './plan-values.ts';

/** The router that hosts outside all networks see. */
export const OUTSIDE_ROUTER = '169.254.0.1';

/** Is it in one of the groups, whichever way the name is written (`nat-gateway` = `nat_gateway`)? */
export const inAnyGroup = (host: Host, names: readonly string[]): boolean =>
  host.groups.some((group) => names.includes(group.replaceAll('_', '-')));

function roleOf(host: Host): LabRole {
  if (inAnyGroup(host, ['probes'])) return 'probe';
  return inAnyGroup(host, ['nat-gateway']) ? 'gateway' : 'plain';
}

/** One host of the lab; `firstNic` is the number of its first NIC in the whole lab. */
export function readHost(
  host: Host,
  index: number,
  networks: readonly LabNetwork[],
  firstNic: number,
): LabHost {
  // Host names become namespaces, directories and configuration text.
  if (!/^[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$/.test(host.name) || host.name.includes('..')) {
    throw refuse(
      host,
      [],
      'this host name cannot be built',
      'Use letters, digits, dots and hyphens, 63 at most.',
    );
  }
  const role = roleOf(host);
  const lab = recordAt(host, ['lab'], host.vars.lab);
  const image = lab.image ?? 'bare';
  if (image !== 'bare' && image !== 'full') {
    throw refuse(
      host,
      ['lab', 'image'],
      '`lab.image` is neither bare nor full',
      'Write `lab: { image: bare }` or `full`.',
    );
  }
  const all = readAddresses(host, lab.addresses ?? (role === 'gateway' ? 'primary' : 'all')) === 'all';
  const nics = role === 'probe' ? [probeNic(host, firstNic)] : readNics(host, networks, firstNic, all);
  return {
    name: host.name,
    index,
    hostname: host.name.replaceAll('_', '-'),
    role,
    image,
    user: readUser(host),
    address: readAddress(host, nics),
    sshPort: readSshPort(host, lab.ssh_port),
    nics,
    serve: [],
    defaultRoute: lab.default_route === true,
  };
}

/** A cloud gives a host its primary address only: a gateway's role adds the others, to other hosts nobody would. */
function readAddresses(host: Host, value: unknown): 'primary' | 'all' {
  if (value === 'primary' || value === 'all') return value;
  throw refuse(
    host,
    ['lab', 'addresses'],
    '`lab.addresses` is neither primary nor all',
    'Write `lab: { addresses: primary }` or `all`.',
  );
}

function readUser(host: Host): string {
  const user = host.connection.user ?? 'root';
  if (/^[a-z_][a-z0-9_-]{0,31}$/.test(user)) return user;
  throw refuse(
    host,
    ['ansible_user'],
    '`ansible_user` is not a name that Debian accepts for a user',
    'Write `ansible_user: ops`.',
  );
}

function readSshPort(host: Host, value: unknown): number {
  const port = portOf(value ?? 22);
  if (port === null)
    throw refuse(
      host,
      ['lab', 'ssh_port'],
      '`lab.ssh_port` is not a port',
      'Write `lab: { ssh_port: 2222 }`.',
    );
  if ((host.connection.port ?? 22) === port) return port;
  throw refuse(
    host,
    ['ansible_port'],
    `its sshd in the lab listens on ${port}, but the inventory connects to ${host.connection.port ?? 22}`,
    port === 22
      ? `Write \`lab: { ssh_port: ${host.connection.port} }\` beside \`ansible_port\`.`
      : `Write \`ansible_port: ${port}\` beside \`lab.ssh_port\`.`,
  );
}

function readAddress(host: Host, nics: readonly LabNic[]): string {
  const own = nics.flatMap((nic) => [
    ...nic.addresses.map((cidr) => cidr.split('/')[0]),
    ...nic.eips.map((eip) => eip.public),
  ]);
  if (own.includes(host.connection.address)) return host.connection.address;
  throw refuse(
    host,
    ['ansible_host'],
    `\`ansible_host\` ${host.connection.address} is no address of its NICs`,
    `Write \`ansible_host: ${own[0] ?? 'a.b.c.d'}\`, or the address under \`nics\`.`,
  );
}

function probeNic(host: Host, index: number): LabNic {
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
const macOf = (seed: string): string => {
  const hex = createHash('sha256').update(seed).digest('hex').slice(0, 10);
  return ['02', ...(hex.match(/../g) ?? [])].join(':');
};

function readNics(
  host: Host,
  networks: readonly LabNetwork[],
  firstNic: number,
  allAtBoot: boolean,
): LabNic[] {
  const entries = Object.entries(recordAt(host, ['nics'], host.vars.nics));
  if (entries.length === 0) {
    throw refuse(
      host,
      [],
      'the lab cannot guess its NICs',
      'Write `nics: { eth0: { network: NAME, address: a.b.c.d/nn } }` with a network of `networks`, or put the host into the group `probes`.',
    );
  }
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
  if (!/^[a-z][a-z0-9_-]{0,14}$/.test(name) || name === 'lo') {
    throw refuse(
      host,
      path,
      `\`${name}\` cannot be the name of a NIC`,
      'Use a name such as eth0 or ens5, 15 characters at most.',
    );
  }
  const entry = recordAt(host, path, value);
  const network = networks.find((known) => known.name === entry.network);
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
