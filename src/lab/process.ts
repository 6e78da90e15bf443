import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** A process is its number and its start: numbers are used again. */
export interface Process {
  readonly pid: number;
  /** Field 22 of /proc/PID/stat, in clock ticks since boot. */
  readonly started: string;
}

/** The process that has this number now; null when it has ended (a zombie has). */
export function processOf(pid: number): Process | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The command name (field 2) may hold spaces and parentheses.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const state = fields[0] ?? 'X';
    return 'ZX'.includes(state) ? null : { pid, started: fields[19] ?? '' };
  } catch {
    return null;
  }
}

export const isAlive = (process: Process): boolean => processOf(process.pid)?.started === process.started;

/** Ends exactly this process, never another that has got its number. */
export function endProcess(target: Process, signal: NodeJS.Signals | number = 'SIGKILL'): void {
  if (!isAlive(target)) return;
  try {
    process.kill(target.pid, signal);
  } catch {
    // It ended in between.
  }
}

/** Processes in whose environment this word stands (environ of proc(5): words end with a NUL). */
export function processesMarked(word: string): Process[] {
  const isMarked = (pid: string): boolean => {
    try {
      return readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0').includes(word);
    } catch {
      return false;
    }
  };
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && isMarked(name))
    .map((pid) => processOf(Number(pid)))
    .filter((process) => process !== null);
}

/** Polls until the condition holds; false when the time is over. */
export async function waitUntil(
  condition: () => boolean | Promise<boolean>,
  timeoutMs: number,
  everyMs = 50,
): Promise<boolean> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    if (await condition()) return true;
    if (Date.now() > deadline) return false;
    await sleep(everyMs);
  }
}
