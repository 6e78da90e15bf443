import { problemsOf } from '../model/error.ts';
import type { Inventory } from '../model/host.ts';
import type { SavedPlan } from '../model/plan.ts';
import type { Emit } from '../model/event.ts';
import type { Report } from '../model/report.ts';
import { reported } from '../model/reported.ts';
import { onlyChecks } from '../engine/only-checks.ts';
import { detailedExitCode } from '../engine/outcome.ts';
import { newRunId, run } from '../engine/run.ts';
import type { RunResult } from '../engine/run.ts';
import { writePlan } from '../reporters/json.ts';
import { becomePassword } from './become-password.ts';
import type { BecomeFlags } from './become-password.ts';
import { checkFlags, serialOf } from './check-flags.ts';
import { transportsFor } from './connect.ts';
import type { ConnectFlags } from './connect.ts';
import { fail } from './fail.ts';
import { gitCommit } from './git-commit.ts';
import { placesOnHosts } from './host-places.ts';
import { load } from './load.ts';
import type { LoadFlags } from './load-inventory.ts';
import { readPlan } from './plan-file.ts';
import { openReports } from './reports.ts';
import type { ReportFlags } from './reports.ts';
import { hostsToRerun, rerunSource } from './rerun.ts';
import type { RerunFlags } from './rerun.ts';
import { screen } from './screen.ts';
import { parseShard } from './shard.ts';
import { shownArgv } from './shown-argv.ts';
import { stopSignal } from './stop-signal.ts';
import type { StopSignal } from './stop-signal.ts';
import { targetsOf } from './targets.ts';

export interface RunFlags
  extends LoadFlags, ConnectFlags, BecomeFlags, ReportFlags, Omit<RerunFlags, 'report'> {
  readonly check: boolean;
  readonly diff: boolean;
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
  readonly detailedExitcode?: boolean;
  /** Checks are the verdict: all are asked, and those that fail count. Only with `check`. */
  readonly prove?: boolean;
  /** Nothing but checks: no resource is read. Only with `prove`. */
  readonly onlyChecks?: boolean;
}

/** Which of its two halves a run does now. */
export interface Attempt {
  readonly check: boolean;
  /** The hosts are held against it. */
  readonly plan?: SavedPlan | undefined;
}

/** How a command gets to its result: by one attempt, or by planning, asking and applying. */
export type Perform = (
  attempt: (how: Attempt) => Promise<RunResult>,
  stop: StopSignal,
  plan: SavedPlan | undefined,
) => Promise<RunResult>;

const once =
  ({ check }: RunFlags): Perform =>
  (attempt, _stop, plan) =>
    attempt({ check, plan });

/** A host that needs a person, or our own fault, is worse than having been stopped. */
function endedAs({ exitCode, hosts }: RunResult, stop: StopSignal, flags: RunFlags): number {
  const worst = exitCode === 1 || exitCode === 3 ? exitCode : (stop.exitCode() ?? exitCode);
  return flags.detailedExitcode ? detailedExitCode(worst, hosts) : worst;
}

/** All is done already: an answer, and no error. The report that says so stays. */
function nothingToRerun(source: string): number {
  process.stderr.write(`nothing to run again: ${source} has no such host\n`);
  return 0;
}

/** Runs a playbook as its flags say; returns the exit code. The report is written whatever happens. */
export async function runPlaybook(playbook: string, flags: RunFlags, perform?: Perform): Promise<number> {
  const startedAt = new Date().toISOString();
  const stop = stopSignal();
  const reports = openReports(flags, process.env);
  let result: RunResult | null = null;
  let thrown: unknown = null;
  let known: Inventory | null = null;
  let part: Report['shard'];
  let rerunOf: string | undefined;
  let exitCode: number;
  try {
    checkFlags(flags);
    const plan = flags.plan === undefined ? undefined : readPlan(flags.plan);
    const serial = flags.serial === undefined ? undefined : serialOf(flags.serial);
    let asked: Promise<string | undefined> | undefined;
    const commit = () => (asked ??= gitCommit(playbook));
    // Before the operator is asked, who may take as long as it takes to commit something else.
    if (perform !== undefined) void commit();
    if (flags.shard !== undefined) part = { ...parseShard(flags.shard, process.env), hosts: [] };
    rerunOf = flags.rerun === undefined ? undefined : rerunSource(flags);
    const again = rerunOf === undefined ? undefined : hostsToRerun(rerunOf, flags.rerun);
    if (rerunOf !== undefined && again?.size === 0) return nothingToRerun(rerunOf);
    const loaded = await load(playbook, flags, { serial, again });
    const compiled = flags.onlyChecks ? onlyChecks(loaded.compiled) : loaded.compiled;
    if (part) part = { ...part, hosts: compiled.ofAllShards ?? [] };
    const { inventory } = loaded;
    known = inventory;
    const targets = targetsOf(inventory, await becomePassword(flags));
    const transports = await transportsFor(inventory, flags);
    const places = placesOnHosts(process.env);
    const options = {
      forks: flags.forks,
      confirmTimeout: flags.confirmTimeout,
      rollback: flags.rollback,
      maxFail: flags.maxFail,
      strictLockout: flags.strictLockout,
      allowDestroy: flags.allowDestroy,
      prove: flags.prove,
      commit,
    };
    const attempt = async (how: Attempt): Promise<RunResult> => {
      const shown = await screen(flags);
      const emit: Emit = (event) => [shown, reports.emit].forEach((hear) => hear(event));
      const dependencies = { ...transports, ...places, targets, emit, signal: stop.signal };
      return run(compiled, { ...options, ...how }, dependencies);
    };
    result = await (perform ?? once(flags))(attempt, stop, plan);
    if (flags.out !== undefined && result.plan) writePlan(flags.out, result.plan);
    exitCode = endedAs(result, stop, flags);
  } catch (error) {
    thrown = error;
    exitCode = await fail(error);
    if (flags.detailedExitcode) exitCode = detailedExitCode(exitCode, []);
  } finally {
    stop.release();
  }
  const errors = thrown === null ? [] : problemsOf(thrown).map((problem) => reported(problem));
  const report: Report = {
    schemaVersion: 1,
    runId: result?.runId ?? newRunId(),
    startedAt,
    argv: shownArgv(process.argv.slice(2)),
    exitCode,
    hosts: result?.hosts ?? [],
    ...(part ? { shard: part } : {}),
    ...(errors.length > 0 ? { errors } : {}),
  };
  // What --rerun has read is still wanted when nothing came of it.
  const written = await reports.write(report, known, result === null ? rerunOf : undefined);
  return written || exitCode !== 0 ? exitCode : 1;
}
