import type { Command } from 'commander';
import type { ApplyFlags } from './apply.ts';
import { refuseCommandWord } from './command-words.ts';
import * as flag from './flags.ts';
import { examples } from './help.ts';
import type { ListFlags } from './list.ts';
import type { RunFlags } from './run.ts';

/** A command that takes a playbook; `run` is the one that needs no name. */
function playbookCommand(root: Command, name: string, hidden = false): Command {
  return root
    .command(name, { isDefault: hidden, hidden })
    .argument('<playbook>')
    .usage('PLAYBOOK -i INVENTORY [flags]');
}

const withHosts = (command: Command): Command => {
  command
    .optionsGroup('Hosts:')
    .addOption(flag.inventoryOption())
    .addOption(flag.extraVarsOption())
    .addOption(flag.limitOption());
  [...flag.tagsOptions(), ...flag.partOptions()].forEach((option) => command.addOption(option));
  return command.addOption(flag.runForksOption());
};

const withPlan = (command: Command): Command =>
  command.addOption(flag.templatesOption()).addOption(flag.detailedExitcodeOption());

/** What matters only where something is changed. */
const withChanges = (command: Command): Command =>
  command
    .option('--plan <file>', 'apply only what this plan says')
    .addOption(flag.serialOption())
    .addOption(flag.maxFailOption())
    .addOption(flag.confirmTimeoutOption())
    .option('--strict-lockout', 'refuse what would lock SSH out', false)
    .option('--allow-destroy', 'do also what others lose by (named in the plan)', false)
    .option('--no-rollback', 'hosts take nothing back alone (dangerous)');

const withConnection = (command: Command): Command =>
  command
    .optionsGroup('Connection:')
    .addOption(flag.sshConfigOption())
    .addOption(flag.transportOption())
    .addOption(flag.hostKeyOption())
    .addOption(flag.runTimeoutOption())
    .addOption(flag.runRetriesOption())
    .addOption(flag.askBecomePassOption())
    .addOption(flag.becomePasswordFileOption());

const withSecrets = (command: Command): Command => flag.withSecrets(command.optionsGroup('Secrets:'));

const withOutput = (command: Command): Command =>
  command
    .optionsGroup('Output:')
    .addOption(flag.reportOption('report'))
    .addOption(flag.annotationsOption())
    .option('-v, --verbose', 'more: -v phases, -vv failed steps, -vvv all', flag.counted, 0)
    .option('-q, --quiet', 'only changes, warnings and errors', false);

/** What the engine wants to know of a run that changes nothing. */
const READ_ONLY = { check: true, maxFail: 0, confirmTimeout: 60, rollback: true };

/** Every flag of a run. */
function withAll(command: Command): Command {
  withHosts(command)
    .optionsGroup('Run:')
    .option('-C, --check', 'plan only: nothing is changed', false)
    .option('--out <file>', 'with --check: keep the plan')
    .option('-D, --diff', 'show what changes in files', false);
  return withOutput(withSecrets(withConnection(withChanges(withPlan(command)))))
    .optionsGroup('Only look, contact nobody:')
    .option('--list-hosts', 'print the hosts of each play', false)
    .option('--list-tasks', 'print resources and checks, with their tags', false)
    .option('--list-tags', 'print the tags of each play', false)
    .option('--syntax-check', 'the same as provision validate', false);
}

export function addRunCommand(root: Command): void {
  withAll(playbookCommand(root, 'run', true))
    .summary('plan, apply, verify; never prompts')
    .description('Plans, applies and verifies a playbook. Never prompts.')
    .addHelpText('after', examples('provision playbooks/gateway.ts -i inventory/prod -l gw1 --check --diff'))
    .action(async (playbook: string, flags: RunFlags & ListFlags & { syntaxCheck: boolean }) => {
      refuseCommandWord(root, playbook);
      if (flags.syntaxCheck) {
        const { validate } = await import('./validate.ts');
        return void (process.exitCode = await validate(playbook, flags));
      }
      if (flags.listHosts || flags.listTasks || flags.listTags) {
        const { listPlaybook } = await import('./list.ts');
        return void (process.exitCode = await listPlaybook(playbook, flags));
      }
      const { runPlaybook } = await import('./run.ts');
      process.exitCode = await runPlaybook(playbook, flags);
    });
}

export function addPlanCommand(root: Command): void {
  const command = withHosts(playbookCommand(root, 'plan'))
    .summary('show what a run would change (--check --diff)')
    .description('Shows what a run would change, files included. Changes nothing.')
    .optionsGroup('Plan:')
    .option('-D, --diff', 'show what changes in files (the default)', true)
    .option('--no-diff', 'do not')
    .option('--out <file>', 'keep the plan, for --plan')
    .option('--plan <file>', 'only say whether this plan still holds')
    .option('--strict-lockout', 'refuse what would lock SSH out', false);
  withOutput(withSecrets(withConnection(withPlan(command))))
    .addHelpText('after', examples('provision plan playbooks/gateway.ts -i inventory/prod --out plan.json'))
    .action(async (playbook: string, flags: RunFlags) => {
      const { runPlaybook } = await import('./run.ts');
      process.exitCode = await runPlaybook(playbook, { ...READ_ONLY, ...flags });
    });
}

export function addApplyCommand(root: Command): void {
  const command = withHosts(playbookCommand(root, 'apply'))
    .summary('plan, ask once on the terminal, apply')
    .description(
      'Plans, asks once on the terminal, and applies exactly that plan. Without a terminal -y is needed.',
    )
    .optionsGroup('Run:')
    .option('-y, --yes', 'do not ask', false)
    .option('-D, --diff', 'show what changes in files', false);
  withOutput(withSecrets(withConnection(withChanges(withPlan(command)))))
    .addHelpText('after', examples('provision apply playbooks/gateway.ts -i inventory/prod -l gw1'))
    .action(async (playbook: string, flags: ApplyFlags) => {
      const { apply } = await import('./apply.ts');
      process.exitCode = await apply(playbook, { ...flags, check: false });
    });
}

export function addVerifyCommand(root: Command): void {
  const command = withHosts(playbookCommand(root, 'verify'))
    .summary('ask every check, read nothing else')
    .description('Asks every check of the playbook with real packets. Reads no resource, changes nothing.')
    .optionsGroup('Verify:');
  withOutput(withSecrets(withConnection(withPlan(command))))
    .addHelpText('after', examples('provision verify playbooks/gateway.ts -i inventory/prod'))
    .action(async (playbook: string, flags: RunFlags) => {
      const { runPlaybook } = await import('./run.ts');
      const only = { diff: false, strictLockout: false, prove: true, onlyChecks: true };
      process.exitCode = await runPlaybook(playbook, { ...READ_ONLY, ...only, ...flags });
    });
}

export function addDriftCommand(root: Command): void {
  const command = withHosts(playbookCommand(root, 'drift'))
    .summary('exit 2 where a host differs or a check fails')
    .description(
      'Reads every host and asks every check. Ends 0 when all is as declared, 2 on drift or a failing check, 1 on an error. Changes nothing.',
    )
    .optionsGroup('Drift:')
    .option('-D, --diff', 'show what differs in files', false)
    .addOption(flag.templatesOption());
  withOutput(withSecrets(withConnection(command)))
    .addHelpText('after', examples('provision drift playbooks/gateway.ts -i inventory/prod -q'))
    .action(async (playbook: string, flags: RunFlags) => {
      const { runPlaybook } = await import('./run.ts');
      const drift = { strictLockout: false, prove: true, detailedExitcode: true };
      process.exitCode = await runPlaybook(playbook, { ...READ_ONLY, ...drift, ...flags });
    });
}

export function addConfigCommand(root: Command): void {
  withAll(root.command('config'))
    .usage('[flags]')
    .summary('show what each flag comes to, and from where')
    .description(
      'Shows what each flag of a run comes to and where that is from: typed here, PROVISION_NAME, provision.config.ts, or the default.',
    )
    .addOption(flag.jsonOption())
    .addHelpText('after', examples('provision config -f 20'))
    .action(async (_flags: unknown, command: Command) => {
      const { showConfig } = await import('./config.ts');
      process.exitCode = showConfig(command, process.env);
    });
}
