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

/** The exit code of a run. In `--check` only what keeps a host from being planned counts. */
export function exitCodeOf(hosts: readonly HostReport[], check: boolean): number {
  return worst(hosts.map((host) => codeOfHost(check ? { ...host, checks: [] } : host)));
}
