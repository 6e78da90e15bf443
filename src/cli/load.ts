import path from 'node:path';
import { fileURLToPath } from 'node:url';
import * as api from '../index.ts';
import { compile } from '../engine/compile.ts';
import type { Compiled } from '../engine/compile.ts';
import { overrideVariables } from '../inventory/overrides.ts';
import { selectHosts } from '../inventory/patterns.ts';
import type { Inventory } from '../model/host.ts';
import type { Serial } from '../model/playbook.ts';
import { loadPlaybook } from '../playbook/load.ts';
import { templates } from '../templating.ts';
import { inventoryOf } from './load-inventory.ts';
import type { LoadFlags } from './load-inventory.ts';
import { parseShard } from './shard.ts';

/** The package's own templates: beside `src` and beside `dist`. */
const OWN_TEMPLATES = fileURLToPath(new URL('../../templates', import.meta.url));

/** Template directories, first hit wins: `--templates`, the playbook's project, the package. */
const templateDirectories = (playbook: string, given: string | undefined): string[] => [
  ...(given === undefined ? [] : [path.resolve(given)]),
  path.resolve(path.dirname(playbook), '../templates'),
  path.resolve(path.dirname(playbook), 'templates'),
  OWN_TEMPLATES,
];

/** `-t a,b -t c` as one list. */
const wordsOf = (lists: readonly string[] = []): string[] =>
  lists.flatMap((list) => list.split(',').map((word) => word.trim())).filter((word) => word !== '');

/** Playbook and inventory, compiled. Nothing is contacted. */
export async function load(
  playbookFile: string,
  flags: LoadFlags,
  {
    serial,
    again,
  }: { readonly serial?: Serial | undefined; readonly again?: ReadonlySet<string> | undefined } = {},
): Promise<{ inventory: Inventory; compiled: Compiled }> {
  const inventory = await inventoryOf(flags);
  const playbook = await loadPlaybook(playbookFile, api);
  const compiled = compile({
    playbook,
    inventory,
    render: templates([...new Set(templateDirectories(playbookFile, flags.templates))]),
    select: (pattern) => selectHosts(inventory, pattern),
    limit: flags.limit,
    serial,
    again,
    shard: flags.shard === undefined ? undefined : parseShard(flags.shard, process.env),
    tags: { only: wordsOf(flags.tags), skip: wordsOf(flags.skipTags) },
    override: (host, vars) => overrideVariables(host, vars, playbookFile),
  });
  const gone = [...(again ?? [])].filter((host) => !inventory.hosts.has(host));
  const warnings = gone.map((host) => `--rerun: ${host} is not in the inventory any more`);
  return { inventory, compiled: { ...compiled, warnings: [...compiled.warnings, ...warnings] } };
}
