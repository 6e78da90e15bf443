import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { changesOf, statusOf } from '../lab/gateway-lab.ts';
import { balancerLab, expectSpread } from '../lab/load-balancer-lab.ts';
import type { BalancerLab } from '../lab/load-balancer-lab.ts';
import { labSupport } from '../lab/support.ts';
import { pause, trafficIn } from './traffic.ts';
import type { Held, Load } from './traffic.ts';

const MINUTES = 60_000;
const EIP = '203.0.113.65';
const [INTERVAL, TIMEOUT, FALL] = [1.5, 1.5, 2];
const TIMES = `interval: ${INTERVAL}s, timeout: ${TIMEOUT}s, fall: ${FALL}, rise: 2, fast: 300ms`;
const OUT_WITHIN = ((INTERVAL + TIMEOUT) * FALL + 1) * 1000;

const web = (engine: string, more = ''): string => `load_balancer: { engine: ${engine} }
listeners:
  - name: web
    address: 10.192.0.65
    port: 8080
    backends: [{ address: 10.1.160.14 }, { address: 10.1.160.15 }]
    health: { ${TIMES} }
  - { name: held, address: 10.192.0.65, port: 7000, backends: [{ address: 10.1.160.14 }, { address: 10.1.160.15, weight: 0 }] }
${more}`;

/** Backends that nobody has: packets to them leave by a NIC of the test and are dropped at its other end. */
const NOBODY = (count: number): string =>
  Array.from(
    { length: count },
    (_none, index) => `{ address: 10.50.${1 + Math.floor(index / 250)}.${1 + (index % 250)} }`,
  ).join(', ');
const SINK = `systemd-run -q --unit=sink unshare -n sleep 1d
ip link add v0 type veth peer name v1; ip link set v1 netns $(systemctl show -p MainPID --value sink)
nsenter -t $(systemctl show -p MainPID --value sink) -n ip link set v1 up
ip addr add 10.49.0.1/24 dev v0; ip link set v0 up; ip neigh add 10.49.0.2 lladdr 02:00:00:00:00:02 dev v0
ip route add 10.50.0.0/16 via 10.49.0.2`;

/** So many new UDP flows, one packet each, written with their own headers; prints nanoseconds of processor time for one. */
const FLOWS = 60_000;
const COST = `cat > /run/flows.pl <<'END'
use Socket;
socket(S, PF_INET, SOCK_RAW, 255) or die $!;
setsockopt(S, 0, 3, pack('i', 1)) or die $!;
my $to = sockaddr_in(0, inet_aton('10.192.0.65'));
my $ip = pack('C2n3C2n', 0x45, 0, 29, 0, 0, 64, 17, 0);
my $dst = inet_aton('10.192.0.65');
my @began = times;
for my $n (0 .. ${FLOWS - 1}) {
  send(S, $ip . pack('C4', 10, 200, $n >> 8, $n & 255) . $dst . pack('n4C', 1024 + $n % 60000, 5353, 9, 0, 65), 0, $to);
}
my @ended = times;
printf "%d\\n", (($ended[0] + $ended[1]) - ($began[0] + $began[1])) * 1e9 / ${FLOWS};
END
for round in 1 2 3 4 5; do conntrack -F >/dev/null 2>&1; perl /run/flows.pl; done | sort -n | head -n 1`;

describe.each(['nftables', 'iptables'])('by %s', (engine) => {
  labSupport('a load balancer under load', () => {
    let lab: BalancerLab;
    let traffic: Awaited<ReturnType<typeof trafficIn>>;
    const on = (script: string): Promise<string> => lab.on('lb1', script).then((text) => text.trim());
    beforeAll(async () => {
      lab = await balancerLab(web(engine));
      traffic = await trafficIn(lab);
      expect(statusOf((await lab.run()).report, 'lb1')).toBe('changed');
    }, 20 * MINUTES);
    afterAll(async () => lab?.down(), 2 * MINUTES);

    it(
      'a backend killed under at least 200 requests a second fails its share until it is out, and none after',
      async () => {
        let rate = 0;
        // A machine that is busy with other things opens fewer a second: then once more.
        for (let tries = 0; tries < 4 && rate < 200; tries += 1) {
          const began = Date.now();
          const load = traffic.start('outside1', 'load', EIP, '8080', '400');
          await pause(2000);
          await lab.on('s15', 'systemctl stop lab-echo@8080');
          await pause(OUT_WITHIN + 5000);
          const { total, failed, firstFailed, lastFailed } = await traffic.end<Load>(load);
          rate = total / ((Date.now() - began) / 1000);
          const out = (lastFailed ?? 0) - (firstFailed ?? 0);
          process.stdout.write(
            `\n${engine}: ${failed} of ${total} failed at ${rate.toFixed(0)} requests a second, out after ${out} ms (allowed: ${OUT_WITHIN})\n`,
          );
          expect(failed).toBeGreaterThan(0);
          expect(out).toBeLessThan(OUT_WITHIN);
          await lab.on('s15', 'systemctl start lab-echo@8080');
          await on(
            "for i in $(seq 300); do grep -q '^10.1.160.15 .* up ' /run/provision/lb/web && exit 0; sleep 0.2; done; exit 1",
          );
        }
        expect(rate).toBeGreaterThan(200);
        expectSpread(await lab.answers('outside1', `http://${EIP}:8080/`, 10), { s14: 5, s15: 5 });
      },
      5 * MINUTES,
    );

    it(
      '50 replacements of the backends fail none of at least 5,000 connections; taking them out and in again does',
      async () => {
        await lab.on('s14', 'systemctl stop lab-echo@7000');
        const far = traffic.start('s14', 'answer', '7000');
        await lab.on(
          's14',
          'for i in $(seq 100); do ss -Hltn | grep -q :7000 && exit 0; sleep 0.1; done; exit 1',
        );
        await pause(500);
        const held = traffic.start('outside1', 'hold', EIP, '7000');
        const load = traffic.start('outside1', 'load', EIP, '8080', '150');
        // Runs of provision, as a person would replace them, and the rest by what such a run does.
        for (const weight of [2, 3, 2]) {
          lab.declare(
            web(engine).replace(
              '{ address: 10.1.160.14 }, {',
              `{ address: 10.1.160.14, weight: ${weight} }, {`,
            ),
          );
          expect(changesOf((await lab.run()).report, 'lb1')).toEqual([
            'live balance:lb: web',
            'saved balance:lb: web',
          ]);
        }
        await on(
          `for i in $(seq 47); do sed -i "s/^backend 10.1.160.14 8080 [0-9]* /backend 10.1.160.14 8080 $((1 + i % 2)) /; s/^turns .*/turns 0 1$([ $((i % 2)) = 0 ] || echo ' 0')/" /etc/provision/lb.conf; bash /etc/provision/lb-checker apply || exit 1; sleep 0.4; done`,
        );
        // Long enough for 5,000 in all: a busy machine opens fewer a second.
        await pause(20_000);
        const { total, failed } = await traffic.end<Load>(load);
        const { alive, longestGapMs } = await traffic.end<Held>(held);
        far.kill('SIGTERM');
        process.stdout.write(
          `\n${engine}: 50 replacements: ${failed} of ${total} failed; the held connection ${alive ? 'lived' : 'died'} (longest gap ${longestGapMs} ms)\n`,
        );
        expect(total).toBeGreaterThan(5000);
        expect([failed, alive]).toEqual([0, true]);
        // Control: the same counter sees a chain that is empty for a moment.
        const again = traffic.start('outside1', 'load', EIP, '8080', '150');
        await pause(1000);
        const empty =
          engine === 'nftables'
            ? 'nft flush chain ip provision_lb S-web'
            : 'iptables -t nat -F PROVISION_LB-S-web';
        await on(`for i in 1 2 3; do ${empty}; sleep 0.3; bash /etc/provision/lb-checker apply; done`);
        await pause(1000);
        expect((await traffic.end<Load>(again)).failed).toBeGreaterThan(0);
        lab.declare(web(engine));
        expect(statusOf((await lab.run()).report, 'lb1')).toBe('changed');
      },
      8 * MINUTES,
    );

    it(
      '2, 100 and 1,000 backends: loaded at once, the second run is empty, and what a new connection costs',
      async () => {
        await on(SINK);
        const rows: string[] = [];
        const costs = new Map<string, number>();
        const cases = [1, 2, 100, 1000].flatMap((count) =>
          engine === 'iptables' && count > 100
            ? [{ count, algorithm: 'random' }]
            : [
                { count, algorithm: 'round-robin' },
                { count, algorithm: 'random' },
              ],
        );
        for (const { count, algorithm } of cases) {
          lab.declare(
            web(
              engine,
              `  - { name: many, address: 10.192.0.65, port: 5353, protocol: udp, algorithm: ${algorithm}, backends: [${NOBODY(count)}] }\n`,
            ),
          );
          const first = await lab.run();
          expect(statusOf(first.report, 'lb1')).toBe('changed');
          const second = await lab.run();
          expect(changesOf(second.report, 'lb1')).toEqual([]);
          const load = await on(
            'began=$(date +%s%N); sh /etc/provision/load-lb; echo $((($(date +%s%N) - began) / 1000000))',
          );
          const cost = Number(await on(COST));
          costs.set(`${count} ${algorithm}`, cost);
          rows.push(
            [
              String(count).padStart(8),
              algorithm.padEnd(12),
              `${cost} ns`.padStart(10),
              `${load} ms`.padStart(9),
            ].join('  '),
          );
          expect(cost).toBeGreaterThan(0);
        }
        process.stdout.write(
          `\n${engine}: what one new UDP flow costs (processor time, the best of five times ${FLOWS}), and how long all rules take to load\n` +
            `${'backends'.padStart(8)}  ${'algorithm'.padEnd(12)}  ${'new flow'.padStart(10)}  ${'load'.padStart(9)}\n${rows.join('\n')}\n`,
        );
        if (engine === 'nftables')
          for (const algorithm of ['round-robin', 'random'])
            expect(
              (costs.get(`1000 ${algorithm}`) ?? NaN) / (costs.get(`2 ${algorithm}`) ?? NaN),
            ).toBeLessThan(1.5);
      },
      15 * MINUTES,
    );
  });
});
