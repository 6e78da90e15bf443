import { setTimeout as sleep } from 'node:timers/promises';
import { isProvisionError } from '../model/error.ts';
import type { ErrorCode } from '../model/error.ts';
import type { Transport } from '../model/transport.ts';

/** What may be otherwise a moment later. A timeout has waited already; keys, logins and settings stay what they are. */
const PASSING: ReadonlySet<ErrorCode> = new Set([
  'connection-refused',
  'network-unreachable',
  'name-not-found',
  // An sshd under load drops connections before it has said a word (MaxStartups).
  'ssh-protocol',
]);

const FIRST_WAIT_MS = 400;

/**
 * Connects again, so many times, when a connection could not be made. Only connecting: what has begun on a host is
 * never done twice. Each wait is about twice as long as the one before, and no two hosts wait alike.
 */
export function retrying(
  transport: Transport,
  retries: number,
  random: () => number = Math.random,
): Transport {
  return {
    async connect(target, signal) {
      for (let tried = 0; ; tried += 1) {
        try {
          return await transport.connect(target, signal);
        } catch (error) {
          const passing = isProvisionError(error) && PASSING.has(error.code);
          if (!passing || tried >= retries || signal?.aborted) throw error;
          const wait = FIRST_WAIT_MS * 2 ** tried * (0.5 + random());
          await sleep(wait, undefined, { signal }).catch(() => undefined);
          if (signal?.aborted) throw error;
        }
      }
    },
  };
}
