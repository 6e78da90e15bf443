import { doubleNames, unknownName } from './lint.ts';
import type { Lint, LintInput } from './lint.ts';

/** Apps: NICs that there are, names and addresses of containers once. */
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
  });
  return lints;
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
