import type { ChildProcess } from 'node:child_process';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { gatewayLab } from '../lab/gateway-lab.ts';
import type { GatewayLab } from '../lab/gateway-lab.ts';
import { labSupport } from '../lab/support.ts';
import { pause, trafficIn } from './traffic.ts';
import type { Held, Load } from './traffic.ts';

const MINUTES = 60_000;
const OUTSIDE = '198.51.100.10';
const EIP = '203.0.113.10';

/** Both ports of the held connections are served by the test itself, so they are not there when the lab is built. */
const HELD = '    - { name: held, eip: office, port: 9100, protocol: tcp, to: 172.31.0.21 }\n';
const MOVED = [20, 21].map(
  (last) =>
    `    - { name: moved, eip: office, port: 8088, protocol: tcp, to: 172.31.0.${last}, to_port: 80 }\n`,
);
const gateway = (more = ''): string => `ansible_host: 172.31.0.2
lab: { image: full }
nics:
  eth0: { network: vpc-a, address: 172.31.0.2/24 }
eips:
  office: { public: ${EIP}, private: 172.31.0.2 }
nat:
  engine: nftables
  masquerade: [172.31.0.16/28]
  dnat:
    - { name: web, eip: office, port: 8080, protocol: tcp, to: 172.31.0.21, to_port: 80 }
${more}`;

/** New connections a second, each way. */
const RATE = 50;

const OWN_TABLE = 'nft -s list table ip provision';

labSupport('a gateway with its own nft table beside firewalld and Docker, under new connections', () => {
  let lab: GatewayLab;
  let traffic: Awaited<ReturnType<typeof trafficIn>>;
  const servers: ChildProcess[] = [];
  const write = (more = ''): void => lab.edit('host_vars/gw1.yml', () => gateway(HELD + more));
  const on = (script: string): Promise<string> => lab.on('gw1', script).then((text) => text.trim());

  beforeAll(async () => {
    lab = await gatewayLab(({ edit }) => {
      edit('host_vars/gw1.yml', () => gateway());
      edit('hosts.yml', (text) =>
        text.replace('        db1:\n', '        db1:\n          lab: { serve: [80] }\n'),
      );
    });
    traffic = await trafficIn(lab);
    servers.push(traffic.start('web1', 'answer', '9100'), traffic.start('outside1', 'answer', '9100'));
    write();
    expect((await lab.run()).code).toBe(0);
    // With our drop-in in place Docker does not close FORWARD: what is measured is what stays.
    await lab.reboot('gw1');
    await on('systemctl start docker firewalld');
    expect(await on('iptables -S FORWARD | head -n 1')).toBe('-P FORWARD ACCEPT');
    expect(await on('firewall-cmd --state')).toBe('running');
  }, 20 * MINUTES);
  afterAll(async () => {
    for (const server of servers) server.kill('SIGTERM');
    await lab?.down();
  }, 2 * MINUTES);

  interface Measured {
    readonly out: Load;
    readonly inward: Load;
    readonly held: Held;
    readonly wrongSource: number;
    readonly seconds: number;
  }
  /** New connections out and in, each at a rate, and one held in, while something happens. */
  async function during(rate: number, happens: () => Promise<unknown>): Promise<Measured> {
    const wrongSource = async (): Promise<number> => (await lab.wrongSource())['gw1/eth0'] ?? NaN;
    const before = await wrongSource();
    const began = Date.now();
    const held = traffic.start('outside1', 'hold', EIP, '9100');
    const out = traffic.start('web1', 'load', OUTSIDE, '80', String(rate));
    const inward = traffic.start('outside1', 'load', EIP, '8080', String(rate));
    await pause(1500);
    await happens();
    await pause(1500);
    const seconds = (Date.now() - began) / 1000;
    const [ofOut, ofInward] = await Promise.all([traffic.end<Load>(out), traffic.end<Load>(inward)]);
    const ofHeld = await traffic.end<Held>(held);
    return {
      out: ofOut,
      inward: ofInward,
      held: ofHeld,
      wrongSource: (await wrongSource()) - before,
      seconds,
    };
  }

  const rows: string[] = [];
  const row = (...cells: (string | number)[]): void =>
    void rows.push(
      cells.map((cell, at) => (at === 0 ? String(cell).padEnd(34) : String(cell).padStart(19))).join(''),
    );
  const told = (what: string, { out, inward, held, wrongSource, seconds }: Measured): void =>
    row(
      what,
      `${out.failed} of ${out.total}`,
      `${inward.failed} of ${inward.total}`,
      wrongSource,
      held.alive ? `alive, ${held.longestGapMs} ms` : 'dead',
      `${seconds.toFixed(1)} s`,
    );
  const print = (title: string): void => {
    const head = ['failed out', 'failed in', 'wrong source', 'held, longest gap', 'in'];
    const line = ['event'.padEnd(34), ...head.map((cell) => cell.padStart(19))].join('');
    process.stdout.write(`\n${title}\n${line}\n${rows.splice(0).join('\n')}\n\n`);
  };

  /**
   * Failed of about 290 on a quiet machine, measured once (each way, the worse of two): what firewalld itself drops
   * while it reloads. Here three times that and ten more may fail: other work shares the machine, and a connection
   * that is kept waiting for 0.9 s counts as failed. Nothing may leave with a wrong source.
   */
  const bound = (quiet: number): number => 3 * quiet + 10;

  /**
   * A host that is away carries nothing, and how long it is away is the machine's affair (0.3 s when it was quiet, 12
   * lost; 5 s beside other tests): what was begun in that time may fail besides. The held connection tells how long;
   * one that did not come back allows 10 s.
   */
  const away = ({ held }: Measured): number => RATE * (held.alive ? held.longestGapMs / 1000 : 10);

  it(
    'events that people and packages cause cost what they cost by themselves, and leak nothing',
    async () => {
      const events: [string, number, () => Promise<unknown>, heldMayDie?: boolean][] = [
        ['nothing', 0, () => pause(3000)],
        ['firewall-cmd --reload', 5, () => on('firewall-cmd -q --reload')],
        ['firewall-cmd --complete-reload', 4, () => on('firewall-cmd -q --complete-reload')],
        ['systemctl restart firewalld', 0, () => on('systemctl restart firewalld')],
        ['systemctl restart docker', 0, () => on('systemctl restart docker')],
        ['docker network create, rm', 0, () => on('docker network create n; sleep 1; docker network rm n')],
        ['systemctl restart systemd-networkd', 0, () => on('systemctl restart systemd-networkd; sleep 2')],
        // The new boot starts with an empty connection table: what was held comes back mostly, not always.
        ['reboot', 12, () => lab.reboot('gw1'), true],
      ];
      const over: string[] = [];
      for (const [what, quiet, happens, heldMayDie = false] of events) {
        const measured = await during(RATE, happens);
        told(what, measured);
        const { out, inward, held, wrongSource } = measured;
        const allowed = bound(quiet) + (heldMayDie ? away(measured) : 0);
        if (wrongSource !== 0) over.push(`${what}: ${wrongSource} packets with a wrong source`);
        if (out.failed > allowed) over.push(`${what}: ${out.failed} of ${out.total} failed out`);
        if (inward.failed > allowed) over.push(`${what}: ${inward.failed} of ${inward.total} failed in`);
        if (!held.alive && !heldMayDie) over.push(`${what}: the held connection died`);
        expect(Math.min(out.total, inward.total)).toBeGreaterThan(100);
      }
      // Control: without the table all of it is lost, and leaves with the sources of inside.
      const lost = await during(RATE, () => on('nft delete table ip provision; sleep 3'));
      told('control: the table taken away', lost);
      print(`New connections, ${RATE} a second each way`);
      expect([lost.out.failed > 50, lost.inward.failed > 50, lost.wrongSource > 50]).toEqual([
        true,
        true,
        true,
      ]);
      // What began without translation stays without it for as long as its entry lives, and a later connection from the
      // same port would meet that.
      await on('sh /etc/provision/load-nat; conntrack -F 2>/dev/null');
      expect(over).toEqual([]);
    },
    10 * MINUTES,
  );

  it(
    'a reboot costs no more than with the unit that was proven by hand, in the same minutes',
    async () => {
      const unit = '/etc/systemd/system/provision-nat.service';
      // By hand: nft straight from the unit, as in the recipe that this is held against. Only that line differs.
      const byHand = 'ExecStart=/usr/sbin/nft -f /etc/provision/nat.nft';
      const ours = await on(`grep ^ExecStart= ${unit}`);
      const start = (line: string): Promise<string> =>
        on(`sed -i 's#^ExecStart=.*#${line}#' ${unit}; systemctl daemon-reload; sync`);
      const lost: Record<string, number[]> = { provision: [], 'by hand': [] };
      for (let round = 1; round <= 5; round += 1) {
        for (const [whose, line] of [
          ['provision', ours],
          ['by hand', byHand],
        ] as const) {
          await start(line);
          const measured = await during(RATE, () => lab.reboot('gw1'));
          told(`reboot, unit of ${whose}`, measured);
          lost[whose]?.push(measured.out.failed + measured.inward.failed);
          expect(measured.wrongSource).toBe(0);
        }
      }
      await start(ours);
      print(`New connections, ${RATE} a second each way`);
      const median = (whose: string): number => (lost[whose] ?? []).toSorted((a, b) => a - b)[2] ?? NaN;
      // Both vary by a few connections on a quiet machine, and by dozens where other work shares it.
      expect(median('provision')).toBeLessThanOrEqual(1.25 * median('by hand') + 10);
    },
    10 * MINUTES,
  );

  it(
    '50 changes of DNAT entries lose no connection of at least 100 a second; taking rules out and in again does',
    async () => {
      const idle = await during(100, () => pause(5000));
      told('nothing', idle);
      const texts: string[] = [];
      const live: string[] = [];
      const byRuns = await during(100, async () => {
        for (const more of [MOVED[0], MOVED[1], MOVED[0], '', MOVED[1]]) {
          write(more);
          const run = await lab.run();
          expect([run.code, run.report.hosts.flatMap(({ changes }) => changes).length > 0]).toEqual([
            0,
            true,
          ]);
          if (more === MOVED[0] || more === MOVED[1]) {
            texts.push(await on('cat /etc/provision/nat.nft'));
            live.push(await on(OWN_TABLE));
          }
        }
      });
      told('5 runs of provision', byRuns);
      // The texts of two of these runs, loaded in turn by the loader that runs and boots use.
      expect(live[0]).not.toBe(live[1]);
      for (const [at, text] of texts.slice(0, 2).entries())
        await on(`cat > /run/${at}.nft <<'END'\n${text}\nEND`);
      const alternate = (load: string): Promise<string> =>
        on(
          `i=0; while [ $i -lt 50 ]; do cp /run/$((i % 2)).nft /etc/provision/nat.nft; ${load}; i=$((i + 1)); sleep 0.1; done; ${OWN_TABLE}`,
        );
      let last = '';
      const changes = await during(100, async () => {
        last = await alternate('sh /etc/provision/load-nat');
      });
      told('50 changes by the loader', changes);
      const removed = await during(100, () =>
        alternate('nft delete table ip provision; sh /etc/provision/load-nat'),
      );
      told('control: 50 times taken out and in', removed);
      print('New connections, 100 a second each way');

      expect(last).toBe(live[1]);
      for (const measured of [idle, byRuns, changes]) {
        expect([measured.out.failed, measured.inward.failed, measured.wrongSource]).toEqual([0, 0, 0]);
        expect(measured.held.alive).toBe(true);
        const rate = (measured.out.total + measured.inward.total) / measured.seconds;
        expect(rate).toBeGreaterThan(100);
      }
      expect(removed.out.failed + removed.inward.failed).toBeGreaterThan(20);
      expect(removed.wrongSource).toBeGreaterThan(0);
    },
    10 * MINUTES,
  );
});
