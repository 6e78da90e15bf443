import { loadInventory } from '../inventory/load.ts';
import { ProvisionError } from '../model/error.ts';
import type { Inventory } from '../model/host.ts';
import { keyringOf } from './keyring.ts';
import type { SecretFlags } from './keyring.ts';

export interface LoadFlags extends SecretFlags {
  readonly inventory?: readonly string[];
  readonly limit?: string;
  /** `-e` as typed. */
  readonly extraVars?: readonly string[];
  readonly templates?: string;
  /** As typed: words with commas between. */
  readonly tags?: readonly string[];
  readonly skipTags?: readonly string[];
  /** `3/16`, `auto`, as typed. */
  readonly shard?: string;
}

/** Loads a TypeScript inventory; jiti and the public API are loaded only when there is one. */
async function loadTypeScript(file: string): Promise<Record<string, unknown>> {
  const { loadModule } = await import('../playbook/load-module.ts');
  const api = await import('../index.ts');
  return loadModule(file, api);
}

/** Reads the inventory of `-i`. Throws `usage` without one, else a list of all problems. */
export async function inventoryOf({
  inventory = [],
  extraVars,
  ...secrets
}: Pick<LoadFlags, 'inventory' | 'extraVars'> & SecretFlags): Promise<Inventory> {
  const sources = typeof inventory === 'string' ? [inventory] : inventory;
  if (sources.length === 0) {
    throw new ProvisionError('usage', 'No inventory was given.', {
      hint: 'Add -i INVENTORY, for example -i inventory/lab.',
    });
  }
  return loadInventory(sources, { loadTypeScript, extraVars, keyring: keyringOf(secrets) });
}
