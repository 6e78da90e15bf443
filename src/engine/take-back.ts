import { setTimeout as sleep } from 'node:timers/promises';
import { ProvisionError } from '../model/error.ts';
import type { ErrorCode } from '../model/error.ts';
import type { HostRun } from './host-run.ts';
import { runScript } from './remote-shell.ts';
import type { Context } from './run.ts';
import { rollbackRequest, statusScript } from './transaction-script.ts';
import { endingOf, parseTransaction } from './transaction-output.ts';
import type { Transaction } from './transaction-script.ts';

const ASK_TIMEOUT_MS = 30_000;
/** A rollback restarts services: it may take this long after the window has ended. */
const GRACE_MS = 20_000;
/** Nothing happens by itself there: only a link that comes back soon is of use. */
const UNARMED_MS = 10_000;
/** Between two tries to reach a host again; sshd may count failed ones (PerSourcePenalties of sshd_config(5)). */
const RETRY_MS = 1000;

const code = (reason: string): ErrorCode => (reason.startsWith('check') ? 'check-failed' : 'still-different');

function putBack(host: HostRun, reason: string): void {
  host.fail(
    'reverted',
    new ProvisionError(code(reason), `${host.name} was put back: ${reason}`, {
      hint: 'Mend the cause and run again.',
    }),
  );
  host.transaction = null;
}

function stuck(host: HostRun, reason: string): void {
  host.fail(
    'unknown',
    new ProvisionError(
      'revert-failed',
      `${host.name} should be put back (${reason}), and that failed in part.`,
      { hint: 'Log in and look at /var/lib/provision/txn; then run with --check.' },
    ),
  );
  host.transaction = null;
}

/** An ending that stands already. False = it is still on its way there. */
function alreadyEnded(host: HostRun, ending: string | null, reason: string): boolean {
  switch (ending) {
    case 'rolled-back':
      putBack(host, reason);
      return true;
    case 'stuck':
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

/** Asks the host to take it back now. True when it is settled. */
async function askBack(host: HostRun, transaction: Transaction, reason: string): Promise<boolean> {
  if (!host.session) return false;
  const { stdout } = await runScript(
    host.session,
    host.target,
    rollbackRequest(transaction),
    transaction.nonce,
    { timeoutMs: ASK_TIMEOUT_MS },
  );
  const { ending } = parseTransaction(stdout, transaction.nonce, transaction.plan);
  if (ending === 'reverted') putBack(host, reason);
  else if (ending === 'too-late') return alreadyEnded(host, endingOf(stdout, transaction.nonce), reason);
  else if (ending === 'stuck') stuck(host, reason);
  return ending !== 'unknown';
}

/** What became of it, over a new connection. True when it is settled. */
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
  return ending === 'pending' ? askBack(host, transaction, reason) : alreadyEnded(host, ending, reason);
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
  while (Date.now() < ends) {
    try {
      if (await lookAgain(context, host, transaction, reason)) return;
    } catch {
      // Still out of reach.
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

/** Puts a changed host back now, over any connection that works, else by its own timer. */
export async function takeBack(
  context: Context,
  host: HostRun,
  reason: string,
  culprit: string | null,
): Promise<void> {
  const { transaction } = host;
  if (!transaction) return;
  context.emit({ type: 'host-reverting', host: host.name, reason });
  const settled = await askBack(host, transaction, reason).catch(() => false);
  if (!settled) await awaitEnding(context, host, reason);
  if (culprit !== null && culprit !== host.name) host.cause = culprit;
  if (host.error) context.emit({ type: 'host-failed', host: host.name, error: host.error });
}
