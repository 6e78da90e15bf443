import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { changesOf, gatewayLab, provision, statusOf } from './gateway-lab.ts';
import type { GatewayLab } from './gateway-lab.ts';
import { release } from './release.ts';
import { labSupport } from './support.ts';

const MINUTES = 60_000;

const gateway = (services: string): string => `ansible_host: 172.31.0.2
lab: { image: full }
nics:
  eth0: { network: vpc-a, address: 172.31.0.2/24 }
eips:
  office: { public: 203.0.113.10, private: 172.31.0.2 }
firewall:
  zones:
    public: { interfaces: [eth0], services: [${services}], ports: [] }
nat:
  engine: firewalld
  masquerade: [172.31.0.16/28]
  dnat:
    - { name: web, eip: office, port: 8080, protocol: tcp, to: 172.31.0.21, to_port: 80 }
`;

/** As people and their tools write them: in every table, in chains of their own, between Docker's, twice, with hostile words. */
const byHand = (v4: string, v6: string): string => `
i() { ${v4} -w 10 "$@"; }
i -N OPS; i -A OPS -s 192.0.2.1/32 -m comment --comment "it's \\"ops\\" \\$(touch /tmp/pwned) -j DOCKER" -j ACCEPT; i -A OPS -j RETURN
i -I FORWARD 1 -s 192.0.2.2/32 -j OPS
i -I FORWARD 4 -s 192.0.2.3/32 -j ACCEPT
i -A FORWARD -s 192.0.2.4/32 -j DROP
i -A FORWARD -s 192.0.2.4/32 -j DROP
i -N f2b-sshd; i -A f2b-sshd -s 192.0.2.66/32 -j REJECT; i -A f2b-sshd -j RETURN; i -I INPUT -p tcp -m multiport --dports 22 -j f2b-sshd
i -N EMPTY
i -t nat -N OPS-NAT; i -t nat -A OPS-NAT -s 10.66.0.0/24 -j SNAT --to-source 172.31.0.2; i -t nat -A POSTROUTING -j OPS-NAT
i -t nat -I POSTROUTING -s 10.9.0.0/16 -o eth0 -j MASQUERADE
i -t nat -A PREROUTING -d 172.31.0.2/32 -p tcp -m tcp --dport 9999 -j DNAT --to-destination 172.31.0.21:80
i -t mangle -A FORWARD -p tcp -m tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu
i -t raw -A PREROUTING -s 192.0.2.9/32 -j NOTRACK
${v6} -A FORWARD -s 2001:db8::1/128 -j DROP
${v6} -t mangle -N OPS6; ${v6} -t mangle -A OPS6 -j RETURN; ${v6} -t mangle -A PREROUTING -j OPS6`;
const AMONG_DOCKERS = 'iptables -I DOCKER-USER -s 192.0.2.67/32 -j DROP';

/** Everything that iptables holds, Docker's and ours too, in its order; without counters. */
const ALL = `for tool in iptables-nft ip6tables-nft iptables-legacy ip6tables-legacy; do "$tool-save" 2>/dev/null | sed -e '/^#/d' -e 's, \\[[0-9:]*\\]$,,'; done`;
const HAND_MADE = `iptables-save | grep -c -e OPS -e f2b- -e 10.9.0.0 -e 9999 -e 192.0.2; true`;

/** Without ours, and without tables that hold nothing: looking makes those. */
const foreign = (text: string): string =>
  text
    .split('\n')
    .filter((line) => !line.includes('PROVISION_DOCKER'))
    .join('\n')
    .replaceAll(/\*[a-z]+\n(?::[A-Z]+ ACCEPT\n)*COMMIT\n?/g, '');

/** In the place of busctl: a reload that has been made, and then this, once. */
const then = (what: string): string => `cat > /usr/local/bin/busctl <<'PROGRAM'
#!/bin/sh
/usr/bin/busctl "$@"; code=$?
case "$*" in *'FirewallD1 reload') ;; *) exit "$code" ;; esac
rm /usr/local/bin/busctl
iptables-save | grep -c OPS-NAT > /run/in-between
${what}
PROGRAM
chmod 755 /usr/local/bin/busctl`;

for (const [kind, prefix] of [
  ['nft', ''],
  ['legacy', '-legacy'],
] as const) {
  labSupport(`rules of others in iptables-${kind} beside firewalld`, () => {
    let lab: GatewayLab;
    const write = (text: string): void => lab.edit('host_vars/gw1.yml', () => text);
    beforeAll(async () => {
      lab = await gatewayLab(({ edit }) => edit('host_vars/gw1.yml', () => gateway('ssh')));
      await on('systemctl -q disable --now firewalld; systemctl stop docker.service docker.socket');
      // What Docker has made goes with the kind of iptables that it used.
      await on(
        'iptables -P FORWARD ACCEPT; for table in filter nat; do iptables -t $table -F; iptables -t $table -X; done',
      );
      for (const tool of ['iptables', 'ip6tables'])
        await on(`update-alternatives --set ${tool} /usr/sbin/${tool}-${kind} 2>/dev/null`);
      await on('systemctl start docker');
      await on(byHand(`iptables${prefix}`, `ip6tables${prefix}`));
      await on(AMONG_DOCKERS);
    }, 20 * MINUTES);
    afterAll(async () => lab?.down(), 2 * MINUTES);

    const on = (script: string): Promise<string> => lab.on('gw1', script).then((text) => text.trim());
    const run = async (...flags: string[]) => {
      const ended = await lab.run(...flags);
      expect([ended.code, ended.code === 0 || `${ended.stdout}${ended.stderr}`]).toEqual([0, true]);
      return ended;
    };
    const leftover = () => on('ls -d /tmp/pwned /run/provision/iptables-* 2>/dev/null; true');

    it(
      'a first run, which starts firewalld, deletes none of them',
      async () => {
        const before = await on(ALL);
        const { report } = await run();
        expect(changesOf(report, 'gw1')).toContain('live service:firewalld: running');
        expect(foreign(await on(ALL))).toBe(foreign(before));
        expect(changesOf((await run()).report, 'gw1')).toEqual([]);
        expect(await leftover()).toBe('');
      },
      5 * MINUTES,
    );

    it(
      'a run that changes a zone, and so reloads firewalld, leaves all in its place; the next changes nothing',
      async () => {
        const before = await on(ALL);
        write(gateway('ssh, http'));
        const { report } = await run();
        expect(changesOf(report, 'gw1')).toContain('live firewalld-zone:public: services');
        expect(await on('firewall-cmd --zone=public --query-service=http')).toBe('yes');
        expect(await on(ALL)).toBe(before);
        const again = await run();
        expect(changesOf(again.report, 'gw1')).toEqual([]);
        expect(again.stdout + again.stderr).not.toContain('rules of others');
        // Docker has nothing more to add.
        await on('sleep 3');
        expect(await on(ALL)).toBe(before);
        expect(await leftover()).toBe('');
      },
      5 * MINUTES,
    );

    it.each([
      ['fails after the rules are gone', 'exit 3'],
      [
        'is killed while the rules are gone',
        `kill -9 "$(awk '/^PPid:/ { print $2 }' /proc/$PPID/status)" $PPID`,
      ],
    ])(
      'a run whose reload %s is taken back, and all are in their places',
      async (_what, what) => {
        const before = await on(ALL);
        await on(then(what));
        write(gateway('ssh, http, https'));
        const { code, report } = await lab.run();
        expect([code, statusOf(report, 'gw1')]).toEqual([2, 'reverted']);
        // Control: firewalld 1 had deleted them.
        if (release !== 'debian-13') expect(await on('cat /run/in-between')).toBe('0');
        expect(await on('ls /usr/local/bin/busctl 2>/dev/null; true')).toBe('');
        expect(await on('firewall-cmd --zone=public --query-service=https; true')).toBe('no');
        expect(await on(ALL)).toBe(before);
        expect(await leftover()).toBe('');
        write(gateway('ssh, http'));
      },
      5 * MINUTES,
    );

    it(
      'the rollback of confirmed runs, to where firewalld did not run, leaves them too',
      async () => {
        const before = await on(ALL);
        const back = () => provision('rollback', '-i', lab.inventory, '-l', 'gw1');
        expect((await back()).code).toBe(0);
        expect(await on('firewall-cmd --zone=public --query-service=http; true')).toBe('no');
        expect(await on(ALL)).toBe(before);
        const runs = await on('ls -rt /var/lib/provision/txn');
        expect(runs.split('\n').length).toBeGreaterThan(2);
        write(gateway('ssh').replace(/^firewall:\n(?: .*\n)+/m, '') + 'nat_gateway: { state: absent }\n');
        await run();
        expect(await on('systemctl is-active firewalld; true')).toBe('inactive');
        expect(foreign(await on(ALL))).toBe(foreign(before));
      },
      5 * MINUTES,
    );

    if (release !== 'debian-13')
      it(
        'control: a reload by anybody else deletes them',
        async () => {
          await on('systemctl start firewalld; sleep 1');
          await on(byHand(`iptables`, `ip6tables`));
          expect(Number(await on(HAND_MADE))).toBeGreaterThan(10);
          await on('firewall-cmd -q --reload');
          expect(await on(HAND_MADE)).toBe('0');
        },
        2 * MINUTES,
      );
  });
}
