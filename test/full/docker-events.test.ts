import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { appHostLab, EIP_URLS, NICS, PORT } from '../lab/app-host-lab.ts';
import type { AppHostLab } from '../lab/app-host-lab.ts';
import { IMPORT_IMAGE, withEntries } from '../lab/docker-apps.ts';
import type { DockerEntry } from '../lab/docker-apps.ts';
import { labSupport } from '../lab/support.ts';

const MINUTES = 60_000;

/** The seed's table: one Docker network for each NIC, one container in each. */
const APPS = NICS.map(({ nic, eip }, index) => ({ name: `web-${'ab'[index]}`, nic, eip, net: 19 + index }));
const ENTRIES: DockerEntry[] = APPS.map(({ name, nic, net }) => ({
  name,
  nic,
  network: { name: `net_${net}`, subnet: `172.${net}.0.0/24`, bridge: `br-${net}` },
  containers: [{ name, image: 'eip:latest', ip: `172.${net}.0.100`, publish: [`${PORT}:8080`] }],
}));
const RIGHT = Object.fromEntries(
  APPS.map(({ eip, net }, index) => [EIP_URLS[index] ?? '', `172.${net}.0.100 ${eip}`]),
);

/** All rules of Docker for what leaves our networks: deleted, or with a MASQUERADE above. */
const POSTROUTING = 'iptables -t nat -S POSTROUTING | grep -e "-s 172.19.0.0/24" -e "-s 172.20.0.0/24"';
const FLAP = (nic: string): string => `ip link set ${nic} down; sleep 1; ip link set ${nic} up; sleep 2`;

labSupport('an app host with containers beside firewalld, under requests', () => {
  let lab: AppHostLab;
  const rows: string[] = [];
  const on = (script: string): Promise<string> => lab.on('app1', script).then((text) => text.trim());
  beforeAll(async () => {
    lab = await appHostLab(({ edit }) => {
      edit('hosts.yml', withEntries(ENTRIES, '          lab: { image: full }\n'));
    });
    await on(IMPORT_IMAGE);
    const run = await lab.run();
    if (run.code !== 0) throw new Error(`${run.stdout}${run.stderr}`);
    expect(await on('firewall-cmd --state')).toBe('running');
  }, 20 * MINUTES);
  afterAll(async () => {
    const head = ['failed a', 'failed b', 'wrong EIP', 'wrong source', 'whole after'];
    const line = ['event'.padEnd(44), ...head.map((cell) => cell.padStart(14))].join('');
    process.stdout.write(`\nFailed of all requests to each EIP\n${line}\n${rows.join('\n')}\n\n`);
    await lab?.down();
  }, 2 * MINUTES);

  interface Seen {
    readonly total: number;
    readonly failed: readonly number[];
    /** Answers that came by another EIP, or from another container. */
    readonly wrong: number;
  }
  async function asked(count: number): Promise<Seen> {
    const answers = await lab.requests('outside1', count, EIP_URLS);
    const others = EIP_URLS.map((url) =>
      Object.entries(answers[url] ?? {}).filter(([answer]) => answer !== RIGHT[url]),
    );
    return {
      total: count,
      failed: others.map((list) => list.reduce((sum, [, times]) => sum + times, 0)),
      wrong: others.flat().reduce((sum, [answer, times]) => sum + (answer.endsWith('failed') ? 0 : times), 0),
    };
  }
  const add = (a: Seen, b: Seen): Seen => ({
    total: a.total + b.total,
    failed: a.failed.map((count, index) => count + (b.failed[index] ?? 0)),
    wrong: a.wrong + b.wrong,
  });

  /** Requests go on while something happens, then until all of them are right again. */
  async function during(
    what: string,
    happens: () => Promise<unknown>,
  ): Promise<Seen & { wrongSource: number }> {
    await lab.wrongSince();
    let over = false;
    const event = happens().finally(() => (over = true));
    let seen = await asked(40);
    while (!over) seen = add(seen, await asked(40));
    await event;
    const began = Date.now();
    let whole = false;
    while (!whole && Date.now() - began < 2 * MINUTES) {
      const last = await asked(40);
      seen = add(seen, last);
      whole = last.failed.every((count) => count === 0);
    }
    const wrongSource = await lab.wrongSince();
    const cells = [
      ...seen.failed.map((count) => `${count} of ${seen.total}`),
      seen.wrong,
      wrongSource,
      whole ? `${((Date.now() - began) / 1000).toFixed(1)} s` : 'never',
    ];
    rows.push([what.padEnd(44), ...cells.map((cell) => String(cell).padStart(14))].join(''));
    expect(whole).toBe(true);
    return { ...seen, wrongSource };
  }

  it.each([
    ['nothing', 'sleep 3'],
    ['docker network create and rm', 'docker network create more; sleep 1; docker network rm more'],
    ['systemctl restart docker', 'systemctl restart docker'],
    ['dockerd killed', 'pkill -9 -x dockerd; sleep 1; systemctl start docker'],
    ['firewall-cmd --reload', 'firewall-cmd -q --reload; sleep 2'],
    ['firewall-cmd --complete-reload', 'firewall-cmd -q --complete-reload; sleep 2'],
    ['systemctl restart firewalld', 'systemctl restart firewalld; sleep 2'],
    ['systemctl restart systemd-networkd', 'systemctl restart systemd-networkd; sleep 2'],
    ['networkctl reload', 'networkctl reload; sleep 2'],
    ['eth1 down and up', FLAP('eth1')],
    ['eth0 down and up', FLAP('eth0')],
    [
      'a MASQUERADE above everything',
      'for net in 19 20; do iptables -t nat -I POSTROUTING -s 172.$net.0.0/24 -j MASQUERADE; done; sleep 2',
    ],
    [
      'all rules of Docker for what leaves deleted',
      `${POSTROUTING} | sed 's/^-A/-D/' | while read -r rule; do iptables -t nat $rule; done; sleep 2; ! ${POSTROUTING}`,
    ],
  ])(
    'whole again without a run after: %s; no answer by another EIP, no wrong source',
    async (what, script) => {
      const { wrong, wrongSource } = await during(what, () => on(script));
      expect([wrong, wrongSource]).toEqual([0, 0]);
    },
    5 * MINUTES,
  );

  it(
    'a run after all of that finds nothing to change',
    async () => {
      const { code, report } = await lab.run();
      expect([code, report.hosts.flatMap((host) => host.changes)]).toEqual([0, []]);
    },
    2 * MINUTES,
  );

  it(
    'a reboot: whole again without a run, with no wrong source from the first packet on; a run finds nothing to change',
    async () => {
      const { wrong, wrongSource } = await during('reboot', () => lab.reboot('app1'));
      expect([wrong, wrongSource]).toEqual([0, 0]);
      const { code, report } = await lab.run();
      expect([code, report.hosts.flatMap((host) => host.changes)]).toEqual([0, []]);
    },
    5 * MINUTES,
  );

  it(
    'control: without our rules and table the same requests fail, and the cloud counts wrong sources',
    async () => {
      await on(
        'nft delete table ip provision_egress; while ip rule del from 172.20.0.0/24 2>/dev/null; do :; done',
      );
      await lab.wrongSince();
      expect((await asked(20)).failed).toEqual([0, 20]);
      expect(await lab.wrongSince()).toBeGreaterThan(0);
      // And with a rule for the other NIC and a MASQUERADE of somebody's it leaves as that NIC's EIP: seen by its own request.
      const leavesAs = (): Promise<string> =>
        on(
          "nsenter -t $(docker inspect -f '{{.State.Pid}}' web-b) -n curl -s -m 5 http://198.51.100.10/ip || echo none",
        );
      await on(
        'ip rule add from 172.20.0.0/24 lookup 5200 pref 5300; iptables -t nat -I POSTROUTING -s 172.20.0.0/24 -j MASQUERADE',
      );
      expect(await leavesAs()).toBe(NICS[0].eip);
      await on('ip rule del pref 5300');
      expect((await lab.run()).code).toBe(0);
      // The MASQUERADE is still above Docker's rule: with our table it does not matter.
      expect(await leavesAs()).toBe(NICS[1].eip);
      expect((await asked(20)).failed).toEqual([0, 0]);
    },
    5 * MINUTES,
  );
});
