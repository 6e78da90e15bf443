import { didYouMean } from '../inventory/did-you-mean.ts';
import { asWritten } from '../inventory/deferred.ts';
import { selectHosts } from '../inventory/patterns.ts';
import { yamlText } from '../inventory/yaml-text.ts';
import { ProvisionError } from '../model/error.ts';
import type { Host, Inventory } from '../model/host.ts';
import { inventoryOf } from './load-inventory.ts';
import type { LoadFlags } from './load-inventory.ts';
import { table } from './table.ts';

export interface InventoryFlags extends LoadFlags {
  readonly json: boolean;
}

const print = (text: string): void => void process.stdout.write(text);
const printJson = (data: unknown): void => print(`${JSON.stringify(data, null, 2)}\n`);

/** The host of this name. Throws `no-hosts-matched` with the nearest name. */
export function hostNamed(inventory: Inventory, name: string): Host {
  const host = inventory.hosts.get(name);
  if (host) return host;
  throw new ProvisionError('no-hosts-matched', `There is no host ${name} in the inventory.`, {
    hint: didYouMean(name, inventory.hosts.keys()) ?? 'The inventory has no hosts.',
  });
}

/**
 * What an executable inventory prints for Ansible's `--list`. Every group names all its hosts; how groups lie in each
 * other is left out, as the variables are merged already.
 */
export function ansibleList({ groups }: Inventory, hosts: readonly Host[]): Record<string, unknown> {
  const names = new Set(hosts.map(({ name }) => name));
  const members = [...groups]
    .filter(([group]) => group !== 'all')
    .map(([group, all]) => [group, { hosts: all.filter((name) => names.has(name)) }] as const)
    .filter(([, group]) => group.hosts.length > 0);
  const grouped = new Set(members.flatMap(([, group]) => group.hosts));
  const alone = [...names].filter((name) => !grouped.has(name));
  return {
    _meta: { hostvars: Object.fromEntries(hosts.map(({ name, vars }) => [name, asWritten(vars)])) },
    all: { children: [...new Set(['ungrouped', ...members.map(([group]) => group)])] },
    ungrouped: { hosts: alone },
    ...Object.fromEntries(members),
  };
}

/** Name, address, groups; the way there, where any host has one. */
export function hostTable(hosts: readonly Host[]): string[] {
  const jumps = hosts.some(({ connection }) => connection.jumps.length > 0);
  const rows = hosts.map(({ name, connection, groups }) => [
    name,
    `${connection.address}${connection.port === undefined ? '' : `:${connection.port}`}`,
    ...(jumps ? [connection.jumps.length > 0 ? `via ${connection.jumps.join(', ')}` : ''] : []),
    groups.filter((group) => group !== 'all').join(', '),
  ]);
  return table([['HOST', 'ADDRESS', ...(jumps ? ['WAY'] : []), 'GROUPS'], ...rows]);
}

/** `provision inventory list` */
export async function listInventory(flags: InventoryFlags): Promise<number> {
  const inventory = await inventoryOf(flags);
  const names = flags.limit === undefined ? [...inventory.hosts.keys()] : selectHosts(inventory, flags.limit);
  const hosts = names.map((name) => hostNamed(inventory, name));
  if (flags.json) printJson(ansibleList(inventory, hosts));
  else hostTable(hosts).forEach((line) => print(`${line}\n`));
  return 0;
}

/** `provision inventory host NAME` */
export async function showHost(name: string, flags: InventoryFlags): Promise<number> {
  const vars = asWritten(hostNamed(await inventoryOf(flags), name).vars);
  if (flags.json) printJson(vars);
  else print(yamlText(vars));
  return 0;
}
