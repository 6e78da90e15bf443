import type { Emit } from '../model/event.ts';
import type { Report } from '../model/report.ts';
import type { ResourceChange } from '../model/resource.ts';

/** All that the reports of one run are made of: what the JSON report says, and what it leaves out because it is long. */
export interface RunRecord {
  readonly report: Report;
  /** The playbook's name; null when the run ended before it was compiled. */
  readonly playbook: string | null;
  /** Nothing was to be changed, and checks only say how things are (`--check`, not `verify` or `drift`). */
  readonly check: boolean;
  /** ISO 8601, UTC. */
  readonly endedAt: string;
  /** What was planned for each host, with the texts of files. */
  readonly plans: ReadonlyMap<string, readonly ResourceChange[]>;
  readonly warnings: readonly { readonly host: string | null; readonly message: string }[];
}

export interface Recorder {
  readonly emit: Emit;
  /** The whole record, once the run has ended. */
  record(report: Report): RunRecord;
}

/** Listens to a run and keeps what the reports need of it. */
export function recorder(): Recorder {
  const plans = new Map<string, ResourceChange[]>();
  const warnings: { host: string | null; message: string }[] = [];
  let started: { readonly playbook: string; readonly check: boolean; readonly prove?: boolean } | null = null;
  return {
    emit(event) {
      if (event.type === 'run-started') {
        started = event;
        plans.clear();
      } else if (event.type === 'host-planned')
        plans.set(event.host, [...(plans.get(event.host) ?? []), ...event.changes]);
      else if (event.type === 'warning') warnings.push({ host: event.host ?? null, message: event.message });
    },
    record: (report) => ({
      report,
      playbook: started?.playbook ?? null,
      check: started?.check === true && started.prove !== true,
      endedAt: new Date().toISOString(),
      plans,
      warnings,
    }),
  };
}
