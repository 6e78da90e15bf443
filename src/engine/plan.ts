import { isProvisionError, ProvisionError } from '../model/error.ts';
import type { ResourceChange } from '../model/resource.ts';
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

/** Plans one host; a host that cannot be planned is failed and left as it is. */
export function planHost(context: Context, play: CompiledPlay, host: HostRun): readonly ResourceChange[] {
  context.emit({ type: 'phase-started', host: host.name, phase: 'plan' });
  try {
    const changes = changesOf(play, host);
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
