import { existsSync } from 'node:fs';
import { problemsOf, ProvisionError } from '../model/error.ts';
import type { Report } from '../model/report.ts';
import { reported } from '../engine/host-run.ts';
import { isSerial } from '../engine/batches.ts';
import { newRunId, run } from '../engine/run.ts';
import type { RunResult } from '../engine/run.ts';
import { writeJsonReport, writePlan } from '../reporters/json.ts';
import { becomePassword } from './become-password.ts';
import type { BecomeFlags } from './become-password.ts';
import { transportsFor } from './connect.ts';
import type { ConnectFlags } from './connect.ts';
import { fail } from './fail.ts';
import { gitCommit } from './git-commit.ts';
import { placesOnHosts } from './host-places.ts';
import { load } from './load.ts';
import type { LoadFlags } from './load-inventory.ts';
import { obstacleAt, readPlan } from './plan-file.ts';
import { screen } from './screen.ts';
import { stopSignal } from './stop-signal.ts';
import { targetsOf } from './targets.ts';

export interface RunFlags extends LoadFlags, ConnectFlags, BecomeFlags {
  readonly check: boolean;
  readonly diff: boolean;
  readonly report: readonly string[];
  readonly forks: number;
  readonly verbose: number;
  readonly quiet: boolean;
  /** Seconds. */
  readonly confirmTimeout: number;
  readonly rollback: boolean;
  /** `1,5,30%` as typed. */
  readonly serial?: string | undefined;
  readonly maxFail: number;
  readonly strictLockout: boolean;
  readonly allowDestroy: boolean;
  /** Where `--check` writes its plan. */
  readonly out?: string | undefined;
  /** The plan that the hosts are held against. */
  readonly plan?: string | undefined;
}

const isReportName = (file: string): boolean => file.endsWith('.json');

const serialOf = (text: string): string[] => text.split(',').map((item) => item.trim());

/** What does not fit together about batches and plans. */
function checkBatchesAndPlans({ serial, maxFail, check, out }: RunFlags): void {
  if (serial !== undefined && !isSerial(serialOf(serial)))
    throw new ProvisionError('usage', `--serial ${serial} is no batch size.`, {
      hint: 'Give whole numbers from 1 up or percentages from 1% to 100%, with commas between: --serial 1,5,30%.',
    });
  if (!Number.isInteger(maxFail) || maxFail < 0)
    throw new ProvisionError('usage', '--max-fail must be a whole number from 0 up.', {
      hint: 'Leave it out to stop at the first host that fails.',
    });
  if (out === undefined) return;
  if (!check)
    throw new ProvisionError('usage', `--out ${out} without --check: there is no plan to keep.`, {
      hint: 'Add --check; apply the plan afterwards with --plan.',
    });
  const obstacle = obstacleAt(out);
  if (obstacle !== null)
    throw new ProvisionError('usage', `--out ${out} cannot be written: ${obstacle}.`, {
      hint: 'Name a file in a directory that you may write to.',
    });
}

/** Nonsense in a flag is said before anything is read. */
function checkFlags(flags: RunFlags): void {
  const { report, forks, timeout, confirmTimeout, sshConfig } = flags;
  const other = report.find((file) => !isReportName(file));
  if (other !== undefined)
    throw new ProvisionError('usage', `--report ${other}: only .json is known.`, {
      hint: 'Name the file something.json.',
    });
  for (const file of report) {
    const obstacle = obstacleAt(file);
    if (obstacle !== null)
      throw new ProvisionError('usage', `--report ${file} cannot be written: ${obstacle}.`, {
        hint: 'Name a file in a directory that you may write to.',
      });
  }
  if (sshConfig !== undefined && !existsSync(sshConfig)) {
    throw new ProvisionError('usage', `There is no ssh configuration ${sshConfig}.`, {
      hint: 'Give the path of a file by -F, or leave it out for ~/.ssh/config.',
    });
  }
  if (!Number.isInteger(forks) || forks < 1)
    throw new ProvisionError('usage', '--forks must be a whole number from 1 up.', {
      hint: 'Leave it out for 10.',
    });
  if (!(confirmTimeout >= 5))
    throw new ProvisionError('usage', '--confirm-timeout must be a number of seconds from 5 up.', {
      hint: 'Leave it out for 60.',
    });
  if (!(timeout > 0))
    throw new ProvisionError('usage', '--timeout must be a number of seconds above 0.', {
      hint: 'Leave it out for 15.',
    });
  checkBatchesAndPlans(flags);
}

/** `provision PLAYBOOK -i INVENTORY`: returns the exit code. The report is written whatever happens. */
export async function runPlaybook(playbook: string, flags: RunFlags): Promise<number> {
  const startedAt = new Date().toISOString();
  const stop = stopSignal();
  let result: RunResult | null = null;
  let thrown: unknown = null;
  let exitCode: number;
  try {
    checkFlags(flags);
    const plan = flags.plan === undefined ? undefined : readPlan(flags.plan);
    const serial = flags.serial === undefined ? undefined : serialOf(flags.serial);
    // Beside the loading of the playbook, which takes longer.
    const commit = gitCommit(playbook);
    const { inventory, compiled } = await load(playbook, flags, serial);
    const targets = targetsOf(inventory, await becomePassword(flags));
    const transports = await transportsFor(inventory, flags);
    const places = placesOnHosts(process.env);
    result = await run(
      compiled,
      {
        check: flags.check,
        forks: flags.forks,
        confirmTimeout: flags.confirmTimeout,
        rollback: flags.rollback,
        maxFail: flags.maxFail,
        strictLockout: flags.strictLockout,
        allowDestroy: flags.allowDestroy,
        plan,
        commit: await commit,
      },
      { ...transports, ...places, targets, emit: screen(flags), signal: stop.signal },
    );
    if (flags.out !== undefined && result.plan) writePlan(flags.out, result.plan);
    // A host that needs a person, or our own fault, is worse than having been stopped.
    const { exitCode: ended } = result;
    exitCode = ended === 1 || ended === 3 ? ended : (stop.exitCode() ?? ended);
  } catch (error) {
    thrown = error;
    exitCode = await fail(error);
  } finally {
    stop.release();
  }
  const errors = thrown === null ? [] : problemsOf(thrown).map(reported);
  const report: Report = {
    schemaVersion: 1,
    runId: result?.runId ?? newRunId(),
    startedAt,
    argv: process.argv.slice(2),
    exitCode,
    hosts: result?.hosts ?? [],
    ...(errors.length > 0 ? { errors } : {}),
  };
  flags.report
    .filter((file) => isReportName(file) && obstacleAt(file) === null)
    .forEach((file) => writeJsonReport(file, report));
  return exitCode;
}
