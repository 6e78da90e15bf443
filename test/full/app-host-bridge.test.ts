import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { appHostLab, EIP_URLS, NICS, OUTSIDE, PORT } from '../lab/app-host-lab.ts';
import type { AppHostLab } from '../lab/app-host-lab.ts';
import { installApps } from '../lab/egress-apps.ts';
import { changesOf } from '../lab/gateway-lab.ts';
import { labSupport } from '../lab/support.ts';

const MINUTES = 60_000;
const [A, B] = NICS;
/** A second address of eth1, with an EIP of its own. */
const C = { address: '172.31.0.15', eip: '119.26.38.76' };
const BRIDGES = { a: '172.19.0.100', b: '172.19.0.101', c: '172.19.0.102' };

const ENTRIES = `
            - { name: web-a, nic: eth0, scheme: bridge, bridge: br-eip1, address: ${BRIDGES.a}, publish: ['${PORT}:${PORT}'] }
            - { name: web-b, nic: eth1, scheme: bridge, bridge: br-eip2, address: ${BRIDGES.b}, publish: ['${PORT}:${PORT}', '8092:8092'], users: [www-data] }
            - { name: web-c, nic: eth1, eip: c, scheme: bridge, bridge: br-eip3, address: ${BRIDGES.c}, publish: ['${PORT}:${PORT}'], users: [games] }`;

/** br-eip1 has an app that binds, br-eip2 and br-eip3 one that does not, and br-eip2 one of a user that nobody declared. */
const APPS = [
  { name: 'app-a', listen: BRIDGES.a, port: PORT, source: BRIDGES.a },
  { name: 'app-b', listen: BRIDGES.b, port: PORT, user: 'www-data' },
  { name: 'app-c', listen: BRIDGES.c, port: PORT, user: 'games' },
  { name: 'app-nobody', listen: BRIDGES.b, port: 8092 },
];
const URLS = [...EIP_URLS, `http://${C.eip}:${PORT}/`];

labSupport('an app host with bridges, beside firewalld and Docker', () => {
  let lab: AppHostLab;
  beforeAll(async () => {
    lab = await appHostLab(({ edit }) =>
      edit('hosts.yml', (text) =>
        text
          .replace(
            '          nics:\n            eth0',
            '          lab: { image: full, addresses: primary }\n          nics:\n            eth0',
          )
          .replace('address: 172.31.0.14/24 }', `address: 172.31.0.14/24, secondary: [${C.address}/24] }`)
          .replace(
            '          egress:\n',
            `            c: { public: ${C.eip}, private: ${C.address} }\n          egress:${ENTRIES}\n`,
          )
          .replace(/ +- \{ name: crawler.*\n/, ''),
      ),
    );
    await lab.on('app1', `systemctl -q enable --now firewalld docker; ${installApps(APPS, OUTSIDE)}`);
  }, 20 * MINUTES);
  afterAll(async () => lab?.down(), 2 * MINUTES);

  const on = (script: string): Promise<string> => lab.on('app1', script).then((text) => text.trim());
  /** Each app listens on its bridge; the outside knows it by its EIP, in and out. */
  const whole = (count: number): Record<string, Record<string, number>> => ({
    [URLS[0] ?? '']: { [`${BRIDGES.a} ${A.eip}`]: count },
    [URLS[1] ?? '']: { [`${BRIDGES.b} ${B.eip}`]: count },
    [URLS[2] ?? '']: { [`${BRIDGES.c} ${C.eip}`]: count },
  });
  const expectWhole = async (count = 15): Promise<void> => {
    expect(await lab.requests('outside1', count, URLS)).toEqual(whole(count));
    expect(await lab.wrongSince()).toBe(0);
  };
  const expectInSync = async (): Promise<void> => {
    const again = await lab.run();
    expect(again.report.hosts.flatMap((host) => host.changes)).toEqual([]);
    expect([again.code, again.stderr]).toEqual([0, expect.anything()]);
  };

  it(
    'one run: a thousand requests to each EIP at the same time are answered with that EIP; a second run changes nothing',
    async () => {
      // Control: before it nobody is at the address of a bridge.
      expect(await lab.requests('outside1', 3, EIP_URLS)).toEqual(
        Object.fromEntries(EIP_URLS.map((url) => [url, { failed: 3 }])),
      );
      // The apps could not bind before there were bridges; systemd starts them again and again.
      const first = await lab.run();
      expect(first.report.hosts.find(({ name }) => name === 'app1')?.status).toBe('changed');
      await on('sleep 1');
      await lab.wrongSince();
      await expectWhole(1000);
      await expectInSync();
    },
    5 * MINUTES,
  );

  it(
    'control: an app that neither binds nor is declared by its user is answered by eth1 and leaves by eth0, as in the article',
    async () => {
      const url = `http://${B.eip}:8092/`;
      expect(await lab.requests('outside1', 5, [url])).toEqual({ [url]: { [`${BRIDGES.b} ${A.eip}`]: 5 } });
    },
    2 * MINUTES,
  );

  it(
    'the guard keeps what the rules would have led elsewhere from leaving with a wrong source',
    async () => {
      await lab.wrongSince();
      const askAsB = `curl -s -m 2 --interface ${BRIDGES.b} http://${OUTSIDE}/ip || echo none`;
      await on(`ip rule del priority 5251 from ${BRIDGES.b}`);
      expect(await on(askAsB)).toBe('none');
      expect(await lab.wrongSince()).toBe(0);
      // Control: without the guard the same packets reach the cloud.
      await on('nft flush chain ip provision_egress guard');
      expect(await on(askAsB)).toBe('none');
      expect(await lab.wrongSince()).toBeGreaterThan(0);
      const { code, report } = await lab.run();
      expect([code, changesOf(report, 'app1')]).toEqual([
        0,
        ['live policy-routing:egress: rules', 'live rules:egress: chain guard'],
      ]);
      await lab.wrongSince();
      await expectWhole();
    },
    2 * MINUTES,
  );

  it.each([
    ['firewall-cmd --reload', 'firewall-cmd -q --reload'],
    ['firewall-cmd --complete-reload', 'firewall-cmd -q --complete-reload'],
    ['a restart of firewalld', 'systemctl restart firewalld'],
    ['a restart of Docker', 'systemctl restart docker'],
    ['docker network create', 'docker network create --subnet 172.28.0.0/24 other'],
    [
      'a MASQUERADE that somebody puts first',
      'iptables -t nat -I POSTROUTING -s 172.19.0.0/16 -j MASQUERADE',
    ],
    ['networkctl reconfigure', 'networkctl reconfigure eth0 eth1'],
    ['eth1 down and up', 'ip link set eth1 down; sleep 1; ip link set eth1 up'],
  ])(
    'all is true by itself after %s',
    async (_event, script) => {
      await on(`${script}; sleep 2`);
      await expectWhole();
    },
    2 * MINUTES,
  );

  it(
    'all is true by itself after a reboot',
    async () => {
      // None of the events before has left anything to mend.
      await expectInSync();
      await lab.reboot('app1');
      await on(
        'for i in $(seq 50); do curl -s -o /dev/null -m 1 http://172.19.0.101:8090/ && break; sleep 0.2; done',
      );
      await expectWhole();
      await expectInSync();
    },
    3 * MINUTES,
  );

  it.each([
    ['a bridge removed', 'ip link del br-eip2', ['live bridges:egress: br-eip2']],
    [
      'a bridge without its address',
      'ip addr del 172.19.0.101/32 dev br-eip2',
      ['live bridges:egress: br-eip2'],
    ],
    ['its script edited', 'echo reboot >> /etc/provision/bridges.sh', ['saved bridges:egress: script']],
    [
      'its unit disabled',
      'systemctl -q disable provision-bridges',
      ['saved service:provision-bridges.service: enabled'],
    ],
    [
      'SNAT removed',
      `nft delete element ip provision_egress snat_to '{ 172.19.0.101 }'`,
      ['live rules:egress: snat_to'],
    ],
    ['DNAT removed', `nft flush map ip provision_egress dnat_tcp`, ['live rules:egress: dnat_tcp']],
    [
      'the table removed',
      'nft delete table ip provision_egress',
      ['live rules:egress: dnat_tcp', 'live rules:egress: loaded', 'live rules:egress: snat_to'],
    ],
  ])(
    'drift: %s is named in its layer and corrected',
    async (_name, drift, expected) => {
      await on(drift);
      const { report } = await lab.run();
      expect(changesOf(report, 'app1')).toEqual(expected);
      await on('sleep 1');
      // What left in the meantime is what the drift did.
      await lab.wrongSince();
      await expectWhole();
    },
    2 * MINUTES,
  );

  it(
    'state: absent takes all of it away, and leaves what is of others',
    async () => {
      await expectInSync();
      await on('ip link add br-other type bridge');
      lab.edit('hosts.yml', (text) =>
        text.replace('          lab: {', '          app_host: { state: absent }\n          lab: {'),
      );
      expect((await lab.run()).code).toBe(0);
      expect(
        await on(
          "ip -4 rule | grep -c '^52'; ls /sys/class/net | grep -e br-eip -e br-other; nft list tables | grep -c provision; find /etc/provision /etc/systemd -name '*provision*' -type f; ip -4 -o addr show eth1 | wc -l",
        ),
      ).toBe('0\nbr-other\n0\n1');
      await expectInSync();
    },
    2 * MINUTES,
  );
});
