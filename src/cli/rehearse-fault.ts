import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { PLACES } from '../engine/transaction-shell.ts';
import { labExec } from '../lab/index.ts';
import type { Drift } from './rehearse-drifts.ts';
import { broken, changedOf, demand, someOf } from './rehearse-stages.ts';
import type { Rehearsal, Stage } from './rehearse-stages.ts';

/** Long enough to be met in the middle, short enough to wait for. */
const WINDOW_SECONDS = 8;
/** Time for a run to arm, and for a host to be put back after its window. */
const PATIENCE_MS = 120_000;

const UNSETTLED = `for p in ${PLACES.state}/txn/*/pending ${PLACES.state}/txn/*/rolling-back; do [ ! -e "$p" ] || exit 0; done; exit 1`;

/** A run in a process of its own, which can be killed. */
const startRun = (words: readonly string[]) =>
  spawn(process.execPath, [...process.execArgv, process.argv[1] ?? '', 'run', ...words], {
    stdio: 'ignore',
  });

/**
 * Something is taken back by hand, a run begins to correct it, and its controller is killed while the host waits for the
 * confirmation: the host must put itself back alone, and the next run must do all of it.
 */
export function faultStage(rehearsal: Rehearsal, drift: Drift, words: readonly string[]): Stage {
  const { lab, play } = rehearsal;
  const isUnsettled = async (): Promise<boolean> =>
    (await labExec(lab, drift.host, ['sh', '-c', UNSETTLED])).code === 0;
  const until = async (condition: () => Promise<boolean>, everyMs: number): Promise<boolean> => {
    for (const deadline = Date.now() + PATIENCE_MS; Date.now() < deadline; await sleep(everyMs))
      if (await condition()) return true;
    return false;
  };

  /** False = it had ended before it could be killed. */
  const killInTheMiddle = async (): Promise<boolean> => {
    const child = startRun([
      ...words,
      ...['-e', 'ansible_connection=lab', '--confirm-timeout', String(WINDOW_SECONDS), '-q'],
    ]);
    const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
    try {
      await until(async () => child.exitCode !== null || (await isUnsettled()), 20);
      // Stopped first: between a look and a blow it must not confirm.
      child.kill('SIGSTOP');
      return await isUnsettled();
    } finally {
      child.kill('SIGKILL');
      await ended;
    }
  };

  return {
    name: `fault: the controller is killed while ${drift.host} waits for its confirmation`,
    act: async () => {
      const refused = await drift.make();
      demand(refused === null, `The drift of ${drift.resource} could not be made: ${refused ?? ''}`);
      const before = changedOf(await play({ check: true }));
      for (let tries = 1; !(await killInTheMiddle()); tries += 1) {
        demand(tries < 3, 'The run ended before it could be killed, three times.');
        await drift.make();
      }
      demand(await until(async () => !(await isUnsettled()), 200), `${drift.host} did not put itself back.`);
      const after = await play({ check: true });
      demand(after.exitCode === 0, `After the kill: ${broken(after)}`);
      const [left, wanted] = [changedOf(after).sort().join('\n'), before.sort().join('\n')];
      demand(
        left === wanted,
        `${drift.host} is not as before the killed run: ${someOf(changedOf(after), 5)}`,
      );
      const next = await play();
      demand(next.exitCode === 0, `The run after the kill ended ${next.exitCode}: ${broken(next)}`);
      return `it put itself back alone; the next run corrected ${changedOf(next).length} differences`;
    },
  };
}
