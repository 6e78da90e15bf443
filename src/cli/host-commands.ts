import type { Command, Option } from 'commander';
import type { ContactFlags } from './contact.ts';
import * as flag from './flags.ts';
import { examples } from './help.ts';
import type { ImportHostFlags } from './import-host.ts';
import type { RollbackFlags } from './rollback.ts';

const withConnection = (command: Command): Command => {
  command.optionsGroup('Connection:');
  flag.connectionOptions().forEach((option) => command.addOption(option));
  flag.withSecrets(command.optionsGroup('Secrets:'));
  return command.optionsGroup('Output:').addOption(flag.jsonOption());
};

function hostCommand(root: Command, name: string, usage: string, limit: Option): Command {
  return root
    .command(name)
    .usage(usage)
    .optionsGroup('Hosts:')
    .addOption(flag.inventoryOption())
    .addOption(flag.extraVarsOption())
    .addOption(limit);
}

const readingCommand = (root: Command, name: string): Command =>
  withConnection(hostCommand(root, name, '-i INVENTORY [flags]', flag.limitOption()));

export function addPingCommand(root: Command): void {
  readingCommand(root, 'ping')
    .summary('try the way to each host: name, login, sudo, tools')
    .description(
      'Tries each host step by step: name, TCP, host key, login, of every jump host too; then sudo and the tools a run needs. Says what fails and what to type. Changes nothing.',
    )
    .addHelpText('after', examples('provision ping -i inventory/prod -l nat-gateway'))
    .action(async (flags: ContactFlags) => {
      const { ping } = await import('./ping.ts');
      process.exitCode = await ping(flags);
    });
}

export function addFactsCommand(root: Command): void {
  readingCommand(root, 'facts')
    .summary('print what hosts say of themselves')
    .description('Prints system, kernel, init and SSH port of each host: what every run reads first.')
    .addHelpText('after', examples('provision facts -i inventory/prod --json'))
    .action(async (flags: ContactFlags) => {
      const { facts } = await import('./facts.ts');
      process.exitCode = await facts(flags);
    });
}

export function addImportHostCommand(parent: Command): void {
  const command = parent
    .command('host')
    .argument('<name>')
    .usage('NAME -i INVENTORY [flags]')
    .summary('what a host set up by hand does, as its variables')
    .description(
      'Reads what a host does that was set up by hand, as a gateway, an app host or a load balancer, and prints its variables as YAML. What they cannot say stands in comments and on stderr. Changes nothing.',
    )
    .optionsGroup('Hosts:')
    .addOption(flag.inventoryOption())
    .addOption(flag.extraVarsOption())
    .optionsGroup('Connection:');
  flag.connectionOptions().forEach((option) => command.addOption(option));
  flag
    .withSecrets(command.optionsGroup('Secrets:'))
    .addHelpText('after', examples('provision import host gw1 -i inventory/prod > gw1.yml'))
    .action(async (name: string, flags: ImportHostFlags) => {
      const { importFromHost } = await import('./import-host.ts');
      process.exitCode = await importFromHost(name, flags);
    });
}

export function addStatusCommand(root: Command): void {
  readingCommand(root, 'status')
    .summary('print the changes hosts remember, and what waits')
    .description(
      'Prints the journal of each host: who changed it, when, and how that ended; a change that is not confirmed yet; who holds the lock.',
    )
    .addHelpText('after', examples('provision status -i inventory/prod -l nat-gateway'))
    .action(async (flags: ContactFlags) => {
      const { status } = await import('./status.ts');
      process.exitCode = await status(flags);
    });
}

export function addRollbackCommand(root: Command): void {
  const command = hostCommand(root, 'rollback', '-i INVENTORY -l HOST [flags]', flag.neededLimitOption())
    .optionsGroup('Run:')
    .option('--run <id>', 'to before this run, not the newest one')
    .option('-C, --check', 'show what would be put back: nothing is changed', false)
    .addOption(flag.confirmTimeoutOption())
    .option('--no-rollback', 'hosts take nothing back by themselves');
  withConnection(command)
    .option('-v, --verbose', 'more, as for a run', flag.counted, 0)
    .option('-q, --quiet', 'only changes, warnings and errors', false)
    .summary('put hosts back to before a confirmed run')
    .description('Puts hosts back to before a confirmed run: armed, verified, confirmed.')
    .addHelpText('after', examples('provision rollback -i inventory/prod -l gw1 --check'))
    .action(async (flags: RollbackFlags) => {
      const { rollbackHosts } = await import('./rollback.ts');
      process.exitCode = await rollbackHosts(flags);
    });
}

export function addLockCommand(root: Command): void {
  const lock = root
    .command('lock')
    .usage('COMMAND')
    .summary('what stands in the way of a run: status, release')
    .description('Shows and ends what stands in the way of the next run on a host.')
    .addHelpText('after', examples('provision lock status -i inventory/prod'));
  readingCommand(lock, 'status')
    .summary('who holds the lock, what is not confirmed, what is stuck')
    .description(
      'Prints who holds the lock of each host; a change that is not confirmed yet, and when its timer takes it back; one that could be taken back only in part. Only looks.',
    )
    .addHelpText('after', examples('provision lock status -i inventory/prod -l nat-gateway'))
    .action(async (flags: ContactFlags) => {
      const { lockStatus } = await import('./lock.ts');
      process.exitCode = await lockStatus(flags);
    });
  withConnection(hostCommand(lock, 'release', '-i INVENTORY -l HOST [flags]', flag.neededLimitOption()))
    .summary('end what stands in the way and nobody is at work on')
    .description(
      'Takes back a change whose timer is gone; leaves one that could be taken back only in part as it is, for you have looked at it. Never ends what somebody is at work on.',
    )
    .addHelpText('after', examples('provision lock release -i inventory/prod -l gw1'))
    .action(async (flags: ContactFlags) => {
      const { lockRelease } = await import('./lock.ts');
      process.exitCode = await lockRelease(flags);
    });
}
