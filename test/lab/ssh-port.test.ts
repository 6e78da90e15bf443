import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { changesOf, gatewayLab } from './gateway-lab.ts';
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
    'installing and starting firewalld does not cut it, and a reboot does not either',
    async () => {
      const first = await lab.run();
      expect(first.code).toBe(0);
      expect(changesOf(first.report, 'gw1')).toContain('saved package:firewalld: installed');
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
