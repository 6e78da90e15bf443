import type { ChildProcess } from 'node:child_process';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { pause, trafficIn } from '../full/traffic.ts';
import type { Held, Load } from '../full/traffic.ts';
import { changesOf, provision, statusOf } from './gateway-lab.ts';
import type { GatewayLab } from './gateway-lab.ts';
import { appHostLab } from './app-host-lab.ts';
import { installApps, untilAppsListen } from './egress-apps.ts';
import { balancerLab } from './load-balancer-lab.ts';

const MINUTES = 60_000;

/** Seed 004 to the letter, its REDIRECT, and a port whose connections last. */
const BALANCER: readonly string[] = [
  '-t nat -A PREROUTING -d 10.192.0.65/32 -p tcp -m tcp --dport 8080 -m statistic --mode nth --every 2 --packet 0 -j DNAT --to-destination 10.1.160.14:8080',
  '-t nat -A POSTROUTING -d 10.1.160.14/32 -p tcp -m tcp --dport 8080 -j SNAT --to-source 10.192.0.65',
  '-t nat -A PREROUTING -d 10.192.0.65/32 -p tcp -m tcp --dport 8080 -m statistic --mode nth --every 1 --packet 0 -j DNAT --to-destination 10.1.160.15:8080',
  '-t nat -A POSTROUTING -d 10.1.160.15/32 -p tcp -m tcp --dport 8080 -j SNAT --to-source 10.192.0.65',
  // The spelling of the article, not of iptables-save.
  '-t nat -A PREROUTING -p tcp --dport 80 -j REDIRECT --to-ports 8001-8002',
  '-t nat -A PREROUTING -d 10.192.0.65/32 -p tcp -m tcp --dport 7000 -j DNAT --to-destination 10.1.160.14:7000',
  '-t nat -A POSTROUTING -d 10.1.160.14/32 -p tcp -m tcp --dport 7000 -j SNAT --to-source 10.192.0.65',
];

/** Seed 003, scheme three: each goes to the head of its chain. The last is for connections that last. */
const BRIDGES: readonly string[] = [
  '-t nat -I PREROUTING -d 172.31.0.8/32 ! -i br-eip1 -p tcp -m tcp --dport 8090 -j DNAT --to-destination 172.19.0.100:8090',
  '-t nat -I PREROUTING -d 172.31.0.14/32 ! -i br-eip2 -p tcp -m tcp --dport 8090 -j DNAT --to-destination 172.19.0.101:8090',
  '-t nat -I POSTROUTING -p all -s 172.19.0.100 -j SNAT --to-source 172.31.0.8',
  '-t nat -I POSTROUTING -p all -s 172.19.0.101 -j SNAT --to-source 172.31.0.14',
  '-t nat -I PREROUTING -d 172.31.0.8/32 ! -i br-eip1 -p tcp -m tcp --dport 7000 -j DNAT --to-destination 172.19.0.100:7000',
];

const adopt = (typed: readonly string[]): string =>
  `adopt:\n  iptables:\n${typed.map((line) => `    - '${line.replace(' -I ', ' -A ')}'\n`).join('')}`;

/** As fail2ban and people leave them, between the rules that go. */
const FOREIGN = `iptables -N f2b-sshd; iptables -A f2b-sshd -s 192.0.2.66/32 -j REJECT; iptables -A f2b-sshd -j RETURN; iptables -I INPUT -p tcp -m multiport --dports 22 -j f2b-sshd
iptables -t nat -N BY-HAND; iptables -t nat -A BY-HAND -s 192.0.2.0/24 -j ACCEPT; iptables -t nat -A POSTROUTING -s 192.0.2.0/24 -j BY-HAND; iptables -t nat -A PREROUTING -s 192.0.2.0/24 -j BY-HAND`;

/** What Debian's netfilter-persistent does at boot, and a second later than it would: nobody may count on being the last. */
const PERSISTENT = `mkdir -p /etc/iptables
cat > /etc/systemd/system/netfilter-persistent.service <<'UNIT'
[Unit]
Description=netfilter persistent configuration
DefaultDependencies=no
Wants=network-pre.target systemd-modules-load.service local-fs.target
Before=network-pre.target shutdown.target
After=systemd-modules-load.service local-fs.target
Conflicts=shutdown.target
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -c 'sleep 1; exec iptables-restore /etc/iptables/rules.v4'
[Install]
WantedBy=multi-user.target
UNIT
systemctl daemon-reload; systemctl -q enable --now netfilter-persistent 2>/dev/null || true`;
const SAVE = 'iptables-save > /etc/iptables/rules.v4; chmod 640 /etc/iptables/rules.v4';

/** Live without counters and dates; the file as it is. */
const LIVE = `iptables-save | sed -e '/^#/d' -e 's/ \\[[0-9:]*\\]$//'`;
const FILE = `stat -c '%a %U %y' /etc/iptables/rules.v4; cat /etc/iptables/rules.v4`;

export interface Made {
  readonly lab: GatewayLab;
  readonly host: string;
  /** What the plan says before a table: which of both kinds of iptables, where it is the older one. */
  readonly kind: '' | 'legacy ';
  /** Lines as they were typed. */
  readonly typed: readonly string[];
  /** What is asked: a public address, a port, so often a second; and one whose connections last. */
  readonly asked: {
    readonly address: string;
    readonly port: string;
    readonly rate: string;
    readonly held: string;
  };
  /** Writes the variables of the host with these added. */
  declare(more: string): void;
  /** Where the far end of connections that last is. */
  readonly far: string;
  /** All is served by our rules. */
  served(): Promise<void>;
}

/** `connections`: at least so many new ones while something happens, of which none may fail. */
export function adoptionCases(make: () => Promise<Made>, connections: number): void {
  let made: Made;
  let traffic: Awaited<ReturnType<typeof trafficIn>>;
  let before = { live: '', file: '' };
  let firstRun = '';
  let far: ChildProcess | undefined;
  const on = (script: string): Promise<string> => made.lab.on(made.host, script).then((text) => text.trim());
  const now = async () => ({ live: await on(LIVE), file: await on(FILE) });
  /** Lines of nobody that is named and none of ours. */
  const foreign = (live: string): string[] =>
    live.split('\n').filter((line) => line.includes('192.0.2.') || line.includes('f2b'));

  /** New connections and one that lasts, while something happens. */
  async function during(event: () => Promise<unknown>, least = connections) {
    const { address, port, rate, held } = made.asked;
    const hold = traffic.start('outside1', 'hold', address, held);
    const load = traffic.start('outside1', 'load', address, port, rate);
    const began = Date.now();
    await pause(1000);
    const result = await event();
    // A busy machine opens fewer than it should.
    await pause(Math.max(1000, (least / Number(rate)) * 1400 - (Date.now() - began)));
    const seen = await traffic.end<Load>(load);
    const kept = await traffic.end<Held>(hold);
    return { seen, kept, result };
  }
  const expectNoGap = ({ seen, kept }: { readonly seen: Load; readonly kept: Held }): void => {
    expect(seen.total).toBeGreaterThanOrEqual(connections);
    expect([seen.failed, kept.alive]).toEqual([0, true]);
  };
  const inSync = async (): Promise<void> => {
    const again = await made.lab.run();
    expect([again.code, changesOf(again.report, made.host), again.stderr]).toEqual([
      0,
      [],
      expect.anything(),
    ]);
  };

  const answerFar = async (): Promise<void> => {
    far?.kill();
    far = traffic.start(made.far, 'answer', '7000');
    await made.lab.on(
      made.far,
      'for i in $(seq 100); do ss -Hltn | grep -q :7000 && exit 0; sleep 0.1; done; exit 1',
    );
  };

  beforeAll(async () => {
    made = await make();
    traffic = await trafficIn(made.lab);
    await on(`${made.typed.map((line) => `iptables ${line}`).join('\n')}\n${SAVE}`);
    before = await now();
    await answerFar();
  }, 20 * MINUTES);
  afterAll(async () => {
    far?.kill();
    await made?.lab.down();
  }, 2 * MINUTES);

  it(
    'control: where the rules made by hand go and nothing stands in their place, connections fail',
    async () => {
      const { seen } = await during(async () => {
        await on('iptables -t nat -F PREROUTING; sleep 1; iptables-restore < /etc/iptables/rules.v4');
      }, 200);
      expect(seen.failed).toBeGreaterThan(10);
      expect(await on(LIVE)).toBe(before.live);
    },
    3 * MINUTES,
  );

  it(
    `the plan names what is taken over; the run does it with none of ${connections} connections failed, and a second one changes nothing`,
    async () => {
      made.declare(adopt(made.typed));
      const check = await made.lab.run('--check');
      const count = (chain: string): number =>
        made.typed.filter((line) => line.includes(` ${chain} `)).length;
      for (const chain of ['PREROUTING', 'POSTROUTING'])
        expect(check.stdout).toContain(
          `takes over ${count(chain)} hand-made rules of ${made.kind}nat ${chain}: `,
        );
      expect(check.stdout).toContain(
        `takes over ${made.typed.length} hand-made rules in /etc/iptables/rules.v4, table nat, loaded at boot: `,
      );
      expect(await now()).toEqual(before);

      const adoption = await during(() => made.lab.run());
      const { code, report } = adoption.result as Awaited<ReturnType<GatewayLab['run']>>;
      expect([code, statusOf(report, made.host)]).toEqual([0, 'changed']);
      firstRun = report.runId;
      expectNoGap(adoption);
      const after = await now();
      expect(foreign(after.live)).toEqual(foreign(before.live));
      // Nothing is left but what is foreign and what is ours.
      const rules = after.live
        .split('\n')
        .filter((line) => line.startsWith('-A') && !line.includes('PROVISION'));
      expect(rules).toEqual(foreign(before.live).filter((line) => line.startsWith('-A')));
      expect(after.file).not.toMatch(/NAT --to|REDIRECT/);
      expect(foreign(after.file)).toEqual(foreign(before.file));
      await made.served();
      await inSync();
    },
    6 * MINUTES,
  );

  it(
    'drift: a rule that somebody puts back is named and goes again',
    async () => {
      const [line = ''] = made.typed;
      const typed = line.replace(/ -[AI] /, ' -I ');
      await on(`iptables ${typed}; iptables-save | grep -v PROVISION > /etc/iptables/rules.v4`);
      const { code, report } = await made.lab.run();
      expect(code).toBe(0);
      expect(changesOf(report, made.host)).toEqual(
        expect.arrayContaining([
          `live adopted-lines:iptables: ${made.kind}nat PREROUTING`,
          'saved adopted-lines:iptables: /etc/iptables/rules.v4 nat',
        ]),
      );
      expect(await on(`grep -c NAT /etc/iptables/rules.v4 || true`)).toBe('0');
      await made.served();
      await inSync();
    },
    3 * MINUTES,
  );

  it(
    'provision rollback puts every rule back in its place, live and saved, with no connection failed',
    async () => {
      const back = await during(() =>
        provision('rollback', '-i', made.lab.inventory, '-l', made.host, '--run', firstRun),
      );
      const { code, stderr } = back.result as Awaited<ReturnType<typeof provision>>;
      expect([code, stderr]).toEqual([0, expect.anything()]);
      expectNoGap(back);
      expect(await now()).toEqual(before);
      expect(await on('ls /var/lib/provision/adopted.json 2>/dev/null || echo none')).toBe('none');
    },
    4 * MINUTES,
  );

  it(
    'state: absent does so too, after another adoption',
    async () => {
      expectNoGap(await during(() => made.lab.run()));
      await inSync();
      expect(await on(LIVE)).not.toBe(before.live);
      const role = made.host === 'lb1' ? 'load_balancer' : 'app_host';
      made.declare(`${adopt(made.typed)}${role}: { state: absent }\n`);
      const gone = await during(() => made.lab.run());
      const { code, stdout } = gone.result as Awaited<ReturnType<GatewayLab['run']>>;
      expect([code, stdout]).toEqual([
        0,
        expect.stringMatching(`puts back \\d hand-made rules of ${made.kind}nat PREROUTING: `),
      ]);
      expectNoGap(gone);
      const after = await now();
      // Not a snapshot of the file is put back but its lines: all but its time is as it was.
      const timeless = ({ live, file }: typeof before) => ({ live, file: file.replace(/ \d{4}-.*/, '') });
      expect(timeless(after)).toEqual(timeless(before));
      await inSync();
    },
    6 * MINUTES,
  );

  it(
    'after a reboot our rules stand, though what restores the saved ones comes late, and the old do not come back',
    async () => {
      made.declare(adopt(made.typed));
      expect((await made.lab.run()).code).toBe(0);
      await made.lab.reboot(made.host);
      traffic = await trafficIn(made.lab);
      await answerFar();
      expect(await on('systemctl is-active netfilter-persistent')).toBe('active');
      await made.served();
      await inSync();
      // The same while it runs: whoever restores the saved ones again does not leave ours out.
      await on('systemctl restart netfilter-persistent');
      await made.served();
      await inSync();
      // A kernel that has just booted prints its tables in another order.
      expect(foreign(await on(LIVE)).toSorted()).toEqual(foreign(before.live).toSorted());
    },
    4 * MINUTES,
  );
}

/** A balancer as seed 004 makes it, by either kind of iptables. */
export const handMadeBalancer = (tool: 'iptables-nft' | 'iptables-legacy') => async (): Promise<Made> => {
  const own = (
    more: string,
  ): string => `${more.includes('load_balancer') ? '' : 'load_balancer: { engine: iptables }\n'}listeners:
  - { name: web, address: 10.192.0.65, port: 8080, backends: [{ address: 10.1.160.14 }, { address: 10.1.160.15 }] }
  - { name: held, address: 10.192.0.65, port: 7000, backends: [{ address: 10.1.160.14 }] }
  - { name: spread, redirect: { port: 80, to: 8001-8002 } }
${more}`;
  const lab = await balancerLab(own(''));
  await lab.on(
    'lb1',
    `apt-get -qq update >/dev/null 2>&1; apt-get -qq -y install iptables >/dev/null 2>&1; update-alternatives --set iptables /usr/sbin/${tool} >/dev/null
echo net.ipv4.ip_forward=1 >> /etc/sysctl.conf; sysctl -q -p
${FOREIGN}
${PERSISTENT}`,
  );
  await lab.on('s14', 'systemctl stop lab-echo@7000 2>/dev/null || true');
  return {
    lab,
    host: 'lb1',
    kind: tool === 'iptables-legacy' ? 'legacy ' : '',
    typed: BALANCER,
    far: 's14',
    asked: { address: '203.0.113.65', port: '8080', rate: '100', held: '7000' },
    declare: (more) => lab.declare(own(more)),
    served: async () =>
      expect(await lab.answers('outside1', 'http://203.0.113.65:8080/', 40)).toEqual({
        s14: 20,
        s15: 20,
      }),
  };
};

/** An app host as seed 003 makes it, by bridges. */
export async function handMadeBridges(): Promise<Made> {
  const entries = `
            - { name: web-a, nic: eth0, scheme: bridge, bridge: br-eip1, address: 172.19.0.100, publish: ['8090:8090', '7000:7000'] }
            - { name: web-b, nic: eth1, scheme: bridge, bridge: br-eip2, address: 172.19.0.101, publish: ['8090:8090'], users: [www-data] }`;
  let hosts = '';
  const lab = await appHostLab(({ edit }) =>
    edit('hosts.yml', (text) => (hosts = text.replace(/\n +- \{ name: crawler.*/, entries))),
  );
  const apps = [
    { name: 'app-a', listen: '172.19.0.100', port: 8090, source: '172.19.0.100' },
    { name: 'app-b', listen: '172.19.0.101', port: 8090, user: 'www-data' },
  ];
  // brctl and ifconfig of the article, in words that every image has; ifconfig gives a class B network.
  await lab.on(
    'app1',
    `apt-get -qq update >/dev/null 2>&1; apt-get -qq -y install iptables >/dev/null 2>&1
for n in 1 2; do ip link add br-eip$n type bridge; ip link set br-eip$n up; ip addr add 172.19.0.$((99 + n))/16 dev br-eip$n; done
${FOREIGN}
${PERSISTENT}
${installApps(apps, '198.51.100.10')}
${untilAppsListen(apps)}`,
  );
  return {
    lab,
    host: 'app1',
    kind: '',
    typed: BRIDGES,
    far: 'app1',
    asked: { address: '109.25.48.65', port: '8090', rate: '100', held: '7000' },
    declare: (more) =>
      lab.edit('hosts.yml', () =>
        hosts.replace('          egress:', `${more.replaceAll(/^(?=.)/gm, '          ')}          egress:`),
      ),
    served: async () => {
      await lab.on('app1', untilAppsListen(apps));
      expect(
        await lab.requests('outside1', 20, ['http://109.25.48.65:8090/', 'http://119.26.38.75:8090/']),
      ).toEqual({
        'http://109.25.48.65:8090/': { '172.19.0.100 109.25.48.65': 20 },
        'http://119.26.38.75:8090/': { '172.19.0.101 119.26.38.75': 20 },
      });
    },
  };
}
