import { quote, sh } from '../shell/quote.ts';
import { frameFunctions } from './frame.ts';
import { calls, ENVIRONMENT, functions, handlersBack, numberedPaths, settle, STARTED } from './step-shell.ts';
import type { ChangePlan, Transaction } from './transaction-script.ts';
import { STEP_SECONDS, transactionFunctions } from './transaction-shell.ts';

/**
 * One step of the way back, within its time: the script calls itself, since timeout(1) runs programs and no functions,
 * and `set -e` holds there as it should. What it prints goes to a file: a process it leaves behind holds nothing up.
 * What has succeeded once is not done again when the way back is tried again.
 */
const undoFunction = (seconds: number): string => `
undo() {
  code=0
  if [ "$reason" != boot ] && grep -qsxF "$2" "$T/undone"; then return; fi
  said="$RUN/said-$ID"
  true > "$said" || said=/dev/null
  timeout -k 5 ${seconds} /bin/sh "$T/rollback.sh" step "$2" >"$said" 2>&1 8>&- 9>&-
  code=$?
  if [ "$code" -eq 0 ]; then echo "$2" >> "$T/undone"; mark "done $1"; else
    output=$(tail -c 4000 "$said"; case $code in 124 | 137) echo ${quote(`it did not end within ${seconds} s`)} ;; esac)
    mark "failed $1 $code"
    frame output "$(printf %s "$output" | encode)"
    printf '%s (exit %s):\n%s\n' "$resource" "$code" "$output" >> "$T/failed"
  fi
  [ "$said" = /dev/null ] || rm -f "$said"
}`;

/**
 * Everything that takes the changes back, newest first; `reached` is the last change that was begun. Old files come
 * before the steps, which may need them, and after the steps, which may have written them in their own way: what is
 * there in the end is what the snapshot has.
 */
function revertFunctions({ packages, changes }: ChangePlan): string {
  const handlers = handlersBack(changes.map((change) => change.revert)).map(({ script }) => script);
  const paths = numberedPaths(changes);
  const newestFirst = changes.map((_change, index) => changes.length - 1 - index);
  const each = (lines: (index: number) => readonly string[]): string[] =>
    newestFirst.flatMap((index) => [`if [ "$reached" -ge ${index} ]; then`, ':', ...lines(index), 'fi']);
  const files = (index: number, verb: 'restore' | 'back'): string[] =>
    (paths[index] ?? []).map(({ number, path }) => `${verb} ${sh`${number} ${path}`}`);
  const label = (index: number): string => `revert-${packages.length + index}`;
  return [
    ...changes.flatMap((change, index) => [
      ...functions(`revert_${index}`, change.revert.steps),
      ...functions(`boot_${index}`, change.revert.atBoot ?? []),
    ]),
    ...functions('revert_handler', handlers),
    'revert() {',
    ...each((index) => {
      const steps = changes[index]?.revert.steps ?? [];
      return [
        sh`resource=${changes[index]?.resource ?? ''}`,
        ...(steps.length > 0 ? files(index, 'restore') : []),
        ...calls('undo', label(index), `revert_${index}`, steps, 'bad=1'),
        ...files(index, 'back'),
      ];
    }),
    'resource=handler',
    ...calls('undo', 'handler', 'revert_handler', handlers, 'bad=1'),
    ':',
    '}',
    'revert_at_boot() {',
    ...each((index) => [
      sh`resource=${changes[index]?.resource ?? ''}`,
      ...files(index, 'back'),
      ...calls('undo', label(index), `boot_${index}`, changes[index]?.revert.atBoot ?? [], 'bad=1'),
    ]),
    ':',
    '}',
  ].join('\n');
}

/** Seconds that one confirm or way back waits for another that is at work. */
const LOCK_SECONDS = 30;

/** Runs once, whoever asks: one rename decides between confirming and taking back. */
const MAIN = `
restore() { put_back "$T/snapshot/$1" "$2"; }
# What cannot be written (chattr +i, a read-only file system) may never have been changed.
as_kept() {
  kept="$T/snapshot/$1"
  [ -e "$kept" ] || [ -L "$kept" ] || { [ ! -e "$2" ] && [ ! -L "$2" ]; return; }
  [ "$(stat -c '%f %u %g %y' -- "$kept")" = "$(stat -c '%f %u %g %y' -- "$2")" ] || return 1
  if [ -L "$kept" ]; then [ "$(readlink -- "$kept")" = "$(readlink -- "$2")" ]; else [ "$(sha256sum < "$kept")" = "$(sha256sum < "$2")" ]; fi
}
back() {
  restore "$1" "$2" || as_kept "$1" "$2" || { bad=1; printf '%s: %s could not be put back\n' "$resource" "$2" >> "$T/failed"; }
}
main() {
  reason=$1
  umask 077
  cd /
  # Whoever asked may go away: that must not stop the way back half-way.
  trap '' PIPE HUP
  mkdir -p -m 0700 "$RUN"
  exec 9>>"$RUN/rollback.lock"
  # Nobody has begun it after all that time: it is begun now, and the rename alone decides.
  flock -w ${LOCK_SECONDS} 9 || [ -e "$T/pending" ] || { mark busy; tell_ending; exit 0; }
  # A file system that refuses the rename is no reason to leave the change where it is.
  mv -T "$T/pending" "$T/rolling-back" 2>/dev/null || [ -e "$T/rolling-back" ] || [ -e "$T/pending" ] || { mark too-late; tell_ending; exit 0; }
  # First of all nobody may write any more: the apply may still be at work.
  case $reason in failed | boot) ;; *) stop_apply ;; esac
  reached=$(cat "$T/reached" 2>/dev/null || echo -1)
  # Not a number: written when the power went. All is taken back then; what was not begun is as it was.
  case $reached in -1 | [0-9] | [0-9][0-9] | [0-9][0-9][0-9]) ;; *) reached=999 ;; esac
  bad=0
  rm -f "$T/failed"
  if [ "$reason" = boot ]; then revert_at_boot; else revert; fi
  if [ "$bad" -eq 0 ]; then ending=rolled-back; else ending=stuck; fi
  [ "$bad" -ne 0 ] || rm -rf "$T/baseline"
  rm -f "$T/apply.sh"
  journal "$ending" "$reason"
  [ "$bad" -eq 0 ] && { mv -T "$T/rolling-back" "$T/rolled-back"; mark reverted; }
  [ "$bad" -ne 0 ] && { mv -T "$T/rolling-back" "$T/stuck"; mark stuck; }
  disarm
  [ "$bad" -ne 0 ] || [ "$reason" = boot ] || ${settle('revert')}
  exit 0
}
case $1 in step) umask 077; cd /; set -e; "$2"; exit 0 ;; esac`;

/** `rollback.sh REASON` takes a transaction back; `rollback.sh step FUNCTION` is one step of that. */
export function rollbackScript(transaction: Transaction): string {
  return [
    frameFunctions(transaction.nonce),
    ENVIRONMENT,
    undoFunction(transaction.undoTimeout),
    transactionFunctions(transaction),
    // A step is handed on what its way back has found.
    `case $1 in step) ;; *) ${STARTED} ;; esac`,
    revertFunctions(transaction.plan),
    MAIN,
    'main "$@" </dev/null',
    '',
  ].join('\n');
}

/** Ends the window for good; the rename is the same that a way back begins with. */
export const CONFIRM = `
main() {
  umask 077
  mark begin
  mkdir -p -m 0700 "$RUN"
  exec 9>>"$RUN/rollback.lock"
  flock -w ${LOCK_SECONDS / 3} 9 || { mark cannot-confirm; exit 0; }
  if mv -T "$T/pending" "$T/confirmed" 2>/dev/null; then
    disarm
    # It holds what files got, secrets too, and nobody needs it any more.
    rm -f "$T/apply.sh"
    adopt_baselines
    journal confirmed asked
    mark confirmed
    ${settle('apply')}
  elif [ -e "$T/pending" ]; then mark cannot-confirm
  else mark too-late; tell_ending; fi
}
main </dev/null
`;

/** Longest time a whole way back may take, in seconds: every step in its own, and waiting for another at work. */
export function longestWayBack({ plan, undoTimeout }: Pick<Transaction, 'plan' | 'undoTimeout'>): number {
  const reverts = plan.changes.map((change) => change.revert);
  const steps = reverts.reduce((sum, { steps: own }) => sum + own.length, handlersBack(reverts).length);
  return LOCK_SECONDS + STEP_SECONDS + 20 + steps * (undoTimeout + 5);
}
