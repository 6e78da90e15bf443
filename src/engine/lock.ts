import type { Session, Target } from '../model/transport.ts';
import { quote } from '../shell/quote.ts';
import { decode, frameFunctions, framedLines, newNonce } from './frame.ts';
import { runScript } from './remote-shell.ts';
import type { Places } from './transaction-shell.ts';

/** What a host keeps about one run: who, when, from where, what. Somebody else's text. */
export type KeptRecord = Readonly<Record<string, unknown>>;

/** A transaction that stands in the way of the next run. */
export interface OpenTransaction {
  readonly id: string;
  /** Not confirmed yet; being taken back; taken back only in part. */
  readonly state: 'pending' | 'rolling-back' | 'stuck';
  readonly record: KeptRecord | null;
  /** Its timer stands, is gone, or never was (`--no-rollback`). */
  readonly timer: 'armed' | 'gone' | 'none';
  /** Seconds until its timer takes it back. */
  readonly firesIn: number | null;
  /** Its steps, or its way back, run at this moment. */
  readonly atWork: boolean;
}

export interface HostLock {
  /** Who is preparing or applying a change at this moment. */
  readonly holder: { readonly pid: number; readonly record: KeptRecord | null } | null;
  readonly open: readonly OpenTransaction[];
}

/**
 * `holder_of FILE` prints the process that holds a lock, as the fdinfo of its open files says (proc(5)). The lock is
 * never taken for that, not even for a moment. /proc/locks would not do: in a container it leaves out every lock that a
 * program took which has ended since, and flock(1) is such a one. A name alone tells nothing: in a mount namespace of
 * their own, anybody can hold a lock on another file of that name.
 */
const HOLDER_OF = `
holder_of() {
  file=$(readlink -f "$1") && [ -e "$file" ] || return 0
  find /proc/[0-9]*/fd -lname "$file" 2>/dev/null | while read -r fd; do
    if [ "$fd" -ef "$file" ] && grep -qs '^lock:.*FLOCK' "\${fd%/fd/*}/fdinfo/\${fd##*/}"; then fd=\${fd#/proc/}; echo "\${fd%%/*}"; break; fi
  done
}
is_active() { systemctl is-active -q "$1" 2>/dev/null; }
# Sets $state, $timer, $at_work of the transaction in $T; fails where it stands in nobody's way.
open_state() {
  for state in pending rolling-back stuck; do [ ! -e "$T/$state" ] || break; done
  [ -e "$T/$state" ] || return 1
  timer=gone at_work=no
  unit=$(cat "$T/timer" 2>/dev/null)
  if [ -e "$T/unarmed" ]; then timer=none; elif [ -n "$unit" ] && is_active "$unit.timer"; then timer=armed; fi
  if is_active "provision-apply-\${T##*/}.service" || { [ -n "$unit" ] && is_active "$unit.service"; }; then at_work=yes; fi
  if [ "$state" = rolling-back ] && [ -n "$(holder_of "$RUN/rollback.lock")" ]; then at_work=yes; fi
}
tell_open() { mark "open \${T##*/} $state $timer $at_work $(cat "$T/due" /proc/uptime 2>/dev/null | tr '\\n' ' ')"; frame record "$(encode < "$T/$state")"; }`;

/** Shell functions that only look: `tell_lock` prints the holder and every open transaction. Need $STATE and $RUN. */
export const LOCK_FUNCTIONS = `${HOLDER_OF}
tell_holder() {
  pid=$(holder_of "$RUN/lock")
  [ -n "$pid" ] || return 0
  mark "holder $pid"
  frame record "$( { cat "$RUN/holder" 2>/dev/null || true; } | encode)"
}
tell_lock() {
  tell_holder
  for T in "$STATE"/txn/*; do
    case \${T##*/} in *[!0-9A-Za-z-]*) continue ;; esac
    if open_state; then tell_open; fi
  done
}`;

export const lockSetting = ({ state, run }: Places): string => `STATE=${quote(state)}\nRUN=${quote(run)}`;

/** A line that was cut off, or is not ours, counts as none. */
export function recordIn(text: string): KeptRecord | null {
  try {
    const data: unknown = JSON.parse(text);
    return typeof data === 'object' && data !== null && !Array.isArray(data) ? (data as KeptRecord) : null;
  } catch {
    return null;
  }
}

const STATES = ['pending', 'rolling-back', 'stuck'] as const;
const TIMERS = ['armed', 'gone', 'none'] as const;

/** Armed at that uptime, for so many seconds; and the uptime now (uptime, idle time: proc(5)). */
function firesIn(timer: string, [armedAt, , seconds, now]: readonly string[]): number | null {
  const left = Number(armedAt) + Number(seconds) - Number(now);
  return timer === 'armed' && Number.isFinite(left) ? Math.max(0, Math.round(left)) : null;
}

/** What `tell_lock` printed. Throws `probe-failed` when a part of it is missing. */
export function parseLock(stdout: string, nonce: string): HostLock {
  let holder: HostLock['holder'] = null;
  const open: OpenTransaction[] = [];
  const lines = framedLines(stdout, nonce);
  lines.forEach(([word, first = '', ...rest], index) => {
    if (word !== 'holder' && word !== 'open') return;
    const [, length, payload] = lines[index + 1] ?? [];
    const record = recordIn(decode(length, payload));
    if (word === 'holder') {
      holder = { pid: Number(first), record };
      return;
    }
    const [state, timer, atWork, ...times] = rest;
    open.push({
      id: first,
      state: STATES.find((each) => each === state) ?? 'stuck',
      record,
      timer: TIMERS.find((each) => each === timer) ?? 'none',
      firesIn: firesIn(timer ?? '', times),
      atWork: atWork === 'yes',
    });
  });
  return { holder, open };
}

const script = (places: Places, nonce: string): string =>
  [
    frameFunctions(nonce),
    lockSetting(places),
    LOCK_FUNCTIONS,
    'main() { mark begin; tell_lock; mark end; }',
    'main </dev/null',
    '',
  ].join('\n');

/** Who holds the lock of a host and what stands there unended. Only looks. */
export async function readLock(session: Session, target: Target, places: Places): Promise<HostLock> {
  const nonce = newNonce();
  const { stdout } = await runScript(session, target, script(places, nonce), nonce, { timeoutMs: 30_000 });
  return parseLock(stdout, nonce);
}
