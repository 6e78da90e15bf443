import { CONNTRACK_PROBE, parseConntrack } from './conntrack.ts';
import type { ConntrackCounters } from './conntrack.ts';
import type { Session, Target } from '../model/transport.ts';
import { decode, frameFunctions, framedLines, newNonce, textAndCode } from './frame.ts';
import { runScript } from './remote-shell.ts';
import { PLACES } from './transaction-shell.ts';
import type { Places } from './transaction-shell.ts';
import { sh } from '../shell/quote.ts';

/** One line of a host's journal: a run that changed it, and how that ended. */
export interface JournalEntry {
  readonly ending: string;
  readonly reason: string;
  /** ISO 8601, UTC. */
  readonly endedAt: string;
  readonly record: Readonly<Record<string, unknown>>;
}

export interface HostJournal {
  /** Who is preparing or applying a change at this moment. */
  readonly holder: Readonly<Record<string, unknown>> | null;
  /** A change that is neither confirmed nor taken back. */
  readonly pending: Readonly<Record<string, unknown>> | null;
  /** Newest first. */
  readonly entries: readonly JournalEntry[];
  /** Null where no connections are tracked. */
  readonly conntrack: ConntrackCounters | null;
}

const TIMEOUT_MS = 30_000;

const script = ({ state, run }: Places, nonce: string, lines: number): string =>
  [
    'LC_ALL=C; export LC_ALL',
    'PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"; export PATH',
    frameFunctions(nonce),
    sh`holder() { [ -e ${`${run}/lock`} ] && ! flock -n ${`${run}/lock`} true && cat ${`${run}/holder`}; }`,
    sh`pending() { for p in ${state}/txn/*/pending ${state}/txn/*/rolling-back; do [ ! -e "$p" ] || cat "$p"; done; }`,
    sh`journal() { tail -n ${lines} ${`${state}/journal`}; }`,
    `conntrack_table() {${CONNTRACK_PROBE}\n}`,
    'main() { mark begin; section holder holder; section pending pending; section journal journal',
    'section conntrack conntrack_table; mark end; }',
    'main </dev/null',
    '',
  ].join('\n');

/** A line that was cut off, or is not ours, counts as none. */
function parsed<T>(text: string): T | null {
  try {
    return JSON.parse(text) as T;
  } catch {
    return null;
  }
}

/** Reads what a host remembers of its last `lines` changes, and its connection table. Changes nothing. */
export async function readJournal(
  session: Session,
  target: Target,
  lines: number,
  places: Places = PLACES,
): Promise<HostJournal> {
  const nonce = newNonce();
  const { stdout } = await runScript(session, target, script(places, nonce, lines), nonce, {
    timeoutMs: TIMEOUT_MS,
  });
  const frames = new Map(framedLines(stdout, nonce).map(([name = '', ...rest]) => [name, rest]));
  const read = (name: string): string => {
    const [length, payload] = frames.get(name) ?? [];
    return textAndCode(decode(length, payload)).stdout;
  };
  const entries = read('journal')
    .split('\n')
    .flatMap((line) => parsed<JournalEntry>(line) ?? []);
  return {
    holder: parsed(read('holder')),
    pending: parsed(read('pending')),
    entries: entries.toReversed(),
    conntrack: parseConntrack(read('conntrack')),
  };
}
