import { Command, CommanderError } from 'commander';
import { refuseCommandWord } from './command-words.ts';
import * as add from './commands.ts';
import { compactHelp, typedName } from './help.ts';
import * as host from './host-commands.ts';
import * as offline from './offline-commands.ts';
import * as run from './run-commands.ts';
import { ProvisionError } from '../model/error.ts';

/** What commander says about wrong flags and words, as an error like all others. */
function usageError(command: Command, error: CommanderError): Error {
  // Help and the version are answers; `provision lab` without a verb has already printed help.
  if (error.exitCode === 0 || error.code === 'commander.help') return error;
  const [said = '', guess = ''] = error.message.replace(/^error: (command-argument value )?/, '').split('\n');
  const near = /^\(Did you mean (.+)\?\)$/.exec(guess)?.[1];
  const page = command.name() === 'run' ? 'provision run' : typedName(command);
  return new ProvisionError('usage', `${said.replace(/\.$/, '')}.`, {
    hint: `${near === undefined ? '' : `Did you mean ${near}? `}See: ${page} --help`,
  });
}

/** Settings of the root hold for all commands below, and each says by itself what was wrong with its flags. */
function settle(command: Command): void {
  command.exitOverride((error) => {
    throw usageError(command, error);
  });
  for (const child of command.commands) {
    child.copyInheritedSettings(command);
    settle(child);
  }
}

/** The whole tree of commands. Nothing but commander is loaded for it. */
export function program(version: string): Command {
  const root = new Command('provision')
    .description('Corrects what differs on hosts, over SSH, and proves it with real packets.')
    .version(version)
    .enablePositionalOptions()
    .configureHelp(compactHelp)
    .configureOutput({ outputError: () => undefined });
  run.addRunCommand(root);
  root.commandsGroup('Commands (provision COMMAND …) with a playbook:');
  run.addPlanCommand(root);
  run.addApplyCommand(root);
  run.addVerifyCommand(root);
  run.addDriftCommand(root);
  run.addConfigCommand(root);
  add.addRehearseCommand(root);
  root.commandsGroup('Commands on files:');
  offline.addInitCommand(root);
  offline.addValidateCommand(root);
  offline.addRenderCommand(root);
  offline.addInventoryCommand(root);
  offline.addImportCommand(root);
  add.addSchemaCommand(root);
  offline.addReportCommand(root);
  offline.addCompletionCommand(root);
  root.commandsGroup('Commands on hosts, real or built on this machine:');
  host.addPingCommand(root);
  host.addFactsCommand(root);
  host.addStatusCommand(root);
  host.addRollbackCommand(root);
  host.addLockCommand(root);
  add.addLabCommand(root);
  root.hook('preAction', async (_root, command) => {
    // Only what reads an inventory has settings; nothing more is loaded for the others.
    if (!command.options.some(({ long }) => long === '--inventory')) return;
    const { fillIn } = await import('./settings.ts');
    await fillIn(command, process.env);
  });
  settle(root);
  return root;
}

const USAGE_ERROR = 5;

/** These read a playbook and ask hosts, unless they were told only to look. */
const askedHosts = (command: Command): boolean => {
  const { forks, listHosts, listTasks, listTags, syntaxCheck } = command.opts<Record<string, unknown>>();
  const isRun = forks !== undefined && command.registeredArguments[0]?.name() === 'playbook';
  return isRun && ![listHosts, listTasks, listTags, syntaxCheck].includes(true);
};

/**
 * Runs what was typed and sets the exit code. `provision` alone is a slip, not a wish: help on stderr and exit 5, so
 * that a pipeline that lost its arguments does not pass. True when a playbook was run on hosts, to its end.
 */
export async function runProgram(version: string, words: readonly string[]): Promise<boolean> {
  let ran = false;
  try {
    const root = program(version);
    root.hook('postAction', (_root, command) => {
      ran = askedHosts(command);
    });
    if (words.length === 0) root.help({ error: true });
    if (words[0] !== undefined) refuseCommandWord(root, words[0], true);
    await root.parseAsync([...words], { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : USAGE_ERROR;
    else {
      const { fail } = await import('./fail.ts');
      process.exitCode = await fail(error);
    }
  }
  return ran;
}
