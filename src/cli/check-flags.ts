import { existsSync } from 'node:fs';
import { isSerial } from '../engine/batches.ts';
import { ProvisionError } from '../model/error.ts';
import { obstacleAt } from './plan-file.ts';
import { checkReports } from './reports.ts';
import type { RunFlags } from './run.ts';

/** `1,5,30%` as a list. */
export const serialOf = (text: string): string[] => text.split(',').map((item) => item.trim());

/** What does not fit together about batches and plans. */
function checkBatchesAndPlans({ serial, maxFail, check, out }: RunFlags): void {
  if (serial !== undefined && !isSerial(serialOf(serial)))
    throw new ProvisionError('usage', `--serial ${serial} is no batch size.`, {
      hint: 'Give whole numbers from 1 up or percentages from 1% to 100%, with commas between: --serial 1,5,30%.',
    });
  if (!Number.isInteger(maxFail) || maxFail < 0)
    throw new ProvisionError('usage', '--max-fail must be a whole number from 0 up.', {
      hint: 'Leave it out to stop at the first host that fails.',
    });
  if (out === undefined) return;
  if (!check)
    throw new ProvisionError('usage', `--out ${out} without --check: there is no plan to keep.`, {
      hint: 'Add --check; apply the plan afterwards with --plan.',
    });
  const obstacle = obstacleAt(out);
  if (obstacle !== null)
    throw new ProvisionError('usage', `--out ${out} cannot be written: ${obstacle}.`, {
      hint: 'Name a file in a directory that you may write to.',
    });
}

/** Nonsense in a flag of a run is said before anything is read. Throws `usage`. */
export function checkFlags(flags: RunFlags): void {
  const { report, forks, timeout, confirmTimeout, sshConfig, connectRetries = 1 } = flags;
  checkReports(report);
  if (sshConfig !== undefined && !existsSync(sshConfig)) {
    throw new ProvisionError('usage', `There is no ssh configuration ${sshConfig}.`, {
      hint: 'Give the path of a file by -F, or leave it out for ~/.ssh/config.',
    });
  }
  if (!Number.isInteger(forks) || forks < 1)
    throw new ProvisionError('usage', '--forks must be a whole number from 1 up.', {
      hint: 'Leave it out for 10.',
    });
  if (!Number.isInteger(connectRetries) || connectRetries < 0 || connectRetries > 999)
    throw new ProvisionError('usage', '--connect-retries must be a whole number from 0 to 999.', {
      hint: 'Leave it out for 1.',
    });
  if (!(confirmTimeout >= 5))
    throw new ProvisionError('usage', '--confirm-timeout must be a number of seconds from 5 up.', {
      hint: 'Leave it out for 60.',
    });
  if (!(timeout > 0))
    throw new ProvisionError('usage', '--timeout must be a number of seconds above 0.', {
      hint: 'Leave it out for 15.',
    });
  checkBatchesAndPlans(flags);
}
