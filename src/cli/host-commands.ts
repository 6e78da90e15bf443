import type { Command } from 'commander';
import type { ContactFlags } from './contact.ts';
import * as flag from './flags.ts';
import { examples } from './help.ts';

function readingCommand(root: Command, name: string): Command {
  const command = root
    .command(name)
    .usage('-i INVENTORY [flags]')
    .optionsGroup('Hosts:')
    .addOption(flag.inventoryOption())
    .addOption(flag.limitOption())
    .optionsGroup('Connection:');
  flag.connectionOptions().forEach((option) => command.addOption(option));
  return command.optionsGroup('Output:').addOption(flag.jsonOption());
}

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
