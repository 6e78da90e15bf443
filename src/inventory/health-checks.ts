import type { Inventory } from '../model/host.ts';
import { durationSeconds } from '../roles/variables/amounts.ts';
import { readVariables } from '../roles/variables/index.ts';

/** Seconds until the slowest health check of these hosts has made up its mind, either way; 0 = there is none. */
export function healthSettleSeconds(inventory: Inventory, hosts: readonly string[]): number {
  const checks = hosts.flatMap((host) =>
    (readVariables(inventory.hosts.get(host)?.vars ?? {}).listeners ?? []).flatMap((listener) =>
      'health' in listener && listener.health ? [listener.health] : [],
    ),
  );
  const times = checks.map(
    ({ interval, timeout, rise, fall }) =>
      Math.max(rise, fall) * (durationSeconds(interval) + durationSeconds(timeout)),
  );
  return Math.max(0, ...times);
}
