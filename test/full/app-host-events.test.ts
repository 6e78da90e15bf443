import { spawn } from 'node:child_process';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { loadInventory } from '../../src/inventory/load.ts';
import { labOf } from '../../src/lab/index.ts';
import { labNames } from '../../src/lab/names.ts';
import { appHostLab, NICS, OUTSIDE } from '../lab/app-host-lab.ts';
import type { AppHostLab } from '../lab/app-host-lab.ts';
import { installApps } from '../lab/egress-apps.ts';
import { labSupport } from '../lab/support.ts';
import { pause } from './traffic.ts';

const MINUTES = 60_000;
const [A, B] = NICS;
const BRIDGES = ['172.19.0.100', '172.19.0.101'] as const;

const ENTRIES = `
            - { name: bridge-a, nic: eth0, scheme: bridge, bridge: br-eip1, address: ${BRIDGES[0]}, publish: ['8091:8091'] }
            - { name: bridge-b, nic: eth1, scheme: bridge, bridge: br-eip2, address: ${BRIDGES[1]}, publish: ['8091:8091'], users: [games] }`;
const APPS = [
  ...NICS.map(({ nic, address }) => ({ name: `bind-${nic}`, listen: address, port: 8090, source: address })),
  { name: 'bridge-a', listen: BRIDGES[0], port: 8091, source: BRIDGES[0] },
  { name: 'bridge-b', listen: BRIDGES[1], port: 8091, user: 'games' },
];
/** What is asked, by the NIC that carries it, and the answer it must have. */
const ASKED: readonly (readonly [nic: 'eth0' | 'eth1', url: string, answer: string])[] = [
  ['eth0', `http://${A.eip}:8090/`, `${A.address} ${A.eip}`],
  ['eth1', `http://${B.eip}:8090/`, `${B.address} ${B.eip}`],
  ['eth0', `http://${A.eip}:8091/`, `${BRIDGES[0]} ${A.eip}`],
  ['eth1', `http://${B.eip}:8091/`, `${BRIDGES[1]} ${B.eip}`],
];
/** Requests a second to each of the four. */
const RATE = 8;

interface Counts {
  readonly total: number;
  readonly failed: number;
  readonly wrong: number;
}
interface Measured {
  readonly eth0: Counts;
  readonly eth1: Counts;
  readonly wrongSource: number;
  readonly seconds: number;
}

labSupport('an app host with binding apps and bridges, beside firewalld and Docker, under requests', () => {
  let lab: AppHostLab;
  let namespace: string;
  beforeAll(async () => {
    lab = await appHostLab(({ edit }) =>
      edit('hosts.yml', (text) =>
        text
          .replace(
            '          nics:\n            eth0',
            '          lab: { image: full }\n          nics:\n            eth0',
          )
          .replace('          egress:\n', `          egress:${ENTRIES}\n`),
      ),
    );
    const built = await labOf(await loadInventory([lab.inventory]));
    if (!built) throw new Error('the lab is not up');
    namespace = labNames(built.id).namespace('outside1');
    await lab.on(
      'app1',
      `systemctl -q enable --now firewalld docker; firewall-cmd -q --permanent --add-port=8090/tcp; firewall-cmd -q --reload; ${installApps(APPS, OUTSIDE)}`,
    );
    await lab.run();
    const again = await lab.run();
    expect([again.code, again.stderr]).toEqual([0, expect.anything()]);
  }, 20 * MINUTES);
  afterAll(async () => lab?.down(), 2 * MINUTES);

  const on = (script: string): Promise<string> => lab.on('app1', script).then((text) => text.trim());

  async function during(happens: () => Promise<unknown>): Promise<Measured> {
    await lab.wrongSince();
    const began = Date.now();
    const pairs = ASKED.map(([, url, answer]) => `${url}=${answer}`);
    const child = spawn(
      'ip',
      ['netns', 'exec', namespace, process.execPath, 'test/full/eip-answers.mjs', String(RATE), ...pairs],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    let output = '';
    child.stdout.on('data', (chunk) => (output += String(chunk)));
    const closed = new Promise((resolve) => child.on('close', resolve));
    await pause(2000);
    await happens();
    await pause(3000);
    const seconds = (Date.now() - began) / 1000;
    child.kill('SIGTERM');
    await closed;
    const seen = JSON.parse(output) as Record<string, Counts>;
    const of = (nic: string): Counts =>
      ASKED.filter(([name]) => name === nic)
        .map(([, url]) => seen[url] ?? { total: 0, failed: 0, wrong: 0 })
        .reduce((sum, one) => ({
          total: sum.total + one.total,
          failed: sum.failed + one.failed,
          wrong: sum.wrong + one.wrong,
        }));
    return { eth0: of('eth0'), eth1: of('eth1'), wrongSource: await lab.wrongSince(), seconds };
  }

  const rows: string[] = [];
  const cells = (first: string, ...others: (string | number)[]): string =>
    first.padEnd(40) + others.map((cell) => String(cell).padStart(16)).join('');
  const told = (what: string, { eth0, eth1, wrongSource, seconds }: Measured): void =>
    void rows.push(
      cells(
        what,
        ...[eth0, eth1].map(({ failed, total }) => `${failed} of ${total}`),
        eth0.wrong + eth1.wrong,
        wrongSource,
        `${seconds.toFixed(1)} s`,
      ),
    );

  /** Failed on a quiet machine for as long as the NIC or the host is away; three times that and ten more may, as in gateway-events. */
  const events: readonly (readonly [
    what: string,
    quiet: readonly [eth0: number, eth1: number],
    script: string,
  ])[] = [
    ['nothing', [0, 0], 'sleep 3'],
    ['systemctl restart docker', [0, 0], 'systemctl restart docker'],
    ['docker network create, rm', [0, 0], 'docker network create n; sleep 1; docker network rm n'],
    ['firewall-cmd --reload', [5, 5], 'firewall-cmd -q --reload'],
    ['firewall-cmd --complete-reload', [5, 5], 'firewall-cmd -q --complete-reload'],
    ['systemctl restart firewalld', [5, 5], 'systemctl restart firewalld'],
    ['systemctl restart systemd-networkd', [0, 0], 'systemctl restart systemd-networkd; sleep 2'],
    ['networkctl reload', [0, 0], 'networkctl reload; sleep 2'],
    ['networkctl reconfigure eth0 eth1', [2, 2], 'networkctl reconfigure eth0 eth1; sleep 2'],
    ['eth0 down for 2 s, up', [40, 0], 'ip link set eth0 down; sleep 2; ip link set eth0 up; sleep 2'],
    ['eth1 down for 2 s, up', [0, 40], 'ip link set eth1 down; sleep 2; ip link set eth1 up; sleep 2'],
  ];

  it(
    'events cost what the NIC or the firewall is away for, show no wrong address, and leak nothing',
    async () => {
      const over: string[] = [];
      const judge = (what: string, measured: Measured, [eth0, eth1]: readonly [number, number]): void => {
        told(what, measured);
        const { wrongSource } = measured;
        if (wrongSource !== 0) over.push(`${what}: ${wrongSource} packets with a wrong source`);
        for (const [nic, quiet] of [
          ['eth0', eth0],
          ['eth1', eth1],
        ] as const) {
          const { total, failed, wrong } = measured[nic];
          if (wrong !== 0) over.push(`${what}: ${wrong} answers with another address at ${nic}`);
          if (failed > 3 * quiet + 10) over.push(`${what}: ${failed} of ${total} failed at ${nic}`);
          if (total < 20) over.push(`${what}: only ${total} requests at ${nic}`);
        }
      };
      for (const [what, quiet, script] of events) judge(what, await during(() => on(script)), quiet);
      const booted = await during(() => lab.reboot('app1'));
      // Whatever was asked while the host was away failed, and how long that is is the machine's affair.
      judge('reboot', booted, [booted.eth0.total, booted.eth1.total]);
      await on('sleep 2');
      judge('nothing, after the reboot', await during(() => on('sleep 3')), [0, 0]);

      // Control: without the rules and the guard the second NIC's requests fail, and the cloud counts them.
      const lost = await during(() =>
        on(
          `nft delete table ip provision_egress; for p in 5201 5251; do while ip rule del priority $p 2>/dev/null; do :; done; done; sleep 4`,
        ),
      );
      told('control: eth1 without rules and guard', lost);
      process.stdout.write(
        `\nRequests, ${RATE} a second to each of four apps\n${cells('event', 'failed eth0', 'failed eth1', 'wrong EIP', 'wrong source', 'in')}\n${rows.join('\n')}\n\n`,
      );
      expect([lost.eth1.failed > 10, lost.wrongSource > 10]).toEqual([true, true]);
      expect((await lab.run()).code).toBe(0);
      expect(over).toEqual([]);
    },
    15 * MINUTES,
  );
});
