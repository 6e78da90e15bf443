import { ProvisionError } from '../model/error.ts';
import type { HostRun } from './host-run.ts';
import { runScript } from './remote-shell.ts';
import type { Context } from './run.ts';
import { awaitEnding, proveReverted } from './take-back.ts';
import { confirmScript } from './transaction-script.ts';
import { endingOf, parseTransaction } from './transaction-output.ts';

/** Ends the window of a verified host, over the new connection that verified it. */
export async function confirmHost(context: Context, host: HostRun): Promise<void> {
  const { transaction, session } = host;
  if (!transaction || !session) return;
  context.emit({ type: 'phase-started', host: host.name, phase: 'confirm' });
  try {
    const { stdout } = await runScript(session, host.target, confirmScript(transaction), transaction.nonce, {
      timeoutMs: 45_000,
    });
    const { ending } = parseTransaction(stdout, transaction.nonce, transaction.plan);
    if (ending === 'confirmed') {
      host.transaction = null;
      return;
    }
    if (ending !== 'too-late' || endingOf(stdout, transaction.nonce) !== 'rolled-back') {
      throw new Error('the host did not say that it is confirmed');
    }
    host.transaction = null;
    await proveReverted(
      context,
      host,
      new ProvisionError(
        'confirmed-too-late',
        `${host.name}: the checks took longer than the window, and the host has put itself back.`,
        { hint: `Run again with a longer --confirm-timeout than ${transaction.confirmTimeout}.` },
      ),
    );
  } catch (error) {
    await awaitEnding(
      context,
      host,
      `it could not be confirmed: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
  if (host.error) context.emit({ type: 'host-failed', host: host.name, error: host.error });
}
