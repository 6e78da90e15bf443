import type { Compiled } from '../engine/compile.ts';
import { selectHosts } from '../inventory/patterns.ts';
import { ProblemList, problemsOf } from '../model/error.ts';
import type { Inventory } from '../model/host.ts';
import { coloursFor } from '../reporters/colour.ts';
import { inventoryOf } from './load-inventory.ts';
import type { LoadFlags } from './load-inventory.ts';
import { counted, fewNames, table } from './table.ts';

const say = (lines: readonly string[]): void => lines.forEach((line) => process.stdout.write(`${line}\n`));

/** A mistake in the inventory hides none in the playbook file: both are told. */
async function loadWhole(
  playbook: string,
  flags: LoadFlags,
): Promise<{ inventory: Inventory; compiled: Compiled }> {
  const { load } = await import('./load.ts');
  const { loadPlaybook } = await import('../playbook/load.ts');
  const api = await import('../index.ts');
  try {
    return await load(playbook, flags);
  } catch (error) {
    const problems = problemsOf(error);
    if (problems.some(({ code }) => code === 'playbook')) throw error;
    const more = await loadPlaybook(playbook, api).then(() => [], problemsOf);
    throw new ProblemList([...problems, ...more]);
  }
}

function warn(warnings: readonly string[]): void {
  const colours = coloursFor(process.stderr, process.env);
  warnings.forEach((text) => process.stderr.write(`${colours.yellow('warning')}: ${text}\n`));
}

/** Groups with their hosts, without those that only hold everything. */
function groupLines({ groups, hosts }: Inventory): string[] {
  const shown = [...groups].filter(([name, members]) => name !== 'all' && members.length > 0);
  const rows = shown.map(([name, members]) => [
    `  ${name}`,
    counted(members.length, 'host'),
    fewNames(members),
  ]);
  return [`${counted(hosts.size, 'host')}, ${counted(shown.length, 'group')}`, ...table(rows)];
}

function playLines({ playbook, plays }: Compiled, files: number): string[] {
  const rows = plays.map((play) => {
    const resources = [...play.resources.values()].reduce((sum, each) => sum + each.length, 0);
    const hosts = play.batches.reduce((sum, batch) => sum + batch.length, 0);
    return [
      `  ${play.name}`,
      play.roles.length > 0 ? `roles ${play.roles.join(', ')}` : 'no roles',
      `${counted(hosts, 'host')}, ${counted(resources, 'resource')}, ${counted(play.checks.length, 'check')}`,
    ];
  });
  return [
    `${playbook}: ${counted(plays.length, 'play')}, ${counted(files, 'file')} rendered`,
    ...table(rows),
  ];
}

const warningsOf = ({ warnings }: Inventory): string[] =>
  warnings.map(({ message, place }) => (place ? `${place.file}:${place.line ?? 1}: ${message}` : message));

/**
 * Everything that can be wrong without asking a host: schema and lints of the inventory, the playbook's own code, and
 * every template rendered. Throws a `ProblemList` with all that is.
 */
export async function validate(playbook: string | undefined, flags: LoadFlags): Promise<number> {
  if (playbook === undefined) {
    const inventory = await inventoryOf(flags);
    if (flags.limit !== undefined) selectHosts(inventory, flags.limit);
    warn(warningsOf(inventory));
    say([...groupLines(inventory), 'valid']);
    return 0;
  }
  const { inventory, compiled } = await loadWhole(playbook, flags);
  const { renderedHosts } = await import('./rendered.ts');
  const files = renderedHosts(compiled, inventory).reduce((sum, host) => sum + host.files.length, 0);
  warn(compiled.warnings);
  say([...groupLines(inventory), ...playLines(compiled, files), 'valid']);
  return 0;
}
