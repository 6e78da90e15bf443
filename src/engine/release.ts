import type { Session, Target } from '../model/transport.ts';
import { sh } from '../shell/quote.ts';
import { decode, frameFunctions, framedLines, newNonce } from './frame.ts';
import { LOCK_FUNCTIONS, parseLock, recordIn } from './lock.ts';
import type { HostLock, KeptRecord } from './lock.ts';
import { runScript } from './remote-shell.ts';
import { ASK_BACK, transactionFunctions } from './transaction-shell.ts';
import type { Places } from './transaction-shell.ts';

/** What became of a transaction that stood in the way. */
export interface EndedTransaction {
  readonly id: string;
  /** `abandoned` = left as it is, looked at by a person; `rolled-back`; `stuck` = its way back failed in part. */
  readonly ending: string;
  readonly record: KeptRecord | null;
}

export interface Released {
  readonly ended: readonly EndedTransaction[];
  /** Whoever is at work there: nothing was touched that is theirs. */
  readonly left: HostLock;
}

/** How a transaction that ended `stuck` is ended: as it stands, or by trying its way back again. */
export type StuckEnd = 'abandon' | 'retry';

/** The steps of a way back have their own limits; this is for all of them together. */
const TIMEOUT_MS = 30 * 60_000;

/**
 * Under the lock, so that no run begins meanwhile. A pending transaction is taken back only when nothing else would do
 * it: its timer is gone, and nobody is at work on it.
 */
const MAIN = `
tell_end() {
  tell_ending
  frame record "$(encode < "$T/record.json")"
}
end_one() {
  ID=\${T##*/}
  open_state || return 0
  case $state in
    stuck)
      if [ "$STUCK" = retry ]; then mv -T "$T/stuck" "$T/rolling-back" && ask_back >/dev/null
      else mv -T "$T/stuck" "$T/abandoned" && journal abandoned released; fi
      ;;
    *)
      if [ "$STUCK" = retry ] || [ "$timer" = armed ] || [ "$at_work" = yes ]; then tell_open; return; fi
      ask_back >/dev/null
      ;;
  esac
  mark "ended $ID"
  tell_end
}
release() {
  tell_holder
  [ -z "$pid" ] && [ -d "$STATE/txn" ] || return 0
  umask 077
  mkdir -p -m 0700 "$RUN"
  exec 8>>"$RUN/lock"
  if ! flock -n 8; then tell_holder; return; fi
  printf '%s' "$HOLDER" > "$RUN/holder"
  for T in "$STATE"/txn/*; do
    case \${T##*/} in *[!0-9A-Za-z-]*) ;; *) end_one ;; esac
  done
}`;

const script = (places: Places, nonce: string, stuck: StuckEnd, record: KeptRecord): string =>
  [
    frameFunctions(nonce),
    transactionFunctions({ id: 'none', places, armed: true }),
    LOCK_FUNCTIONS,
    ASK_BACK,
    MAIN,
    sh`main() { STUCK=${stuck} HOLDER=${JSON.stringify(record)}; mark begin; release; mark end; }`,
    'main </dev/null',
    '',
  ].join('\n');

function parseEnded(stdout: string, nonce: string): EndedTransaction[] {
  const lines = framedLines(stdout, nonce);
  return lines.flatMap(([word, id = ''], index) => {
    if (word !== 'ended') return [];
    const [, ending = 'unknown'] = lines[index + 1] ?? [];
    const [, length, payload] = lines[index + 2] ?? [];
    return [{ id, ending, record: recordIn(decode(length, payload)) }];
  });
}

/** Ends what stands in the way of the next run when nobody is at work on it. `record` says who does it. */
export async function release(
  session: Session,
  target: Target,
  places: Places,
  stuck: StuckEnd,
  record: KeptRecord,
): Promise<Released> {
  const nonce = newNonce();
  const { stdout } = await runScript(session, target, script(places, nonce, stuck, record), nonce, {
    timeoutMs: TIMEOUT_MS,
  });
  return { ended: parseEnded(stdout, nonce), left: parseLock(stdout, nonce) };
}
