import { createHash } from 'node:crypto';
import type { ResourceChange } from '../model/resource.ts';
import { quote, sh } from '../shell/quote.ts';
import { keepBaselines } from './baseline.ts';
import type { NewBaseline } from './baseline.ts';
import { frameFunctions } from './frame.ts';
import { keptPlanText } from './kept-plan.ts';
import { CONFIRM, rollbackScript } from './rollback-script.ts';
import {
  calls,
  ENVIRONMENT,
  functions,
  handlersOf,
  numberedPaths,
  settledScript,
  STARTED,
} from './step-shell.ts';
import { ASK_BACK, prepareFunctions, STATUS, transactionFunctions } from './transaction-shell.ts';
import type { Setting } from './transaction-shell.ts';

/** Packages come first and stay; everything else is taken back in reverse order. */
export interface ChangePlan {
  readonly packages: readonly ResourceChange[];
  readonly changes: readonly ResourceChange[];
}

export interface Transaction extends Setting {
  /** Frames what all scripts of this transaction print. */
  readonly nonce: string;
  readonly plan: ChangePlan;
  /** Kept for good once it is confirmed. */
  readonly baselines: readonly NewBaseline[];
  /** Seconds from the end of the steps until they are taken back unless confirmed. */
  readonly confirmTimeout: number;
  /** Seconds the steps may take. */
  readonly applyTimeout: number;
  /** Seconds that each step of the way back may take; one that takes longer has failed. */
  readonly undoTimeout: number;
  /** Who, when, from where, what: kept in the host's journal, and shown to whoever finds the host locked. */
  readonly record: Readonly<Record<string, unknown>>;
}

/**
 * Each step is a function, run bare in a command substitution: anywhere in a condition, even in a function called
 * there, the shell would ignore `set -e` and a half-failed step would count as done (POSIX, set -e).
 */
const RUN = `
run() {
  said=$( set -e; "$2" 2>&1 8>&- 9>&- )
  code=$?
  if [ "$code" -eq 0 ]; then mark "done $1"; else
    mark "failed $1 $code"; frame output "$(printf %s "$said" | tail -c 4000 | encode)"
  fi
}`;

/** What brings a change about: its files first, for the other steps may need them. */
const stepsOf = ({ apply }: ResourceChange): readonly string[] => [...(apply.writes ?? []), ...apply.steps];

function applyScript(transaction: Transaction): string {
  const { nonce, plan, confirmTimeout } = transaction;
  const { packages, changes } = plan;
  const handlers = handlersOf(changes.map((change) => change.apply));
  const undo = '{ /bin/sh "$T/rollback.sh" failed; exit 0; }';
  const scripts = handlers.map(({ script }) => script);
  // One that fails is told as `handler`, whichever it is.
  const handlerCalls = calls('run', 'handler', 'handler', scripts, undo);
  const handledAfter = (place: number): string[] =>
    handlerCalls.filter((_call, index) => handlers[index]?.after === place);
  return [
    frameFunctions(nonce),
    ENVIRONMENT,
    RUN,
    transactionFunctions(transaction),
    STARTED,
    ...packages.flatMap((change, index) => functions(`package_${index}`, stepsOf(change))),
    ...changes.flatMap((change, index) => functions(`apply_${index}`, stepsOf(change))),
    ...functions('handler', scripts),
    'main() {',
    'umask 077',
    'cd /',
    ...packages.flatMap((change, index) =>
      calls('run', String(index), `package_${index}`, stepsOf(change), undo),
    ),
    ...changes.flatMap((change, index) => [
      // The way back has begun.
      '[ -e "$T/pending" ] || exit 0',
      // One that is cut off in the middle says nothing, and all is taken back then.
      `printf '%s\\n' ${index} > "$T/reached" || ${undo}`,
      ...calls('run', String(packages.length + index), `apply_${index}`, stepsOf(change), undo),
      ...handledAfter(index),
    ]),
    ...handledAfter(Infinity),
    // The first timer stands still: whoever looks whether all is well need not wait for a shorter one.
    'mark applied',
    `open_window ${confirmTimeout} || ${undo}`,
    'close_old_window',
    // Confirmed meanwhile: nobody else would stop what has just been started.
    '[ -e "$T/pending" ] || disarm',
    '}',
    'main </dev/null',
    '',
  ].join('\n');
}

/** What a host keeps of a transaction, by file name. */
export const scriptsOf = (transaction: Transaction): Readonly<Record<string, string>> => ({
  'rollback.sh': rollbackScript(transaction),
  'apply.sh': applyScript(transaction),
  'settled.sh': settledScript(transaction.plan.changes),
  'record.json': JSON.stringify(transaction.record),
  'plan.json': keptPlanText(transaction.plan),
});

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/**
 * What goes over standard input to start a transaction: one script, all in functions and called by its last line, so
 * that a cut-off one runs nothing. It writes the transaction's own scripts, checks them, arms, and then runs the
 * changes as a unit of systemd with its output in a file: the end of our connection does not end it.
 */
export function launchScript(transaction: Transaction): string {
  const { nonce, plan, baselines, applyTimeout, confirmTimeout, record } = transaction;
  const files = scriptsOf(transaction);
  const paths = numberedPaths(plan.changes).flat();
  return [
    frameFunctions(nonce),
    ENVIRONMENT,
    transactionFunctions(transaction),
    prepareFunctions(transaction, applyTimeout + confirmTimeout),
    'unpack() {',
    ...Object.entries(files).map(([name, text]) => `printf %s ${quote(text)} > "$T/${name}" || return 1`),
    `(cd "$T" && printf '%s  %s\\n' ${Object.entries(files)
      .map(([name, text]) => `${sha256(text)} ${name}`)
      .join(' ')} | sha256sum -c --status) || return 1`,
    // A step that does not parse would take every other one with it, the way back included.
    'sh -n "$T/rollback.sh" && sh -n "$T/apply.sh" && sh -n "$T/settled.sh"',
    '}',
    'snapshot() {',
    sh`private ${[...new Set(paths.map(({ path }) => path.slice(0, path.lastIndexOf('/'))))]} || return 1`,
    ...paths.map(({ number, path }) => sh`keep ${number} ${path} || return 1`),
    ...keepBaselines(baselines),
    ':',
    '}',
    'main() {',
    'mark begin',
    sh`HOLDER=${JSON.stringify(record)}`,
    'prepare',
    'mark armed',
    'run_apply',
    '}',
    'main </dev/null',
    '',
  ].join('\n');
}

type Known = Setting & Pick<Transaction, 'nonce'>;

const small = (transaction: Known, body: string): string =>
  [frameFunctions(transaction.nonce), transactionFunctions(transaction), body].join('\n');

/** Ends the window for good. Send it over a new connection only. */
export const confirmScript = (transaction: Known): string => small(transaction, CONFIRM);
/** What became of it. */
export const statusScript = (transaction: Known): string => small(transaction, STATUS);
/** Takes it back now. */
export const rollbackRequest = (transaction: Known): string =>
  small(transaction, `${ASK_BACK}\nmain() { mark begin; ask_back; }\nmain </dev/null\n`);
/** Opens the window anew: other hosts of the batch are not ready yet. */
export const extendScript = (transaction: Transaction): string =>
  small(
    transaction,
    `main() { mark begin; open_window ${transaction.confirmTimeout} && { mark extended; close_old_window; }; }\nmain </dev/null\n`,
  );
