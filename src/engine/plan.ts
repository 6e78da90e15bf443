import { isProvisionError, ProvisionError } from '../model/error.ts';
import type { Place } from '../model/error.ts';
import type { ResourceChange } from '../model/resource.ts';
import { holderIn } from './apply.ts';
import { baselineName } from './baseline.ts';
import { stuckHint } from './take-back.ts';
import type { CompiledPlay } from './compile.ts';
import type { HostRun } from './host-run.ts';
import type { Context } from './run.ts';

/** Desired minus actual, in the order of the playbook. Pure but for telling it. */
export function changesOf(play: CompiledPlay, host: HostRun): ResourceChange[] {
  const { probe } = host;
  if (!probe) return [];
  const resources = play.resources.get(host.name) ?? [];
  // What tags leave out is declared all the same: a NIC stays in the zone that was not chosen.
  const declared = play.declared?.get(host.name) ?? resources;
  return resources.flatMap((resource) => {
    const output = probe.outputs.get(resource.id);
    const others = declared.filter((other) => other.id !== resource.id);
    try {
      const baseline = probe.baselines.get(resource.id) ?? null;
      const taken = probe.transactions.baselines.has(baselineName(resource.id));
      const change = output && resource.plan(output, probe.facts, { baseline, taken, others });
      return change ? [resource.place ? { ...change, place: resource.place } : change] : [];
    } catch (error) {
      if (isProvisionError(error)) throw error.place ? error : onHost(host, error, resource.place);
      throw new ProvisionError(
        'probe-failed',
        `${host.name}: what the host says about ${resource.id} could not be understood.`,
        { hint: 'Run `provision --check -vvv` and report what it prints.', cause: error },
      );
    }
  });
}

const onHost = (
  host: HostRun,
  { code, message, hint, cause }: ProvisionError,
  place: Place | undefined,
): ProvisionError => new ProvisionError(code, `${host.name}: ${message}`, { hint, cause, place });

/** Whose change there is neither confirmed nor taken back; null = nobody's but our own. */
export function pendingHolder(host: HostRun): string | null {
  const pending = host.probe?.transactions.pending;
  return !pending || host.transaction ? null : (holderIn(pending) ?? 'another run');
}

export const pendingError = (host: HostRun, holder: string): ProvisionError =>
  new ProvisionError('transaction-pending', `${host.name}: a change of ${holder} is not confirmed yet.`, {
    hint: 'It is confirmed or taken back within its window; run again after that.',
  });

/** What a host is like while a change waits for its confirmation says nothing about what it will be. */
export function refuseWhilePending({ options, emit }: Context, host: HostRun): void {
  const holder = pendingHolder(host);
  if (holder === null) return;
  if (!options.check) throw pendingError(host, holder);
  emit({
    type: 'warning',
    host: host.name,
    message: `a change of ${holder} is not confirmed yet: the plan may be of no use`,
  });
}

/** What would keep our own SSH out is said before it is done; with `--strict-lockout` it is not done. */
function foretellLockout(
  { options, emit }: Context,
  host: HostRun,
  changes: readonly ResourceChange[],
): void {
  const found = changes.flatMap(({ lockout }) => lockout ?? []);
  found.forEach((sentence) =>
    emit({ type: 'warning', host: host.name, message: `this would lock us out: ${sentence}` }),
  );
  if (!options.strictLockout || found.length === 0) return;
  throw new ProvisionError('lockout', `${host.name}: this would lock us out: ${found.join('; ')}.`, {
    hint: 'Let it in there. Without --strict-lockout the host is changed, and put back when we cannot come in again.',
  });
}

/** What others would lose is named, and not done unless it was asked for. */
function refuseDestruction(
  { options, emit }: Context,
  host: HostRun,
  changes: readonly ResourceChange[],
): void {
  const found = changes.flatMap(({ destroys }) => destroys ?? []);
  if (found.length === 0 || options.allowDestroy) return;
  if (!options.check) {
    throw new ProvisionError('destroys', `${host.name}: ${found.join('; ')}.`, {
      hint: 'Nothing was changed there. If that is meant, type the same with --allow-destroy.',
    });
  }
  found.forEach((sentence) =>
    emit({ type: 'warning', host: host.name, message: `needs --allow-destroy: ${sentence}` }),
  );
}

/** What resources warn of, and what is to be known of their changes, is said once, and is no drift. */
function tellWarnings(
  { emit }: Context,
  play: CompiledPlay,
  host: HostRun,
  changes: readonly ResourceChange[],
): void {
  const warnings = (play.resources.get(host.name) ?? []).flatMap((resource) => {
    const output = host.probe?.outputs.get(resource.id);
    return (output && resource.warnings?.(output)) ?? [];
  });
  const notes = changes.flatMap((change) => change.notes ?? []);
  new Set([...warnings, ...notes]).forEach((message) => emit({ type: 'warning', host: host.name, message }));
}

/** To return to a state that nobody recorded would be a guess. */
function tellWithoutBaseline({ emit }: Context, play: CompiledPlay, { name, probe }: HostRun): void {
  const unknown = (play.resources.get(name) ?? []).filter(
    (resource) => resource.toBaseline && probe && !probe.baselines.get(resource.id),
  );
  if (unknown.length === 0) return;
  const ids = unknown.map(({ id }) => id).join(', ');
  emit({ type: 'warning', host: name, message: `has no baseline of ${ids}: left as it is` });
}

/** After a way back that failed in part nobody knows what is there: nothing is changed until a person has looked. */
function refuseWhileStuck(
  { options, emit }: Context,
  host: HostRun,
  changes: readonly ResourceChange[],
): void {
  const stuck = host.probe?.transactions.stuck;
  if (!stuck || host.transaction) return;
  const message = `${host.name}: a change of ${holderIn(stuck) ?? 'another run'} could be taken back only in part.`;
  if (changes.length > 0 && !options.check)
    throw new ProvisionError('stuck', message, { hint: stuckHint(host.name) });
  emit({
    type: 'warning',
    host: host.name,
    message: `${message.slice(host.name.length + 2, -1)}: runs that change something are refused until provision rollback or provision lock release`,
  });
}

/** Plans one host; a host that cannot be planned is failed and left as it is. */
export function planHost(context: Context, play: CompiledPlay, host: HostRun): readonly ResourceChange[] {
  context.emit({ type: 'phase-started', host: host.name, phase: 'plan' });
  try {
    refuseWhilePending(context, host);
    const changes = changesOf(play, host);
    tellWarnings(context, play, host, changes);
    refuseWhileStuck(context, host, changes);
    host.changes.push(...changes);
    tellWithoutBaseline(context, play, host);
    if (changes.length > 0 && context.options.check) host.status = 'planned';
    context.emit({ type: 'host-planned', host: host.name, changes });
    foretellLockout(context, host, changes);
    refuseDestruction(context, host, changes);
    return changes;
  } catch (error) {
    host.fail('failed', error);
    if (host.error) context.emit({ type: 'host-failed', host: host.name, error: host.error });
    return [];
  }
}
