#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { addLabCommand, addRehearseCommand, addRunCommand, addSchemaCommand } from './commands.ts';

// Nothing but commander is loaded here: `--version` and `--help` answer at once.
const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

const USAGE_ERROR = 5;

function program(): Command {
  const root = new Command('provision')
    .description(
      'Turns plain Linux servers into NAT gateways, multi-NIC egress hosts and load balancers, over SSH.',
    )
    .version(version)
    .enablePositionalOptions()
    .showHelpAfterError('(see provision --help)')
    .exitOverride();
  addRunCommand(root);
  addRehearseCommand(root);
  addLabCommand(root);
  addSchemaCommand(root);
  return root;
}

/** Copies settings such as exitOverride to all commands below. */
function inherit(command: Command): void {
  command.commands.forEach((child) => {
    child.copyInheritedSettings(command);
    inherit(child);
  });
}

try {
  const root = program();
  inherit(root);
  await root.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : USAGE_ERROR;
  else {
    const { fail } = await import('./fail.ts');
    process.exitCode = await fail(error);
  }
}
