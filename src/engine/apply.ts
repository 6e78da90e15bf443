import { ProvisionError } from '../model/error.ts';
import type { ResourceChange } from '../model/resource.ts';
import { applyScript, parseApply, stepOf } from './apply-script.ts';
import type { ApplyOutcome, ApplyPlan, StepFailure } from './apply-script.ts';
import { newNonce } from './frame.ts';
import type { HostRun } from './host-run.ts';
import { runScript } from './remote-shell.ts';
import type { Context } from './run.ts';

const APPLY_TIMEOUT_MS = 15 * 60_000;

export interface AppliedHost {
  readonly host: HostRun;
  readonly plan: ApplyPlan;
  readonly applied: boolean;
}

const sorted = (changes: readonly ResourceChange[]): ApplyPlan => ({
  packages: changes.filter((change) => change.kind === 'package'),
  changes: changes.filter((change) => change.kind !== 'package'),
});

function failed(host: string, { resource, code, output }: StepFailure): ProvisionError {
  const said = output.trim().split('\n').slice(-3).join(' / ').slice(0, 400);
  return new ProvisionError(
    'apply-failed',
    `${host}: ${resource} could not be changed (exit ${code})${said ? `: ${said}` : ''}.`,
    {
      hint: 'The host was put back as it was (packages stay). Mend the cause and run again; -vvv prints all the host said.',
    },
  );
}

/** Sends one script and reads how it ended. */
export async function transact(
  context: Context,
  host: HostRun,
  plan: ApplyPlan,
  mode: 'apply' | 'revert',
): Promise<ApplyOutcome> {
  const nonce = newNonce();
  const session = host.session ?? (await host.connect(context.transport, context.signal));
  const { stdout } = await runScript(session, host.target, applyScript(plan, nonce, mode), nonce, {
    timeoutMs: APPLY_TIMEOUT_MS,
    onLine: (line) => {
      const resource = stepOf(line, nonce, plan);
      if (resource !== null) context.emit({ type: 'step-done', host: host.name, resource });
    },
  });
  return parseApply(stdout, nonce, plan);
}

async function applyHost(
  context: Context,
  host: HostRun,
  changes: readonly ResourceChange[],
): Promise<AppliedHost> {
  const plan = sorted(changes);
  context.emit({ type: 'phase-started', host: host.name, phase: 'apply' });
  host.stale = true;
  try {
    const { ending, failures } = await transact(context, host, plan, 'apply');
    const failure = failures[0];
    failures.forEach((step) =>
      context.emit({ type: 'step-failed', host: host.name, resource: step.resource, output: step.output }),
    );
    if (ending === 'applied') {
      host.status = 'changed';
      return { host, plan, applied: true };
    }
    if (ending === 'reverted' && failure) host.fail('reverted', failed(host.name, failure));
    else if (ending === 'stuck') {
      host.fail(
        'unknown',
        new ProvisionError(
          'revert-failed',
          `${host.name}: a change failed and could not be taken back whole: ${failures.map((f) => f.resource).join(', ')}.`,
          { hint: 'Log in and look at what is named; -vvv prints all the host said.' },
        ),
      );
    } else
      throw new ProvisionError(
        'connection-lost',
        `${host.name}: the connection ended before the host said how it went.`,
      );
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    host.fail(
      'unknown',
      new ProvisionError(
        'outcome-unknown',
        `${host.name}: it is not known whether the changes were made: ${reason}`,
        { hint: 'Run with --check to see what the host is like now.', cause: error },
      ),
    );
  }
  if (host.error) context.emit({ type: 'host-failed', host: host.name, error: host.error });
  return { host, plan, applied: false };
}

/** Applies a batch, hosts side by side. */
export const applyBatch = (
  context: Context,
  batch: readonly { readonly host: HostRun; readonly plan: readonly ResourceChange[] }[],
): Promise<AppliedHost[]> =>
  Promise.all(
    batch.map(({ host, plan }) =>
      context.limit(() => host.timed('apply', () => applyHost(context, host, plan))),
    ),
  );
