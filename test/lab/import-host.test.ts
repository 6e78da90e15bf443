import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { IMPORT_IMAGE } from './docker-apps.ts';
import { installApps, untilAppsListen } from './egress-apps.ts';
import { changesOf, gatewayLab, provision, statusOf } from './gateway-lab.ts';
import type { GatewayLab } from './gateway-lab.ts';
import { labSupport } from './support.ts';

const MINUTES = 60_000;

interface HandMade {
  readonly host: string;
  readonly source: string;
  readonly playbook: string;
  /** Playbook text instead of a file. */
  readonly own?: string;
  readonly hosts: (text: string) => string;
  /** What the inventory knows of the host before: how it stands in the network. */
  readonly known: string;
  /** What a person typed there. */
  readonly typed: string;
  /** Notes of the import: what the article got wrong, and what stays. */
  readonly notes: readonly RegExp[];
  /** Resources that a run would change, besides those that are provision's own and new. */
  readonly differs: readonly string[];
  /** Shell text whose answer no run changes: what is as declared stays the very same. */
  readonly same?: string;
  /** Rules that are left of those typed. */
  readonly left: readonly string[];
}

/** The lab serves a port by itself only where the inventory leads to it, and this one does not say so yet. */
const serving =
  (address: string, port: number) =>
  (text: string): string =>
    text
      .replace(`ansible_host: ${address}`, (found) => `lab: { serve: [${port}] }@${found}`)
      .replace(
        /^(.*\{ )?( *)(lab: [^@]*)@(.*)$/m,
        (_all, flow: string | undefined, indent: string, lab: string, rest: string) =>
          flow === undefined ? `${indent}${lab}\n${indent}${rest}` : `${flow}${lab}, ${rest}`,
      );

const APPS = [100, 101].map((last, index) => ({
  ...{ name: `app-${index}`, listen: `172.19.0.${last}`, port: 8090, source: `172.19.0.${last}` },
}));

/** Whom the article lets out: everybody. */
const EVERYBODY = `import { egress, natGateway, play, playbook } from 'provision';
export default playbook('gateway', [
  play({ hosts: 'nat-gateway', roles: [natGateway()], checks: [egress({ from: 'private', expect: '203.0.113.10' })] }),
]);
`;

/** By ifconfig's classes, 172.19.0.100 is in a /16. */
const BRIDGES = [1, 2]
  .map(
    (n) =>
      `ip link add br-eip${n} type bridge; ip link set br-eip${n} up; ip addr add 172.19.0.${99 + n}/16 brd + dev br-eip${n}`,
  )
  .join('\n');

/** The articles, as they are, each with something of somebody else beside it. */
const HOSTS: Readonly<Record<string, HandMade>> = {
  'a gateway by firewalld (seed 000)': {
    host: 'gw1',
    source: 'inventory/lab',
    playbook: 'playbooks/gateway.ts',
    own: EVERYBODY,
    hosts: serving('172.31.0.21', 80),
    known: `ansible_host: 172.31.0.2
lab: { image: full }
nics: { eth0: { network: vpc-a, address: 172.31.0.2/24 } }
eips: { office: { public: 203.0.113.10, private: 172.31.0.2 } }
`,
    typed: `systemctl -q enable firewalld; systemctl start firewalld
firewall-cmd -q --add-masquerade --permanent; firewall-cmd -q --reload
echo net.ipv4.ip_forward=1 >> /etc/sysctl.conf; sysctl -q -p
iptables -t nat -A PREROUTING -i eth0 -p tcp --dport 8080 -j DNAT --to-destination 172.31.0.21:80
iptables -t nat -A PREROUTING -d 172.31.0.2 -p icmp -j DNAT --to-destination 172.31.0.21`,
    notes: [
      /^-t nat -A PREROUTING -i eth0 .*: the entry holds for whoever asks 172\.31\.0\.2, also by another NIC and from inside$/,
      /^zone public has masquerade: it translates whatever is routed through this host, from any source; .* only 172\.31\.0\.0\/24/,
      /^-t nat -A PREROUTING -d 172\.31\.0\.2\/32 -p icmp .*: no entry says this\. It stays in force until firewalld is reloaded by anybody but a run/,
      /^No rule of adopt is saved: a reboot loses them today\.$/,
    ],
    differs: ['adopted-lines:iptables', 'firewalld-zone:public'],
    // firewalld 1 was reloaded by the run: the zone changed.
    left: [],
  },
  'an app host with bridges (seed 003)': {
    host: 'app1',
    source: 'inventory/lab-app-host',
    playbook: 'playbooks/app-host.ts',
    hosts: (text) => text.replace(/ {10}egress:\n(?: {12}.*\n)+/, ''),
    // Its NICs and EIPs stand in hosts.yml.
    known: '',
    typed: `${BRIDGES}
iptables -t nat -I PREROUTING -d 172.31.0.8/32 ! -i br-eip1 -p tcp -m tcp --dport 8090 -j DNAT --to-destination 172.19.0.100:8090
iptables -t nat -I PREROUTING -d 172.31.0.14/32 ! -i br-eip2 -p tcp -m tcp --dport 8090 -j DNAT --to-destination 172.19.0.101:8090
iptables -t nat -I POSTROUTING -p all -s 172.19.0.100 -j SNAT --to-source 172.31.0.8
iptables -t nat -I POSTROUTING -p all -s 172.19.0.101 -j SNAT --to-source 172.31.0.14
${installApps(APPS, '198.51.100.10')}
${untilAppsListen(APPS)}`,
    notes: [
      /^bridge br-eip1: its address 172\.19\.0\.100\/16 puts all of that network behind the bridge/,
      /^bridge br-eip2: its address 172\.19\.0\.101\/16 puts all of that network behind the bridge/,
      /^No rule of adopt is saved: a reboot loses them today\.$/,
      /^net\.ipv4\.ip_forward is 0: nothing is forwarded today, and will be\.$/,
    ],
    differs: ['adopted-lines:iptables', 'bridges:egress'],
    left: [],
  },
  'an app host with containers (seed 003)': {
    host: 'app1',
    source: 'inventory/lab-app-host',
    playbook: 'playbooks/app-host.ts',
    hosts: (text) =>
      text
        .replace(/ {10}egress:\n(?: {12}.*\n)+/, '')
        .replace('ansible_host: 172.31.0.8', (found) => `${found}\n          lab: { image: full }`),
    known: '',
    // The second address of the article is in no network: that container never starts.
    typed: `systemctl -q enable --now docker; ${IMPORT_IMAGE} >/dev/null
docker network create --subnet=172.19.0.0/16 --opt com.docker.network.bridge.name=eip_bridge eip_bridge >/dev/null
docker run --name first --network=eip_bridge -p 172.31.0.8:8090:8080 --ip=172.19.0.100 -d eip:latest >/dev/null
docker run --name typo --network=eip_bridge -p 172.31.0.14:8090:8080 --ip=172.18.0.101 -d eip:latest >/dev/null 2>&1 || true
docker run --name second --network=eip_bridge -p 172.31.0.14:8090:8080 --ip=172.19.0.101 -d eip:latest >/dev/null
iptables -t nat -I POSTROUTING -p all -s 172.19.0.100 -j SNAT --to-source 172.31.0.8
iptables -t nat -I POSTROUTING -p all -s 172.19.0.101 -j SNAT --to-source 172.31.0.14
iptables -t nat -I POSTROUTING -p all -s 172.19.0.102 -j SNAT --to-source 172.31.0.14`,
    notes: [
      /^-t nat -A POSTROUTING -s 172\.19\.0\.102\/32 .*: its source is in the Docker network eip_bridge, and no container of a fixed address has it/,
      /^container typo of eip:latest \(eip_bridge 172\.18\.0\.101\): cannot start: 172\.18\.0\.101 is not in 172\.19\.0\.0\/16 of eip_bridge$/,
      /^No rule of adopt is saved: a reboot loses them today\.$/,
    ],
    differs: ['adopted-lines:iptables'],
    same: "docker ps -a --no-trunc --format '{{.ID}} {{.Names}}' | sort; docker network ls -q --no-trunc | sort",
    left: ['-A POSTROUTING -s 172.19.0.102/32 -j SNAT --to-source 172.31.0.14'],
  },
  'a balancer by statistic (seed 004)': {
    host: 'lb1',
    source: 'inventory/lab-load-balancer',
    playbook: 'playbooks/load-balancer.ts',
    hosts: (text) => serving('10.1.160.14', 8080)(serving('10.1.160.15', 8080)(text)),
    known: `ansible_host: 10.192.0.65
nics: { eth0: { network: vpc-b, address: 10.192.0.65/24 } }
eips: { web: { public: 203.0.113.65, private: 10.192.0.65 } }
`,
    typed: `echo net.ipv4.ip_forward=1 >> /etc/sysctl.conf; sysctl -q -p
iptables -t nat -A PREROUTING -d 10.192.0.65/32 -p tcp -m tcp --dport 8080 -m statistic --mode nth --every 2 --packet 0 -j DNAT --to-destination 10.1.160.14:8080
iptables -t nat -A POSTROUTING -d 10.1.160.14/32 -p tcp -m tcp --dport 8080 -j SNAT --to-source 10.192.0.65
iptables -t nat -A PREROUTING -d 10.192.0.65/32 -p tcp -m tcp --dport 8080 -m statistic --mode nth --every 1 --packet 0 -j DNAT --to-destination 10.1.160.15:8080
iptables -t nat -A POSTROUTING -d 10.1.160.15/32 -p tcp -m tcp --dport 8080 -j SNAT --to-source 10.192.0.65
iptables -t nat -A PREROUTING -p tcp --dport 80 -j REDIRECT --to-ports 8001-8002
iptables -A INPUT -p tcp -m multiport --dport 21:25,135:139 -s 192.0.2.9 -j DROP
iptables -t nat -N BY-HAND; iptables -t nat -A BY-HAND -s 192.0.2.0/24 -j ACCEPT; iptables -t nat -A POSTROUTING -s 192.0.2.0/24 -j BY-HAND`,
    notes: [
      /^10\.192\.0\.65:8080\/tcp: today whatever goes to these backends by this port gets the address of this host/,
      /^chain BY-HAND of nat \(1 rule\): is left as it is/,
      /^-t filter -A INPUT .* -j DROP: a filter; firewall\.filter can say most of them\. It stays in force as it is$/,
      /^No rule of adopt is saved: a reboot loses them today\.$/,
    ],
    differs: ['adopted-lines:iptables'],
    left: ['-A BY-HAND -s 192.0.2.0/24 -j ACCEPT', '-A POSTROUTING -s 192.0.2.0/24 -j BY-HAND'],
  },
};

/** All that an import may read and must not change, but for counters. */
const STATE = `iptables-save | sed -e '/^#/d' -e 's/ \\[[0-9:]*\\]$//'; nft -s list ruleset 2>/dev/null | sed 's/packets [0-9]* bytes [0-9]*//'
ip -4 addr; ip -4 route show table all; ip rule; tc qdisc; sysctl -a 2>/dev/null | grep -E '^net.ipv4.(ip_forward|conf)'`;
/** Files that are newer than a mark. */
const TOUCHED = 'find /etc /root /usr /opt /srv /var/lib -xdev -newer /run/mark -type f | sort';

describe.each(Object.entries(HOSTS))('%s', (_title, made) => {
  labSupport('is read, and taken over by a run', () => {
    let lab: GatewayLab;
    const on = (script: string): Promise<string> => lab.on(made.host, script).then((text) => text.trim());
    const declare = (text: string): void => {
      mkdirSync(path.join(lab.inventory, 'host_vars'), { recursive: true });
      writeFileSync(path.join(lab.inventory, 'host_vars', `${made.host}.yml`), text);
    };
    const running = (...flags: string[]) =>
      made.own === undefined ? lab.run(...flags) : lab.runPlaybook(lab.playbook('own', made.own), ...flags);
    const importing = () => provision('import', 'host', made.host, '-i', lab.inventory);

    beforeAll(async () => {
      lab = await gatewayLab(
        ({ edit }) => {
          edit('hosts.yml', made.hosts);
          if (made.known !== '') edit(`host_vars/${made.host}.yml`, () => made.known);
        },
        made.source,
        made.playbook,
      );
      await on(
        `apt-get -qq update >/dev/null 2>&1; apt-get -qq -y install iptables >/dev/null 2>&1\n${made.typed}`,
      );
    }, 20 * MINUTES);
    afterAll(() => lab?.down(), 2 * MINUTES);

    it(
      'prints variables that validate, tells the rest, and leaves the host as it is',
      async () => {
        await on('touch /run/mark; sleep 1.1');
        const before = await on(STATE);
        const { code, stdout, stderr } = await importing();
        expect(code).toBe(0);
        const notes = stderr
          .split('\n')
          .flatMap((line) => (line.startsWith('note: ') ? [line.slice(6)] : []));
        expect(notes).toEqual(made.notes.map((note) => expect.stringMatching(note)));
        expect([await on(STATE), await on(TOUCHED)]).toEqual([before, '']);
        // Control: a change of either kind is seen.
        await on('iptables -t nat -N SEEN; touch /etc/seen');
        expect([await on(STATE), await on(TOUCHED)]).toEqual([expect.not.stringMatching(/^$/), '/etc/seen']);
        expect(await on(STATE)).not.toBe(before);
        await on('iptables -t nat -X SEEN; rm /etc/seen');
        declare(`${made.known}${stdout}`);
        const valid = await provision('validate', made.playbook, '-i', lab.inventory);
        expect([valid.code, valid.stderr]).toEqual([0, '']);
      },
      3 * MINUTES,
    );

    it(
      'the plan: rules of our own, those that it takes over, and what the article got wrong',
      async () => {
        const before = await on(STATE);
        const { code, report } = await running('--check', '-l', made.host);
        expect(code).toBe(0);
        const host = report.hosts.find(({ name }) => name === made.host);
        // What was there and was made by hand; what is ours and new begins with nothing.
        const known = (host?.changes ?? []).filter(({ before: was }) => was !== null);
        const byHand = [...new Set(known.map(({ resource }) => resource))].filter(
          (resource) => !/^(sysctl|service|rules|docker-forward):/.test(resource),
        );
        expect(byHand.toSorted()).toEqual(made.differs);
        expect(await on(STATE)).toBe(before);
      },
      3 * MINUTES,
    );

    it(
      'the run takes it over; nothing that was typed is left but what was told; a second run and a second import find nothing',
      async () => {
        const same = await on(made.same ?? 'true');
        const run = await running();
        if (run.code !== 0) throw new Error(`ended ${run.code}:\n${run.stdout}${run.stderr}`);
        expect(statusOf(run.report, made.host)).toBe('changed');
        const rules = await on(
          "iptables-save -t nat | grep '^-A' | grep -vE 'PROVISION|DOCKER|docker0|eip_bridge|-d 172.19.0.10[01]/32' || true",
        );
        expect(rules.split('\n').filter(Boolean).toSorted()).toEqual(made.left);
        expect(await on(made.same ?? 'true')).toBe(same);
        const again = await running();
        expect([again.code, changesOf(again.report, made.host)]).toEqual([0, []]);
        const { code: ended, stdout } = await importing();
        expect([ended, stdout]).toEqual([0, expect.not.stringContaining('adopt:')]);
      },
      5 * MINUTES,
    );
  });
});
