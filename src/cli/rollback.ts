import { ProvisionError } from '../model/error.ts';
import type { Emit } from '../model/event.ts';
import { RUN_ID } from '../engine/kept-transactions.ts';
import { rollback } from '../engine/rollback.ts';
import { selectHosts } from '../inventory/patterns.ts';
import { coloursFor } from '../reporters/colour.ts';
import { progressLines } from '../reporters/lines.ts';
import { becomePassword } from './become-password.ts';
import { transportsFor } from './connect.ts';
import type { ContactFlags } from './contact.ts';
import { placesOnHosts } from './host-places.ts';
import { inventoryOf } from './load-inventory.ts';
import { screen } from './screen.ts';
import { stopSignal } from './stop-signal.ts';
import { targetsOf } from './targets.ts';

export interface RollbackFlags extends ContactFlags {
  readonly limit: string;
  readonly run?: string;
  readonly check: boolean;
  /** Seconds. */
  readonly confirmTimeout: number;
  readonly rollback: boolean;
  readonly verbose: number;
  readonly quiet: boolean;
}

function checkFlags({ run, confirmTimeout }: RollbackFlags): void {
  if (run !== undefined && !RUN_ID.test(run)) {
    throw new ProvisionError('usage', `--run ${JSON.stringify(run)} is no id of a run.`, {
      hint: 'An id looks like 20261121T002843-a2295fb2; provision status lists them.',
    });
  }
  if (!(confirmTimeout >= 5))
    throw new ProvisionError('usage', '--confirm-timeout must be a number of seconds from 5 up.', {
      hint: 'Leave it out for 60.',
    });
}

/** With --json stdout is the JSON alone; warnings and errors are still told. */
const quietly = (): Emit =>
  progressLines({
    verbosity: 0,
    quiet: true,
    err: (line) => process.stderr.write(`${line}\n`),
    colours: coloursFor(process.stderr, process.env),
  });

/** `provision rollback`: puts hosts back to before a confirmed run. Returns the exit code. */
export async function rollbackHosts(flags: RollbackFlags): Promise<number> {
  checkFlags(flags);
  const inventory = await inventoryOf(flags);
  const names = selectHosts(inventory, flags.limit);
  const targets = targetsOf(inventory, await becomePassword(flags));
  const transports = await transportsFor(inventory, flags);
  const stop = stopSignal();
  try {
    const { hosts, exitCode, runId } = await rollback(
      names,
      {
        run: flags.run,
        check: flags.check,
        forks: flags.forks,
        confirmTimeout: flags.confirmTimeout,
        rollback: flags.rollback,
      },
      {
        ...transports,
        ...placesOnHosts(process.env),
        targets,
        emit: flags.json ? quietly() : await screen({ ...flags, diff: false }),
        signal: stop.signal,
      },
    );
    const ended = exitCode === 1 || exitCode === 3 ? exitCode : (stop.exitCode() ?? exitCode);
    if (flags.json) process.stdout.write(`${JSON.stringify({ runId, exitCode: ended, hosts }, null, 2)}\n`);
    return ended;
  } finally {
    stop.release();
  }
}
