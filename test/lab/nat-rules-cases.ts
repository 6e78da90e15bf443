import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { changesOf, gatewayLab, SNAPSHOT, statusOf, touched } from './gateway-lab.ts';
import type { GatewayLab } from './gateway-lab.ts';
import { labSupport } from './support.ts';

const MINUTES = 60_000;
const OUTSIDE = 'http://198.51.100.10/ip';
const CLIENT = '198.51.100.10';

const POOL = [34, 35, 36, 37];

const gateway = (engine: string, dnat = ''): string => `ansible_host: 172.31.0.2
nics:
  eth0: { network: vpc-a, address: 172.31.0.2/24, secondary: [172.31.0.3/24, 172.31.0.4/24] }
eips:
  office: { public: 203.0.113.10, private: 172.31.0.2 }
  shop: { public: 203.0.113.11, private: 172.31.0.3 }
  legacy: { public: 203.0.113.12, private: 172.31.0.4 }
nat:
  engine: ${engine}
  masquerade: [172.31.0.16/28]
  snat:
    - { source: 172.31.0.21, to: shop }
    - { source: 172.31.0.32/29, to: [office, shop], except: [198.51.100.99] }
  dnat:
    - { name: web, eip: office, port: 8080, protocol: tcp, to: 172.31.0.21, to_port: 80 }
    - { name: range, eip: shop, port: 9000-9001, protocol: tcp, to: 172.31.0.20 }
    - { name: shifted, eip: shop, port: 7000-7001, protocol: tcp+udp, to: 172.31.0.20, to_port: 9000-9001 }
    - { name: calls, eip: shop, port: 20000, protocol: udp, to: 172.31.0.21 }
    - { name: whole, eip: legacy, protocol: any, to: 172.31.0.20, except_ports: [22] }
${dnat}firewall:
  filter:
    - { action: drop, direction: in, protocol: tcp, ports: [23, '25-26', 110, 111, '135-139', 445, 512, 513, 514, 1433, 3306, 3389, 5432, 5900, 6379, '8000-8010'] }
`;

const hosts = `        web1:`;
const more = POOL.map(
  (last) => `        p${last}:
          ansible_host: 172.31.0.${last}
          nics: { eth0: { network: vpc-a, address: 172.31.0.${last}/24 } }
`,
).join('');

/** Rules of others: by hand, as fail2ban writes them, in both of the kernel's tables. */
const FOREIGN = `
iptables -N f2b-sshd; iptables -A f2b-sshd -s 192.0.2.66/32 -j REJECT; iptables -A f2b-sshd -j RETURN; iptables -I INPUT -p tcp -m multiport --dports 22 -j f2b-sshd
iptables -t nat -N BY-HAND; iptables -t nat -A BY-HAND -s 192.0.2.0/24 -j ACCEPT; iptables -t nat -A POSTROUTING -j BY-HAND
nft add table inet by_hand; nft add chain inet by_hand c '{ type filter hook input priority 7; policy accept; }'; nft add rule inet by_hand c ip saddr 192.0.2.9 counter drop`;

/** All rules of the host but ours and what only counts. */
const FOREIGN_RULES = `iptables-save | grep -v -e '^[#*C]' -e PROVISION- -e '^:[A-Z]* ' ; nft -s list table inet by_hand`;

/** What holds by either engine. */
export function natRulesCases(engine: 'nftables' | 'iptables'): void {
  describe(`by ${engine}`, () => {
    labSupport('NAT gateway with a rule set of its own (row B)', () => {
      let lab: GatewayLab;
      const write = (dnat?: string): void => lab.edit('host_vars/gw1.yml', () => gateway(engine, dnat));
      beforeAll(async () => {
        lab = await gatewayLab(({ edit }) => {
          edit('host_vars/gw1.yml', () => gateway(engine));
          edit('hosts.yml', (text) => text.replace(hosts, `${more}${hosts}`));
        });
      }, 20 * MINUTES);
      afterAll(async () => lab?.down(), 2 * MINUTES);

      /** What the outside sees of a request from there; "none" = no way out. */
      const seen = (host: string): Promise<string> =>
        lab.on(host, `curl -s -m 3 ${OUTSIDE} || echo none`).then((text) => text.trim());
      /** What the backend behind an address sees as its client; "none" = no answer. */
      const clientAt = (from: string, to: string): Promise<string> =>
        lab.on(from, `curl -s -m 3 http://${to}/ip || echo none`).then((text) => text.trim());
      const inSync = async (): Promise<void> => {
        const again = await lab.run();
        expect(again.report.hosts.flatMap((host) => host.changes)).toEqual([]);
        expect(again.code).toBe(0);
      };

      it(
        'one run brings it up from nothing; the second changes nothing, with one connection and one exec',
        async () => {
          await lab.on('gw1', FOREIGN);
          const foreign = await lab.on('gw1', FOREIGN_RULES);
          const run = await lab.run();
          expect(run.stdout).toContain('DNAT 172.31.0.2:8080/tcp to 172.31.0.21:80');
          expect(run.code).toBe(0);
          const again = await lab.run();
          expect(again.report.hosts.flatMap((host) => host.changes)).toEqual([]);
          expect(again.report.hosts.map(({ ssh }) => [ssh.connections, ssh.execs])).toEqual(
            again.report.hosts.map(() => [1, 1]),
          );
          expect(await lab.on('gw1', FOREIGN_RULES)).toBe(foreign);
          // Control: the comparison sees a rule of somebody else that goes.
          await lab.on('gw1', 'iptables -D f2b-sshd -s 192.0.2.66/32 -j REJECT');
          expect(await lab.on('gw1', FOREIGN_RULES)).not.toBe(foreign);
        },
        5 * MINUTES,
      );

      it(
        'sources leave by the EIP of the table, a pool spreads them and keeps each to one, others get no way out',
        async () => {
          expect(await seen('web1')).toBe('203.0.113.11');
          expect(await seen('db1')).toBe('203.0.113.12');
          expect(await seen('iso1')).toBe('none');
          const pool = [];
          for (const last of POOL) pool.push(await seen(`p${last}`));
          expect([...new Set(pool)].sort()).toEqual(['203.0.113.10', '203.0.113.11']);
          const again = [];
          for (const last of POOL) again.push(await seen(`p${last}`));
          expect(again).toEqual(pool);
        },
        MINUTES,
      );

      it.each([
        ['a port that changes', '203.0.113.10:8080'],
        ['a range', '203.0.113.11:9001'],
        ['a shifted range', '203.0.113.11:7001'],
        ['a whole address', '203.0.113.12:9000'],
      ])(
        '%s: answers from outside, from inside, from the gateway itself; the backend sees the outside client',
        async (_kind, to) => {
          expect(await clientAt('outside1', to)).toBe(CLIENT);
          // Hairpin: from another host and from the backends themselves.
          expect(await clientAt('iso1', to)).not.toBe('none');
          expect(await clientAt('db1', to)).not.toBe('none');
          expect(await clientAt('web1', to)).not.toBe('none');
          expect(await clientAt('gw1', to)).not.toBe('none');
        },
        MINUTES,
      );

      it(
        'the ports that a whole address keeps stay with the gateway',
        async () => {
          const hostKey = (host: string): Promise<string> =>
            lab.on(host, 'cut -d " " -f 2 /etc/ssh/ssh_host_ed25519_key.pub').then((text) => text.trim());
          const answered = await lab.on('outside1', 'ssh-keyscan -t ed25519 203.0.113.12 2>/dev/null');
          expect(answered).toContain(await hostKey('gw1'));
          expect(await hostKey('db1')).not.toBe(await hostKey('gw1'));
        },
        MINUTES,
      );

      it(
        'so far no packet has left with a wrong source',
        async () => {
          expect((await lab.wrongSource())['gw1/eth0']).toBe(0);
        },
        MINUTES,
      );

      it(
        'an exception keeps its source: no translation towards that destination',
        async () => {
          // Nothing answers there: what the gateway notes of the flow is what counts.
          await lab.on('p34', 'curl -s -m 1 http://198.51.100.99/ || true');
          const noted = await lab.on('gw1', 'conntrack -L -s 172.31.0.34 -d 198.51.100.99 2>/dev/null');
          expect(noted).toMatch(/src=198\.51\.100\.99 dst=172\.31\.0\.34/);
          await lab.on('p34', 'curl -s -m 1 http://198.51.100.98/ || true');
          const other = await lab.on('gw1', 'conntrack -L -s 172.31.0.34 -d 198.51.100.98 2>/dev/null');
          expect(other).toMatch(/src=198\.51\.100\.98 dst=172\.31\.0\.[23] /);
        },
        MINUTES,
      );

      it(
        'plain rules hold for a list of ports longer than multiport takes',
        async () => {
          const open = (port: number): Promise<string> =>
            lab
              .on('outside1', `curl -s -o /dev/null -m 1 http://203.0.113.10:${port}/; echo $?`)
              .then((t) => t.trim());
          // 7 = refused at once, 28 = dropped (curl(1)).
          expect(await open(8010)).toBe('28');
          expect(await open(8011)).toBe('7');
        },
        MINUTES,
      );

      it(
        'a changed entry is one change, live and saved; UDP flows under way follow it',
        async () => {
          for (const host of ['db1', 'web1']) {
            await lab.on(
              host,
              'apt-get -qq -y install netcat-openbsd >/dev/null 2>&1; systemd-run -q --unit=calls sh -c "nc -u -k -l 20000 >/run/calls"',
            );
          }
          await lab.on(
            'outside1',
            'apt-get -qq -y install netcat-openbsd >/dev/null 2>&1; systemd-run -q --unit=caller sh -c "while :; do echo x; sleep 0.2; done | nc -u -p 5555 203.0.113.11 20000"',
          );
          const heard = (host: string): Promise<number> =>
            lab.on(host, 'wc -c </run/calls').then((text) => Number(text));
          await expect(lab.on('web1', 'sleep 1; test -s /run/calls')).resolves.toBeDefined();
          expect(await heard('db1')).toBe(0);

          lab.edit('host_vars/gw1.yml', (text) =>
            text.replace('protocol: udp, to: 172.31.0.21', 'protocol: udp, to: 172.31.0.20'),
          );
          const run = await lab.run();
          expect(run.stdout).toContain('20000/udp goes to 172.31.0.21');
          const changes = run.report.hosts.find(({ name }) => name === 'gw1')?.changes ?? [];
          expect(changes.filter(({ layer }) => layer === 'saved')).toHaveLength(1);
          expect(changes.filter(({ sentence }) => sentence.includes('20000/udp'))).toHaveLength(1);
          await lab.on('db1', 'sleep 1');
          expect(await heard('db1')).toBeGreaterThan(0);
          const left = await heard('web1');
          await lab.on('web1', 'sleep 1');
          expect(await heard('web1')).toBe(left);
          await lab.on('outside1', 'systemctl stop caller');
          await inSync();
        },
        2 * MINUTES,
      );

      const LOST =
        engine === 'nftables'
          ? 'nft delete table ip provision'
          : 'iptables-save | grep -v PROVISION- | iptables-restore';

      it(
        'rules lost by somebody else are named and loaded again; a foreign jump in front of ours is, too',
        async () => {
          await lab.on('gw1', LOST);
          const lost = await lab.run();
          expect(lost.stdout).toContain('the rules of provision are not loaded');
          expect(changesOf(lost.report, 'gw1').every((change) => change.startsWith('live rules:nat'))).toBe(
            true,
          );
          await inSync();
          await lab.on(
            'gw1',
            engine === 'nftables'
              ? 'nft add rule ip provision forward tcp dport 9999 drop'
              : 'iptables -t nat -I POSTROUTING 1 -s 10.9.9.0/24 -j MASQUERADE',
          );
          const drifted = await lab.run();
          expect(changesOf(drifted.report, 'gw1')).toEqual([
            `live rules:nat: ${engine === 'nftables' ? 'chain forward' : 'jumps'}`,
          ]);
          await inSync();
          await lab.on(
            'gw1',
            `echo '# by hand' >> /etc/provision/nat.${engine === 'nftables' ? 'nft' : 'rules'}`,
          );
          expect(changesOf((await lab.run()).report, 'gw1')).toEqual(['saved rules:nat: file']);
          await inSync();
        },
        2 * MINUTES,
      );

      it(
        'a change that cannot be confirmed leaves files and rules as they were',
        async () => {
          const before = await lab.on('gw1', SNAPSHOT);
          const broken = lab.playbook(
            'broken',
            `import { command, defineRole, natGateway, play, playbook } from 'provision';
           const late = defineRole('late', () => ({ resources: [command({ name: 'late', check: 'false', run: 'exit 1', undo: ':' })] }));
           export default playbook('broken', [play({ hosts: 'nat-gateway', roles: [natGateway(), late()] })]);`,
          );
          write(
            '    - { name: added, eip: office, port: 8081, protocol: tcp+udp, to: 172.31.0.20, to_port: 9000 }\n',
          );
          const run = await lab.runPlaybook(broken);
          expect(statusOf(run.report, 'gw1')).toBe('reverted');
          expect(touched(before, await lab.on('gw1', SNAPSHOT))).toEqual([]);
          // Control: without the broken step the same change stays, and the comparison sees it.
          expect((await lab.run()).code).toBe(0);
          expect(touched(before, await lab.on('gw1', SNAPSHOT))).not.toEqual([]);
          expect(await clientAt('outside1', '203.0.113.10:8081')).toBe(CLIENT);
        },
        3 * MINUTES,
      );

      it(
        'rules that the host refuses are refused before anything is changed (case 29)',
        async () => {
          const id = engine === 'nftables' ? 'nftables/nat.nft' : 'iptables/nat.rules';
          const before = await lab.on('gw1', SNAPSHOT);
          const { mkdirSync, readFileSync, writeFileSync } = await import('node:fs');
          const path = await import('node:path');
          const own = path.join(lab.inventory, '..', 'templates', `${id}.hbs`);
          mkdirSync(path.dirname(own), { recursive: true });
          const wrong =
            engine === 'nftables'
              ? ['ip daddr @public goto inbound', 'ip daddr @public masquerade']
              : [
                  '-I PREROUTING 1 -j PROVISION-DNAT',
                  '-I PREROUTING 1 -j PROVISION-DNAT\n-A PROVISION-DNAT -j MASQUERADE',
                ];
          writeFileSync(
            own,
            readFileSync(`templates/${id}.hbs`, 'utf8').replace(wrong[0] ?? '', wrong[1] ?? ''),
          );
          const run = await lab.run('--check', '--templates', path.join(lab.inventory, '..', 'templates'));
          expect(run.code).toBe(2);
          expect(run.report.hosts.find(({ name }) => name === 'gw1')?.error?.code).toBe('rules-refused');
          expect(await lab.on('gw1', SNAPSHOT)).toBe(before);
        },
        MINUTES,
      );

      it(
        'after a reboot all of it holds without a run, and no packet leaves with a wrong source meanwhile',
        async () => {
          const before = (await lab.wrongSource())['gw1/eth0'];
          // Exceptions have left as they were: the counter is not new.
          expect(before).toBeGreaterThan(0);
          await lab.on(
            'db1',
            `systemd-run -q --unit=asking sh -c 'while :; do curl -s -m 1 ${OUTSIDE}; done'`,
          );
          await lab.reboot('gw1');
          expect(await seen('web1')).toBe('203.0.113.11');
          expect(await clientAt('outside1', '203.0.113.10:8080')).toBe(CLIENT);
          await inSync();
          await lab.on('db1', 'systemctl stop asking');
          expect((await lab.wrongSource())['gw1/eth0']).toBe(before);
          // Control: forwarding without our rules leaks, and the counter sees it.
          await lab.on('gw1', LOST);
          await lab.on('db1', `curl -s -m 1 ${OUTSIDE} || true`);
          expect((await lab.wrongSource())['gw1/eth0']).toBeGreaterThan(before ?? 0);
          expect((await lab.run()).code).toBe(0);
        },
        3 * MINUTES,
      );
    });
  });
}
