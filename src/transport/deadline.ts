import { gaveUpError } from './connect-errors.ts';
import type { Stop } from './stop.ts';

export interface Deadline {
  /** For messages. */
  readonly name: string;
  readonly timeoutMs: number;
  readonly interrupt: AbortSignal | undefined;
}

/**
 * Does something towards a host for no longer than `timeoutMs`, and only until the run is interrupted: then `signal` is
 * aborted with the error that says so, and names the stop that was told to `reaching` last.
 */
export async function beforeDeadline<T>(
  { name, timeoutMs, interrupt }: Deadline,
  work: (signal: AbortSignal, reaching: (stop: Stop) => void) => Promise<T>,
): Promise<T> {
  let at: Stop | undefined;
  const giveUp = new AbortController();
  const onInterrupt = (): void => giveUp.abort(gaveUpError(name, at, undefined));
  const timer = setTimeout(() => giveUp.abort(gaveUpError(name, at, timeoutMs)), timeoutMs);
  interrupt?.addEventListener('abort', onInterrupt, { once: true });
  if (interrupt?.aborted === true) onInterrupt();
  try {
    return await work(giveUp.signal, (stop) => (at = stop));
  } finally {
    clearTimeout(timer);
    interrupt?.removeEventListener('abort', onInterrupt);
  }
}
