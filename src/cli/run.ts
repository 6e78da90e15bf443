import { problemsOf, ProvisionError } from '../model/error.ts';
import type { Report } from '../model/report.ts';
import { reported } from '../engine/host-run.ts';
import { newRunId, run } from '../engine/run.ts';
import type { RunResult } from '../engine/run.ts';
import { writeJsonReport } from '../reporters/json.ts';
import { transportsFor } from './connect.ts';
import type { ConnectFlags } from './connect.ts';
import { fail } from './fail.ts';
import { load } from './load.ts';
import type { LoadFlags } from './load.ts';
import { screen } from './screen.ts';
import { stopSignal } from './stop-signal.ts';
import { targetsOf } from './targets.ts';

export interface RunFlags extends LoadFlags, ConnectFlags {
  readonly check: boolean;
  readonly diff: boolean;
  readonly report: readonly string[];
  readonly forks: number;
  readonly verbose: number;
  readonly quiet: boolean;
  /** Seconds. */
  readonly confirmTimeout: number;
  readonly rollback: boolean;
}

/** Nonsense in a flag is said before anything is read. */
function checkFlags({ report, forks, timeout }: RunFlags): void {
  const other = report.find((file) => !file.endsWith('.json'));
  if (other !== undefined)
    throw new ProvisionError('usage', `--report ${other}: only .json is known.`, {
      hint: 'Name the file something.json.',
    });
  if (!Number.isInteger(forks) || forks < 1)
    throw new ProvisionError('usage', '--forks must be a whole number from 1 up.', {
      hint: 'Leave it out for 10.',
    });
  if (!(timeout > 0))
    throw new ProvisionError('usage', '--timeout must be a number of seconds above 0.', {
      hint: 'Leave it out for 15.',
    });
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
    const { inventory, compiled } = await load(playbook, flags);
    const targets = targetsOf(inventory);
    const transports = await transportsFor(inventory, flags);
    result = await run(
      compiled,
      {
        check: flags.check,
        forks: flags.forks,
        confirmTimeout: flags.confirmTimeout,
        rollback: flags.rollback,
      },
      { ...transports, targets, emit: screen(flags), signal: stop.signal },
    );
    exitCode = stop.exitCode() ?? result.exitCode;
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
  flags.report.filter((file) => file.endsWith('.json')).forEach((file) => writeJsonReport(file, report));
  return exitCode;
}
