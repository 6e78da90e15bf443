import { hostOf } from '../model/check.ts';
import type { Check, CheckResult } from '../model/check.ts';
import { ERROR_EXIT_CODES, isProvisionError, ProvisionError } from '../model/error.ts';
import type { Resource } from '../model/resource.ts';
import type { Session, Target } from '../model/transport.ts';
import { asked, askedFirst, judge } from './checks.ts';
import { newNonce } from './frame.ts';
import type { HostRun } from './host-run.ts';
import { parseProbe, probeScript } from './probe-script.ts';
import type { CheckOutput, ProbeResult } from './probe-script.ts';
import { runScript } from './remote-shell.ts';
import type { Context } from './run.ts';
import type { Places } from './transaction-shell.ts';

const PROBE_TIMEOUT_MS = 120_000;
export const CONTROLLER = 'controller';

/** The key of a check's result: the same question from the same place. */
export const checkKey = ({ name, from, to }: Pick<Check, 'name' | 'from' | 'to'>): string =>
  `${from}\n${name}\n${to}`;

/** Everything that any play declares for a host, each resource once. */
const resourcesOf = ({ compiled }: Context, host: string): Resource[] => {
  const all = compiled.plays.flatMap((play) => play.resources.get(host) ?? []);
  return [...new Map(all.map((resource) => [resource.id, resource])).values()];
};

export const checksFrom = ({ compiled }: Context, host: string): Check[] =>
  compiled.plays.flatMap((play) => play.checks).filter((check) => hostOf(check.from) === host);

interface Reading {
  /** Checks that fail are asked again, as often as they say. */
  readonly retry: boolean;
  readonly places?: Places | undefined;
  /** Called when the host begins to answer. */
  readonly heard?: (() => void) | undefined;
}

/** One exec: reads the host and asks the checks that ride along. A second one only where a resource asks for more. */
export async function readHost(
  session: Session,
  target: Target,
  resources: readonly Resource[],
  checks: readonly Check[],
  { retry, places, heard }: Reading,
): Promise<ProbeResult> {
  const waits = checks.reduce(
    (longest, check) => Math.max(longest, (check.timeout + 1) * (check.retries + 1) * 1000),
    0,
  );
  const read = async (list: readonly Resource[], asked: readonly Check[]): Promise<ProbeResult> => {
    const nonce = newNonce();
    const script = probeScript(list, asked, nonce, retry, places);
    const { stdout } = await runScript(session, target, script, nonce, {
      timeoutMs: PROBE_TIMEOUT_MS + waits,
      ...(heard ? { onLine: heard } : {}),
    });
    return understood(target, () => parseProbe(stdout, list, asked, nonce));
  };
  const first = await read(resources, checks);
  const more = resources.flatMap((resource): Resource[] => {
    const output = first.outputs.get(resource.id);
    const probe = output && resource.probeMore?.(output, first.facts);
    return probe ? [{ ...resource, probe }] : [];
  });
  if (more.length === 0) return first;
  const second = await read(more, []);
  return { ...first, outputs: new Map([...first.outputs, ...second.outputs]) };
}

function understood<T>(target: Target, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (!isProvisionError(error)) throw error;
    const { code, message, hint } = error;
    throw new ProvisionError(code, `${target.name}: ${message}`, { hint, cause: error });
  }
}

/** Where the result of a check is kept: at the host that asked; the controller's at the first host of the run. */
export function ownerOf({ compiled: { hosts, vantages } }: Context, from: string): string {
  return (from === CONTROLLER ? (hosts[0] ?? vantages[0]) : hostOf(from)) ?? '';
}

export function keep(context: Context, result: CheckResult): void {
  context.runs.get(ownerOf(context, result.from))?.checks.set(checkKey(result), result);
  context.emit({ type: 'check-done', result });
}

/** Answers of the probe: how the checks stand before anything is changed. */
export function record(
  context: Context,
  checks: readonly Check[],
  answers: readonly (CheckOutput | null)[],
): void {
  const results = checks.map((check, index) => judge(check, answers[index] ?? null, null));
  results.forEach((result) => context.baseline.set(checkKey(result), result.status));
  results.forEach((result) => keep(context, result));
}

/** Reading changes nothing: it is given up as soon as the operator wants to stop. */
async function unlessStopped<T>(
  session: Session,
  signal: AbortSignal | undefined,
  reading: Promise<T>,
): Promise<T> {
  const stop = (): void => void session.close();
  signal?.addEventListener('abort', stop, { once: true });
  try {
    if (signal?.aborted) stop();
    return await reading;
  } finally {
    signal?.removeEventListener('abort', stop);
  }
}

/** A run that was taken back while nobody watched is told by the next one. */
function tellLastEnding(context: Context, host: HostRun): void {
  const last = host.probe?.transactions.last;
  // What a person has ended by `lock release` needs no telling.
  if (!last || last.ending === 'confirmed' || last.ending === 'abandoned') return;
  const how =
    {
      timeout: 'it was not confirmed in time',
      boot: 'the host rebooted before it was confirmed',
      asked: 'a check or the operator asked for it',
      failed: 'a step failed',
    }[last.reason] ?? last.reason;
  const what = last.ending === 'stuck' ? 'taken back only in part' : 'taken back';
  const message = `run ${String(last.record['run'])} of ${String(last.record['who'])} was ${what} at ${last.endedAt}: ${how}`;
  context.emit({ type: 'warning', host: host.name, message });
}

async function probeHost(context: Context, host: HostRun): Promise<void> {
  const { prove = false } = context.options;
  const checks = asked(checksFrom(context, host.name), askedFirst(prove));
  context.emit({ type: 'phase-started', host: host.name, phase: 'probe' });
  try {
    const session = await host.connect(context.transport, context.signal);
    const reading = readHost(session, host.target, resourcesOf(context, host.name), checks, {
      retry: prove,
      places: context.places?.(host.name),
    });
    host.probe = await unlessStopped(session, context.signal, reading);
    record(context, checks, host.probe.checks);
    if (context.compiled.vantages.includes(host.name)) await host.release();
    tellLastEnding(context, host);
    if (host.probe.facts.ipv6Route) {
      context.emit({
        type: 'warning',
        host: host.name,
        message: 'has a global IPv6 route: IPv6 traffic bypasses the rules of this version',
      });
    }
  } catch (error) {
    if (context.signal?.aborted) {
      host.status = 'skipped';
      return;
    }
    host.fail('failed', error);
    if (host.error && ERROR_EXIT_CODES[host.error.code] === 4) host.status = 'unreachable';
    record(context, checks, []);
    if (host.error) context.emit({ type: 'host-failed', host: host.name, error: host.error });
  }
}

/** Checks asked from the controller run in a shell of its own machine. */
export async function askController(
  context: Context,
  checks: readonly Check[],
  retry: boolean,
): Promise<readonly CheckOutput[]> {
  if (checks.length === 0) return [];
  const target: Target = {
    name: CONTROLLER,
    connection: { address: CONTROLLER, become: false, jumps: [], hostKeys: [], via: 'local' },
    jumps: [],
  };
  const session = await context.controller.connect(target);
  try {
    return (await readHost(session, target, [], checks, { retry })).checks;
  } finally {
    await session.close();
  }
}

/** Reads all hosts at once: one connection and one exec each. */
export async function probeAll(context: Context): Promise<void> {
  const hosts = [...context.runs.values()];
  const { prove = false } = context.options;
  const own = asked(checksFrom(context, CONTROLLER), askedFirst(prove));
  // All of them, also when one breaks the run: a connection that stands only later would never be closed.
  const settled = await Promise.allSettled([
    ...hosts.map((host) => context.limit(() => host.timed('probe', () => probeHost(context, host)))),
    context.limit(async () => record(context, own, await askController(context, own, prove).catch(() => []))),
  ]);
  const broken = settled.find(({ status }) => status === 'rejected');
  if (broken?.status === 'rejected') throw broken.reason;
}

/** Reads a host again that an earlier play of this run has changed. */
export async function reprobe(context: Context, host: HostRun): Promise<void> {
  await host.timed('probe', async () => {
    try {
      const session = host.session ?? (await host.connect(context.transport, context.signal));
      host.probe = await readHost(session, host.target, resourcesOf(context, host.name), [], {
        retry: false,
        places: context.places?.(host.name),
      });
      host.stale = false;
    } catch (error) {
      host.fail('failed', error);
      host.probe = null;
    }
  });
}
