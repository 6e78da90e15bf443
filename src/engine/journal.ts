import { CONNTRACK_PROBE, parseConntrack } from './conntrack.ts';
import type { ConntrackCounters } from './conntrack.ts';
import type { Session, Target } from '../model/transport.ts';
import { decode, frameFunctions, framedLines, newNonce, textAndCode } from './frame.ts';
import { LOCK_FUNCTIONS, lockSetting, parseLock, recordIn } from './lock.ts';
import type { HostLock } from './lock.ts';
import { runScript } from './remote-shell.ts';
import { PLACES } from './transaction-shell.ts';
import type { Places } from './transaction-shell.ts';

/** One line of a host's journal: a run that changed it, and how that ended. */
export interface JournalEntry {
  readonly ending: string;
  readonly reason: string;
  /** ISO 8601, UTC. */
  readonly endedAt: string;
  readonly record: Readonly<Record<string, unknown>>;
}

export interface HostJournal extends HostLock {
  /** Newest first. */
  readonly entries: readonly JournalEntry[];
  /** Null where no connections are tracked. */
  readonly conntrack: ConntrackCounters | null;
  /** What the other questions have printed, by their names. */
  readonly more: Readonly<Record<string, string>>;
}

const TIMEOUT_MS = 30_000;

/** Questions besides, as shell text that only reads, by a name of letters. */
type Questions = Readonly<Record<string, string>>;

const script = (places: Places, nonce: string, lines: number, more: Questions): string =>
  [
    'LC_ALL=C; export LC_ALL',
    'PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"; export PATH',
    frameFunctions(nonce),
    lockSetting(places),
    LOCK_FUNCTIONS,
    `journal() { tail -n ${lines} "$STATE/journal"; }`,
    `conntrack_table() {${CONNTRACK_PROBE}\n}`,
    ...Object.entries(more).map(([name, text]) => `more_${name}() {\n${text}\n}`),
    'main() {',
    'mark begin; tell_lock; section journal journal; section conntrack conntrack_table',
    ...Object.keys(more).map((name) => `section more_${name} more_${name}`),
    'mark end',
    '}',
    'main </dev/null',
    '',
  ].join('\n');

/** A line that was cut off, or is not ours, counts as none. */
function entryIn(line: string): JournalEntry[] {
  const { ending, reason, endedAt, record } = recordIn(line) ?? {};
  const kept = recordIn(JSON.stringify(record ?? null));
  return kept
    ? [{ ending: String(ending), reason: String(reason), endedAt: String(endedAt), record: kept }]
    : [];
}

/** Reads what a host remembers of its last `lines` changes, what stands there unended, and its connection table. */
export async function readJournal(
  session: Session,
  target: Target,
  lines: number,
  places: Places = PLACES,
  more: Questions = {},
): Promise<HostJournal> {
  const nonce = newNonce();
  const { stdout } = await runScript(session, target, script(places, nonce, lines, more), nonce, {
    timeoutMs: TIMEOUT_MS,
  });
  const frames = new Map(framedLines(stdout, nonce).map(([name = '', ...rest]) => [name, rest]));
  const read = (name: string): string => {
    const [length, payload] = frames.get(name) ?? [];
    return textAndCode(decode(length, payload)).stdout;
  };
  const entries = read('journal').split('\n').flatMap(entryIn);
  return {
    ...parseLock(stdout, nonce),
    entries: entries.toReversed(),
    conntrack: parseConntrack(read('conntrack')),
    more: Object.fromEntries(Object.keys(more).map((name) => [name, read(`more_${name}`)])),
  };
}
