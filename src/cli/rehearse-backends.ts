import { setTimeout as sleep } from 'node:timers/promises';
import { healthSettleSeconds } from '../inventory/health-checks.ts';
import { labExec } from '../lab/index.ts';
import { BALANCE_STATUS, parseBalance } from '../model/balance-status.ts';
import type { ListenerStatus } from '../model/balance-status.ts';
import { printable } from '../reporters/printable.ts';
import { demand } from './rehearse-stages.ts';
import type { Rehearsal, Stage } from './rehearse-stages.ts';

interface Standing {
  readonly host: string;
  readonly listeners: readonly ListenerStatus[];
}

/** What is wrong with the backends that should serve: a sentence each. */
export const deadBackends = (all: readonly Standing[]): string[] =>
  all.flatMap(({ host, listeners }) =>
    listeners.flatMap(({ name, backends }) =>
      backends
        .filter(({ state }) => state === 'down')
        .map(({ address, port, why }) =>
          printable(
            `backend ${address}${port === null ? '' : `:${port}`} of listener ${name} on ${host} is dead${why === '' ? '' : ` (${why})`}`,
          ),
        ),
    ),
  );

/** The balancers themselves say which of their backends are dead: each that should serve must be up. None = no stage. */
export function backendsStages(rehearsal: Rehearsal): Stage[] {
  const seconds = healthSettleSeconds(rehearsal.inventory, rehearsal.compiled.hosts);
  if (seconds === 0) return [];
  const look = async (): Promise<Standing[]> => {
    const found = await Promise.all(
      rehearsal.compiled.hosts.map(async (host) => {
        const said = await labExec(rehearsal.lab, host, ['sh', '-s'], { stdin: BALANCE_STATUS });
        return { host, listeners: parseBalance(said.stdout) ?? [] };
      }),
    );
    return found.filter(({ listeners }) => listeners.length > 0);
  };
  return [
    {
      name: 'backends of load balancers',
      act: async () => {
        let seen: Standing[] = [];
        // The second time: a host that had just been changed may have been away for a moment.
        for (let looks = 0; looks < 2; looks += 1) {
          await sleep((seconds + 1) * 1000);
          seen = await look();
          if (deadBackends(seen).length === 0) break;
        }
        const dead = deadBackends(seen);
        demand(dead.length === 0, `Not every backend is alive: ${dead.join('; ')}`);
        const all = seen.flatMap(({ listeners }) => listeners.flatMap(({ backends }) => backends));
        return `${all.filter(({ state }) => state === 'active').length} of ${all.length} are up, none is dead`;
      },
    },
  ];
}
