import type { Place } from './error.ts';

/** When a check runs: in every run, only in runs that change something, or only when asked to verify. */
export type CheckWhen = 'always' | 'change' | 'verify';

/** Why a check fails, as far as its own answers and a look around tell. */
export interface CheckHint {
  /** The step that is likely missing: `route-table`, `forwarding` … */
  readonly step: string;
  /** What was seen, and what to do: one or two sentences. */
  readonly sentence: string;
}

/** Something that a host is asked once a check has failed. It reads, and changes nothing. */
export interface Question {
  readonly id: string;
  readonly host: string;
  readonly script: string;
  /** It is to see what the others of its round do: it begins before them, prints `watching PID` once it does, and is ended after them. */
  readonly watches?: boolean;
}

/** Questions that are asked at the same time, and what follows from the answers; one that nobody answered is left out. */
export interface Round {
  readonly questions: readonly Question[];
  /** Null = not enough is known yet: the next round is asked. */
  readonly conclude: (answers: ReadonlyMap<string, string>, result: CheckResult) => CheckHint | null;
}

/** How it is found out why a check fails. */
export interface Diagnosis {
  /** Checks of one key that got the same fail for the same reason: it is looked for once. */
  readonly key: string;
  readonly rounds: readonly Round[];
}

/** One typed question to the network, asked from one place. */
export interface Check {
  readonly name: string;
  /** Vantage: an inventory host, a place on one (`host#user`, `host/container`), `controller`. */
  readonly from: string;
  readonly kind: string;
  readonly to: string;
  /** What should be seen, in words or as the value itself. */
  readonly expect: string;
  readonly when: CheckWhen;
  /** `revert` = must pass after a change, whatever the baseline was. */
  readonly onFail: 'revert' | 'warn';
  readonly retries: number;
  /** Seconds for one attempt. */
  readonly timeout: number;
  /**
   * POSIX shell text that prints what it saw on one line. Exit 0 = settled; 69 (EX_UNAVAILABLE of sysexits.h) = this
   * vantage cannot ask, and the line says why; anything else may be tried again (`retries`).
   */
  readonly script: string;
  /** Where the inventory asks for what this proves. */
  readonly place?: Place | undefined;
  /** How it is found out why it fails, when it does; left out = nobody knows. */
  readonly diagnosis?: Diagnosis | undefined;
  /** What the script printed → what was seen, as a value comparable with `expect`. Untrusted input. */
  read(output: string): string;
  /** For `-t` and `--skip-tags`: `tagged()` sets them. */
  readonly tags?: readonly string[];
}

/** The inventory host that asks for a vantage: no name of one holds "#" or "/". */
export const hostOf = (from: string): string => /^[^#/]*/.exec(from)?.[0] ?? from;

export interface CheckResult {
  readonly name: string;
  readonly from: string;
  readonly kind: string;
  readonly to: string;
  readonly expected: string;
  readonly got: string;
  readonly status: 'pass' | 'fail' | 'unproven';
  /** What the same check said before the run changed anything; null when it was not asked then. */
  readonly baseline: 'pass' | 'fail' | 'unproven' | null;
  /** Where the inventory asks for what it proves; lines and columns count from 1. */
  readonly file?: string;
  readonly line?: number;
  readonly column?: number;
  /** Only of checks that fail. */
  readonly hint?: CheckHint;
}
