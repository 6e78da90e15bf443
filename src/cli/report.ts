import { mergeReports } from '../engine/merge-reports.ts';
import { jsonReport } from '../reporters/json.ts';
import { readReport } from './read-report.ts';
import { checkReports, openReports } from './reports.ts';
import { counted } from './table.ts';

export interface MergeFlags {
  readonly report: readonly string[];
}

/** `provision report merge`: on stdout, or in files. Answers the exit code that one run over all hosts would have had. */
export async function mergeReportFiles(files: readonly string[], { report }: MergeFlags): Promise<number> {
  checkReports(report);
  const merged = mergeReports(files.map(readReport));
  if (report.length === 0) process.stdout.write(jsonReport(merged));
  const written = await openReports({ report, annotations: 'off' }, process.env).write(merged, null);
  const statuses = [...new Set(merged.hosts.map(({ status }) => status))];
  const words = statuses.map(
    (status) => `${merged.hosts.filter((host) => host.status === status).length} ${status}`,
  );
  process.stderr.write(
    `${counted(files.length, 'report')}, ${counted(merged.hosts.length, 'host')}${words.length > 0 ? `: ${words.join(', ')}` : ''}\n`,
  );
  return written || merged.exitCode !== 0 ? merged.exitCode : 1;
}
