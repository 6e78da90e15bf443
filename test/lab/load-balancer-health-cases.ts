import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { ListenerStatus } from '../../src/model/balance-status.ts';
import { pause, trafficIn } from '../full/traffic.ts';
import type { Held, Load } from '../full/traffic.ts';
import { changesOf, provision, statusOf } from './gateway-lab.ts';
import { balancerLab, expectSpread } from './load-balancer-lab.ts';
import type { BalancerLab } from './load-balancer-lab.ts';
import { labSupport } from './support.ts';

const MINUTES = 60_000;
/** Long enough for a machine that is busy with other things: an answer that is late is a failed check. */
const [INTERVAL, TIMEOUT, FALL] = [2, 2, 2];
/** How long new connections may fail, from the first that does. */
const OUT_WITHIN = ((INTERVAL + TIMEOUT) * FALL + 1) * 1000;
const TIMES = `interval: ${INTERVAL}s, timeout: ${TIMEOUT}s, fall: ${FALL}, rise: 2, fast: 300ms`;

const listeners = (engine: string, more = ''): string => `load_balancer: { engine: ${engine} }
listeners:
  - name: web
    address: 10.192.0.65
    port: 8080
    backends:
      - { address: 10.1.160.14 }
      - { address: 10.1.160.15 }
    health: { ${TIMES}${more} }
  - name: page
    address: 10.192.0.65
    port: 8081
    backends: [{ address: 10.1.160.14, port: 8080 }, { address: 10.1.160.15, port: 8080 }]
    health: { http: { path: /healthz, status: 200, body: healthy }, ${TIMES} }
  - name: asked
    address: 10.192.0.65
    port: 8082
    backends: [{ address: 10.1.160.14, port: 8080 }, { address: 10.1.160.15, port: 8080 }]
    health: { command: 'curl -s -f http://$ADDRESS:$PORT/ip', ${TIMES} }
  - name: wrong
    address: 10.192.0.65
    port: 8083
    backends: [{ address: 10.1.160.14, port: 8080 }]
    health: { http: { path: /healthz, body: something else }, source: 10.192.0.65, all_down: keep-all, ${TIMES} }
  - name: calls
    address: 10.192.0.65
    port: 5000
    protocol: udp
    backends: [{ address: 10.1.160.14 }, { address: 10.1.160.15 }]
    health: { port: 8080, ${TIMES} }
`;

/** Health on real hosts, whatever holds the rules. */
export function healthCases(engine: 'nftables' | 'iptables'): void {
  labSupport(`health of backends (row F), by ${engine}`, () => {
    let lab: BalancerLab;
    beforeAll(async () => {
      lab = await balancerLab(listeners(engine));
      expect(statusOf((await lab.run()).report, 'lb1')).toBe('changed');
    }, 20 * MINUTES);
    afterAll(async () => lab?.down(), 2 * MINUTES);

    const URL = 'http://203.0.113.65';
    const kill = (host: string): Promise<string> => lab.on(host, 'systemctl stop lab-echo@8080');
    const heal = (host: string): Promise<string> => lab.on(host, 'systemctl start lab-echo@8080');
    /** Waits on the host until its checker says so: how fast is asked elsewhere. */
    const becomes = (listener: string, address: string, state: 'up' | 'down'): Promise<string> =>
      lab.on(
        'lb1',
        `for i in $(seq 300); do grep -q '^${address} .* ${state} ' /run/provision/lb/${listener} && exit 0; sleep 0.2; done; cat /run/provision/lb/${listener}; exit 1`,
      );
    const stateOf = async (listener: string, address: string): Promise<string> => {
      const { stdout } = await provision('status', '-i', lab.inventory, '-l', 'lb1', '--json');
      const [host] = (JSON.parse(stdout) as { hosts: { listeners: ListenerStatus[] }[] }).hosts;
      const found = host?.listeners.find(({ name }) => name === listener);
      return found?.backends.find((backend) => backend.address === address)?.state ?? 'unknown';
    };

    it(
      'a backend killed under load is out within its time, none fails after, and it comes back',
      async () => {
        await becomes('wrong', '10.1.160.14', 'down');
        const { start, end } = await trafficIn(lab);
        const load = start('outside1', 'load', '203.0.113.65', '8080', '100');
        await pause(2000);
        await kill('s15');
        await becomes('web', '10.1.160.15', 'down');
        await pause(4000);
        const { total, failed, firstFailed, lastFailed } = await end<Load>(load);
        expect(total).toBeGreaterThan(100);
        expect(failed).toBeGreaterThan(0);
        expect((lastFailed ?? 0) - (firstFailed ?? 0)).toBeLessThan(OUT_WITHIN);
        for (const listener of ['web', 'page', 'asked', 'calls'])
          await becomes(listener, '10.1.160.15', 'down');
        const told = await provision('status', '-i', lab.inventory, '-l', 'lb1');
        expect(told.stdout).toMatch(
          /web 10\.192\.0\.65:8080\/tcp +10\.1\.160\.15:8080 +1 +down .* no connection/,
        );
        expect(told.stdout).toMatch(/wrong .* down .* another text in the answer/);
        expect(await lab.answers('outside1', `${URL}:8081/`, 10)).toEqual({ s14: 10 });

        expect(await stateOf('web', '10.1.160.15')).toBe('down');

        await heal('s15');
        for (const listener of ['web', 'page', 'asked']) await becomes(listener, '10.1.160.15', 'up');
        expectSpread(await lab.answers('outside1', `${URL}:8080/`, 10), { s14: 5, s15: 5 });
      },
      4 * MINUTES,
    );

    it(
      'control: without the checker they go on failing; that it does not run is told and mended',
      async () => {
        const { start, end } = await trafficIn(lab);
        await lab.on('lb1', 'systemctl stop provision-lb-checker');
        const blind = start('outside1', 'load', '203.0.113.65', '8080', '100');
        await pause(1000);
        await kill('s15');
        await pause(OUT_WITHIN + 3000);
        const without = await end<Load>(blind);
        expect((without.lastFailed ?? 0) - (without.firstFailed ?? 0)).toBeGreaterThan(OUT_WITHIN);
        expect((await provision('status', '-i', lab.inventory, '-l', 'lb1')).stdout).toContain(
          'the checker does not run',
        );
        const run = await lab.run();
        expect(changesOf(run.report, 'lb1')).toEqual(['live service:provision-lb-checker.service: running']);
        await becomes('web', '10.1.160.15', 'down');
      },
      4 * MINUTES,
    );

    it(
      'a dead backend is no drift, and neither a run, nor a change, nor the rules loaded anew revive it',
      async () => {
        const again = await lab.run();
        expect(changesOf(again.report, 'lb1')).toEqual([]);
        const { start, end } = await trafficIn(lab);
        const load = start('outside1', 'load', '203.0.113.65', '8080', '50');
        await pause(500);
        lab.declare(
          listeners(engine).replace('- { address: 10.1.160.14 }', '- { address: 10.1.160.14, weight: 2 }'),
        );
        expect(changesOf((await lab.run()).report, 'lb1')).toEqual([
          'live balance:lb: web',
          'saved balance:lb: web',
        ]);
        await lab.on('lb1', 'sh /etc/provision/load-lb');
        await lab.on(
          'lb1',
          engine === 'nftables'
            ? 'nft delete table ip provision_lb'
            : 'iptables-save | grep -v PROVISION_LB | iptables-restore',
        );
        // Somebody took the rules away: the checker loads them again within its second.
        for (let tries = 0; tries < 40; tries += 1) {
          if ((await lab.answers('outside1', `${URL}:8080/`, 4))['s14'] === 4) break;
          await pause(500);
        }
        lab.declare(listeners(engine));
        expect((await lab.run()).code).toBe(0);
        const { total, failed, firstFailed, lastFailed } = await end<Load>(load);
        expect(total).toBeGreaterThan(50);
        // What failed did so in the moment without rules, and nowhere else.
        expect(failed === 0 ? 0 : (lastFailed ?? 0) - (firstFailed ?? 0)).toBeLessThan(5000);
        expect(await lab.answers('outside1', `${URL}:8080/`, 10)).toEqual({ s14: 10 });
      },
      3 * MINUTES,
    );

    it(
      'all dead: refused at once; keep-all goes on with all of them',
      async () => {
        await kill('s14');
        await becomes('web', '10.1.160.14', 'down');
        expect((await lab.on('outside1', `curl -s -m 3 ${URL}:8080/; echo $?`)).trim()).toBe('7');
        lab.declare(listeners(engine, ', all_down: keep-all'));
        const run = await lab.run();
        // The change is made; the checks say, as they did before it, that nobody answers.
        expect(run.code).toBe(2);
        expect(statusOf(run.report, 'lb1')).toBe('changed');
        const rules = await lab.on(
          'lb1',
          'nft list table ip provision_lb 2>/dev/null; iptables-save 2>/dev/null',
        );
        expect(rules).toMatch(/S-web[^\n]*(\n[^\n]*)?10\.1\.160\.15/);
        await heal('s14');
        await heal('s15');
        await becomes('web', '10.1.160.14', 'up');
        await becomes('web', '10.1.160.15', 'up');
        expectSpread(await lab.answers('outside1', `${URL}:8080/`, 10), { s14: 5, s15: 5 });
      },
      3 * MINUTES,
    );

    it(
      'UDP flows leave a backend that dies or is removed, others stay; a draining one keeps its own',
      async () => {
        for (const host of ['s14', 's15'])
          await lab.on(
            host,
            `systemd-run -q --unit=calls perl -MSocket -e 'socket(S,PF_INET,SOCK_DGRAM,17);bind(S,sockaddr_in(5000,INADDR_ANY));while(my $p=recv(S,my $m,99,0)){send(S,"'$(hostname)'\n",0,$p)}'`,
          );
        /** Two flows that ask five times a second, and who answered last: it does not matter when they began. */
        for (const port of [6001, 6002])
          await lab.on(
            'outside1',
            `systemd-run -q --unit=caller-${port} perl -MSocket -e 'socket(S,PF_INET,SOCK_DGRAM,17);bind(S,sockaddr_in(${port},INADDR_ANY));setsockopt(S,SOL_SOCKET,SO_RCVTIMEO,pack("l!l!",0,200000));while(1){send(S,"x",0,sockaddr_in(5000,inet_aton("203.0.113.65")));if(defined recv(S,my $m,99,0)){open(F,">/run/heard-${port}.new");print F $m;close F;rename("/run/heard-${port}.new","/run/heard-${port}")}else{unlink("/run/heard-${port}")}select(undef,undef,undef,0.2)}'`,
          );
        const heard = async (): Promise<string[]> => {
          await pause(1500);
          return (await lab.on('outside1', 'cat /run/heard-6001 /run/heard-6002 2>/dev/null || true'))
            .trim()
            .split('\n');
        };
        const settles = async (wanted: (hosts: string[]) => boolean): Promise<string[]> => {
          for (let tries = 0; tries < 20 && !wanted(await heard()); tries += 1) await pause(200);
          return heard();
        };
        const first = await settles((hosts) => hosts.length === 2);
        expect([...first].sort()).toEqual(['s14', 's15']);
        // Draining: what flows, stays.
        const drained = listeners(engine).replace(
          'backends: [{ address: 10.1.160.14 }, { address: 10.1.160.15 }]',
          'backends: [{ address: 10.1.160.14 }, { address: 10.1.160.15, state: draining }]',
        );
        lab.declare(drained);
        expect((await lab.run()).code).toBe(0);
        expect(await heard()).toEqual(first);
        // Removed: the one flow moves, the other is where it was.
        lab.declare(drained.replace(', state: draining', ', state: disabled'));
        expect((await lab.run()).code).toBe(0);
        expect(await settles((hosts) => hosts.every((host) => host === 's14'))).toEqual(['s14', 's14']);
        // Dead: both are served by the other one.
        lab.declare(listeners(engine));
        expect((await lab.run()).code).toBe(0);
        await kill('s14');
        expect(await settles((hosts) => hosts.every((host) => host === 's15'))).toEqual(['s15', 's15']);
        await heal('s14');
        await becomes('calls', '10.1.160.14', 'up');
        // Each listener asks for itself: the next case needs it there.
        await becomes('web', '10.1.160.14', 'up');
        await lab.on('outside1', 'systemctl stop caller-6001 caller-6002');
      },
      4 * MINUTES,
    );

    it(
      'a checker that is killed comes back and knows what it knew; one that was changed is drift',
      async () => {
        await kill('s15');
        await becomes('web', '10.1.160.15', 'down');
        await lab.on('lb1', 'kill -9 $(systemctl show -p MainPID --value provision-lb-checker)');
        expect(await lab.answers('outside1', `${URL}:8080/`, 10)).toEqual({ s14: 10 });
        await lab.on(
          'lb1',
          'for i in $(seq 50); do systemctl -q is-active provision-lb-checker && exit 0; sleep 0.2; done; exit 1',
        );
        expect(await stateOf('web', '10.1.160.15')).toBe('down');
        await lab.on(
          'lb1',
          "echo '# by hand' >> /etc/provision/lb-checker; echo '# by hand' >> /etc/provision/lb.conf",
        );
        const run = await lab.run();
        expect(changesOf(run.report, 'lb1')).toEqual(
          expect.arrayContaining(['saved file:/etc/provision/lb-checker: content']),
        );
        expect(changesOf((await lab.run()).report, 'lb1')).toEqual([]);
        await heal('s15');
        await becomes('web', '10.1.160.15', 'up');
      },
      3 * MINUTES,
    );

    it(
      'held connections live through all of it',
      async () => {
        const { start, end } = await trafficIn(lab);
        const far = start('s14', 'answer', '7000');
        lab.declare(
          `${listeners(engine)}  - { name: held, address: 10.192.0.65, port: 7000, backends: [{ address: 10.1.160.14 }] }\n`,
        );
        expect((await lab.run()).code).toBe(0);
        const held = start('outside1', 'hold', '203.0.113.65', '7000');
        await pause(1000);
        lab.declare(
          `${listeners(engine)}  - { name: held, address: 10.192.0.65, port: 7000, backends: [{ address: 10.1.160.14, weight: 2 }, { address: 10.1.160.15 }] }\n`,
        );
        expect((await lab.run()).code).toBe(0);
        await lab.on('lb1', 'systemctl restart provision-lb-checker; sh /etc/provision/load-lb');
        await pause(1000);
        const { alive, answers } = await end<Held>(held);
        far.kill('SIGTERM');
        expect(alive).toBe(true);
        expect(answers).toBeGreaterThan(5);
      },
      MINUTES,
    );
  });
}
