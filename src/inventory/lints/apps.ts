import { addressOf, contains, networkOf, overlaps } from '../../roles/variables/ipv4.ts';
import { portRanges, publishedParts } from '../../roles/variables/ports.ts';
import type { EgressEntry, Listener } from '../../roles/variables/index.ts';
import { isDeepStrictEqual } from 'node:util';
import { collisions, doubleNames, unknownName } from './lint.ts';
import type { Lint, LintInput, Stretch } from './lint.ts';
import { nicAddresses } from './networks.ts';

/** Zones: interfaces that there are, each in one zone. */
export function lintZones({ vars: { firewall, nics } }: LintInput): Lint[] {
  const lints: Lint[] = [];
  const owner = new Map<string, string>();
  for (const [zone, { interfaces }] of Object.entries(firewall?.zones ?? {})) {
    interfaces.forEach((name, index) => {
      const path = ['firewall', 'zones', zone, 'interfaces', index];
      // Without nics nothing is known about the host's interfaces.
      if (nics) lints.push(...unknownName(path, 'NIC', name, nics, 'nics'));
      const before = owner.get(name);
      if (before !== undefined)
        lints.push({
          path,
          message: `${name} already is in the zone ${before}`,
          hint: 'An interface is in one zone.',
        });
      owner.set(name, zone);
    });
  }
  return lints;
}

/** Apps: NICs that there are, containers inside their network, nothing twice. */
export function lintEgress({ vars, broken }: LintInput): Lint[] {
  const { egress, nics } = vars;
  if (!egress) return [];
  const containers = egress.flatMap((entry, index) =>
    (entry.containers ?? []).map((container, position) => ({
      ...container,
      network: entry.network?.name,
      path: ['egress', index, 'containers', position],
    })),
  );
  const lints = doubleNames(
    ['egress'],
    'name',
    egress.map(({ name }) => name),
  );
  lints.push(...doubles(containers, ({ name }) => name, 'name'));
  lints.push(...doubles(containers, ({ ip, network }) => `${network} ${ip}`, 'ip'));
  egress.forEach((entry, index) => {
    if (!broken.has('nics'))
      lints.push(...unknownName(['egress', index, 'nic'], 'NIC', entry.nic, nics, 'nics'));
    lints.push(...lintDockerNetwork(egress, entry, index, vars));
  });
  return [...lints, ...publishCollisions(egress)];
}

function doubles<Item extends { readonly path: readonly (string | number)[] }>(
  items: readonly Item[],
  identity: (item: Item) => string,
  key: string,
): Lint[] {
  const seen = new Set<string>();
  return items.flatMap((item): Lint[] => {
    const id = identity(item);
    if (!seen.has(id)) {
      seen.add(id);
      return [];
    }
    return [
      {
        path: [...item.path, key],
        message: `another container of this host has this ${key}`,
        hint: `Give each container a ${key} of its own.`,
      },
    ];
  });
}

function lintDockerNetwork(
  all: readonly EgressEntry[],
  { network, containers = [] }: EgressEntry,
  index: number,
  vars: LintInput['vars'],
): Lint[] {
  if (!network) return [];
  const lints: Lint[] = [];
  const path = ['egress', index, 'network'];
  const before = all.slice(0, index).find((entry) => entry.network?.name === network.name);
  if (before && !isDeepStrictEqual(before.network, network)) {
    lints.push({
      path,
      message: `the network ${network.name} is not the same as in ${before.name}`,
      hint: 'Write it alike in both entries.',
    });
  }
  for (const [name, { cidr }] of Object.entries(vars.networks ?? {})) {
    if (overlaps(cidr, network.subnet)) {
      lints.push({
        path: [...path, 'subnet'],
        message: `${network.subnet} overlaps the network ${name} (${cidr})`,
        hint: 'Choose a subnet that nothing else uses.',
      });
    }
  }
  containers.forEach(({ ip }, position) => {
    if (contains(network.subnet, ip)) return;
    lints.push({
      path: ['egress', index, 'containers', position, 'ip'],
      message: `${ip} is not in ${network.subnet}`,
      hint: `Write an address of ${network.subnet}.`,
    });
  });
  return lints;
}

function publishCollisions(egress: readonly EgressEntry[]): Lint[] {
  const places: { path: (string | number)[] }[] = [];
  const stretches: Stretch[] = [];
  egress.forEach((entry, index) => {
    const add = (published: readonly string[], path: (string | number)[]): void =>
      published.forEach((text, position) => {
        const { outer, protocol } = publishedParts(text);
        stretches.push({ lane: `${entry.nic} ${protocol}`, from: outer, to: outer, index: places.length });
        places.push({ path: [...path, position] });
      });
    add(entry.publish ?? [], ['egress', index, 'publish']);
    entry.containers?.forEach(({ publish }, position) =>
      add(publish, ['egress', index, 'containers', position, 'publish']),
    );
  });
  return collisions(stretches).map(({ later }) => ({
    path: places[later.index]?.path ?? ['egress'],
    message: `port ${later.from} of ${later.lane.split(' ')[0]} is already published`,
    hint: 'Choose another port, or another NIC.',
  }));
}

/** Listeners: nothing twice on a port, addresses of this host, routers that a NIC reaches. */
export function lintListeners({ vars: { listeners, nics, eips } }: LintInput): Lint[] {
  if (!listeners) return [];
  const lints = doubleNames(
    ['listeners'],
    'name',
    listeners.map(({ name }) => name),
  );
  const blocks = nics ? nicAddresses(nics).map(({ block }) => block) : undefined;
  const own = [...(blocks ?? []).map(addressOf), ...Object.values(eips ?? {}).map((eip) => eip.public)];
  listeners.forEach((entry, index) => {
    if (blocks && entry.address !== undefined && !own.includes(entry.address)) {
      const message = `${entry.address} is neither an address of a NIC nor an EIP of this host`;
      lints.push({
        path: ['listeners', index, 'address'],
        message,
        hint: `Its addresses: ${own.join(', ')}`,
        severity: 'warning',
      });
    }
    lints.push(...lintBackends(entry, index, blocks));
  });
  return [...lints, ...listenerCollisions(listeners)];
}

function lintBackends(
  { backends = [], port }: Listener,
  index: number,
  blocks: readonly string[] | undefined,
): Lint[] {
  const seen = new Set<string>();
  return backends.flatMap((backend, position): Lint[] => {
    const path = ['listeners', index, 'backends', position];
    const lints: Lint[] = [];
    const id = `${backend.address}:${backend.port ?? JSON.stringify(port)}`;
    if (seen.has(id))
      lints.push({
        path,
        message: 'this backend stands twice in the list',
        hint: 'Use weight: to give it a greater share.',
      });
    seen.add(id);
    const { via } = backend;
    if (via !== undefined && blocks && !blocks.some((block) => contains(networkOf(block), via))) {
      lints.push({
        path: [...path, 'via'],
        message: `${via} is in no subnet of this host's NICs`,
        hint: 'Name a router that the host reaches directly.',
      });
    }
    return lints;
  });
}

function listenerCollisions(listeners: readonly Listener[]): Lint[] {
  const stretches = listeners.flatMap((entry, index): Stretch[] => {
    if (entry.address === undefined || entry.port === undefined) return [];
    const protocols = entry.protocol === 'tcp+udp' ? ['tcp', 'udp'] : [entry.protocol];
    const ranges = portRanges(entry.port);
    return protocols.flatMap((protocol) =>
      ranges.map((range) => ({ lane: `${entry.address} ${protocol}`, ...range, index })),
    );
  });
  return collisions(stretches).map(({ earlier, later }) => ({
    path: ['listeners', later.index, 'port'],
    message:
      earlier.index === later.index
        ? `port ${later.from} stands twice in this list`
        : `port ${Math.max(earlier.from, later.from)} of ${later.lane.split(' ')[0]} already belongs to the listener ${listeners[earlier.index]?.name}`,
    hint: 'Choose another port or address for one of them.',
  }));
}
