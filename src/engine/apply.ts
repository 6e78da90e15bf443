import os from 'node:os';
import { ProvisionError } from '../model/error.ts';
import type { ErrorCode } from '../model/error.ts';
import type { ResourceChange } from '../model/resource.ts';
import { newBaselines, withKeptFiles } from './baseline.ts';
import type { CompiledPlay } from './compile.ts';
import { framedLines, newNonce } from './frame.ts';
import type { HostRun } from './host-run.ts';
import { runScript } from './remote-shell.ts';
import type { Context } from './run.ts';
import { awaitEnding, proveReverted, stuckHint } from './take-back.ts';
import { extendScript, launchScript } from './transaction-script.ts';
import { parseTransaction, stepOf } from './transaction-output.ts';
import type { Transaction } from './transaction-script.ts';
import type { ApplyOutcome, StepFailure } from './transaction-output.ts';
import { PLACES } from './transaction-shell.ts';

/** Seconds the steps of one host may take, packages included. */
const APPLY_TIMEOUT = 15 * 60;

/** Seconds for one step of the way back: a service may take 90 to stop (DefaultTimeoutStopSec, systemd-system.conf(5)). */
const UNDO_TIMEOUT = 120;

/** How many sentences the host's journal keeps of one run. */
const JOURNAL_SENTENCES = 50;

export interface PlannedHost {
  readonly host: HostRun;
  readonly plan: readonly ResourceChange[];
  /** Set when this puts the host back to before that run. */
  readonly rollbackOf?: string;
}

/** Who works here, for the journal of hosts. */
export const operator = (): string => `${os.userInfo().username}@${os.hostname()}`;

async function transactionOf(
  { options, places, compiled, runId }: Context,
  play: CompiledPlay,
  { host, plan, rollbackOf }: PlannedHost,
): Promise<Transaction> {
  const commit = await options.commit?.();
  const sentences = plan.flatMap((change) => change.changes.map(({ sentence }) => sentence));
  return {
    id: `${runId}-${(host.transactions += 1)}`,
    nonce: newNonce(),
    places: places?.(host.name) ?? PLACES,
    armed: options.rollback,
    plan: {
      packages: plan.filter((change) => change.phase === 'package'),
      changes: plan.filter((change) => change.phase === 'main').map(withKeptFiles),
    },
    baselines: newBaselines(play.resources.get(host.name) ?? [], host.probe, runId),
    confirmTimeout: options.confirmTimeout,
    applyTimeout: APPLY_TIMEOUT,
    undoTimeout: UNDO_TIMEOUT,
    record: {
      run: runId,
      playbook: compiled.playbook,
      who: operator(),
      from: host.probe?.facts.sshClient ?? null,
      at: new Date().toISOString(),
      ...(commit === undefined ? {} : { commit }),
      ...(rollbackOf === undefined ? {} : { rollbackOf }),
      changes: sentences.slice(0, JOURNAL_SENTENCES),
    },
  };
}

function stepError(
  { name: host, changes }: HostRun,
  { resource, code, output }: StepFailure,
): ProvisionError {
  const said = output.trim().split('\n').slice(-3).join(' / ').slice(0, 400);
  return new ProvisionError(
    'apply-failed',
    `${host}: ${resource} could not be changed (exit ${code})${said ? `: ${said}` : ''}.`,
    {
      place: changes.findLast((change) => change.resource === resource)?.place,
      hint: 'The host was put back as it was (packages stay). Mend the cause and run again; -vv prints all the host said.',
    },
  );
}

const REFUSALS: Readonly<Record<string, readonly [ErrorCode, string, string]>> = {
  locked: ['locked', 'another run is at work there', 'Wait for it to end and run again.'],
  pending: [
    'transaction-pending',
    'a change there is not confirmed yet',
    'It is confirmed or taken back within its window; run again after that.',
  ],
  stuck: ['stuck', 'an earlier change could be taken back only in part', ''],
  'not-armed': [
    'not-armed',
    'nothing was changed, since nothing could take it back',
    'Mend that, or run with --no-rollback if you have another way in.',
  ],
};

function refusalError(host: string, { refusal }: ApplyOutcome): ProvisionError {
  const [code, what, hint] = REFUSALS[refusal?.reason ?? 'not-armed'] ?? ['not-armed', '', ''];
  const said = refusal?.text ?? '';
  const holder = holderIn(said);
  const detail = holder ?? said.slice(0, 200);
  return new ProvisionError(code, `${host}: ${what}${detail ? `: ${detail}` : ''}.`, {
    hint: hint || stuckHint(host),
  });
}

/** "run X of WHO since T" out of a record; null when it is no record. */
export function holderIn(text: string): string | null {
  try {
    const { run, who, at } = JSON.parse(text) as Record<string, unknown>;
    return `run ${String(run)} of ${String(who)} since ${String(at)}`;
  } catch {
    return null;
  }
}

async function applyHost(context: Context, play: CompiledPlay, planned: PlannedHost): Promise<void> {
  const { host } = planned;
  const transaction = await transactionOf(context, play, planned);
  context.emit({ type: 'phase-started', host: host.name, phase: 'apply' });
  host.stale = true;
  try {
    const session = host.session ?? (await host.connect(context.transport, undefined));
    const { stdout } = await runScript(session, host.target, launchScript(transaction), transaction.nonce, {
      timeoutMs: (APPLY_TIMEOUT + context.options.confirmTimeout) * 1000,
      onLine: (line) => {
        const resource = stepOf(line, transaction.nonce, transaction.plan);
        if (resource !== null) context.emit({ type: 'step-done', host: host.name, resource });
      },
      // All is done there then, and a timer stands: what ends after it needs nobody.
      until: (line) => framedLines(line, transaction.nonce)[0]?.[0] === 'applied',
    });
    const outcome = parseTransaction(stdout, transaction.nonce, transaction.plan);
    outcome.failures.forEach(({ resource, output }) =>
      context.emit({ type: 'step-failed', host: host.name, resource, output }),
    );
    await settle(context, host, transaction, outcome);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    host.transaction = transaction;
    await awaitEnding(context, host, `the connection ended while changes were made: ${reason}`);
  }
  if (host.error) context.emit({ type: 'host-failed', host: host.name, error: host.error });
}

async function settle(
  context: Context,
  host: HostRun,
  transaction: Transaction,
  outcome: ApplyOutcome,
): Promise<void> {
  const [failure] = outcome.failures;
  switch (outcome.ending) {
    case 'applied':
      host.status = 'changed';
      host.transaction = transaction;
      host.windowEnds = Date.now() + transaction.confirmTimeout * 1000;
      return;
    case 'refused':
      return host.fail('failed', refusalError(host.name, outcome));
    case 'reverted':
      return proveReverted(
        context,
        host,
        failure
          ? stepError(host, failure)
          : new ProvisionError('apply-failed', `${host.name}: the changes were taken back.`),
      );
    case 'stuck':
      return host.fail(
        'unknown',
        new ProvisionError(
          'revert-failed',
          `${host.name}: a change failed and could not be taken back whole: ${outcome.failures.map((f) => f.resource).join(', ')}.`,
          { hint: stuckHint(host.name) },
        ),
      );
    case 'too-late':
    case 'confirmed':
    case 'unknown':
      throw new ProvisionError('connection-lost', 'the host did not say how it went');
  }
}

/** A host that is ready before the others of its batch must not be taken back while it waits for them. */
async function holdWindow(context: Context, host: HostRun, others: Promise<unknown>): Promise<void> {
  const { transaction, session } = host;
  if (!transaction || !session || !transaction.armed) return;
  let waiting = true;
  const ready = others.then(() => (waiting = false));
  while (waiting) {
    let timer: NodeJS.Timeout | undefined;
    const third = new Promise(
      (resolve) => (timer = setTimeout(resolve, (transaction.confirmTimeout * 1000) / 3)),
    );
    await Promise.race([ready, third]);
    clearTimeout(timer);
    if (!waiting) return;
    await runScript(session, host.target, extendScript(transaction), transaction.nonce, {
      timeoutMs: 20_000,
    }).catch(() => undefined);
    host.windowEnds = Date.now() + transaction.confirmTimeout * 1000;
  }
}

/** Applies a batch, hosts side by side; each ends armed, put back, or refused. */
export async function applyBatch(
  context: Context,
  play: CompiledPlay,
  batch: readonly PlannedHost[],
): Promise<void> {
  const work = batch.map((planned) =>
    context.limit(() => planned.host.timed('apply', () => applyHost(context, play, planned))),
  );
  const all = Promise.all(work);
  await Promise.all(
    work.map((done, index) => done.then(() => holdWindow(context, batch[index]?.host as HostRun, all))),
  );
}
