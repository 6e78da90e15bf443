import type { ConntrackCounters } from '../engine/conntrack.ts';
import { readJournal } from '../engine/journal.ts';
import type { HostJournal, JournalEntry } from '../engine/journal.ts';
import { reported } from '../model/reported.ts';
import { coloursFor } from '../reporters/colour.ts';
import { printable } from '../reporters/printable.ts';
import { problemLines } from '../reporters/problem.ts';
import { BALANCE_STATUS, parseBalance } from '../model/balance-status.ts';
import { balanceRows, BALANCE_HEADINGS, balanceWarnings } from './status-balance.ts';
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

const balanceOf = ({ more }: HostJournal) => parseBalance(more['balance'] ?? '');

function entryOf({ target, value, error }: Answer<HostJournal>): object {
  if (!value) return { name: target.name, ...(error ? { error: reported(error) } : {}) };
  const listeners = balanceOf(value);
  return { name: target.name, ...value, more: undefined, ...(listeners ? { listeners } : {}) };
}

/**
 * `provision status`: what each host remembers of the runs that changed it, what waits there now, how full its
 * connection table is, and how the backends of its listeners stand.
 */
export async function status(flags: ContactFlags): Promise<number> {
  const answers: Answer<HostJournal>[] = [];
  const { places } = placesOnHosts(process.env);
  const exitCode = await contactHosts(
    flags,
    (session, target) =>
      readJournal(session, target, LINES, places?.(target.name), { balance: BALANCE_STATUS }),
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
  const balanced = answers.flatMap(({ target, value }) => {
    const listeners = value ? balanceOf(value) : null;
    return listeners ? [{ host: target.name, listeners }] : [];
  });
  const backends = balanced.flatMap(({ host, listeners }) => balanceRows(host, listeners));
  const balance = backends.length > 0 ? ['', ...table([BALANCE_HEADINGS, ...backends])] : [];
  const alone = balanced.flatMap(({ host, listeners }) => balanceWarnings(host, listeners, colours));
  [...waiting, ...alone, ...lines, ...fill, ...balance].forEach((line) => process.stdout.write(`${line}\n`));
  answers
    .flatMap(({ error }) => (error ? problemLines(error, coloursFor(process.stderr, process.env)) : []))
    .forEach((line) => process.stderr.write(`${line}\n`));
  return exitCode;
}
