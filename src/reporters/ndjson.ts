import { closeSync, mkdirSync, openSync, renameSync, writeSync } from 'node:fs';
import path from 'node:path';
import type { Emit, RunEvent } from '../model/event.ts';
import type { Report } from '../model/report.ts';
import { reported, reportedChanges, reportedCuts } from '../model/reported.ts';

/** An event as one line says it: what a program needs, nothing that a host would run. */
export function eventData(event: RunEvent): Record<string, unknown> {
  if (event.type === 'host-failed') return { ...event, error: reported(event.error) };
  if (event.type !== 'host-planned') return { ...event };
  const { type, host, changes } = event;
  return {
    type,
    host,
    changes: changes.flatMap((change) => reportedChanges(change)),
    lockouts: changes.flatMap(({ resource, lockout: sentence }) =>
      sentence === undefined ? [] : [{ resource, sentence }],
    ),
    cuts: changes.flatMap(reportedCuts),
  };
}

export interface EventFile {
  readonly emit: Emit;
  /** Adds the last line, which says how it ended even when nothing was contacted. */
  end(report: Report): void;
}

/**
 * `--report FILE.ndjson`: one JSON object per line as things happen, so that others may follow the file. It is new from
 * the first line on, and readable by its owner only.
 */
export function eventFile(file: string, now = () => new Date()): EventFile {
  const target = path.resolve(file);
  mkdirSync(path.dirname(target), { recursive: true });
  const temporary = `${target}.${process.pid}.tmp`;
  const descriptor = openSync(temporary, 'w', 0o600);
  renameSync(temporary, target);
  const line = (data: Record<string, unknown>): void =>
    void writeSync(
      descriptor,
      `${JSON.stringify({ schemaVersion: 1, time: now().toISOString(), ...data })}\n`,
    );
  return {
    emit: (event) => line(eventData(event)),
    end({ runId, exitCode, errors = [] }) {
      line({ type: 'report', runId, exitCode, errors });
      closeSync(descriptor);
    },
  };
}
