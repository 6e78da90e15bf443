import path from 'node:path';
import type { Emit } from '../model/event.ts';
import { ProvisionError } from '../model/error.ts';
import type { Inventory } from '../model/host.ts';
import type { Report } from '../model/report.ts';
import { maskedData } from '../model/mask.ts';
import { writePrivately } from '../reporters/json.ts';
import { withoutSecrets } from '../reporters/masked.ts';
import { eventFile } from '../reporters/ndjson.ts';
import type { EventFile } from '../reporters/ndjson.ts';
import { recorder } from '../reporters/record.ts';
import type { RunRecord } from '../reporters/record.ts';
import { obstacleAt } from './plan-file.ts';

/** What a name ends with → the text of the report. Loaded only where it is asked for. */
const FORMATS: Readonly<Record<string, (record: RunRecord, inventory: Inventory | null) => Promise<string>>> =
  {
    '.json': async ({ report }) => (await import('../reporters/json.ts')).jsonReport(report),
    '.xml': async (record) => (await import('../reporters/junit.ts')).junitReport(record),
    '.html': async (record, inventory) => {
      const [{ htmlReport }, { topologyOf }] = await Promise.all([
        import('../reporters/html/page.ts'),
        import('../inventory/topology/index.ts'),
      ]);
      return htmlReport(record, inventory && maskedData(topologyOf(inventory)));
    },
    '.md': async (record) => (await import('../reporters/markdown.ts')).markdownReport(record),
  };
/** Written line by line, as things happen. */
const EVENTS = '.ndjson';
const KNOWN = [...Object.keys(FORMATS), EVENTS];

const formatOf = (file: string): string => path.extname(file).toLowerCase();

/** Throws `usage` for a name that says no form, or a place that cannot be written to. */
export function checkReports(files: readonly string[]): void {
  for (const file of files) {
    if (!KNOWN.includes(formatOf(file)))
      throw new ProvisionError('usage', `--report ${file}: its name does not say what it should be.`, {
        hint: `Let it end with ${KNOWN.slice(0, -1).join(', ')} or ${KNOWN.at(-1) ?? ''}.`,
      });
    const obstacle = obstacleAt(file);
    if (obstacle !== null)
      throw new ProvisionError('usage', `--report ${file} cannot be written: ${obstacle}.`, {
        hint: 'Name a file in a directory that you may write to.',
      });
  }
}

export interface Reports {
  /** Hears the run. Never throws: a full disk here must not end a run that is changing hosts. */
  readonly emit: Emit;
  /**
   * Writes them all but `kept`, whatever became of the run; `inventory` = null where it could not be read. False = one
   * could not be written, and that was said.
   */
  write(report: Report, inventory: Inventory | null, kept?: string): Promise<boolean>;
}

export interface ReportFlags {
  readonly report: readonly string[];
  readonly annotations?: string | undefined;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** In a step of GitHub Actions what a run finds is shown at the inventory's lines, unless that is not wanted. */
const annotates = (wanted: string | undefined, env: Environment): boolean =>
  (wanted ?? (env['GITHUB_ACTIONS'] === 'true' ? 'github' : 'off')) === 'github';

/** The reports of one run. Names that `checkReports` refuses are left out. */
export function openReports({ report: files, annotations }: ReportFlags, env: Environment): Reports {
  const writable = files.filter((file) => KNOWN.includes(formatOf(file)) && obstacleAt(file) === null);
  const record = recorder();
  const streams = new Map<string, EventFile>();
  let whole = true;
  const attempt = (file: string, act: () => void): void => {
    try {
      act();
    } catch (error) {
      failed(file, error);
    }
  };
  const failed = (file: string, error: unknown): void => {
    whole = false;
    streams.delete(file);
    process.stderr.write(
      `--report ${file} could not be written: ${error instanceof Error ? error.message : String(error)}\n`,
    );
  };
  for (const file of writable.filter((name) => formatOf(name) === EVENTS))
    attempt(file, () => streams.set(file, eventFile(file)));
  return {
    emit: withoutSecrets((event) => {
      record.emit(event);
      for (const [file, stream] of streams) attempt(file, () => stream.emit(event));
    }),
    async write(given, inventory, kept) {
      const report = maskedData(given);
      for (const [file, stream] of streams) attempt(file, () => stream.end(report));
      const done = record.record(report);
      for (const file of writable.filter((name) => name !== kept)) {
        const text = FORMATS[formatOf(file)];
        if (text)
          await text(done, inventory)
            .then((made) => writePrivately(file, made))
            .catch((error: unknown) => failed(file, error));
      }
      if (annotates(annotations, env)) {
        const { githubAnnotations } = await import('../reporters/annotations.ts');
        const root = env['GITHUB_WORKSPACE'] ?? process.cwd();
        githubAnnotations(done, root).forEach((line) => process.stderr.write(`${line}\n`));
      }
      return whole;
    },
  };
}
