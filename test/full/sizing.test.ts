import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { changesOf, gatewayLab, provision, statusOf } from '../lab/gateway-lab.ts';
import type { GatewayLab } from '../lab/gateway-lab.ts';
import { release } from '../lab/release.ts';
import { labSupport } from '../lab/support.ts';

const MINUTES = 60_000;
const SIZE = '{ max: 131072, tcp_timeout_established: 900s, udp_timeout: 45s, tcp_loose: false }';
const KEY = 'net.netfilter.nf_conntrack_';
const FILES =
  '/etc/modules-load.d/provision-conntrack.conf /etc/modprobe.d/provision-conntrack.conf /etc/sysctl.d/99-zz-provision-conntrack.conf';

labSupport('the connection table of a gateway', () => {
  let lab: GatewayLab;
  beforeAll(async () => {
    lab = await gatewayLab();
  }, 20 * MINUTES);
  afterAll(async () => lab?.down(), 2 * MINUTES);

  const live = async (): Promise<string[]> => {
    const keys = ['tcp_timeout_established', 'udp_timeout', 'tcp_loose'].map((key) => KEY + key);
    return (await lab.on('gw1', `sysctl -n ${keys.join(' ')}`)).trim().split('\n');
  };
  const declare = (size: string | null): void =>
    lab.edit('host_vars/gw1.yml', (text) => {
      const without = text.replace(/^ {2}conntrack: .*\n/m, '');
      return size === null ? without : without.replace(/^nat:\n/m, `nat:\n  conntrack: ${size}\n`);
    });
  const sizing = (changes: readonly string[]): string[] =>
    changes.filter((change) => /conntrack/.test(change));

  it(
    'left out, nothing of it is made, and what the kernel has stays',
    async () => {
      const first = await lab.run();
      expect([first.code, sizing(changesOf(first.report, 'gw1'))]).toEqual([0, []]);
      expect(await live()).toEqual(['432000', '30', '1']);
      expect(await lab.on('gw1', `ls ${FILES} 2>/dev/null || true`)).toBe('');
    },
    5 * MINUTES,
  );

  it(
    'declared, it is set live and saved; what the kernel lets nobody set in a container is told and skipped',
    async () => {
      declare(SIZE);
      const changed = await lab.run();
      expect([changed.code, statusOf(changed.report, 'gw1')]).toEqual([0, 'changed']);
      expect(await live()).toEqual(['900', '45', '0']);
      expect(await lab.on('gw1', `cat ${FILES} | grep -v '^#'`)).toBe(
        [
          'nf_conntrack',
          'options nf_conntrack hashsize=32768',
          `-${KEY}buckets = 32768`,
          `-${KEY}max = 131072`,
          `-${KEY}tcp_timeout_established = 900`,
          `-${KEY}udp_timeout = 45`,
          `-${KEY}tcp_loose = 0`,
          '',
        ].join('\n'),
      );
      const told = changed.stderr.split('\n').filter((line) => line.includes('skipped (unsupported)'));
      expect(told).toEqual([expect.stringContaining(`${KEY}buckets`), expect.stringContaining(`${KEY}max`)]);
    },
    3 * MINUTES,
  );

  it(
    'control: the kernel of a container does refuse these two, and no others',
    async () => {
      const tried = (key: string): Promise<string> =>
        lab.on(
          'gw1',
          `cd /proc/sys/net/netfilter; (cat ${key} > ${key}) 2>/dev/null && echo taken || echo refused`,
        );
      expect(await tried('nf_conntrack_max')).toBe('refused\n');
      expect(await tried('nf_conntrack_buckets')).toBe('refused\n');
      expect(await tried('nf_conntrack_udp_timeout')).toBe('taken\n');
    },
    MINUTES,
  );

  it(
    'the second run changes nothing, drift is found and mended, and a reboot keeps it',
    async () => {
      const again = await lab.run();
      expect([again.code, again.report.hosts.flatMap((host) => host.changes)]).toEqual([0, []]);
      await lab.on('gw1', `sysctl -qw ${KEY}udp_timeout=30; rm /etc/modprobe.d/provision-conntrack.conf`);
      const mended = await lab.run();
      expect(mended.code).toBe(0);
      const drift = changesOf(mended.report, 'gw1');
      expect(drift).toContain(`live sysctl:conntrack: ${KEY}udp_timeout`);
      expect(drift).toContain('saved file:/etc/modprobe.d/provision-conntrack.conf: content');
      expect(drift.filter((change) => !/conntrack/.test(change))).toEqual([]);
      expect(await live()).toEqual(['900', '45', '0']);

      await lab.reboot('gw1');
      expect(await live()).toEqual(['900', '45', '0']);
      // Containers of the lab have no modules to load: systemd 247 counts that as a failure, later ones do not.
      const units = release === 'debian-11' ? 'systemd-sysctl' : 'systemd-sysctl systemd-modules-load';
      expect(await lab.on('gw1', `systemctl is-failed ${units} || true`)).not.toContain('failed\n');
      const after = await lab.run('--check');
      expect([after.code, after.report.hosts.flatMap((host) => host.changes)]).toEqual([0, []]);
    },
    5 * MINUTES,
  );

  it(
    'status shows how full it is: real connections through the gateway are counted',
    async () => {
      const asked = async () => {
        const { stdout } = await provision('status', '-i', lab.inventory, '-l', 'gw1', '--json');
        return (JSON.parse(stdout) as { hosts: { conntrack: Record<string, number> }[] }).hosts[0]?.conntrack;
      };
      await lab.on('gw1', 'conntrack -F 2>/dev/null');
      const before = await asked();
      await lab.on(
        'db1',
        'for port in $(seq 40); do curl -s -o /dev/null --max-time 3 http://198.51.100.10/ip; done',
      );
      const after = await asked();
      expect(after).toMatchObject({ max: 262144, insertFailed: 0, drop: 0 });
      expect((after?.['count'] ?? 0) - (before?.['count'] ?? 0)).toBeGreaterThanOrEqual(30);
      const table = (await provision('status', '-i', lab.inventory, '-l', 'gw1')).stdout;
      expect(table).toMatch(/^gw1 +\d+ +262144 +\d+ % +0 +0$/m);
    },
    2 * MINUTES,
  );

  it(
    'no longer declared, its files go',
    async () => {
      declare(null);
      const gone = await lab.run();
      expect([gone.code, statusOf(gone.report, 'gw1')]).toEqual([0, 'changed']);
      expect(await lab.on('gw1', `ls ${FILES} 2>/dev/null || true`)).toBe('');
      const again = await lab.run();
      expect(again.report.hosts.flatMap((host) => host.changes)).toEqual([]);
    },
    3 * MINUTES,
  );
});
