import { Option } from 'commander';
import type { Command } from 'commander';
import { labCommand } from './lab.ts';
import type { RehearseFlags } from './rehearse.ts';
import type { RunFlags } from './run.ts';

const collect = (value: string, before: readonly string[] = []): string[] => [...before, value];
const counted = (_value: string, before: number): number => before + 1;

/** Flags of everything that reads an inventory. */
export const inventoryOption = (): Option =>
  new Option('-i, --inventory <path>', 'inventory file or directory (repeatable)')
    .argParser(collect)
    .env('PROVISION_INVENTORY');

export function addRunCommand(root: Command): void {
  root
    .command('run', { isDefault: true, hidden: true })
    .argument('<playbook>', 'a playbook, for example playbooks/gateway.ts')
    .usage('PLAYBOOK -i INVENTORY [flags]')
    .summary('plan, apply, verify; never prompts')
    .addOption(inventoryOption())
    .option('-l, --limit <pattern>', 'only these hosts: names, groups, globs, !not, &and')
    .option('-C, --check', 'plan only: nothing is changed', false)
    .option('-D, --diff', 'show what changes in files', false)
    .option('--report <file>', 'write a report (.json); repeatable', collect, [])
    .option('-f, --forks <n>', 'hosts at the same time', (value) => Number(value), 10)
    .option('--templates <dir>', 'look templates up here first')
    .option('-F, --ssh-config <file>', 'an ssh_config instead of ~/.ssh/config')
    .addOption(
      new Option('--host-key-checking <mode>', 'strict, accept-new or off')
        .choices(['strict', 'accept-new', 'off'])
        .default('strict')
        .env('PROVISION_HOST_KEY_CHECKING'),
    )
    .option('-T, --timeout <seconds>', 'time for one connection', (value) => Number(value), 15)
    .option(
      '--confirm-timeout <seconds>',
      'time to verify a change before the host takes it back',
      (value) => Number(value),
      60,
    )
    .option('--no-rollback', 'nothing on the host takes a change back when it cannot be reached')
    .option('-v, --verbose', 'more: -v phases, -vv output of failed steps, -vvv all', counted, 0)
    .option('-q, --quiet', 'only changes, warnings and errors', false)
    .action(async (playbook: string, flags: RunFlags) => {
      const { runPlaybook } = await import('./run.ts');
      process.exitCode = await runPlaybook(playbook, flags);
    });
}

export function addRehearseCommand(root: Command): void {
  root
    .command('rehearse')
    .argument('<playbook>')
    .summary('run a playbook on the inventory built as real hosts on this machine')
    .description(
      'Builds the inventory on this machine, runs the playbook there, again, after a drift and after a reboot.',
    )
    .addOption(inventoryOption())
    .option('--quick', 'without the reboot', false)
    .option('--keep', 'leave the lab up', false)
    .option('--install', 'install missing packages with apt-get (root, Debian or Ubuntu)', false)
    .option('--templates <dir>', 'look templates up here first')
    .option('--report <file>', 'write the report of the first run (.json); repeatable', collect, [])
    .option('-v, --verbose', 'more', counted, 0)
    .action(async (playbook: string, flags: RehearseFlags) => {
      const { rehearse } = await import('./rehearse.ts');
      process.exitCode = await rehearse(playbook, flags);
    });
}

export function addLabCommand(root: Command): void {
  root.addCommand(labCommand());
}

export function addSchemaCommand(root: Command): void {
  root
    .command('schema')
    .argument('<what>', 'inventory or report')
    .summary('print a JSON Schema')
    .action(async (what: string) => {
      const { printSchema } = await import('./schema.ts');
      process.exitCode = printSchema(what);
    });
}
