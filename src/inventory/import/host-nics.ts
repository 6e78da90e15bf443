import { networkOf } from '../../model/ipv4.ts';
import { isObject } from './host-json.ts';
import { namer } from './gateway-names.ts';
import type { HostReading } from './host-reading.ts';

/** A NIC, where the inventory has none yet. */
export interface ImportedNic {
  readonly network?: string;
  readonly address: string;
  readonly secondary: readonly string[];
}

interface ImportedNics {
  readonly nics: Readonly<Record<string, ImportedNic>> | null;
  readonly networks: Readonly<Record<string, unknown>> | null;
}

/**
 * NICs with their addresses, and the network of each whose router the host knows: by its default route, or by that of a
 * table of its own (`routers`, by NIC). Networks that the inventory has go by their names there.
 */
export function importNics(
  { addresses, routes }: Pick<HostReading, 'addresses' | 'routes'>,
  vars: Readonly<Record<string, unknown>>,
  routers: ReadonlyMap<string, string>,
): ImportedNics {
  if (isObject(vars['nics'])) return { nics: null, networks: null };
  const before = isObject(vars['networks']) ? vars['networks'] : {};
  const names = new Map(
    Object.entries(before).flatMap(([name, network]) =>
      isObject(network) && typeof network['cidr'] === 'string' ? [[network['cidr'], name] as const] : [],
    ),
  );
  const unique = namer();
  Object.keys(before).forEach((name) => unique(name, name));
  const main = new Map(
    routes
      .filter(({ table, to, via }) => table === 'main' && to === 'default' && via !== '')
      .map(({ nic, via }) => [nic, via] as const),
  );
  const networks: Record<string, unknown> = {};
  const nics: Record<string, { network?: string; address: string; secondary: string[] }> = {};
  for (const { nic, address, prefix, kind } of addresses) {
    if (kind === 'bridge') continue;
    const known = nics[nic];
    if (known) {
      known.secondary.push(`${address}/${prefix}`);
      continue;
    }
    const cidr = networkOf(`${address}/${prefix}`);
    const gateway = routers.get(nic) ?? main.get(nic);
    if (!names.has(cidr) && gateway !== undefined) {
      const name = unique(`net-${nic}`, 'net');
      names.set(cidr, name);
      networks[name] = { cidr, gateway };
    }
    const network = names.get(cidr);
    nics[nic] = {
      ...(network === undefined ? {} : { network }),
      address: `${address}/${prefix}`,
      secondary: [],
    };
  }
  const isNew = Object.keys(networks).length > 0;
  return { nics, networks: isNew ? { ...before, ...networks } : null };
}
