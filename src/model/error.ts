/** Where something was written, so that a person can go there. Lines and columns count from 1. */
export interface Place {
  readonly file: string;
  readonly line?: number;
  readonly column?: number;
}

/**
 * Every way a run can go wrong that a person can do something about, and the exit code it leads to
 * (the table of docs/cli.md): 5 nothing was contacted, 4 unreachable, 2 the host failed and is as it was before,
 * 3 a person is needed, 6 another run is at work there or the plan is stale, 1 our own fault.
 */
export const ERROR_EXIT_CODES = {
  usage: 5,
  inventory: 5,
  playbook: 5,
  template: 5,
  'no-hosts-matched': 5,
  'name-not-found': 4,
  'connection-refused': 4,
  'connection-timeout': 4,
  'network-unreachable': 4,
  'host-key-unknown': 4,
  'host-key-changed': 4,
  'host-key-revoked': 4,
  'host-key-unsupported': 4,
  'login-refused': 4,
  'key-unreadable': 4,
  'ssh-protocol': 4,
  'lab-not-up': 4,
  'sudo-refused': 2,
  'host-unsupported': 2,
  lockout: 2,
  destroys: 2,
  'probe-failed': 2,
  'rules-refused': 2,
  'apply-failed': 2,
  'still-different': 2,
  'not-armed': 2,
  'not-kept': 2,
  'confirmed-too-late': 2,
  locked: 6,
  'transaction-pending': 6,
  'plan-stale': 6,
  'check-failed': 2,
  'connection-lost': 2,
  'command-timeout': 2,
  'outcome-unknown': 3,
  'revert-failed': 3,
  stuck: 3,
  internal: 1,
} as const satisfies Record<string, number>;

export type ErrorCode = keyof typeof ERROR_EXIT_CODES;

export interface ErrorDetails {
  /** What to type next, one sentence. */
  readonly hint?: string | undefined;
  readonly place?: Place | undefined;
  /** A few source lines around `place`, ready to print. */
  readonly frame?: string | undefined;
  readonly cause?: unknown;
}

/** An error with a sentence for a person. Recognise it with `isProvisionError`, never by `instanceof`. */
export class ProvisionError extends Error {
  override readonly name = 'ProvisionError';
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly place: Place | undefined;
  readonly frame: string | undefined;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.hint = details.hint;
    this.place = details.place;
    this.frame = details.frame;
  }
}

/** Several problems found in one pass, so that a person mends them all at once. */
export class ProblemList extends Error {
  override readonly name = 'ProblemList';
  readonly problems: readonly ProvisionError[];

  constructor(problems: readonly ProvisionError[]) {
    super(problems.map((problem) => problem.message).join('\n'));
    this.problems = problems;
  }
}

/** By name and not by class: a user's playbook may have loaded a second copy of this module. */
export const isProvisionError = (error: unknown): error is ProvisionError =>
  error instanceof Error && error.name === 'ProvisionError' && 'code' in error;

export const isProblemList = (error: unknown): error is ProblemList =>
  error instanceof Error && error.name === 'ProblemList' && 'problems' in error;

/** The problems inside whatever was thrown; an unknown throw becomes one `internal` problem. */
export function problemsOf(error: unknown): readonly ProvisionError[] {
  if (isProblemList(error)) return error.problems;
  if (isProvisionError(error)) return [error];
  const message = error instanceof Error ? error.message : String(error);
  return [
    new ProvisionError('internal', message, {
      hint: 'This is a defect of provision: run again with -vvv and report what it prints.',
      cause: error,
    }),
  ];
}
