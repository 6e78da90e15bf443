import { setTimeout as sleep } from 'node:timers/promises';
import { hostOf } from '../model/check.ts';
import type { Check, CheckResult } from '../model/check.ts';
import { isProvisionError } from '../model/error.ts';
import type { Session } from '../model/transport.ts';
import { asked, judge, mustRevert } from './checks.ts';
import type { CompiledPlay } from './compile.ts';
import { confirmHost } from './confirm.ts';
import { explainFailures } from './explain.ts';
import type { HostRun } from './host-run.ts';
import { changesOf } from './plan.ts';
import { askController, checkKey, CONTROLLER, keep, ownerOf, readHost } from './probe.ts';
import type { CheckOutput } from './probe-script.ts';
import type { Context } from './run.ts';
import { takeBack } from './take-back.ts';

/** Milliseconds of the window that must be left to look for a reason. */
const TO_EXPLAIN_MS = 25_000;

const hasTime = ({ transaction, windowEnds = 0 }: HostRun): boolean =>
  transaction?.armed !== true || windowEnds - Date.now() > TO_EXPLAIN_MS;

interface Verdict {
  /** Why the batch must be put back; null = it stays. */
  readonly reason: string | null;
  /** The host whose fault it is. */
  readonly culprit: string | null;
  /** Nothing but checks decided it. */
  readonly byCheck?: boolean;
  /** The check that decided it. */
  readonly check?: Check;
}

const fine: Verdict = { reason: null, culprit: null };

/** A firewall that has just been loaded may drop the first packet: one more try before the change is put back. */
const twice = (connect: () => Promise<Session>): Promise<Session> =>
  connect().catch(async () => {
    await sleep(1000);
    return connect();
  });

const connectAgain = (context: Context, host: HostRun): Promise<Session> =>
  twice(() => host.connect(context.transport, undefined));

/** Milliseconds after which a read that goes on is not waited for: a host that keeps us out is to be known by then. */
const SLOW_MS = 2000;

/**
 * What `read` reads over the connection that is there, then a new one: proof that the host can still be managed, made when
 * what the change starts has had its time to take effect. Sudo and the login shell are proven by every read. Where the old
 * connection has died with the change, the new one is read over.
 */
async function readThenLogin<T>(
  context: Context,
  host: HostRun,
  read: (session: Session, heard?: () => void) => Promise<T>,
): Promise<T> {
  const before = host.session;
  if (!before || !host.transaction) return read(await connectAgain(context, host));
  let answers = false;
  const reading = read(before, () => (answers = true)).catch(() => null);
  const slow = await Promise.race([reading.then(() => false), sleep(SLOW_MS, true, { ref: false })]);
  if (slow) await twice(() => host.connectBeside(context.transport, undefined));
  const result = (slow && !answers ? null : await reading) ?? (await read(await connectAgain(context, host)));
  await connectAgain(context, host);
  // Where one was made beside it, that one has been closed instead.
  void before.close().catch(() => undefined);
  return result;
}

/** Reads a host and comes in anew: proof that it can still be managed, and that nothing is left to change. */
async function rereadHost(
  context: Context,
  play: CompiledPlay,
  host: HostRun,
  checks: readonly Check[],
): Promise<{ verdict: Verdict; answers: readonly (CheckOutput | null)[] }> {
  context.emit({ type: 'phase-started', host: host.name, phase: 'verify' });
  try {
    const resources = play.resources.get(host.name) ?? [];
    const result = await readThenLogin(context, host, (session, heard) =>
      readHost(session, host.target, resources, checks, {
        retry: true,
        places: context.places?.(host.name),
        heard,
      }),
    );
    host.probe = {
      ...result,
      outputs: new Map([...(host.probe?.outputs ?? []), ...result.outputs]),
      baselines: new Map([...(host.probe?.baselines ?? []), ...result.baselines]),
    };
    // A vantage that a later batch will change may differ still.
    const left = host.status === 'changed' ? changesOf(play, host) : [];
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

/** Whose change broke a check: the only one there was, the one that was asked, the one that was asked for, or nobody knows. */
function culpritOf({ from, to }: Check, changed: readonly HostRun[]): string {
  const [only, another] = changed;
  if (only && !another) return only.name;
  const asked = changed.find((host) => host.name === hostOf(from));
  const address = to.replace(/:\d+$/, '');
  return (asked ?? changed.find((host) => host.target.connection.address === address))?.name ?? hostOf(from);
}

/** Asks every check of the play again, from wherever it is asked. */
async function verify(
  context: Context,
  play: CompiledPlay,
  changed: readonly HostRun[],
): Promise<{ verdict: Verdict; results: readonly CheckResult[] }> {
  const checks = asked(play.checks, ['always', 'change']);
  const vantages = [
    ...new Set([...changed.map((host) => host.name), ...checks.map((check) => hostOf(check.from))]),
  ];
  const all: CheckResult[] = [];
  const verdicts = await Promise.all(
    vantages.map(async (name): Promise<Verdict> => {
      const own = checks.filter((check) => hostOf(check.from) === name);
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
        result: judge(check, answers[index] ?? null, context.baseline.get(checkKey(check)) ?? null),
      }));
      results.forEach(({ result }) => keep(context, result));
      all.push(...results.map(({ result }) => result));
      const broken = results.find(({ check, result }) => mustRevert(check, result));
      if (verdict.reason !== null || !broken) return verdict;
      const { result } = broken;
      return {
        reason: `check "${result.name}": expected ${result.expected}, got ${result.got}`,
        culprit: culpritOf(broken.check, changed),
        byCheck: true,
        check: broken.check,
      };
    }),
  );
  const bad = verdicts.filter(({ reason }) => reason !== null);
  return {
    verdict: { ...(bad[0] ?? fine), byCheck: bad.every(({ byCheck }) => byCheck === true) },
    results: all,
  };
}

/**
 * A host that was verified came in before checks from elsewhere were answered, and what a change starts may need that long
 * to take effect: who comes in now, comes in from now on. The change is confirmed over this one.
 */
async function comesInStill(
  context: Context,
  applied: readonly HostRun[],
  results: readonly CheckResult[],
): Promise<Verdict> {
  const early = applied.filter(({ name }) => results.some(({ from }) => hostOf(from) !== name));
  const verdicts = await Promise.all(
    early.map((host) =>
      context.limit(() =>
        host.timed('verify', () =>
          connectAgain(context, host).then(
            () => fine,
            (error: unknown): Verdict => ({
              reason: `no new connection after the checks: ${isProvisionError(error) ? error.message : String(error)}`,
              culprit: host.name,
            }),
          ),
        ),
      ),
    ),
  );
  return verdicts.find(({ reason }) => reason !== null) ?? fine;
}

/** Why this check likely failed; null = nobody knows. */
const likely = (context: Context, check: Check | undefined): string | null =>
  (check && context.runs.get(ownerOf(context, check.from))?.checks.get(checkKey(check))?.hint?.sentence) ??
  null;

/** Verifies a batch that was applied, then confirms it; if one host or check fails, the whole batch is put back. */
export async function settleBatch(
  context: Context,
  play: CompiledPlay,
  batch: readonly HostRun[],
): Promise<'ok' | 'failed'> {
  const applied = batch.filter((host) => host.transaction !== null);
  const failed = batch.find((host) => host.transaction === null);
  const nothing = (reason: string, culprit: string | null): Awaited<ReturnType<typeof verify>> => ({
    verdict: { reason, culprit },
    results: [],
  });
  const { verdict: verified, results } = failed
    ? nothing(`${failed.name} of the same batch failed`, failed.name)
    : context.signal?.aborted
      ? nothing('the run was interrupted', null)
      : await verify(context, play, applied);
  const verdict = verified.reason === null ? await comesInStill(context, applied, results) : verified;
  if (verdict.reason === null) {
    // Only what stays is a baseline for the batches after it.
    results.forEach((result) => context.baseline.set(checkKey(result), result.status));
    await Promise.all(
      applied.map((host) => context.limit(() => host.timed('confirm', () => confirmHost(context, host)))),
    );
    return applied.every((host) => host.status === 'changed') ? 'ok' : 'failed';
  }
  const { reason, culprit, byCheck = false } = verdict;
  // As long as the change is there: once it is back, nobody can see any more why it failed. A host that cannot be managed
  // goes back at once.
  if (byCheck && applied.every(hasTime)) await explainFailures(context, play.checks);
  await Promise.all(
    applied.map((host) =>
      context.limit(() =>
        host.timed('revert', () =>
          takeBack(context, host, { reason, culprit, hint: likely(context, verdict.check) }),
        ),
      ),
    ),
  );
  return 'failed';
}
