import path from 'node:path';
import { fileURLToPath } from 'node:url';
import * as api from '../index.ts';
import { compile } from '../engine/compile.ts';
import type { Compiled } from '../engine/compile.ts';
import { loadInventory } from '../inventory/load.ts';
import { overrideVariables } from '../inventory/overrides.ts';
import { selectHosts } from '../inventory/patterns.ts';
import { ProvisionError } from '../model/error.ts';
import type { Inventory } from '../model/host.ts';
import { loadModule } from '../playbook/load-module.ts';
import { loadPlaybook } from '../playbook/load.ts';
import { templates } from '../templating.ts';

/** The package's own templates: beside `src` and beside `dist`. */
const OWN_TEMPLATES = fileURLToPath(new URL('../../templates', import.meta.url));

export interface LoadFlags {
  readonly inventory?: readonly string[];
  readonly limit?: string;
  readonly templates?: string;
}

/** Reads the inventory of `-i`. Throws `usage` without one, else a list of all problems. */
export async function inventoryOf({ inventory = [] }: Pick<LoadFlags, 'inventory'>): Promise<Inventory> {
  const sources = typeof inventory === 'string' ? [inventory] : inventory;
  if (sources.length === 0) {
    throw new ProvisionError('usage', 'No inventory was given.', {
      hint: 'Add -i INVENTORY, for example -i inventory/lab.',
    });
  }
  return loadInventory(sources, { loadTypeScript: (file) => loadModule(file, api) });
}

/** Template directories, first hit wins: `--templates`, the playbook's project, the package. */
const templateDirectories = (playbook: string, given: string | undefined): string[] => [
  ...(given === undefined ? [] : [path.resolve(given)]),
  path.resolve(path.dirname(playbook), '../templates'),
  path.resolve(path.dirname(playbook), 'templates'),
  OWN_TEMPLATES,
];

/** Playbook and inventory, compiled. Nothing is contacted. */
export async function load(
  playbookFile: string,
  flags: LoadFlags,
): Promise<{ inventory: Inventory; compiled: Compiled }> {
  const inventory = await inventoryOf(flags);
  const playbook = await loadPlaybook(playbookFile, api);
  const compiled = compile({
    playbook,
    inventory,
    render: templates([...new Set(templateDirectories(playbookFile, flags.templates))]),
    select: (pattern) => selectHosts(inventory, pattern),
    limit: flags.limit,
    override: (host, vars) => overrideVariables(host, vars, playbookFile),
  });
  return { inventory, compiled };
}
