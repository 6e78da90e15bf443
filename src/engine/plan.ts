import { isProvisionError, ProvisionError } from '../model/error.ts';
import type { ResourceChange } from '../model/resource.ts';
import { holderIn } from './apply.ts';
import { stuckHint } from './take-back.ts';
import type { CompiledPlay } from './compile.ts';
import type { HostRun } from './host-run.ts';
import type { Context } from './run.ts';

/** Desired minus actual, in the order of the playbook. Pure but for telling it. */
export function changesOf(play: CompiledPlay, host: HostRun): ResourceChange[] {
  const { probe } = host;
  if (!probe) return [];
  return (play.resources.get(host.name) ?? []).flatMap((resource) => {
    const output = probe.outputs.get(resource.id);
    try {
      return (output && resource.plan(output, probe.facts)) ?? [];
    } catch (error) {
      if (isProvisionError(error)) throw error;
      throw new ProvisionError(
        'probe-failed',
        `${host.name}: what the host says about ${resource.id} could not be understood.`,
        { hint: 'Run `provision --check -vvv` and report what it prints.', cause: error },
      );
    }
  });
}

/** What a host is like while a change waits for its confirmation says nothing about what it will be. */
export function refuseWhilePending({ options, emit }: Context, host: HostRun): void {
  const pending = host.probe?.transactions.pending;
  if (!pending || host.transaction) return;
  const holder = holderIn(pending) ?? 'another run';
  if (options.check)
    return emit({
      type: 'warning',
      host: host.name,
      message: `a change of ${holder} is not confirmed yet: the plan may be of no use`,
    });
  throw new ProvisionError(
    'transaction-pending',
    `${host.name}: a change of ${holder} is not confirmed yet.`,
    { hint: 'It is confirmed or taken back within its window; run again after that.' },
  );
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
    refuseWhileStuck(context, host, changes);
    host.changes.push(...changes);
    if (changes.length > 0 && context.options.check) host.status = 'planned';
    context.emit({ type: 'host-planned', host: host.name, changes });
    return changes;
  } catch (error) {
    host.fail('failed', error);
    if (host.error) context.emit({ type: 'host-failed', host: host.name, error: host.error });
    return [];
  }
}
