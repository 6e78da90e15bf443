import { ProvisionError } from '../model/error.ts';
import type { ResourceChange } from '../model/resource.ts';
import { applyBatch, operator } from './apply.ts';
import type { Compiled, CompiledPlay } from './compile.ts';
import type { HostRun } from './host-run.ts';
import { readKept } from './kept-transactions.ts';
import { recordIn } from './lock.ts';
import { refuseWhilePending } from './plan.ts';
import { probeAll } from './probe.ts';
import { release } from './release.ts';
import { concluded, contextFor } from './run.ts';
import type { Context, RunDependencies, RunOptions, RunResult } from './run.ts';
import { proveReverted, stuckHint } from './take-back.ts';
import { PLACES } from './transaction-shell.ts';
import { settleBatch } from './verify.ts';
import { wayBack } from './way-back.ts';

export interface RollbackOptions extends Omit<RunOptions, 'commit'> {
  /** Back to before this run; left out = before the newest confirmed one of each host. */
  readonly run?: string | undefined;
}

const NOTHING: CompiledPlay = {
  name: 'rollback',
  roles: [],
  batches: [],
  resources: new Map(),
  checks: [],
  warnings: [],
};

const compiledFor = (hosts: readonly string[]): Compiled => ({
  playbook: 'rollback',
  plays: [],
  hosts,
  vantages: [],
  leftOut: [],
  warnings: [],
});

const tell = (context: Context, host: HostRun, message: string): void =>
  context.emit({ type: 'warning', host: host.name, message });

const placesOf = (context: Context, host: HostRun) => context.places?.(host.name) ?? PLACES;

/** Tries the way back of a run again that ended `stuck`: that is what stands between now and before. */
async function retryStuck(
  context: Context,
  host: HostRun,
  stuck: string,
  wanted: string | undefined,
): Promise<void> {
  const { run: found } = recordIn(stuck) ?? {};
  const run = typeof found === 'string' ? found : 'unknown';
  if (wanted !== undefined && wanted !== run) {
    throw new ProvisionError(
      'stuck',
      `${host.name}: run ${run} could be taken back only in part, and that comes first.`,
      { hint: stuckHint(host.name) },
    );
  }
  if (context.options.check) {
    return tell(context, host, `the way back of run ${run}, which failed in part, would be tried again`);
  }
  context.emit({
    type: 'host-reverting',
    host: host.name,
    reason: `the way back of run ${run} is tried again`,
  });
  const session = host.session ?? (await host.connect(context.transport, context.signal));
  const record = { run: context.runId, who: operator(), at: new Date().toISOString(), playbook: 'rollback' };
  const { ended, left } = await release(session, host.target, placesOf(context, host), 'retry', record);
  if (left.holder || left.open.some(({ atWork }) => atWork)) {
    throw new ProvisionError('locked', `${host.name}: another run is at work there.`, {
      hint: 'Wait for it to end and type the same again.',
    });
  }
  if (ended.length === 0 || ended.some(({ ending }) => ending !== 'rolled-back')) {
    throw new ProvisionError(
      'revert-failed',
      `${host.name}: the way back of run ${run} failed in part again.`,
      { hint: stuckHint(host.name) },
    );
  }
  const done = `${host.name}: run ${run} is taken back whole now`;
  // As after every way back, a new connection must show that the host can be managed.
  await proveReverted(context, host, new ProvisionError('outcome-unknown', done));
  if (host.status !== 'reverted') return;
  host.status = 'changed';
  host.error = undefined;
  tell(context, host, `run ${run} is taken back whole now`);
}

/** What puts this host back; null = nothing to do, and that was said. Throws where it cannot or must not be. */
async function planBack(
  context: Context,
  host: HostRun,
  wanted: string | undefined,
): Promise<{ changes: readonly ResourceChange[]; run: string } | null> {
  const session = host.session ?? (await host.connect(context.transport, context.signal));
  const places = placesOf(context, host);
  const kept = await readKept(session, host.target, wanted, places);
  const back = wayBack(host.name, kept, wanted, places);
  if (back === null) tell(context, host, 'nothing to roll back: no confirmed run is kept there');
  else if (back.changes.length === 0)
    tell(context, host, `nothing to roll back: run ${back.run} brought only packages, and those stay`);
  else return back;
  return null;
}

async function rollbackHost(context: Context, host: HostRun, wanted: string | undefined): Promise<void> {
  if (host.status !== 'ok' || !host.probe) return;
  context.emit({ type: 'phase-started', host: host.name, phase: 'plan' });
  try {
    refuseWhilePending(context, host);
    const { stuck } = host.probe.transactions;
    if (stuck) {
      await context.limit(() => host.timed('revert', () => retryStuck(context, host, stuck, wanted)));
      return;
    }
    const back = await context.limit(() => host.timed('plan', () => planBack(context, host, wanted)));
    context.emit({ type: 'host-planned', host: host.name, changes: back?.changes ?? [] });
    if (back === null) return;
    host.resources = new Set(back.changes.map(({ resource }) => resource)).size;
    host.changes.push(...back.changes);
    if (context.options.check) host.status = 'planned';
    else if (context.signal?.aborted) host.status = 'skipped';
    else {
      await applyBatch(context, NOTHING, [{ host, plan: back.changes, rollbackOf: back.run }]);
      await settleBatch(context, NOTHING, [host]);
    }
  } catch (error) {
    host.fail('failed', error);
    if (host.error) context.emit({ type: 'host-failed', host: host.name, error: host.error });
  }
}

/**
 * Puts hosts back to before a run that was confirmed, each on its own: one that fails is as it was, and keeps no other
 * from going back. It is a transaction like that of a run, whose own way back are the changes it undoes.
 */
export async function rollback(
  hosts: readonly string[],
  options: RollbackOptions,
  dependencies: RunDependencies,
): Promise<RunResult> {
  const { run: wanted, ...rest } = options;
  const context = contextFor(compiledFor(hosts), rest, dependencies);
  try {
    await probeAll(context);
    await Promise.all([...context.runs.values()].map((host) => rollbackHost(context, host, wanted)));
  } finally {
    await Promise.all([...context.runs.values()].map((host) => host.closeAll()));
  }
  return concluded(context);
}
