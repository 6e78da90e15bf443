import type { Check, CheckResult } from '../model/check.ts';
import { isProvisionError, ProvisionError } from '../model/error.ts';
import { transact } from './apply.ts';
import type { AppliedHost } from './apply.ts';
import { asked, judge, mustRevert } from './checks.ts';
import type { CompiledPlay } from './compile.ts';
import type { HostRun } from './host-run.ts';
import { changesOf } from './plan.ts';
import { askController, checkKey, CONTROLLER, keep, readHost } from './probe.ts';
import type { CheckOutput } from './probe-script.ts';
import type { Context } from './run.ts';

interface Verdict {
  /** Why the batch must be put back; null = it stays. */
  readonly reason: string | null;
  /** The host whose fault it is. */
  readonly culprit: string | null;
}

const fine: Verdict = { reason: null, culprit: null };

/** Reads a host over a new connection: proof that it can still be managed, and that nothing is left to change. */
async function rereadHost(
  context: Context,
  play: CompiledPlay,
  host: HostRun,
  checks: readonly Check[],
): Promise<{ verdict: Verdict; answers: readonly (CheckOutput | null)[] }> {
  context.emit({ type: 'phase-started', host: host.name, phase: 'verify' });
  try {
    const session = await host.connect(context.transport, context.signal);
    const resources = play.resources.get(host.name) ?? [];
    const result = await readHost(session, host.target, resources, checks, true);
    host.probe = { ...result, outputs: new Map([...(host.probe?.outputs ?? []), ...result.outputs]) };
    const left = changesOf(play, host);
    const verdict =
      left.length === 0
        ? fine
        : {
            reason: `still different after the change: ${left.flatMap((c) => c.changes.map((d) => d.sentence)).join('; ')}`,
            culprit: host.name,
          };
    return { verdict, answers: result.checks };
  } catch (error) {
    const message = isProvisionError(error) ? error.message : String(error);
    const changed = host.status === 'changed';
    return {
      verdict: changed
        ? { reason: `no new connection after the change: ${message}`, culprit: host.name }
        : fine,
      answers: [],
    };
  }
}

function earlier(context: Context, check: Check): CheckResult['baseline'] {
  const owner = check.from === CONTROLLER ? context.compiled.hosts[0] : check.from;
  return context.runs.get(owner ?? '')?.checks.get(checkKey(check))?.status ?? null;
}

/** Asks every check of the play again, from wherever it is asked. */
async function verify(context: Context, play: CompiledPlay, changed: readonly HostRun[]): Promise<Verdict> {
  const checks = asked(play.checks, ['always', 'change']);
  const vantages = [...new Set([...changed.map((host) => host.name), ...checks.map((check) => check.from)])];
  const verdicts = await Promise.all(
    vantages.map(async (name): Promise<Verdict> => {
      const own = checks.filter((check) => check.from === name);
      const host = context.runs.get(name);
      let verdict = fine;
      let answers: readonly (CheckOutput | null)[] = [];
      if (name === CONTROLLER)
        answers = await context.limit(() => askController(context, own, true).catch(() => []));
      else if (host && host.status !== 'unreachable' && host.status !== 'failed') {
        ({ verdict, answers } = await context.limit(() =>
          host.timed('verify', () => rereadHost(context, play, host, own)),
        ));
      }
      const results = own.map((check, index) => ({
        check,
        result: judge(check, answers[index] ?? null, earlier(context, check)),
      }));
      results.forEach(({ result }) => keep(context, result));
      const broken = results.find(({ check, result }) => mustRevert(check, result));
      if (verdict.reason !== null || !broken) return verdict;
      const { result } = broken;
      return {
        reason: `check "${result.name}": expected ${result.expected}, got ${result.got}`,
        culprit: changed.length === 1 ? (changed[0]?.name ?? name) : name,
      };
    }),
  );
  return verdicts.find((verdict) => verdict.reason !== null) ?? fine;
}

async function revertHost(
  context: Context,
  { host, plan }: AppliedHost,
  { reason, culprit }: Verdict,
): Promise<void> {
  context.emit({ type: 'host-reverting', host: host.name, reason: reason ?? '' });
  try {
    const { ending } = await transact(context, host, plan, 'revert');
    if (ending !== 'reverted')
      throw new ProvisionError('revert-failed', `${host.name}: the change could not be taken back whole.`);
    const code = reason?.startsWith('check') ? 'check-failed' : 'still-different';
    host.fail(
      'reverted',
      new ProvisionError(code, `${host.name} was put back: ${reason ?? ''}`, {
        hint: 'Mend the cause and run again.',
      }),
    );
    if (culprit !== null && culprit !== host.name) host.cause = culprit;
  } catch (error) {
    host.fail(
      'unknown',
      new ProvisionError(
        'revert-failed',
        `${host.name} should be put back (${reason ?? ''}), and that failed: ${error instanceof Error ? error.message : String(error)}`,
        { hint: 'Log in by another way (console) and look; then run with --check.', cause: error },
      ),
    );
  }
  if (host.error) context.emit({ type: 'host-failed', host: host.name, error: host.error });
}

/** Verifies a batch that was applied; if one host or check fails, the whole batch is put back. */
export async function settleBatch(
  context: Context,
  play: CompiledPlay,
  batch: readonly AppliedHost[],
): Promise<'ok' | 'failed'> {
  const applied = batch.filter((one) => one.applied);
  const failed = batch.find((one) => !one.applied);
  const verdict = failed
    ? { reason: `${failed.host.name} of the same batch failed`, culprit: failed.host.name }
    : await verify(
        context,
        play,
        applied.map(({ host }) => host),
      );
  if (verdict.reason === null) return 'ok';
  await Promise.all(
    applied.map((one) =>
      context.limit(() => one.host.timed('revert', () => revertHost(context, one, verdict))),
    ),
  );
  return 'failed';
}
