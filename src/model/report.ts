import type { CheckResult } from './check.ts';
import type { Change } from './resource.ts';

export type HostStatus =
  'ok' | 'planned' | 'changed' | 'failed' | 'reverted' | 'pending' | 'unknown' | 'unreachable' | 'skipped';

export interface SshCounts {
  /** TCP connections to the host itself. */
  readonly connections: number;
  readonly execs: number;
  /** Connections to jump hosts made on its behalf. */
  readonly jumps: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
}

export interface ReportedError {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
  readonly file?: string;
  readonly line?: number;
  readonly column?: number;
}

/** A difference of one field, and where the inventory asks for what it is of. */
export interface ReportedChange extends Change {
  readonly file?: string;
  readonly line?: number;
  readonly column?: number;
}

export interface HostReport {
  readonly name: string;
  readonly status: HostStatus;
  /** How many resources are declared for it. */
  readonly resources: number;
  /** Set when this host was put back because of another. */
  readonly cause?: { readonly host: string };
  readonly changes: readonly ReportedChange[];
  /** Changes that would keep the run's own SSH out, as far as they can be foretold. */
  readonly lockouts?: readonly { readonly resource: string; readonly sentence: string }[];
  /** What works before these changes and not after them. */
  readonly cuts?: readonly { readonly resource: string; readonly sentence: string }[];
  readonly checks: readonly CheckResult[];
  readonly ssh: SshCounts;
  /** Milliseconds per phase. */
  readonly timings: Readonly<Record<string, number>>;
  readonly error?: ReportedError;
}

/** The file that `--report FILE.json` writes. Its JSON Schema: `provision schema report`. */
export interface Report {
  readonly schemaVersion: 1;
  readonly runId: string;
  /** ISO 8601, UTC. */
  readonly startedAt: string;
  readonly argv: readonly string[];
  readonly exitCode: number;
  readonly hosts: readonly HostReport[];
  /** With `--shard`: which part of the run this is; `hosts` are those of all parts. */
  readonly shard?: { readonly index: number; readonly of: number; readonly hosts: readonly string[] };
  /** Set by `provision report merge`: the runs that this is made of. */
  readonly merged?: readonly {
    readonly runId: string;
    readonly startedAt: string;
    readonly exitCode: number;
    readonly shard?: number;
  }[];
  /** Set when the run ended before any host was contacted. */
  readonly errors?: readonly ReportedError[];
}
