import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { gatewayLab, startProvision } from '../lab/gateway-lab.ts';
import type { GatewayLab } from '../lab/gateway-lab.ts';
import { labSupport } from '../lab/support.ts';

const MINUTES = 60_000;
const ROUNDS = 20;
const WINDOW_SECONDS = 5;

/** Three files and three slow steps: a kill may fall between any two of them. */
const PLAYBOOK = `
import { command, defineRole, file, play, playbook } from 'provision';
const three = defineRole('three', () => ({
  resources: [1, 2, 3].flatMap((n) => [
    file({ path: '/etc/provision-' + n, content: 'new\\n' }),
    command({ name: 'step ' + n, check: 'test -e /run/step-' + n, run: 'sleep 0.4; touch /run/step-' + n, undo: 'rm -f /run/step-' + n }),
  ]),
}));
export default playbook('three', [play({ hosts: 'gw1', roles: [three()] })]);
`;

labSupport('the controller is killed at a random moment of a changing run', () => {
  let lab: GatewayLab;
  let playbook = '';
  beforeAll(async () => {
    lab = await gatewayLab();
    playbook = lab.playbook('three', PLAYBOOK);
  }, 20 * MINUTES);
  afterAll(async () => lab?.down(), 2 * MINUTES);

  const state = (): Promise<string> =>
    lab.on(
      'gw1',
      'for n in 1 2 3; do cat /etc/provision-$n 2>/dev/null || echo none; test -e /run/step-$n && echo done || echo none; done',
    );
  const WHOLE = 'new\ndone\nnew\ndone\nnew\ndone\n';
  const NOTHING = 'none\nnone\nnone\nnone\nnone\nnone\n';

  it(
    `${ROUNDS} times: fully changed or fully as before, nothing left behind, and a rerun succeeds`,
    async () => {
      const endings = new Set<string>();
      for (let round = 0; round < ROUNDS; round += 1) {
        const after = 300 + Math.floor(((round * 7919) % ROUNDS) * (3200 / ROUNDS));
        const child = startProvision(
          playbook,
          '-i',
          lab.inventory,
          '--confirm-timeout',
          String(WINDOW_SECONDS),
        );
        await sleep(after);
        child.kill('SIGKILL');
        await sleep((WINDOW_SECONDS + 4) * 1000);
        const found = await state();
        expect([WHOLE, NOTHING]).toContain(found);
        endings.add(found);
        expect(
          await lab.on(
            'gw1',
            'ls /var/lib/provision/txn/*/pending /var/lib/provision/txn/*/rolling-back 2>/dev/null || true',
          ),
        ).toBe('');
        expect(
          await lab.on(
            'gw1',
            "systemctl list-units --all --plain --no-legend 'provision-*' | grep -v boot.service || true",
          ),
        ).toBe('');
        expect(await lab.on('gw1', 'ls /etc/systemd/system | grep provision || true')).toBe('');
        expect(
          await lab.on('gw1', 'test ! -e /run/provision/lock || flock -n /run/provision/lock true; echo $?'),
        ).toBe('0\n');
        expect((await lab.runPlaybook(playbook)).code).toBe(0);
        expect(await state()).toBe(WHOLE);
        await lab.on('gw1', 'rm -f /etc/provision-[123] /run/step-[123]');
      }
      // Control: the moments were spread so that both ends were seen.
      expect(endings).toContain(NOTHING);
    },
    30 * MINUTES,
  );
});
