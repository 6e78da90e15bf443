import { Argument } from 'commander';
import type { Command } from 'commander';
import { refuseCommandWord } from './command-words.ts';
import * as flag from './flags.ts';
import { examples } from './help.ts';
import { labCommand } from './lab.ts';
import type { RehearseFlags } from './rehearse.ts';
import type { RunFlags } from './run.ts';

export function addRunCommand(root: Command): void {
  const command = root
    .command('run', { isDefault: true, hidden: true })
    .argument('<playbook>')
    .usage('PLAYBOOK -i INVENTORY [flags]')
    .summary('plan, apply, verify; never prompts')
    .description('Plans, applies and verifies a playbook. Never prompts.')
    .optionsGroup('Hosts:')
    .addOption(flag.inventoryOption())
    .addOption(flag.limitOption())
    .addOption(flag.runForksOption())
    .optionsGroup('Run:')
    .option('-C, --check', 'plan only: nothing is changed', false)
    .option('--out <file>', 'with --check: keep the plan')
    .option('--plan <file>', 'apply only what this plan says')
    .option('-D, --diff', 'show what changes in files', false)
    .addOption(flag.templatesOption())
    .addOption(flag.serialOption())
    .addOption(flag.maxFailOption())
    .addOption(flag.confirmTimeoutOption())
    .option('--strict-lockout', 'refuse what would lock SSH out', false)
    .option('--no-rollback', 'hosts take nothing back alone (dangerous)')
    .optionsGroup('Connection:')
    .addOption(flag.sshConfigOption())
    .addOption(flag.hostKeyOption())
    .addOption(flag.runTimeoutOption())
    .addOption(flag.askBecomePassOption())
    .addOption(flag.becomePasswordFileOption())
    .optionsGroup('Secrets:');
  flag
    .withSecrets(command)
    .optionsGroup('Output:')
    .option('--report <file>', 'write a report (.json); repeatable', flag.collect, [])
    .option('-v, --verbose', 'more: -v phases, -vv failed steps, -vvv all', flag.counted, 0)
    .option('-q, --quiet', 'only changes, warnings and errors', false)
    .addHelpText('after', examples('provision playbooks/gateway.ts -i inventory/prod -l gw1 --check --diff'))
    .action(async (playbook: string, flags: RunFlags) => {
      refuseCommandWord(root, playbook);
      const { runPlaybook } = await import('./run.ts');
      process.exitCode = await runPlaybook(playbook, flags);
    });
}

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
    .option('--quick', 'without the reboot', false)
    .option('--keep', 'leave the lab up', false)
    .option('--install', 'install missing packages with apt-get (root, Debian or Ubuntu)', false)
    .addOption(flag.templatesOption())
    .optionsGroup('Secrets:');
  flag
    .withSecrets(command)
    .optionsGroup('Output:')
    .option('--report <file>', 'write the report of the first run (.json); repeatable', flag.collect, [])
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
    .addArgument(new Argument('<what>', 'what it describes').choices(['inventory', 'variables', 'report']))
    .usage('inventory|variables|report')
    .summary('print the JSON Schema of inventories or reports')
    .description(
      'Prints a JSON Schema: of an inventory file, of a group_vars or host_vars file, of a report.',
    )
    .addHelpText('after', examples('provision schema inventory > .provision/inventory.schema.json'))
    .action(async (what: string) => {
      const { printSchema } = await import('./schema.ts');
      process.exitCode = printSchema(what);
    });
}
