import { isIPv4 } from 'node:net';
import type { Host } from '../model/host.ts';
import { addressOf, contains } from '../model/ipv4.ts';
import { PRIVATE_SPACE } from '../model/nat-rules.ts';
import { LAB_FAULTS } from './faults.ts';
import type { LabFault } from './faults.ts';
import type { Release } from './image-spec.ts';
import { readImage } from './plan-image.ts';
import type { LabHost, LabNetwork, LabNic, LabRole } from './plan.ts';
import { natSources, networkAt } from './plan-networks.ts';
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
  /** Grows by what is derived. */
  readonly notes: string[];
}

/** One host of the lab. */
export function readHost(host: Host, { index, firstNic, networks, release, notes }: Surroundings): LabHost {
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
  const nics = isOutside(host, role, networks)
    ? [probeNic(host, firstNic)]
    : readNics(host, { networks, firstNic, allAtBoot: all, notes });
  return {
    name: host.name,
    index,
    hostname: host.name.replaceAll('_', '-'),
    role,
    image,
    user: readUser(host, notes),
    address: readAddress(host, nics, notes),
    sshPort: readSshPort(host, lab.ssh_port),
    nics,
    serve: [],
    defaultRoute: lab.default_route === true,
    natSources: natSources(host),
    standIn: false,
    faults: readFaults(host, lab.faults ?? []),
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

function readFaults(host: Host, value: unknown): LabFault[] {
  const list: unknown[] = Array.isArray(value) ? value : [value];
  return list.map((item) => {
    const known = LAB_FAULTS.find((fault) => fault === item);
    if (known) return known;
    throw refuse(
      host,
      ['lab', 'faults'],
      '`lab.faults` names a fault that the lab does not know',
      `Write \`lab: { faults: [${LAB_FAULTS[0]}] }\`, or one of: ${LAB_FAULTS.slice(1).join(', ')}.`,
    );
  });
}

function readUser(host: Host, notes: string[]): string {
  const user = host.connection.user ?? 'root';
  if (/^[a-z_][a-z0-9_-]{0,31}$/.test(user)) return user;
  notes.push(`${host.name}: the user is ops, since Debian has no user of the name ${user}`);
  return 'ops';
}

function readSshPort(host: Host, value: unknown): number {
  const port = portOf(value ?? host.connection.port ?? 22);
  if (port === null)
    throw refuse(
      host,
      ['lab', 'ssh_port'],
      '`lab.ssh_port` is not a port',
      'Write `lab: { ssh_port: 2222 }`.',
    );
  if ((host.connection.port ?? port) === port) return port;
  throw refuse(
    host,
    ['ansible_port'],
    `its sshd in the lab listens on ${port}, but the inventory connects to ${host.connection.port}`,
    'Write the same port as `ansible_port` and as `lab.ssh_port`, or leave `lab.ssh_port` out.',
  );
}

/** What its operator connects to: `ansible_host` where the lab has that, else its first address. */
function readAddress(host: Host, nics: readonly LabNic[], notes: string[]): string {
  const own = nics.flatMap((nic) => [
    ...nic.addresses.map((cidr) => addressOf(cidr)),
    ...nic.eips.map((eip) => eip.public),
  ]);
  const { address } = host.connection;
  if (own.includes(address)) return address;
  const [first = ''] = own;
  notes.push(`${host.name}: reached by ${first}, since ${address} is no address of its NICs`);
  return first;
}

/** Does it stand outside all networks: a probe, or an address that belongs to none of them? */
const isOutside = (host: Host, role: LabRole, networks: readonly LabNetwork[]): boolean =>
  role === 'probe' ||
  (host.vars.nics === undefined &&
    isIPv4(host.connection.address) &&
    networkAt(networks, host.connection.address) === undefined &&
    !PRIVATE_SPACE.some((block) => contains(block, host.connection.address)));
