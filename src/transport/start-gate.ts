import { setTimeout as sleep } from 'node:timers/promises';
import pLimit from 'p-limit';
import type { LimitFunction } from 'p-limit';
import { endpoint } from './address.ts';
import type { Stop } from './stop.ts';

/** From 10 on, sshd drops connections that are not logged in yet, at random (MaxStartups 10:30:100, sshd_config(5)). */
const MOST_STARTING = 8;
/** Logins that begin together also end together, again and again: they are spread over this time. */
const SPREAD_MS = 200;

/** Lets few connections at a time start through one jump host. */
export interface StartGate {
  /** Runs `start` when there is room at the first stop of the way; a way without a jump host never waits. */
  through<T>(stops: readonly Stop[], start: () => Promise<T>): Promise<T>;
}

export function startGate(random: () => number = Math.random): StartGate {
  const limits = new Map<string, LimitFunction>();
  return {
    through: (stops, start) => {
      const [first] = stops;
      if (first === undefined || stops.length < 2) return start();
      const key = endpoint(first.settings.address, first.settings.port);
      const limit = limits.get(key) ?? pLimit(MOST_STARTING);
      limits.set(key, limit);
      return limit(async () => {
        if (limit.activeCount > 1) await sleep(random() * SPREAD_MS);
        return start();
      });
    },
  };
}
