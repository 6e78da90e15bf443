import { hostOf } from '../model/check.ts';
import { ERROR_EXIT_CODES } from '../model/error.ts';
import type { Phase, RunEvent } from '../model/event.ts';
import type { HostStatus } from '../model/report.ts';
import type { ResourceChange } from '../model/resource.ts';

/** Where a host stands, in the words of the screen. `asked` = contacted for its checks only, and done with. */
export type Standing =
  | 'waiting'
  | 'running'
  | 'asked'
  | 'in sync'
  | 'to change'
  | 'changed'
  | Exclude<HostStatus, 'ok' | 'planned' | 'changed'>;

export interface HostProgress {
  readonly name: string;
  /** Only asked for checks, not provisioned. */
  readonly vantage: boolean;
  standing: Standing;
  phase: Phase;
  /** When the phase began, on the clock that `advance` was given. */
  since: number;
  /** What it is busy with, or what went wrong. */
  note: string;
  /** What is to be changed in the play at hand; null = not planned yet. */
  planned: readonly ResourceChange[] | null;
  /** An earlier or the present play has changed something. */
  changed: boolean;
  /** Resources of `planned`. */
  readonly done: Set<string>;
  readonly failed: Set<string>;
}

export interface RunProgress {
  title: string;
  runId: string;
  check: boolean;
  /** The play at hand and which of its batches. */
  play: string;
  /** Known when the run has ended. */
  exitCode: number | null;
  readonly startedAt: number;
  readonly hosts: Map<string, HostProgress>;
}

/** How a host ended, in the words of the screen. */
export function standingOf(status: HostStatus, vantage: boolean): Standing {
  if (status === 'ok') return vantage ? 'asked' : 'in sync';
  return status === 'planned' ? 'to change' : status;
}

/** By the exit code that the error leads to. */
const BY_CODE: Readonly<Partial<Record<number, Standing>>> = { 3: 'unknown', 4: 'unreachable' };

export const BAD: ReadonlySet<Standing> = new Set([
  'failed',
  'reverted',
  'pending',
  'unknown',
  'unreachable',
]);

export const newProgress = (now: number): RunProgress => ({
  title: '',
  runId: '',
  check: false,
  play: '',
  exitCode: null,
  startedAt: now,
  hosts: new Map(),
});

const newHost = (name: string, vantage: boolean, now: number): HostProgress => ({
  name,
  vantage,
  standing: 'waiting',
  phase: 'probe',
  since: now,
  note: '',
  planned: null,
  changed: false,
  done: new Set(),
  failed: new Set(),
});

/** What a host that is not busy any more has come to. */
function settle(host: HostProgress): void {
  if (host.standing !== 'running') return;
  host.note = '';
  if (host.changed) host.standing = 'changed';
  else if (host.vantage) host.standing = 'asked';
  else host.standing = host.planned === null ? 'waiting' : 'in sync';
}

function begin(host: HostProgress, phase: Phase, now: number): void {
  if (BAD.has(host.standing)) return;
  host.standing = 'running';
  host.phase = phase;
  host.since = now;
  host.note = '';
}

function plan(progress: RunProgress, host: HostProgress, changes: readonly ResourceChange[]): void {
  host.planned = changes;
  host.done.clear();
  host.failed.clear();
  if (changes.length === 0) settle(host);
  else if (progress.check) host.standing = 'to change';
}

/** Takes one event in. Constant work for every event but those of a run or a batch as a whole. */
export function advance(progress: RunProgress, event: RunEvent, now: number): void {
  const { hosts } = progress;
  const host = 'host' in event && event.host !== undefined ? hosts.get(event.host) : undefined;
  switch (event.type) {
    case 'run-started':
      progress.title = event.playbook;
      progress.runId = event.runId;
      progress.check = event.check;
      event.hosts.forEach((name) => hosts.set(name, newHost(name, false, now)));
      event.vantages.forEach((name) => hosts.has(name) || hosts.set(name, newHost(name, true, now)));
      return;
    case 'play-started':
      // A batch begins only when all before it has settled.
      hosts.forEach(settle);
      progress.play = `${event.play}${event.batches > 1 ? `, batch ${event.batch} of ${event.batches}` : ''}`;
      return;
    case 'phase-started':
      if (host) begin(host, event.phase, now);
      return;
    case 'host-planned':
      if (host) plan(progress, host, event.changes);
      return;
    case 'step-done':
      if (!host || host.phase === 'revert') return;
      host.done.add(event.resource);
      host.changed = true;
      return;
    case 'step-failed':
      host?.failed.add(event.resource);
      return;
    case 'host-reverting':
      if (!host) return;
      begin(host, 'revert', now);
      host.note = event.reason;
      return;
    case 'check-done': {
      const from = hosts.get(hostOf(event.result.from));
      if (from?.standing !== 'running') return;
      // The checks of the probe come with its answer: the host has been read.
      if (from.phase === 'probe') settle(from);
      else if (event.result.status !== 'pass') from.note = `${event.result.name}: ${event.result.status}`;
      return;
    }
    case 'host-failed':
      if (!host) return;
      host.standing =
        BY_CODE[ERROR_EXIT_CODES[event.error.code]] ?? (host.phase === 'revert' ? 'reverted' : 'failed');
      host.note = event.error.message;
      return;
    case 'host-finished':
      if (host) host.standing = standingOf(event.report.status, host.vantage);
      return;
    case 'run-finished':
      progress.exitCode = event.exitCode;
      return;
    case 'check-explained':
    case 'warning':
      return;
  }
}
