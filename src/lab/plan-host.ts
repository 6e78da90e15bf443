import type { Host } from '../model/host.ts';
import type { Release } from './image-spec.ts';
import { readImage } from './plan-image.ts';
import type { LabHost, LabNetwork, LabNic, LabRole } from './plan.ts';
import { probeNic, readNics } from './plan-nic.ts';
import { portOf, recordAt, refuse } from './plan-values.ts';

/** Is it in one of the groups, whichever way the name is written (`nat-gateway` = `nat_gateway`)? */
export const inAnyGroup = (host: Host, names: readonly string[]): boolean =>
  host.groups.some((group) => names.includes(group.replaceAll('_', '-')));

function roleOf(host: Host): LabRole {
  if (inAnyGroup(host, ['probes'])) return 'probe';
  return inAnyGroup(host, ['nat-gateway']) ? 'gateway' : 'plain';
}

/** What a host is placed among. */
export interface Surroundings {
  readonly index: number;
  /** The number of its first NIC in the whole lab. */
  readonly firstNic: number;
  readonly networks: readonly LabNetwork[];
  /** What it is built of unless it says otherwise. */
  readonly release: Release;
}

/** One host of the lab. */
export function readHost(host: Host, { index, firstNic, networks, release }: Surroundings): LabHost {
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
  const image = readImage(host, lab, release);
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
