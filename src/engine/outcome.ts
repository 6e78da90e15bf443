import { ERROR_EXIT_CODES } from '../model/error.ts';
import type { ErrorCode } from '../model/error.ts';
import type { HostReport } from '../model/report.ts';

/** Mixed outcomes: the worst decides, in this order (docs/cli.md). */
const PRECEDENCE = [1, 3, 2, 6, 4] as const;

function codeOfHost({ status, error, checks }: HostReport): number {
  const byStatus = {
    pending: 3,
    unknown: 3,
    unreachable: 4,
    failed: 2,
    reverted: 2,
    ok: 0,
    planned: 0,
    changed: 0,
    skipped: 0,
  }[status];
  const byError = error && error.code in ERROR_EXIT_CODES ? ERROR_EXIT_CODES[error.code as ErrorCode] : 0;
  // A check that nobody could be asked is not ok either; where its host was unreachable, that is said by the host.
  const unproven = status !== 'unreachable' && checks.some((check) => check.status === 'unproven');
  const byChecks = checks.some((check) => check.status === 'fail') || unproven ? 2 : 0;
  return worst([status === 'failed' && byError > 0 ? byError : byStatus, byChecks]);
}

const worst = (codes: readonly number[]): number => PRECEDENCE.find((code) => codes.includes(code)) ?? 0;

/** The exit code of a run. Where checks are only a baseline (`--check`), what keeps a host from being planned counts. */
export function exitCodeOf(hosts: readonly HostReport[], baselineOnly: boolean): number {
  return worst(hosts.map((host) => codeOfHost(baselineOnly ? { ...host, checks: [] } : host)));
}

/**
 * The same outcome for `--detailed-exitcode`: 0 in sync and every check passes, 2 something differs or was changed, or
 * a check fails, 1 any error, which is never drift. 5, 130 and 143 stay what they are.
 */
export function detailedExitCode(exitCode: number, hosts: readonly HostReport[]): number {
  if ([5, 130, 143].includes(exitCode)) return exitCode;
  const checks = hosts.flatMap((host) => host.checks);
  // A host that was put back is an error even where a check was the reason: what was wanted is not there.
  const fine = hosts.every(({ status }) => ['ok', 'planned', 'changed'].includes(status));
  if (![0, 2].includes(exitCode) || !fine || checks.some(({ status }) => status === 'unproven')) return 1;
  const differs = hosts.some(({ changes }) => changes.length > 0);
  return differs || checks.some(({ status }) => status === 'fail') ? 2 : 0;
}
