import type { ReportedError } from './report.ts';

/** What is to be changed of one resource, in words, and a digest over all that the words leave out. */
export interface SavedChange {
  /** `kind:name` */
  readonly resource: string;
  readonly sentences: readonly string[];
  /** sha256 over the whole change: values, shell texts there and back, texts of files. */
  readonly digest: string;
}

export interface SavedHost {
  readonly name: string;
  readonly changes: readonly SavedChange[];
  /** sha256 over all of `changes` in their order; null = the host could not be planned, and `error` says why. */
  readonly digest: string | null;
  readonly error?: ReportedError;
}

/** The file that `--check --out FILE` writes and `--plan FILE` holds the hosts against. */
export interface SavedPlan {
  readonly schemaVersion: 1;
  readonly runId: string;
  /** ISO 8601, UTC. */
  readonly createdAt: string;
  /** The playbook's name. */
  readonly playbook: string;
  readonly hosts: readonly SavedHost[];
}
