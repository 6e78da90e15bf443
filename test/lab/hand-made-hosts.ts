import { IMPORT_IMAGE } from './docker-apps.ts';
import { installApps, untilAppsListen } from './egress-apps.ts';

/** New connections to one service, which is by then served by what was made by hand. */
export interface Asked {
  readonly from: string;
  readonly address: string;
  readonly port: number;
  readonly rate: number;
}

/** A host that was set up by hand as an article says, and what is known of that. */
export interface HandMade {
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
  /** What the notes ask for before a run. */
  readonly prepared?: string;
  /** Notes of the import: what the article got wrong, and what stays. */
  readonly notes: readonly RegExp[];
  /** Resources that a run would change, besides those that are provision's own and new. */
  readonly differs: readonly string[];
  /** Shell text whose answer no run changes: what is as declared stays the very same. */
  readonly same?: string;
  /** Rules that are left of those typed. */
  readonly left: readonly string[];
  /** Who asks whom while a run takes it over, and how often a second. */
  readonly traffic: readonly Asked[];
  /** Shell text that leaves out for a second what was made by hand. */
  readonly broken: string;
  /** What a run of it cannot do without and that costs connections whoever does it, as shell text. */
  readonly costs?: string;
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

const BOUND = ['172.31.0.8', '172.31.0.14'].map((listen, index) => ({
  ...{ name: `bound-${index}`, listen, port: 8090, source: listen },
}));

/** Whom the article lets out: everybody. */
const EVERYBODY = `import { egress, natGateway, play, playbook } from 'provision';
export default playbook('gateway', [
  play({ hosts: 'nat-gateway', roles: [natGateway()], checks: [egress({ from: 'private', expect: '203.0.113.10' })] }),
]);
`;

/** One host of two roles. */
const BOTH = `import { loadBalancer, natGateway, play, playbook } from 'provision';
export default playbook('both', [
  play({ hosts: 'nat-gateway', roles: [natGateway()] }),
  play({ hosts: 'load-balancer', roles: [loadBalancer()] }),
]);
`;

/** By ifconfig's classes, 172.19.0.100 is in a /16. */
const BRIDGES = [1, 2]
  .map(
    (n) =>
      `ip link add br-eip${n} type bridge; ip link set br-eip${n} up; ip addr add 172.19.0.${99 + n}/16 brd + dev br-eip${n}`,
  )
  .join('\n');

/** What the articles have wrong about a second NIC: an address, or SNAT, chooses no way out. */
const UNLED =
  /^eth1 \(172\.31\.0\.14\): no rule of routing leads what has this address out by it: that leaves by eth0/;

/** A second in which nothing is translated, of iptables. */
const WITHOUT_NAT =
  'iptables-save -t nat > /run/by-hand; iptables -t nat -F PREROUTING; iptables -t nat -F POSTROUTING; sleep 1; iptables-restore < /run/by-hand';

const FORWARDING = 'echo net.ipv4.ip_forward=1 >> /etc/sysctl.conf; sysctl -q -p';

/** A host behind the balancer of seed 001, which is its network's gateway too. */
const BEHIND = `    nat-gateway:
      hosts:
        lb1: {}
    private:
      hosts:
        app9: { ansible_host: 10.192.0.20, nics: { eth0: { network: vpc-b, address: 10.192.0.20/24 } } }
    servers:
`;

/** Half of the connections to a listener for each of two backends in other regions, and what hides the client from them. */
const REGIONS = ['192.0.2.10', '192.0.2.20']
  .map(
    (region, index) =>
      `iptables -t nat -A PREROUTING -d 10.192.0.65 -p tcp --dport 8090 -m statistic --mode nth --every ${2 - index} --packet 0 -j DNAT --to-destination ${region}:80
iptables -t nat -A POSTROUTING -d ${region} -p tcp --dport 80 -j SNAT --to-source 10.192.0.65
ip route add ${region} via 10.192.0.1`,
  )
  .join('\n');

/** The shared bandwidth of seed 002: outwards at the NIC, inwards at a device that it is led over. */
const SHAPED = `ip link add ifb0 type ifb; ip link set ifb0 up
tc qdisc add dev eth0 root handle 1: htb
tc qdisc add dev eth0 ingress
tc qdisc add dev ifb0 root handle 1: htb
for nic in eth0 ifb0; do tc class add dev $nic parent 1: classid 1:10 htb rate 1500mbit; done
for address in 172.31.0.2 172.31.0.3; do
  tc filter add dev eth0 parent 1: protocol ip prio 1 u32 match ip src $address/32 flowid 1:10
  tc filter add dev ifb0 parent 1: protocol ip prio 1 u32 match ip dst $address/32 flowid 1:10
done
tc filter add dev eth0 parent ffff: protocol ip u32 match u32 0 0 action mirred egress redirect dev ifb0`;

/** The articles, as they are, each with something of somebody else beside it. */
export const HAND_MADE: Readonly<Record<string, HandMade>> = {
  'a gateway by firewalld (seed 000)': {
    host: 'gw1',
    source: 'inventory/lab',
    playbook: 'playbooks/gateway.ts',
    own: EVERYBODY,
    hosts: serving('172.31.0.21', 80),
    known: `ansible_host: 172.31.0.2
nics: { eth0: { network: vpc-a, address: 172.31.0.2/24 } }
eips: { office: { public: 203.0.113.10, private: 172.31.0.2 } }
`,
    // "The NIC is in the zone public by default": NetworkManager puts it there, on the system of the article.
    typed: `apt-get -qq -y install firewalld conntrack >/dev/null 2>&1
systemctl -q enable firewalld; systemctl start firewalld
firewall-cmd -q --add-interface=eth0 --permanent
firewall-cmd -q --add-masquerade --permanent; firewall-cmd -q --reload
${FORWARDING}
iptables -t nat -A PREROUTING -i eth0 -p tcp --dport 8080 -j DNAT --to-destination 172.31.0.21:80
iptables -t nat -A PREROUTING -d 172.31.0.2 -p icmp -j DNAT --to-destination 172.31.0.21`,
    notes: [
      /^-t nat -A PREROUTING -i eth0 .*: the entry holds for whoever asks 172\.31\.0\.2, also by another NIC and from inside$/,
      /^zone public has masquerade: it translates whatever is routed through this host, from any source; .* only 172\.31\.0\.0\/24/,
      /^-t nat -A PREROUTING -d 172\.31\.0\.2\/32 -p icmp .*: no entry says this\. It stays in force until firewalld is reloaded by anybody but a run/,
      /^No rule of adopt is saved: a reboot loses them today\.$/,
    ],
    differs: ['adopted-lines:iptables', 'firewalld-zone:public'],
    left: ['-A PREROUTING -d 172.31.0.2/32 -p icmp -j DNAT --to-destination 172.31.0.21'],
    traffic: [
      { from: 'db1', address: '198.51.100.10', port: 80, rate: 50 },
      { from: 'outside1', address: '203.0.113.10', port: 8080, rate: 50 },
    ],
    // What began untranslated is remembered so for two minutes, and whoever gets its port again is lost too.
    broken: `firewall-cmd -q --remove-masquerade; ${WITHOUT_NAT}; firewall-cmd -q --add-masquerade
conntrack -D -p tcp --state SYN_SENT >/dev/null 2>&1`,
    // firewalld drops what is new while it reloads, and before 2.0 deletes the rules of iptables.
    costs: 'iptables-save -t nat > /run/by-hand; firewall-cmd -q --reload; iptables-restore < /run/by-hand',
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
      UNLED,
      /^No rule of adopt is saved: a reboot loses them today\.$/,
      /^net\.ipv4\.ip_forward is 0: nothing is forwarded today, and will be\.$/,
    ],
    differs: ['adopted-lines:iptables', 'bridges:egress'],
    left: [],
    traffic: [{ from: 'outside1', address: '109.25.48.65', port: 8090, rate: 50 }],
    broken: WITHOUT_NAT,
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
      UNLED,
      /^-t nat -A POSTROUTING -s 172\.19\.0\.102\/32 .*: its source is in the Docker network eip_bridge, and no container of a fixed address has it/,
      /^container typo of eip:latest \(eip_bridge 172\.18\.0\.101\): cannot start: 172\.18\.0\.101 is not in 172\.19\.0\.0\/16 of eip_bridge$/,
      /^No rule of adopt is saved: a reboot loses them today\.$/,
    ],
    differs: ['adopted-lines:iptables'],
    same: "docker ps -a --no-trunc --format '{{.ID}} {{.Names}}' | sort; docker network ls -q --no-trunc | sort",
    left: ['-A POSTROUTING -s 172.19.0.102/32 -j SNAT --to-source 172.31.0.14'],
    // By the other address nobody is served before the run: answers leave by the wrong NIC.
    traffic: [{ from: 'outside1', address: '109.25.48.65', port: 8090, rate: 50 }],
    broken: WITHOUT_NAT,
  },
  // Consoles in the article: a gateway with an SNAT entry for the network, a listener with backends by public address,
  // and a route to each.
  'a gateway and balancer to other regions (seed 001)': {
    host: 'lb1',
    source: 'inventory/lab-load-balancer',
    playbook: 'playbooks/load-balancer.ts',
    own: BOTH,
    hosts: (text) =>
      serving('10.20.0.10', 80)(serving('10.30.0.10', 80)(text)).replace('    servers:\n', BEHIND),
    known: `ansible_host: 10.192.0.65
nics: { eth0: { network: vpc-b, address: 10.192.0.65/24 } }
eips: { web: { public: 203.0.113.65, private: 10.192.0.65 } }
`,
    typed: `${FORWARDING}
iptables -t nat -A POSTROUTING -s 10.192.0.0/24 -o eth0 -j SNAT --to-source 10.192.0.65
${REGIONS}`,
    notes: [
      /^10\.192\.0\.65:8090\/tcp: today whatever goes to these backends by this port gets the address of this host/,
      /^No rule of adopt is saved: a reboot loses them today\.$/,
    ],
    differs: ['adopted-lines:iptables'],
    left: [],
    traffic: [
      { from: 'outside1', address: '203.0.113.65', port: 8090, rate: 50 },
      { from: 'app9', address: '198.51.100.10', port: 80, rate: 50 },
    ],
    broken: WITHOUT_NAT,
  },
  // API calls in the article: two EIPs on one gateway, a DNAT entry for each, one shared bandwidth.
  'a gateway of two EIPs that share bandwidth (seed 002)': {
    host: 'gw1',
    source: 'inventory/lab',
    playbook: 'playbooks/gateway.ts',
    hosts: (text) => serving('172.31.0.20', 80)(serving('172.31.0.21', 80)(text)),
    known: `ansible_host: 172.31.0.2
nics: { eth0: { network: vpc-a, address: 172.31.0.2/24, secondary: [172.31.0.3/24] } }
eips: { eip1: { public: 203.0.113.10, private: 172.31.0.2 }, eip2: { public: 203.0.113.11, private: 172.31.0.3 } }
`,
    typed: `${FORWARDING}
ip addr add 172.31.0.3/24 dev eth0
iptables -t nat -A PREROUTING -d 172.31.0.2 -p tcp --dport 80 -j DNAT --to-destination 172.31.0.20:80
iptables -t nat -A PREROUTING -d 172.31.0.3 -p tcp --dport 80 -j DNAT --to-destination 172.31.0.21:80
${SHAPED}`,
    prepared: 'tc qdisc del dev eth0 ingress',
    notes: [
      /^tc on eth0: it limits; bandwidth does that .* Before the run: tc qdisc del dev eth0 ingress, beside which it is refused\. After it: tc qdisc del dev eth0 root\.$/,
      /^No rule of adopt is saved: a reboot loses them today\.$/,
    ],
    differs: ['adopted-lines:iptables'],
    left: [],
    traffic: [
      { from: 'outside1', address: '203.0.113.10', port: 80, rate: 50 },
      { from: 'outside1', address: '203.0.113.11', port: 80, rate: 50 },
    ],
    broken: WITHOUT_NAT,
  },
  'an app host whose apps bind addresses (seed 003)': {
    host: 'app1',
    source: 'inventory/lab-app-host',
    playbook: 'playbooks/app-host.ts',
    hosts: (text) => text.replace(/ {10}egress:\n(?: {12}.*\n)+/, ''),
    known: '',
    typed: `${installApps(BOUND, '198.51.100.10')}
${untilAppsListen(BOUND)}`,
    notes: [UNLED],
    differs: [],
    left: [],
    // By the other address nobody is served before the run.
    traffic: [{ from: 'outside1', address: '109.25.48.65', port: 8090, rate: 50 }],
    broken: 'systemctl stop bound-0; sleep 1; systemctl start bound-0',
  },
  // What scheme one lacks, as people add it.
  'an app host by policy routing (seed 003)': {
    host: 'app1',
    source: 'inventory/lab-app-host',
    playbook: 'playbooks/app-host.ts',
    hosts: (text) => text.replace(/ {10}egress:\n(?: {12}.*\n)+/, ''),
    known: '',
    typed: `ip route add default via 172.31.0.1 dev eth0 table 100
ip route add default via 172.31.0.1 dev eth1 table 101
ip rule add from 172.31.0.8 lookup 100
ip rule add from 172.31.0.14 lookup 101
ip rule add uidrange 33-33 lookup 101
ip rule add fwmark 7 lookup 101
${installApps(BOUND, '198.51.100.10')}
${untilAppsListen(BOUND)}`,
    notes: [
      /^ip rule \d+:\s+from all fwmark 0x7 lookup 101: stays as it is; app hosts get rules of their own/,
      /^ip rule \d+:\s+from all uidrange 33-33 lookup 101: egress does the same by rules of its own/,
      /^ip rule \d+:\s+from 172\.31\.0\.14 lookup 101: egress does the same by rules of its own/,
      /^ip rule \d+:\s+from 172\.31\.0\.8 lookup 100: egress does the same by rules of its own/,
    ],
    differs: [],
    left: [],
    traffic: [{ from: 'outside1', address: '119.26.38.75', port: 8090, rate: 50 }],
    broken: 'ip rule del from 172.31.0.14 lookup 101; sleep 1; ip rule add from 172.31.0.14 lookup 101',
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
    typed: `${FORWARDING}
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
    traffic: [{ from: 'outside1', address: '203.0.113.65', port: 8080, rate: 100 }],
    broken: WITHOUT_NAT,
  },
};

/** One of each kind, which are imported with every `npm test`; the others by test/full. */
export const ONE_OF_EACH: readonly string[] = [
  'a gateway by firewalld (seed 000)',
  'an app host with containers (seed 003)',
  'a balancer by statistic (seed 004)',
];
