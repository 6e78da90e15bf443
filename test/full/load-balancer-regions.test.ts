import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { pause, trafficIn } from './traffic.ts';
import type { Load } from './traffic.ts';
import { changesOf, gatewayLab, provision } from '../lab/gateway-lab.ts';
import type { GatewayLab } from '../lab/gateway-lab.ts';
import { labSupport } from '../lab/support.ts';

const MINUTES = 60_000;
/** (interval + timeout) x fall + 1 s, as inventory/lab-load-balancer has them. */
const OUT_WITHIN = ((2 + 1.5) * 2 + 1) * 1000;

/** The security group of a backend: its service is open for the balancer's EIP and nobody else. */
const GROUP = `apt-get -qq -y install nftables >/dev/null 2>&1
nft add table ip sg; nft add chain ip sg arriving '{ type filter hook input priority 0; }'
nft add rule ip sg arriving tcp dport 80 ip saddr != 203.0.113.65 drop`;

labSupport('backends in other regions, by their public addresses (row F, seed 001)', () => {
  let lab: GatewayLab;
  beforeAll(async () => {
    lab = await gatewayLab(() => undefined, 'inventory/lab-load-balancer', 'playbooks/load-balancer.ts');
    for (const host of ['north1', 'south1']) await lab.on(host, GROUP);
  }, 20 * MINUTES);
  afterAll(async () => lab?.down(), 2 * MINUTES);

  const URL = 'http://203.0.113.65:8090';
  const answers = async (): Promise<string[]> =>
    (
      await lab.on(
        'outside1',
        `for i in $(seq 10); do curl -s -m 3 ${URL}/ || echo none; done | sort | uniq -c`,
      )
    )
      .trim()
      .split('\n')
      .map((line) => line.trim());
  const inSync = async (): Promise<void> => {
    const again = await lab.run();
    expect(changesOf(again.report, 'lb1')).toEqual([]);
    expect(again.code).toBe(0);
  };

  it(
    'both regions serve, and see the EIP that their security groups allow; a route leads to each',
    async () => {
      const run = await lab.run();
      expect(run.code).toBe(0);
      expect(run.stdout).toContain('route to 192.0.2.10 via 10.192.0.1');
      expect(await answers()).toEqual(['5 north1 203.0.113.65', '5 south1 203.0.113.65']);
      // Control: the group does keep others out.
      expect((await lab.on('outside1', 'curl -s -m 2 http://192.0.2.10/ || echo none')).trim()).toBe('none');
      expect(
        run.report.hosts.flatMap((host) => host.checks).filter(({ status }) => status !== 'pass'),
      ).toEqual([]);
      expect(run.report.hosts.flatMap((host) => host.checks).map(({ name }) => name)).toEqual(
        expect.arrayContaining(['regions answers from outside', 'regions is spread by weight']),
      );
      await inSync();
    },
    5 * MINUTES,
  );

  it(
    'a route that somebody takes away is named and put back, and saved ones outlive a reboot',
    async () => {
      await lab.on('lb1', 'ip route del 192.0.2.20');
      expect(changesOf((await lab.run()).report, 'lb1')).toEqual(['live routes:eth0: routes']);
      await lab.reboot('lb1');
      expect(await lab.on('lb1', 'ip route show 192.0.2.20')).toContain('via 10.192.0.1');
      expect(await answers()).toEqual(['5 north1 203.0.113.65', '5 south1 203.0.113.65']);
      await inSync();
    },
    2 * MINUTES,
  );

  it(
    'a region that is cut off is out within its time, the service stays up, and the region returns',
    async () => {
      const { start, end } = await trafficIn(lab);
      const load = start('outside1', 'load', '203.0.113.65', '8090', '50');
      await pause(1000);
      // Silence, not a refusal: nothing comes back from there.
      await lab.on('north1', 'nft insert rule ip sg arriving drop');
      await lab.on(
        'lb1',
        "for i in $(seq 300); do grep -q '^192.0.2.10 .* down ' /run/provision/lb/regions && exit 0; sleep 0.2; done; exit 1",
      );
      await pause(4000);
      const { total, failed, firstFailed, lastFailed } = await end<Load>(load);
      expect(total).toBeGreaterThan(100);
      expect(failed).toBeGreaterThan(0);
      expect((lastFailed ?? 0) - (firstFailed ?? 0)).toBeLessThan(OUT_WITHIN);
      expect(await answers()).toEqual(['10 south1 203.0.113.65']);
      const told = await provision('status', '-i', lab.inventory, '-l', 'lb1');
      expect(told.stdout).toMatch(/192\.0\.2\.10:80 +1 +down .* no answer in time/);
      await inSync();
      await lab.on(
        'north1',
        'nft flush chain ip sg arriving; nft add rule ip sg arriving tcp dport 80 ip saddr != 203.0.113.65 drop',
      );
      // A turn that is changed while ten requests are under way begins anew.
      const both = ['5 north1 203.0.113.65', '5 south1 203.0.113.65'];
      let seen = await answers();
      for (let tries = 0; tries < 40 && seen.join() !== both.join(); tries += 1) {
        await pause(500);
        seen = await answers();
      }
      expect(seen).toEqual(both);
    },
    2 * MINUTES,
  );

  it(
    'taken away, the routes go too',
    async () => {
      lab.edit('host_vars/lb1.yml', (text) => `load_balancer: { state: absent }\n${text}`);
      expect((await lab.run()).code).toBe(0);
      expect(
        (
          await lab.on(
            'lb1',
            'ip route show 192.0.2.10; ip route show 192.0.2.20; ls /etc/systemd/network/*.d 2>/dev/null || true',
          )
        ).trim(),
      ).toBe('');
    },
    MINUTES,
  );
});
