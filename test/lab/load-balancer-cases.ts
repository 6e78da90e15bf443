import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { changesOf, SNAPSHOT, statusOf, touched } from './gateway-lab.ts';
import { balancerLab, counts, expectSpread } from './load-balancer-lab.ts';
import type { BalancerLab } from './load-balancer-lab.ts';
import { labSupport } from './support.ts';

const MINUTES = 60_000;

const PORTS = Array.from({ length: 40 }, (_none, index) => 9000 + index * 7);

/** Seed 004 as it stands there (`web`), and what it is often wanted with. */
const listeners = (engine: string, web = ''): string => `load_balancer: { engine: ${engine} }
listeners:
  - name: web
    address: 10.192.0.65
    port: 8080
    backends:
      - { address: 10.1.160.14 }
      - { address: 10.1.160.15${web} }
  - { name: heavy, address: 203.0.113.65, port: 8081, algorithm: weighted, backends: [{ address: 10.1.160.14, port: 8080, weight: 3 }, { address: 10.1.160.15, port: 8080, weight: 1 }] }
  - { name: chance, address: 10.192.0.65, port: 8082, algorithm: random, backends: [{ address: 10.1.160.14, port: 8080, weight: 3 }, { address: 10.1.160.15, port: 8080, weight: 1 }] }
  - { name: sticky, address: 10.192.0.65, port: 8083, algorithm: random, affinity: { by: client-ip, timeout: 60s }, backends: [{ address: 10.1.160.14, port: 8080 }, { address: 10.1.160.15, port: 8080 }] }
  - { name: many-ports-of-one, address: 10.192.0.65, port: [${PORTS.join(', ')}, 20000-20100], backends: [{ address: 10.1.160.14, port: 8080 }, { address: 10.1.160.15, port: 8080 }] }
${engine === 'nftables' ? '  - { name: hash, address: 10.192.0.65, port: 8084, algorithm: source-hash, backends: [{ address: 10.1.160.14, port: 8080, weight: 3 }, { address: 10.1.160.15, port: 8080, weight: 1 }] }' : ''}
  - { name: spread, redirect: { port: 80, to: 8001-8002 } }
`;

/** Rules of others, and what is seen of them. */
const FOREIGN = `iptables -N by-hand; iptables -A by-hand -s 192.0.2.66/32 -j DROP; iptables -I INPUT -j by-hand
iptables -t nat -N BY-HAND; iptables -t nat -A BY-HAND -s 192.0.2.0/24 -j ACCEPT; iptables -t nat -A POSTROUTING -j BY-HAND; iptables -t nat -A PREROUTING -j BY-HAND`;
const FOREIGN_RULES = `iptables-save | grep -v -e '^[#*C]' -e PROVISION_ -e '^:[A-Z]* '`;

/** Seed 004's own rules, as somebody typed them: the balancer that is taken over. */
const BY_HAND = ['14', '15']
  .map((last, index) =>
    [
      `iptables -t nat -A PREROUTING -d 10.192.0.65/32 -p tcp -m tcp --dport 8080 -m statistic --mode nth --every ${2 - index} --packet 0 -j DNAT --to-destination 10.1.160.${last}:8080`,
      `iptables -t nat -A POSTROUTING -d 10.1.160.${last}/32 -p tcp -m tcp --dport 8080 -j SNAT --to-source 10.192.0.65`,
    ].join('\n'),
  )
  .join('\n');
/** What they had to switch on too, which is the host's state before provision came. */
const FORWARDS = `echo net.ipv4.ip_forward=1 > /etc/sysctl.d/50-by-hand.conf; sysctl -q -p /etc/sysctl.d/50-by-hand.conf`;

/** So many addresses of the balancer itself, each asking once: clients by address, their answers in order. */
const BY_ADDRESS = (url: string, clients: number): string =>
  `ip addr add 10.200.0.0/16 dev lo 2>/dev/null; seq ${clients} | awk '{ if (NR > 1) print "next"; print "url = ${url}\\ninterface = 10.200." int($1 / 250) "." $1 % 250 + 1 "\\nsilent\\nmax-time = 5" }' | curl -K - | cut -d ' ' -f 1`;
const COUNTED = '| sort | uniq -c';

/** What holds by either engine. */
export function loadBalancerCases(engine: 'nftables' | 'iptables'): void {
  describe(`by ${engine}`, () => {
    labSupport('load balancer (rows E1, E2)', () => {
      let lab: BalancerLab;
      let foreign = '';
      beforeAll(async () => {
        lab = await balancerLab(listeners(engine));
      }, 20 * MINUTES);
      afterAll(async () => lab?.down(), 2 * MINUTES);

      const inSync = async (): Promise<void> => {
        const again = await lab.run();
        expect(changesOf(again.report, 'lb1')).toEqual([]);
        expect(again.code).toBe(0);
      };
      const EIP = 'http://203.0.113.65';
      const VIP = 'http://10.192.0.65';

      it(
        'one run brings it up from nothing; the second changes nothing, with one connection and one exec',
        async () => {
          await lab.on('lb1', 'apt-get -qq -y install iptables >/dev/null 2>&1 || true');
          await lab.on('lb1', `${FOREIGN}\n${FORWARDS}`);
          foreign = await lab.on('lb1', FOREIGN_RULES);
          const run = await lab.run();
          expect(run.stdout).toContain('backend 10.1.160.14:8080');
          expect(run.code).toBe(0);
          const again = await lab.run();
          expect(changesOf(again.report, 'lb1')).toEqual([]);
          expect(again.report.hosts.map(({ ssh }) => [ssh.connections, ssh.execs])).toEqual(
            again.report.hosts.map(() => [1, 1]),
          );
          expect(await lab.on('lb1', FOREIGN_RULES)).toBe(foreign);
        },
        5 * MINUTES,
      );

      it(
        'seed 004: 40 connections from outside are 20 and 20; weights 3 to 1 are 300 and 100 of 400',
        async () => {
          expect(await lab.answers('outside1', `${EIP}:8080/`, 40)).toEqual({ s14: 20, s15: 20 });
          expect(await lab.answers('outside1', `${EIP}:8081/`, 400)).toEqual({ s14: 300, s15: 100 });
        },
        2 * MINUTES,
      );

      it(
        'by chance they come near their weights, and backends see the balancer',
        async () => {
          // 300 expected; the bounds are five standard deviations (8.7) away.
          const chance = await lab.answers('outside1', `${EIP}:8082/`, 400);
          expect(chance['s14']).toBeGreaterThan(256);
          expect(chance['s14']).toBeLessThan(344);
          expect((chance['s14'] ?? 0) + (chance['s15'] ?? 0)).toBe(400);
          expect(Object.keys(await lab.answers('outside1', `${EIP}:8080/ip`, 2))).toEqual(['10.192.0.65']);
        },
        2 * MINUTES,
      );

      it(
        'clients inside and on the balancer itself, by its address and by its EIP',
        async () => {
          for (const [from, url] of [
            ['s14', VIP],
            ['lb1', VIP],
            ['lb1', EIP],
          ] as const)
            expectSpread(await lab.answers(from, `${url}:8080/`, 10), { s14: 5, s15: 5 });
        },
        MINUTES,
      );

      it(
        'affinity keeps a client with its backend, and spreads clients',
        async () => {
          const one = Object.values(await lab.answers('outside1', `${EIP}:8083/`, 20));
          expect(one).toEqual([20]);
          // Control: without affinity the same client is spread.
          expect(Object.keys(await lab.answers('outside1', `${EIP}:8082/`, 40))).toHaveLength(2);
          const clients = counts(await lab.on('lb1', BY_ADDRESS(`${VIP}:8083/`, 400) + COUNTED));
          // 200 expected, standard deviation 10.
          expect(clients['s14']).toBeGreaterThan(150);
          expect(clients['s15']).toBeGreaterThan(150);
          expect((clients['s14'] ?? 0) + (clients['s15'] ?? 0)).toBe(400);
          // All rules loaded anew: 30 clients are where they were (by chance once in a thousand million).
          const where = (): Promise<string> => lab.on('lb1', BY_ADDRESS(`${VIP}:8083/`, 30));
          const before = await where();
          await lab.on('lb1', 'sh /etc/provision/load-lb');
          expect(await where()).toBe(before);
        },
        2 * MINUTES,
      );

      if (engine === 'nftables')
        it(
          'by the hash of the source each client keeps its backend, and 400 clients come near the weights',
          async () => {
            const first = counts(await lab.on('lb1', BY_ADDRESS(`${VIP}:8084/`, 400) + COUNTED));
            expect(first['s14']).toBeGreaterThan(256);
            expect(first['s14']).toBeLessThan(344);
            expect(counts(await lab.on('lb1', BY_ADDRESS(`${VIP}:8084/`, 400) + COUNTED))).toEqual(first);
          },
          2 * MINUTES,
        );

      it(
        'a port is spread over a range of the host: each at least 35 % of 200, from outside and on the host',
        async () => {
          for (const from of ['outside1', 'lb1']) {
            const ports = await lab.answers(from, `${EIP}/port`, 200);
            expect(Object.keys(ports).sort()).toEqual(['8001', '8002']);
            expect(Math.min(...Object.values(ports))).toBeGreaterThanOrEqual(70);
          }
        },
        2 * MINUTES,
      );

      it(
        'a list of 40 ports and a range: all of them are served, one beside them is not',
        async () => {
          const asked = [...PORTS, 20000, 20050, 20100].map((port) => `${EIP}:${port}/`).join(' ');
          const answered = await lab.on(
            'outside1',
            `for url in ${asked}; do curl -s -m 5 $url || echo none; done | cut -d ' ' -f 1 | sort | uniq -c`,
          );
          const { s14 = 0, s15 = 0, ...rest } = counts(answered);
          expect([s14 + s15, rest]).toEqual([43, {}]);
          expect(await lab.answers('outside1', `${EIP}:20101/`, 1)).toEqual({ none: 1 });
        },
        MINUTES,
      );

      it(
        'direct traffic to a backend keeps its source: only what was balanced is translated',
        async () => {
          await lab.on('lb1', 'ip addr add 10.192.0.99/32 dev lo');
          const seen = await lab.on('lb1', 'curl -s -m 3 http://10.1.160.14:8080/ip');
          expect(seen.trim()).toBe('10.192.0.65');
          const noted = await lab.on(
            'lb1',
            'curl -s -m 1 --interface 10.192.0.99 http://10.1.160.14:8080/ip; conntrack -L -s 10.192.0.99 2>/dev/null',
          );
          expect(noted).toMatch(/dst=10\.192\.0\.99/);
          // Control: the same client, balanced, is translated.
          const balanced = await lab.on('lb1', `curl -s -m 3 --interface 10.192.0.99 ${VIP}:8080/ip`);
          expect(balanced.trim()).toBe('10.192.0.65');
        },
        MINUTES,
      );

      it(
        'no live backend: refused at once; a draining one gets nothing new',
        async () => {
          lab.declare(listeners(engine, ', state: draining'));
          const run = await lab.run();
          expect(run.stdout).toContain('backend 10.1.160.15:8080 weight 1 draining');
          expect(changesOf(run.report, 'lb1')).toEqual(['live balance:lb: web', 'saved balance:lb: web']);
          expect(await lab.answers('outside1', `${EIP}:8080/`, 20)).toEqual({ s14: 20 });
          lab.declare(
            listeners(engine)
              .replace('{ address: 10.1.160.14 }', '{ address: 10.1.160.14, state: disabled }')
              .replace('{ address: 10.1.160.15 }', '{ address: 10.1.160.15, weight: 0 }'),
          );
          expect((await lab.run()).code).toBe(0);
          // 7 = refused (curl(1)); a drop would be 28.
          expect((await lab.on('outside1', `curl -s -m 3 ${EIP}:8080/; echo $?`)).trim()).toBe('7');
          lab.declare(listeners(engine));
          expect((await lab.run()).code).toBe(0);
          expectSpread(await lab.answers('outside1', `${EIP}:8080/`, 20), { s14: 10, s15: 10 });
        },
        2 * MINUTES,
      );

      const SPOILED =
        engine === 'nftables'
          ? 'nft flush chain ip provision_lb S-web; nft add rule ip provision_lb S-web meta l4proto tcp dnat to 10.1.160.15:8080'
          : 'iptables -t nat -R PROVISION_LB-S-web 1 -p tcp -j DNAT --to-destination 10.1.160.15:8080';
      const LOST =
        engine === 'nftables'
          ? 'nft delete table ip provision_lb'
          : 'iptables-save | grep -v PROVISION_LB | iptables-restore';

      it(
        'a chain that somebody filled otherwise is named and filled again; so are lost rules; others stay',
        async () => {
          await lab.on('lb1', SPOILED);
          const spoiled = await lab.run();
          expect(changesOf(spoiled.report, 'lb1')).toEqual(['live balance:lb: web']);
          await inSync();
          expectSpread(await lab.answers('outside1', `${EIP}:8080/`, 20), { s14: 10, s15: 10 });
          await lab.on('lb1', LOST);
          expect((await lab.run()).stdout).toContain('the rules of provision are not loaded');
          await inSync();
          expectSpread(await lab.answers('outside1', `${EIP}:8080/`, 20), { s14: 10, s15: 10 });
          expect(await lab.on('lb1', FOREIGN_RULES)).toBe(foreign);
        },
        2 * MINUTES,
      );

      it(
        'a change that cannot be confirmed leaves files, rules and the spread as they were',
        async () => {
          // Hits count from the last load, which the way back is too.
          await lab.on('lb1', 'sh /etc/provision/load-lb');
          const before = await lab.on('lb1', SNAPSHOT);
          const broken = lab.playbook(
            'broken',
            `import { command, defineRole, loadBalancer, play, playbook } from 'provision';
           const late = defineRole('late', () => ({ resources: [command({ name: 'late', check: 'false', run: 'exit 1', undo: ':' })] }));
           export default playbook('broken', [play({ hosts: 'load-balancer', roles: [loadBalancer(), late()] })]);`,
          );
          lab.declare(listeners(engine, ', weight: 3').replace('8081', '8091'));
          expect(statusOf((await lab.runPlaybook(broken)).report, 'lb1')).toBe('reverted');
          expect(touched(before, await lab.on('lb1', SNAPSHOT))).toEqual([]);
          expectSpread(await lab.answers('outside1', `${EIP}:8080/`, 20), { s14: 10, s15: 10 });
          // Control: without the broken step the same change stays, and is seen.
          expect((await lab.run()).code).toBe(0);
          expect(touched(before, await lab.on('lb1', SNAPSHOT))).not.toEqual([]);
          expectSpread(await lab.answers('outside1', `${EIP}:8091/`, 20), { s14: 15, s15: 5 });
          lab.declare(listeners(engine));
          expect((await lab.run()).code).toBe(0);
        },
        3 * MINUTES,
      );

      it(
        'after a reboot it balances without a run; taken away, nothing of it is left',
        async () => {
          await lab.reboot('lb1');
          expectSpread(await lab.answers('outside1', `${EIP}:8080/`, 20), { s14: 10, s15: 10 });
          await inSync();
          lab.declare(listeners(engine).replace('load_balancer: {', 'load_balancer: { state: absent,'));
          expect((await lab.run()).code).toBe(0);
          expect(
            await lab.on(
              'lb1',
              'iptables-save | grep PROVISION_ || true; nft list tables | grep provision || true; ls /etc/provision 2>/dev/null || true',
            ),
          ).toBe('');
          expect(await lab.answers('outside1', `${EIP}:8080/`, 1)).toEqual({ none: 1 });
        },
        3 * MINUTES,
      );

      it(
        'a balancer made by hand is taken over, changed and given back: the rules of others are the same to the byte',
        async () => {
          await lab.on('lb1', `${FOREIGN}\n${BY_HAND}`);
          foreign = await lab.on('lb1', FOREIGN_RULES);
          expectSpread(await lab.answers('outside1', `${EIP}:8080/`, 10), { s14: 5, s15: 5 });
          lab.declare(listeners(engine));
          expect((await lab.run()).code).toBe(0);
          await inSync();
          expectSpread(await lab.answers('outside1', `${EIP}:8080/`, 10), { s14: 5, s15: 5 });
          expect(await lab.on('lb1', FOREIGN_RULES)).toBe(foreign);
          lab.declare(listeners(engine, ', weight: 3'));
          expect((await lab.run()).code).toBe(0);
          expectSpread(await lab.answers('outside1', `${EIP}:8080/`, 20), { s14: 5, s15: 15 });
          expect(await lab.on('lb1', FOREIGN_RULES)).toBe(foreign);
          lab.declare(listeners(engine).replace('load_balancer: {', 'load_balancer: { state: absent,'));
          expect((await lab.run()).code).toBe(0);
          expect(await lab.on('lb1', FOREIGN_RULES)).toBe(foreign);
          expectSpread(await lab.answers('outside1', `${EIP}:8080/`, 10), { s14: 5, s15: 5 });
          // Control: the same comparison sees one rule less.
          await lab.on('lb1', 'iptables -t nat -D POSTROUTING -j BY-HAND');
          expect(await lab.on('lb1', FOREIGN_RULES)).not.toBe(foreign);
        },
        3 * MINUTES,
      );
    });
  });
}
