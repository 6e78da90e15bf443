import { randomBytes } from 'node:crypto';
import pLimit from 'p-limit';
import type { CheckResult } from '../model/check.ts';
import type { Emit } from '../model/event.ts';
import type { SavedPlan } from '../model/plan.ts';
import type { HostReport } from '../model/report.ts';
import type { Target, Transport } from '../model/transport.ts';
import { applyBatch } from './apply.ts';
import type { Compiled, CompiledPlay } from './compile.ts';
import { explainFailures } from './explain.ts';
import { HostRun } from './host-run.ts';
import { exitCodeOf } from './outcome.ts';
import { planHost } from './plan.ts';
import { probeAll, reprobe } from './probe.ts';
import { holdAgainstCompiled, movedHosts, savedPlan } from './saved-plan.ts';
import type { Places } from './transaction-shell.ts';
import { readNeededSecrets } from './secrets.ts';
import { settleBatch } from './verify.ts';

export interface RunOptions {
  /** Stop after plan; the apply code is never reached. */
  readonly check: boolean;
  /** Hosts worked on at the same time. */
  readonly forks: number;
  /** Seconds that a changed host waits for its confirmation before it puts itself back. */
  readonly confirmTimeout: number;
  /** False = nothing on the host takes a change back when we cannot (`--no-rollback`). */
  readonly rollback: boolean;
  /** How many hosts may have failed and other batches still go on (`--max-fail`); 0 when not given. */
  readonly maxFail?: number | undefined;
  /** What would keep our own SSH out is refused and not only said. */
  readonly strictLockout?: boolean | undefined;
  /** What others lose by a change is done all the same. */
  readonly allowDestroy?: boolean | undefined;
  /** Only what this plan says is applied: if a host differs from it, nothing is. */
  readonly plan?: SavedPlan | undefined;
  /** The commit of the playbook's repository, for the hosts' journal; only asked when something is going to change. */
  readonly commit?: (() => Promise<string | undefined>) | undefined;
  /** With `check`: every check is asked, whatever its `when`, with its retries; the answers are the verdict, no baseline. */
  readonly prove?: boolean | undefined;
}

export interface RunDependencies {
  /** Inventory hosts by name. */
  readonly targets: ReadonlyMap<string, Target>;
  readonly transport: Transport;
  /** For checks asked from the controller itself. */
  readonly controller: Transport;
  readonly emit: Emit;
  /** Aborted when the operator wants to stop: nothing new is started. */
  readonly signal?: AbortSignal | undefined;
  /** Where hosts keep their transactions, when not in the usual places. */
  readonly places?: (host: string) => Places;
}

export interface RunResult {
  readonly runId: string;
  readonly hosts: readonly HostReport[];
  readonly exitCode: number;
  /** With `check`: what was planned. */
  readonly plan?: SavedPlan;
}

export interface Context extends RunDependencies {
  readonly runId: string;
  readonly options: RunOptions;
  readonly runs: ReadonlyMap<string, HostRun>;
  readonly compiled: Compiled;
  readonly limit: <T>(work: () => Promise<T>) => Promise<T>;
  /** How each check stood when the last change that stays was made; by `checkKey`. */
  readonly baseline: Map<string, CheckResult['status']>;
}

/** Eight random bytes behind a date: sorts by time, and cannot be guessed. */
export const newRunId = (now = new Date()): string =>
  `${now.toISOString().replaceAll(/[-:]|\.\d+Z$/g, '')}-${randomBytes(4).toString('hex')}`;

async function runBatch(
  context: Context,
  play: CompiledPlay,
  hosts: readonly HostRun[],
): Promise<'ok' | 'failed'> {
  const ready = hosts.filter((host) => host.probe !== null && !host.error);
  await Promise.all(
    ready.filter((host) => host.stale).map((host) => context.limit(() => reprobe(context, host))),
  );
  const planned = ready.map((host) => ({ host, plan: planHost(context, play, host) }));
  const changing = planned.filter(({ plan }) => plan.length > 0);
  await Promise.all(planned.filter(({ plan }) => plan.length === 0).map(({ host }) => host.release()));
  // One that could not be read or planned is a failure of its batch too: the next one must not go first.
  const whole = (): 'ok' | 'failed' => (hosts.some((host) => host.error) ? 'failed' : 'ok');
  if (context.options.check) return 'ok';
  if (changing.length === 0) return whole();
  if (context.signal?.aborted) {
    changing.forEach(({ host }) => (host.status = 'skipped'));
    return 'failed';
  }
  await applyBatch(context, play, changing);
  const settled = await settleBatch(
    context,
    play,
    changing.map(({ host }) => host),
  );
  return settled === 'ok' ? whole() : settled;
}

/** Hosts that a failed batch failed for; where none of them is at fault, nobody knows better than: all put back. */
function atFault(batch: readonly HostRun[]): readonly HostRun[] {
  const failed = batch.filter((host) => host.error);
  const own = failed.filter((host) => host.cause === undefined);
  return own.length > 0 ? own : failed;
}

/** Play by play and batch by batch, until more hosts have failed than may. */
async function runPlays(context: Context, begin: boolean): Promise<void> {
  const { compiled, options, runs, emit, signal } = context;
  const failed = new Set<HostRun>();
  let stopped = !begin;
  for (const play of compiled.plays) {
    for (const [index, batch] of play.batches.entries()) {
      const hosts = batch.flatMap((name) => runs.get(name) ?? []);
      if (stopped) {
        hosts.filter((host) => host.status === 'ok').forEach((host) => (host.status = 'skipped'));
        continue;
      }
      emit({
        type: 'play-started',
        play: play.name,
        hosts: batch,
        batch: index + 1,
        batches: play.batches.length,
      });
      if ((await runBatch(context, play, hosts)) === 'ok') continue;
      const blamed = atFault(hosts);
      blamed.forEach((host) => failed.add(host));
      stopped = signal?.aborted === true || blamed.length === 0 || failed.size > (options.maxFail ?? 0);
    }
  }
}

/** A plan that changes something says by itself why things are not yet as they should be. */
const worthExplaining = ({ options, runs, signal }: Context): boolean =>
  signal?.aborted !== true &&
  (!options.check ||
    options.prove === true ||
    [...runs.values()].every(({ changes }) => changes.length === 0));

/** Everything a run needs, and the event that it has started. */
export function contextFor(compiled: Compiled, options: RunOptions, dependencies: RunDependencies): Context {
  const { emit, targets } = dependencies;
  const runId = newRunId();
  const runs = new Map(
    [...compiled.hosts, ...compiled.vantages].flatMap((name): [string, HostRun][] => {
      const target = targets.get(name);
      if (!target) return [];
      const host = new HostRun(target);
      host.resources = compiled.plays.reduce((sum, play) => sum + (play.resources.get(name)?.length ?? 0), 0);
      return [[name, host]];
    }),
  );
  emit({
    type: 'run-started',
    runId,
    playbook: compiled.playbook,
    check: options.check,
    prove: options.prove ?? false,
    hosts: compiled.hosts,
    vantages: compiled.vantages,
  });
  compiled.warnings.forEach((message) => emit({ type: 'warning', message }));
  return {
    ...dependencies,
    runId,
    options,
    runs,
    compiled,
    limit: pLimit(options.forks),
    baseline: new Map(),
  };
}

/** How it ended, told as events too. */
export function concluded({ runId, runs, options, emit }: Context): RunResult {
  const hosts = [...runs.values()].map((host) => host.report());
  const exitCode = exitCodeOf(hosts, options.check && !options.prove);
  hosts.forEach((report) => emit({ type: 'host-finished', host: report.name, report }));
  emit({ type: 'run-finished', exitCode, hosts });
  return { runId, hosts, exitCode };
}

/**
 * probe → plan → apply → verify → report, play by play and batch by batch. Never throws for a host's sake; throws a
 * `ProblemList` before anybody is contacted when `options.plan` is not one for these hosts, or a secret cannot be had.
 */
export async function run(
  compiled: Compiled,
  options: RunOptions,
  dependencies: RunDependencies,
): Promise<RunResult> {
  if (options.plan) holdAgainstCompiled(options.plan, compiled);
  await readNeededSecrets(compiled, dependencies.targets);
  const context = contextFor(compiled, options, dependencies);
  const { emit, runs } = context;
  if (!options.rollback && !options.check)
    emit({
      type: 'warning',
      message: '--no-rollback: nothing on a host takes a change back when it cannot be reached any more',
    });
  let plan: SavedPlan | undefined;
  try {
    await probeAll(context);
    const moved = options.plan ? movedHosts(context, options.plan) : new Map<HostRun, unknown>();
    const unread = compiled.hosts.some((name) => runs.get(name)?.error);
    await runPlays(context, options.check || !options.plan || (moved.size === 0 && !unread));
    if (worthExplaining(context))
      await explainFailures(
        context,
        compiled.plays.flatMap((play) => play.checks),
      );
    if (options.check && !dependencies.signal?.aborted) plan = savedPlan(context);
    for (const [host, error] of moved) {
      host.fail('failed', error);
      if (host.error) emit({ type: 'host-failed', host: host.name, error: host.error });
    }
  } finally {
    await Promise.all([...runs.values()].map((host) => host.closeAll()));
  }
  return { ...concluded(context), ...(plan ? { plan } : {}) };
}
