import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { changesOf, provision, statusOf } from '../lab/gateway-lab.ts';
import type { Ended } from '../lab/gateway-lab.ts';
import { HAND_MADE } from '../lab/hand-made-hosts.ts';
import { handMadeLab } from '../lab/hand-made-lab.ts';
import type { HandMadeLab } from '../lab/hand-made-lab.ts';
import { labSupport } from '../lab/support.ts';
import { pause, trafficIn } from './traffic.ts';
import type { Load } from './traffic.ts';

const MINUTES = 60_000;
const CONNECTIONS = 2000;
const RULES = "iptables-save -t nat | sed -e '/^#/d' -e 's/ \\[[0-9:]*\\]$//'";

describe.each(Object.entries(HAND_MADE))('%s', (_title, made) => {
  labSupport('is imported, and taken over with no connection failed', () => {
    let lab: HandMadeLab;
    let traffic: Awaited<ReturnType<typeof trafficIn>>;
    let byHand = '';
    let run: Awaited<ReturnType<HandMadeLab['running']>>;

    /** New connections to every service of the host, at least so many each, while something happens. */
    async function during(event: () => Promise<unknown>, least = CONNECTIONS): Promise<Load[]> {
      const loads = made.traffic.map(({ from, address, port, rate }) =>
        traffic.start(from, 'load', address, String(port), String(rate)),
      );
      const began = Date.now();
      await pause(1000);
      await event();
      // A busy machine opens fewer than it should.
      const slowest = Math.min(...made.traffic.map(({ rate }) => rate));
      await pause(Math.max(1000, (least / slowest) * 1400 - (Date.now() - began)));
      return Promise.all(loads.map((load) => traffic.end<Load>(load)));
    }
    /** By service what may fail: nothing, or where somebody else drops, as many as that alone costs on a busy machine. */
    let allowed = made.traffic.map(() => 0);
    const bound = (quiet: number): number => 3 * quiet + 10;
    const expectBrief = (seen: readonly Load[], ms: number): void => {
      for (const { firstFailed, lastFailed } of seen)
        expect((lastFailed ?? 0) - (firstFailed ?? 0)).toBeLessThan(ms);
    };
    const expectNoneFailed = (seen: readonly Load[]): void => {
      const over = seen.filter(({ failed }, index) => failed > (allowed[index] ?? 0));
      expect({ seen, over }).toEqual({ seen, over: [] });
      expect(Math.min(...seen.map(({ total }) => total))).toBeGreaterThanOrEqual(CONNECTIONS);
    };

    beforeAll(async () => {
      lab = await handMadeLab(made);
      traffic = await trafficIn(lab);
    }, 20 * MINUTES);
    afterAll(() => lab?.down(), 2 * MINUTES);

    it(
      'control: where what was made by hand is left out for a second, connections fail',
      async () => {
        const seen = await during(() => lab.onHost(made.broken), 200);
        expect(Math.min(...seen.map(({ failed }) => failed))).toBeGreaterThan(10);
        // None of them is down without that.
        await pause(1000);
        const calm = await during(() => pause(1000), 200);
        expect(calm.map(({ failed }) => failed)).toEqual(made.traffic.map(() => 0));
        const { costs } = made;
        if (costs === undefined) return;
        // What is refused is not served by patience.
        expect(Math.max(...seen.map(({ unserved }) => unserved))).toBeGreaterThan(0);
        const alone = await during(() => lab.onHost(costs), 200);
        allowed = alone.map(({ failed }) => bound(failed));
      },
      3 * MINUTES,
    );

    it(
      'none of 2,000 while a run takes over what the import printed; a second run changes nothing',
      async () => {
        byHand = await lab.onHost(RULES);
        const { code, stdout } = await lab.importing();
        expect(code).toBe(0);
        lab.declare(`${made.known}${stdout}`);
        await lab.onHost(made.prepared ?? 'true');
        const seen = await during(async () => void (run = await lab.running()));
        expect([run.code, statusOf(run.report, made.host), run.stderr]).toEqual([
          0,
          'changed',
          expect.anything(),
        ]);
        expectNoneFailed(seen);
        // Where a reload drops, the client's next SYN is answered.
        expect(seen.map(({ unserved }) => unserved)).toEqual(seen.map(() => 0));
        // The time of one reload, and nobody before or after it.
        expectBrief(seen, 1500);
        const again = await lab.running();
        expect([again.code, changesOf(again.report, made.host)]).toEqual([0, []]);
      },
      6 * MINUTES,
    );

    it(
      'none while provision rollback gives it back, each rule in its place',
      async () => {
        let back: Ended | undefined;
        const seen = await during(async () => {
          back = await provision('rollback', '-i', lab.inventory, '-l', made.host, '--run', run.report.runId);
        });
        expect([back?.code, back?.stderr]).toEqual([0, expect.anything()]);
        if (made.costs === undefined) expectNoneFailed(seen);
        // Our translation goes in a step, and that of a zone is back with the reload: measured as 0.6 to 1.5 s.
        else expectBrief(seen, 5000);
        // What was only told too: a reload by us keeps what is others'.
        expect(await lab.onHost(RULES)).toBe(byHand);
      },
      4 * MINUTES,
    );
  });
});
