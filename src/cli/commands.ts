import { Argument } from 'commander';
import type { Command } from 'commander';
import * as flag from './flags.ts';
import { examples } from './help.ts';
import { labCommand, releaseOption } from './lab.ts';
import type { RehearseFlags } from './rehearse.ts';

export function addRehearseCommand(root: Command): void {
  const command = root
    .command('rehearse')
    .argument('<playbook>')
    .usage('PLAYBOOK -i INVENTORY [flags]')
    .summary('run a playbook on the inventory, built as real hosts here')
    .description(
      'Builds the inventory on this machine, runs the playbook there, again, after a drift and after a reboot.',
    )
    .optionsGroup('Run:')
    .addOption(flag.inventoryOption())
    .addOption(flag.extraVarsOption())
    .option('--quick', 'without the reboot', false)
    .addOption(releaseOption())
    .option('--keep', 'leave the lab up', false)
    .option('--install', 'install missing packages with apt-get (root, Debian or Ubuntu)', false)
    .addOption(flag.templatesOption())
    .optionsGroup('Secrets:');
  flag
    .withSecrets(command)
    .optionsGroup('Output:')
    .addOption(flag.reportOption('report of the first run'))
    .option('-v, --verbose', 'more', flag.counted, 0)
    .addHelpText('after', examples('sudo npx provision rehearse playbooks/gateway.ts -i inventory/lab'))
    .action(async (playbook: string, flags: RehearseFlags) => {
      const { rehearse } = await import('./rehearse.ts');
      process.exitCode = await rehearse(playbook, flags);
    });
}

export function addLabCommand(root: Command): void {
  root.addCommand(labCommand().summary('build the inventory as real hosts here: up, exec, down'));
}

export function addSchemaCommand(root: Command): void {
  root
    .command('schema')
    .addArgument(
      new Argument('<what>', 'what it describes').choices(['inventory', 'variables', 'report', 'events']),
    )
    .usage('inventory|variables|report|events')
    .summary('print the JSON Schema of inventories or reports')
    .description(
      'Prints a JSON Schema: of an inventory file, of a group_vars or host_vars file, of a report, of a line of events.',
    )
    .addHelpText('after', examples('provision schema inventory > .provision/inventory.schema.json'))
    .action(async (what: string) => {
      const { printSchema } = await import('./schema.ts');
      process.exitCode = printSchema(what);
    });
}
