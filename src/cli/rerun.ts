import { ProvisionError } from '../model/error.ts';
import type { HostReport } from '../model/report.ts';
import { readReport } from './read-report.ts';

export interface RerunFlags {
  readonly rerun?: 'failed' | 'unreachable' | undefined;
  /** The report to read; else the first `--report`, as the run before left it. */
  readonly rerunFrom?: string | undefined;
  readonly report?: readonly string[];
}

const DONE = new Set(['ok', 'planned', 'changed']);

const isFailed = ({ status, checks }: HostReport): boolean =>
  !DONE.has(status) || checks.some((check) => check.status !== 'pass');

/** The report that `--rerun` reads. Throws `usage` where none is named. */
export function rerunSource({ rerunFrom, report = [] }: RerunFlags): string {
  const file = rerunFrom ?? report.find((each) => each.endsWith('.json'));
  if (file !== undefined) return file;
  throw new ProvisionError('usage', '--rerun needs the report of the run before.', {
    hint: 'Name it by --rerun-from FILE, or give the same --report FILE.json to both runs.',
  });
}

/**
 * The hosts that a run left undone: all that failed, were put back, skipped or unreachable, or whose checks do not
 * pass; or only those that were unreachable. Throws `usage`.
 */
export function hostsToRerun(file: string, which: RerunFlags['rerun']): ReadonlySet<string> {
  const { hosts } = readReport(file);
  if (hosts.length === 0)
    throw new ProvisionError('usage', `${file} names no host: that run contacted nobody.`, {
      hint: 'Run without --rerun.',
      place: { file },
    });
  const wanted = hosts.filter((host) =>
    which === 'unreachable' ? host.status === 'unreachable' : isFailed(host),
  );
  return new Set(wanted.map(({ name }) => name));
}
