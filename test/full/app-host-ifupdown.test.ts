import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { appHostLab, EIP_URLS, NICS, OUTSIDE, PORT } from '../lab/app-host-lab.ts';
import type { AppHostLab } from '../lab/app-host-lab.ts';
import { installApps, untilAppsListen } from '../lab/egress-apps.ts';
import { changesOf } from '../lab/gateway-lab.ts';
import { labSupport } from '../lab/support.ts';

const MINUTES = 60_000;
const [A, B] = NICS;
const APPS = NICS.map(({ nic, address }) => ({
  name: `app-${nic}`,
  listen: address,
  port: PORT,
  source: address,
}));

const INTERFACES = [
  'source /etc/network/interfaces.d/*',
  'auto eth0 eth1',
  'iface eth0 inet static',
  `  address ${A.address}/24`,
  '  gateway 172.31.0.1',
  'iface eth1 inet static',
  `  address ${B.address}/24`,
];

labSupport('an app host whose NICs ifupdown configures', () => {
  let lab: AppHostLab;
  const on = (script: string): Promise<string> => lab.on('app1', script).then((text) => text.trim());
  beforeAll(async () => {
    lab = await appHostLab();
    await on(`DEBIAN_FRONTEND=noninteractive apt-get -qq -y install ifupdown >/dev/null 2>&1
      printf '%s\\n' ${INTERFACES.map((line) => `'${line}'`).join(' ')} > /etc/network/interfaces
      systemctl -q disable systemd-networkd; systemctl -q enable networking; rm /etc/systemd/network/*
      ${installApps(APPS, OUTSIDE)}`);
    await lab.reboot('app1');
  }, 20 * MINUTES);
  afterAll(async () => lab?.down(), 2 * MINUTES);

  const whole = (count: number): Record<string, Record<string, number>> => ({
    [EIP_URLS[0] ?? '']: { [`${A.address} ${A.eip}`]: count },
    [EIP_URLS[1] ?? '']: { [`${B.address} ${B.eip}`]: count },
  });
  const expectWhole = async (count = 20): Promise<void> => {
    expect(await lab.requests('outside1', count, EIP_URLS)).toEqual(whole(count));
    expect(await lab.wrongSince()).toBe(0);
  };
  const expectInSync = async (): Promise<void> => {
    const again = await lab.run();
    expect(again.report.hosts.flatMap((host) => host.changes)).toEqual([]);
    expect([again.code, again.stderr]).toEqual([0, expect.anything()]);
  };

  it(
    'one run, and both EIPs answer as themselves; a second run changes nothing',
    async () => {
      await lab.wrongSince();
      await lab.requests('outside1', 5, EIP_URLS);
      // Control: without the role the second one's answers leave by the first.
      expect(await lab.wrongSince()).toBeGreaterThan(0);
      const { code, report, stderr } = await lab.run();
      expect([code, stderr]).toEqual([0, expect.anything()]);
      expect(changesOf(report, 'app1')).toEqual(
        expect.arrayContaining([
          'saved policy-routing:egress: script',
          'live policy-routing:egress: following',
        ]),
      );
      await lab.wrongSince();
      await expectWhole(200);
      await expectInSync();
    },
    5 * MINUTES,
  );

  it.each([
    ['eth1 down and up', 'ip link set eth1 down; sleep 1; ip link set eth1 up'],
    ['ifdown and ifup of eth1', 'ifdown eth1 2>/dev/null; sleep 1; ifup eth1 2>/dev/null'],
    ['a restart of networking', 'systemctl restart networking'],
  ])(
    'all is true again by itself after %s',
    async (_event, script) => {
      await on(`${script}; sleep 2; systemctl restart app-eth0 app-eth1; sleep 1`);
      await expectWhole();
    },
    2 * MINUTES,
  );

  it(
    'the cable of eth1 pulled: eth0 serves on, and nothing of eth1 leaves by eth0',
    async () => {
      await lab.cable('eth1', 'down');
      await on('sleep 1');
      const seen = await lab.requests('outside1', 50, EIP_URLS.slice(0, 1));
      expect(Object.values(seen)).toEqual([{ [`${A.address} ${A.eip}`]: 50 }]);
      expect(
        await on(`setpriv --reuid=www-data --clear-groups curl -s -m 2 http://${OUTSIDE}/ip || echo none`),
      ).toBe('none');
      expect(await lab.wrongSince()).toBe(0);
      await lab.cable('eth1', 'up');
      await on('sleep 2');
      await expectWhole();
      await expectInSync();
    },
    2 * MINUTES,
  );

  it(
    'all is true again by itself after a reboot, from the first packet on',
    async () => {
      await lab.reboot('app1');
      await on(untilAppsListen(APPS));
      await expectWhole();
      await expectInSync();
    },
    2 * MINUTES,
  );

  it.each([
    ['a table emptied', 'ip route flush table 5201', ['live policy-routing:egress: routes']],
    ['the unit stopped', 'systemctl stop provision-routing', ['live policy-routing:egress: following']],
    ['the unit disabled', 'systemctl -q disable provision-routing', ['saved policy-routing:egress: enabled']],
    ['the script edited', 'echo exit >> /etc/provision/routing', ['saved policy-routing:egress: script']],
  ])(
    'drift: %s is named in its layer and corrected',
    async (_name, drift, expected) => {
      await on(drift);
      const { code, report } = await lab.run();
      expect([code, changesOf(report, 'app1')]).toEqual([0, expected]);
      await lab.wrongSince();
      await expectWhole();
    },
    2 * MINUTES,
  );

  it(
    'state: absent takes all of it away',
    async () => {
      await expectInSync();
      lab.edit('hosts.yml', (text) =>
        text.replace(
          '          nics:\n            eth0',
          '          app_host: { state: absent }\n          nics:\n            eth0',
        ),
      );
      expect((await lab.run()).code).toBe(0);
      expect(
        await on(
          `ip -4 rule | wc -l; ip -4 route show table all | grep -c 'table 52'; find /etc -name '*provision*' -type f; pgrep -f '[p]rovision/routing'; true`,
        ),
      ).toBe('3\n0');
      await expectInSync();
    },
    2 * MINUTES,
  );
});
