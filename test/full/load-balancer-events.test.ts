import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { changesOf, statusOf } from '../lab/gateway-lab.ts';
import { balancerLab } from '../lab/load-balancer-lab.ts';
import type { BalancerLab } from '../lab/load-balancer-lab.ts';
import { labSupport } from '../lab/support.ts';
import { pause, trafficIn } from './traffic.ts';
import type { Held, Load } from './traffic.ts';

const MINUTES = 60_000;
const EIP = '203.0.113.65';
const RATE = 50;

const listeners = (engine: string): string => `lab: { image: full }
load_balancer: { engine: ${engine} }
listeners:
  - name: web
    address: 10.192.0.65
    port: 8080
    backends: [{ address: 10.1.160.14 }, { address: 10.1.160.15 }, { address: 10.20.0.10 }]
    health: { interval: 2s, timeout: 2s, fall: 2, rise: 2 }
  - { name: held, address: 10.192.0.65, port: 7000, backends: [{ address: 10.1.160.14 }] }
`;

/** Beside firewalld and Docker our table; without firewalld, beside Docker alone, chains of iptables. */
describe.each(['nftables', 'iptables'])('by %s', (engine) => {
  labSupport('a load balancer while others reload, restart and reboot', () => {
    let lab: BalancerLab;
    let traffic: Awaited<ReturnType<typeof trafficIn>>;
    const on = (script: string): Promise<string> => lab.on('lb1', script).then((text) => text.trim());
    const firewalld = engine === 'nftables';

    beforeAll(async () => {
      lab = await balancerLab(listeners(engine));
      traffic = await trafficIn(lab);
      await on(
        firewalld
          ? 'systemctl enable --now firewalld docker'
          : 'systemctl disable --now firewalld; systemctl enable --now docker',
      );
      expect(statusOf((await lab.run()).report, 'lb1')).toBe('changed');
      // Docker finds forwarding on at this boot, and closes nothing.
      await lab.reboot('lb1');
      if (firewalld) expect(await on('firewall-cmd --state')).toBe('running');
      await lab.on('s15', 'systemctl stop lab-echo@8080');
      await on(
        "for i in $(seq 300); do grep -q '^10.1.160.15 .* down ' /run/provision/lb/web && exit 0; sleep 0.2; done; exit 1",
      );
    }, 20 * MINUTES);
    afterAll(async () => lab?.down(), 2 * MINUTES);

    it(
      'spread, health and state hold; what fails is told',
      async () => {
        await lab.on('s14', 'systemctl stop lab-echo@7000');
        const far = traffic.start('s14', 'answer', '7000');
        await lab.on(
          's14',
          'for i in $(seq 100); do ss -Hltn | grep -q :7000 && exit 0; sleep 0.1; done; exit 1',
        );
        const rows: string[] = [];
        const wrong: string[] = [];
        const events: [string, () => Promise<unknown>][] = [
          ['nothing', () => pause(2000)],
          ...(firewalld
            ? ([
                ['firewall-cmd --reload', () => on('firewall-cmd -q --reload')],
                ['firewall-cmd --complete-reload', () => on('firewall-cmd -q --complete-reload')],
                ['systemctl restart firewalld', () => on('systemctl restart firewalld')],
                [
                  'zone drop for the NIC',
                  () =>
                    on(
                      'firewall-cmd -q --zone=drop --change-interface=eth0; sleep 2; firewall-cmd -q --zone=public --change-interface=eth0',
                    ),
                ],
              ] satisfies [string, () => Promise<unknown>][])
            : []),
          ['systemctl restart docker', () => on('systemctl restart docker')],
          ['docker network create, rm', () => on('docker network create n; sleep 1; docker network rm n')],
          ['systemctl restart systemd-networkd', () => on('systemctl restart systemd-networkd; sleep 2')],
          [
            'checker killed',
            () => on('kill -9 $(systemctl show -p MainPID --value provision-lb-checker); sleep 2'),
          ],
          ['a run of provision', () => lab.run()],
          ['reboot', () => lab.reboot('lb1')],
        ];
        for (const [what, happens] of events) {
          const held = traffic.start('outside1', 'hold', EIP, '7000');
          const load = traffic.start('outside1', 'load', EIP, '8080', String(RATE));
          await pause(1500);
          await happens();
          await pause(2500);
          const { total, failed } = await traffic.end<Load>(load);
          const { alive, longestGapMs } = await traffic.end<Held>(held);
          await on(
            'for i in $(seq 300); do systemctl -q is-active provision-lb-checker && grep -q "^10.1.160.15 .* down " /run/provision/lb/web && exit 0; sleep 0.2; done; exit 1',
          );
          const spread = await lab.answers('outside1', `http://${EIP}:8080/`, 20);
          const run = await lab.run('--check');
          const changes = changesOf(run.report, 'lb1');
          rows.push(
            [
              what.padEnd(34),
              `${failed} of ${total}`.padStart(12),
              `${alive ? 'alive' : 'dead'}, ${longestGapMs} ms`.padStart(16),
              JSON.stringify(spread),
            ].join('  '),
          );
          if (JSON.stringify(spread) !== JSON.stringify({ north1: 10, s14: 10 }))
            wrong.push(`${what}: ${JSON.stringify(spread)}`);
          // Docker puts a rule of its own before the jumps to ours whenever it starts: told, and harmless.
          if (changes.some((change) => firewalld || change !== 'live rules:lb: jumps'))
            wrong.push(`${what}: ${changes.join(', ')}`);
          if (!alive && what !== 'reboot') wrong.push(`${what}: the held connection died`);
          // Others share this machine: three times what was seen on a quiet one, and ten more. A reboot takes the host away.
          if (what !== 'reboot' && failed > 25) wrong.push(`${what}: ${failed} of ${total} failed`);
        }
        process.stdout.write(
          `\n${engine}: new connections, ${RATE} a second, one of three backends dead\n${'event'.padEnd(34)}  ${'failed'.padStart(12)}  ${'held, gap'.padStart(16)}  spread of 20 after it\n${rows.join('\n')}\n`,
        );
        far.kill('SIGTERM');
        expect(wrong).toEqual([]);
        // Control: what is looked at does see rules that are gone.
        await on(
          `systemctl stop provision-lb-checker; ${engine === 'nftables' ? 'nft delete table ip provision_lb' : 'iptables-save | grep -v PROVISION_LB | iptables-restore'}`,
        );
        expect(await lab.answers('outside1', `http://${EIP}:8080/`, 2)).toEqual({ none: 2 });
        expect(changesOf((await lab.run('--check')).report, 'lb1')).not.toEqual([]);
      },
      15 * MINUTES,
    );
  });
});
