import { setTimeout as sleep } from 'node:timers/promises';
import { ProvisionError } from '../model/error.ts';
import type { ErrorCode } from '../model/error.ts';
import type { HostRun } from './host-run.ts';
import { runScript } from './remote-shell.ts';
import type { Context } from './run.ts';
import { longestWayBack } from './rollback-script.ts';
import { rollbackRequest, statusScript } from './transaction-script.ts';
import { endingOf, parseTransaction } from './transaction-output.ts';
import type { Transaction } from './transaction-script.ts';

const ASK_TIMEOUT_MS = 30_000;
/** A rollback restarts services: a host may be out of reach this long after the window has ended. */
const GRACE_MS = 20_000;
/** Nothing happens by itself there: only a link that comes back soon is of use. */
const UNARMED_MS = 10_000;
/** Between two tries to reach a host again; sshd may count failed ones (PerSourcePenalties of sshd_config(5)). */
const RETRY_MS = 1000;

const code = (reason: string): ErrorCode => (reason.startsWith('check') ? 'check-failed' : 'still-different');

/** Waits before each try to reach a host that has been put back. */
const PROOF_WAITS_MS = [0, 1000, 3000];

/**
 * Says that a host is as it was only when a new connection shows that it can be managed: the one that undid the change
 * may be the only one that still works.
 */
export async function proveReverted(context: Context, host: HostRun, error: ProvisionError): Promise<void> {
  let why: unknown;
  for (const wait of PROOF_WAITS_MS) {
    await sleep(wait);
    try {
      await host.connect(context.transport, undefined);
      return host.fail('reverted', error);
    } catch (failure) {
      why = failure;
    }
  }
  host.fail(
    'unknown',
    new ProvisionError(
      'outcome-unknown',
      `${error.message.replace(/\.$/, '')}. It has put itself back, and still no new connection succeeds: ${why instanceof Error ? why.message : String(why)}`,
      { hint: 'Look from another way in (console): something besides this change keeps SSH out.' },
    ),
  );
}

async function putBack(context: Context, host: HostRun, reason: string): Promise<void> {
  host.transaction = null;
  const error = new ProvisionError(code(reason), `${host.name} was put back: ${reason}`, {
    hint: 'Mend the cause and run again.',
  });
  await proveReverted(context, host, error);
}

/** What a person does after a way back that failed in part. */
export const stuckHint = (host: string): string =>
  `Mend what failed (the file \`failed\` of its directory below /var/lib/provision/txn there says what). Then type \`provision rollback -l ${host}\` to try the way back again, or \`provision lock release -l ${host}\` to leave it as it is.`;

function stuck(host: HostRun, reason: string): void {
  host.fail(
    'unknown',
    new ProvisionError(
      'revert-failed',
      `${host.name} should be put back (${reason}), and that failed in part.`,
      { hint: stuckHint(host.name) },
    ),
  );
  host.transaction = null;
}

/** An ending that stands already. False = it is still on its way there. */
async function alreadyEnded(
  context: Context,
  host: HostRun,
  ending: string | null,
  reason: string,
): Promise<boolean> {
  switch (ending) {
    case 'rolled-back':
      await putBack(context, host, reason);
      return true;
    case 'stuck':
    case 'abandoned':
      stuck(host, reason);
      return true;
    case 'confirmed':
      host.status = 'changed';
      host.transaction = null;
      return true;
    case 'never':
      host.fail(
        'failed',
        new ProvisionError('connection-lost', `${host.name}: ${reason}; nothing was changed.`, {
          hint: 'Run again.',
        }),
      );
      host.transaction = null;
      return true;
    case null:
    default:
      return false;
  }
}

/** Asks the host to take it back now, or to go on with it. True when it is settled. */
async function askBack(
  context: Context,
  host: HostRun,
  transaction: Transaction,
  reason: string,
): Promise<boolean> {
  if (!host.session) return false;
  const { stdout } = await runScript(
    host.session,
    host.target,
    rollbackRequest(transaction),
    transaction.nonce,
    { timeoutMs: longestWayBack(transaction) * 1000 },
  );
  const { ending } = parseTransaction(stdout, transaction.nonce, transaction.plan);
  if (ending === 'reverted') await putBack(context, host, reason);
  else if (ending === 'stuck') stuck(host, reason);
  else return alreadyEnded(context, host, endingOf(stdout, transaction.nonce), reason);
  return true;
}

/** What became of it, over a new connection. True when it is settled; false = its way back is at work still. */
async function lookAgain(
  context: Context,
  host: HostRun,
  transaction: Transaction,
  reason: string,
): Promise<boolean> {
  const session = await host.connect(context.transport, undefined);
  const { stdout } = await runScript(session, host.target, statusScript(transaction), transaction.nonce, {
    timeoutMs: ASK_TIMEOUT_MS,
  });
  const ending = endingOf(stdout, transaction.nonce);
  // One that is being taken back is asked too: the host waits for its end, or goes on where it was cut off.
  return ending === 'pending' || ending === 'rolling-back'
    ? askBack(context, host, transaction, reason)
    : alreadyEnded(context, host, ending, reason);
}

/**
 * The host is out of reach, or does not answer as it should: its own timer takes the change back. Waits for that, and
 * learns the end over a new connection. Leaves the host `reverted`, or `pending` when it stays away.
 */
export async function awaitEnding(context: Context, host: HostRun, reason: string): Promise<void> {
  const { transaction } = host;
  if (!transaction) return;
  const window = (host.windowEnds ?? Date.now() + transaction.confirmTimeout * 1000) + GRACE_MS;
  const ends = transaction.armed ? window : Date.now() + UNARMED_MS;
  context.emit({
    type: 'host-reverting',
    host: host.name,
    reason: transaction.armed
      ? `${reason}; the host takes it back by itself within ${transaction.confirmTimeout} s`
      : reason,
  });
  // A host that answers is waited for until its way back has ended, however long a step of it hangs.
  const latest = ends + longestWayBack(transaction) * 1000;
  let atWork = false;
  while (Date.now() < (atWork ? latest : ends)) {
    try {
      if (await lookAgain(context, host, transaction, reason)) return;
      atWork = true;
    } catch {
      // Out of reach, still or again.
    }
    await sleep(RETRY_MS);
  }
  host.transaction = null;
  const what = transaction.armed
    ? 'its timer takes the change back, and nobody could see that yet'
    : 'nothing takes the change back (--no-rollback)';
  host.fail(
    transaction.armed ? 'pending' : 'unknown',
    new ProvisionError('outcome-unknown', `${host.name}: ${reason}; ${what}.`, {
      hint: 'Look from another way in (console), or run with --check once it answers.',
    }),
  );
}

export interface WhyBack {
  readonly reason: string;
  /** The host whose fault it is; null = nobody knows. */
  readonly culprit: string | null;
  /** What likely caused it, and what to do; null = nobody knows. */
  readonly hint: string | null;
}

/** Puts a changed host back now, over any connection that works, else by its own timer. */
export async function takeBack(
  context: Context,
  host: HostRun,
  { reason, culprit, hint }: WhyBack,
): Promise<void> {
  const { transaction } = host;
  if (!transaction) return;
  context.emit({ type: 'host-reverting', host: host.name, reason });
  const settled = await askBack(context, host, transaction, reason).catch(() => false);
  if (!settled) await awaitEnding(context, host, reason);
  if (culprit !== null && culprit !== host.name) host.cause = culprit;
  const { error } = host;
  if (!error) return;
  if (hint !== null && host.status === 'reverted') {
    const { code, message } = error;
    host.error = new ProvisionError(code, message, { hint: `Likely: ${hint} Mend that and run again.` });
  }
  context.emit({ type: 'host-failed', host: host.name, error: host.error ?? error });
}
