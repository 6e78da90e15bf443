import type { ConntrackCounters } from '../engine/conntrack.ts';
import { readJournal } from '../engine/journal.ts';
import type { HostJournal, JournalEntry } from '../engine/journal.ts';
import { reported } from '../model/reported.ts';
import { coloursFor } from '../reporters/colour.ts';
import { printable } from '../reporters/printable.ts';
import { problemLines } from '../reporters/problem.ts';
import { contactHosts } from './contact.ts';
import type { Answer, ContactFlags } from './contact.ts';
import { placesOnHosts } from './host-places.ts';
import { lockLines } from './lock-lines.ts';
import { counted, table } from './table.ts';

const LINES = 10;
const HEADINGS = ['HOST', 'ENDED', 'ENDING', 'WHO', 'RUN', 'COMMIT', 'CHANGES'];
const CONNTRACK_HEADINGS = ['HOST', 'CONNTRACK', 'MAX', 'USED', 'INSERT FAILED', 'DROP'];

const WORDS: Readonly<Record<string, string>> = {
  'confirmed asked': 'confirmed',
  'rolled-back timeout': 'taken back: not confirmed in time',
  'rolled-back boot': 'taken back: rebooted before it was confirmed',
  'rolled-back asked': 'taken back: by a check or the operator',
  'rolled-back failed': 'taken back: a step failed',
  'abandoned released': 'left as it is: by provision lock release',
};

const text = (value: unknown): string => printable(typeof value === 'string' ? value : '-');

/** A rollback is a transaction too: `confirmed` means that the host stayed where it was put back to. */
function endingOf({ ending, reason, record }: JournalEntry): string {
  const words = WORDS[`${ending} ${reason}`] ?? printable(`${ending}: ${reason}`);
  const { rollbackOf } = record;
  if (rollbackOf === undefined) return words;
  return ending === 'confirmed'
    ? `rolled back to before run ${text(rollbackOf)}`
    : `rollback to before run ${text(rollbackOf)} ${words}`;
}

const SHORT_COMMIT = 8;

function commitOf({ commit }: JournalEntry['record']): string {
  const [, hash, differs = ''] = /^([0-9a-f]{7,64})(\+?)$/.exec(String(commit)) ?? [];
  return hash === undefined ? '-' : `${hash.slice(0, SHORT_COMMIT)}${differs}`;
}

function row(host: string, entry: JournalEntry): string[] {
  const { endedAt, record } = entry;
  const changes = Array.isArray(record['changes']) ? record['changes'].length : 0;
  return [
    host,
    text(endedAt),
    endingOf(entry),
    text(record['who']),
    text(record['run']),
    commitOf(record),
    counted(changes, 'difference'),
  ];
}

function conntrackRow(host: string, { count, max, insertFailed, drop }: ConntrackCounters): string[] {
  const used = max > 0 ? `${Math.round((count * 100) / max)} %` : '-';
  return [host, String(count), String(max), used, String(insertFailed), String(drop)];
}

function entryOf({ target, value, error }: Answer<HostJournal>): object {
  return { name: target.name, ...value, ...(error ? { error: reported(error) } : {}) };
}

/** `provision status`: what each host remembers of the runs that changed it, what waits there now, and how full it is. */
export async function status(flags: ContactFlags): Promise<number> {
  const answers: Answer<HostJournal>[] = [];
  const { places } = placesOnHosts(process.env);
  const exitCode = await contactHosts(
    flags,
    (session, target) => readJournal(session, target, LINES, places?.(target.name)),
    (answer) => answers.push(answer),
  );
  if (flags.json) {
    process.stdout.write(`${JSON.stringify({ exitCode, hosts: answers.map(entryOf) }, null, 2)}\n`);
    return exitCode;
  }
  const colours = coloursFor(process.stdout, process.env);
  const rows = answers.flatMap(({ target, value }) =>
    (value?.entries ?? []).map((entry) => row(target.name, entry)),
  );
  const waiting = answers.flatMap(({ target, value }) =>
    value ? lockLines(target.name, value, colours) : [],
  );
  const lines = rows.length > 0 ? table([HEADINGS, ...rows]) : ['no host was changed by provision so far'];
  const tracked = answers.flatMap(({ target, value }) =>
    value?.conntrack ? [conntrackRow(target.name, value.conntrack)] : [],
  );
  const fill = tracked.length > 0 ? ['', ...table([CONNTRACK_HEADINGS, ...tracked])] : [];
  [...waiting, ...lines, ...fill].forEach((line) => process.stdout.write(`${line}\n`));
  answers
    .flatMap(({ error }) => (error ? problemLines(error, coloursFor(process.stderr, process.env)) : []))
    .forEach((line) => process.stderr.write(`${line}\n`));
  return exitCode;
}
