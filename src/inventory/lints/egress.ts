import { isDeepStrictEqual } from 'node:util';
import type { EgressEntry } from '../../roles/variables/index.ts';
import { contains, overlaps } from '../../model/ipv4.ts';
import { publishedParts } from '../../roles/variables/ports.ts';
import { collisions, doubleNames, unknownName } from './lint.ts';
import type { Lint, LintInput, Stretch } from './lint.ts';

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
