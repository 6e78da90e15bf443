import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { changesOf, gatewayLab, startProvision, statusOf } from './gateway-lab.ts';
import type { GatewayLab } from './gateway-lab.ts';
import { labSupport } from './support.ts';

const MINUTES = 60_000;

labSupport('sshd on port 2222 of a bare host', () => {
  let lab: GatewayLab;
  beforeAll(async () => {
    lab = await gatewayLab(({ edit }) =>
      edit(
        'host_vars/gw1.yml',
        (text) => `${text}ansible_port: 2222\nlab: { image: bare, ssh_port: 2222 }\n`,
      ),
    );
  }, 20 * MINUTES);
  afterAll(async () => lab?.down(), 2 * MINUTES);

  it(
    'case 8: a reboot before the first run is confirmed: the new firewall does not come up with its default zone',
    async () => {
      const child = startProvision('playbooks/gateway.ts', '-i', lab.inventory, '--confirm-timeout', '90');
      const until = async (script: string): Promise<void> => {
        for (let tries = 0; tries < 200; tries += 1) {
          if ((await lab.on('gw1', `${script} && echo yes || echo no`)).trim() === 'yes') return;
          await sleep(200);
        }
        throw new Error(`gw1 never came to: ${script}`);
      };
      await until('ls /var/lib/provision/txn/*/pending >/dev/null 2>&1');
      child.kill('SIGKILL');
      await until('systemctl is-active -q firewalld');
      await lab.reboot('gw1');
      const check = await lab.run('--check');
      expect([check.code, statusOf(check.report, 'gw1')]).toEqual([0, 'planned']);
      expect(await lab.on('gw1', 'systemctl is-active firewalld; systemctl is-enabled firewalld; true')).toBe(
        'inactive\ndisabled\n',
      );
      expect(check.stderr).toContain('the host rebooted before it was confirmed');
    },
    5 * MINUTES,
  );

  it(
    'installing and starting firewalld does not cut it, and a reboot does not either',
    async () => {
      const first = await lab.run();
      expect(first.code).toBe(0);
      expect(changesOf(first.report, 'gw1')).toContain('live service:firewalld: running');
      expect(await lab.on('gw1', 'firewall-cmd --zone=public --list-ports')).toBe('2222/tcp\n');
      await lab.reboot('gw1');
      const second = await lab.run();
      expect(second.code).toBe(0);
      expect(second.report.hosts.flatMap((host) => host.changes)).toEqual([]);
    },
    5 * MINUTES,
  );

  it(
    'control: without the port in the zone, a new connection is refused',
    async () => {
      await lab.on('gw1', 'firewall-cmd -q --zone=public --remove-port=2222/tcp');
      const { code, report } = await lab.run();
      expect(code).toBe(4);
      expect(report.hosts.find(({ name }) => name === 'gw1')?.status).toBe('unreachable');
      await lab.on('gw1', 'firewall-cmd -q --reload');
      expect((await lab.run()).code).toBe(0);
    },
    2 * MINUTES,
  );
});
