import { isIPv4 } from 'node:net';
import { containerOf, dockerNetworkOf } from './host-docker.ts';
import type { HostContainer, HostDockerNetwork } from './host-docker.ts';
import { policyRuleOf, routeOf } from './host-routes.ts';
import type { HostPolicyRule, HostRoute } from './host-routes.ts';
import { shaperOf } from './host-shaping.ts';
import type { HostShaper } from './host-shaping.ts';
import { sysctlsOf } from './host-sysctls.ts';
import type { HostSysctl } from './host-sysctls.ts';
import { isObject, listOf, parsed, textOf } from './host-json.ts';

/** An address of the host, as ip(8) says. */
export interface HostAddress {
  readonly nic: string;
  readonly address: string;
  readonly prefix: number;
  /** bridge, veth …; empty = a NIC. */
  readonly kind: string;
}

export interface HostZone {
  readonly name: string;
  readonly nics: readonly string[];
  readonly masquerade: boolean;
  readonly services: readonly string[];
  /** `8080/tcp` of each. */
  readonly ports: readonly string[];
  /** Names of elements that say something else. */
  readonly others: readonly string[];
  /** `port=80 proto=tcp toaddr=…` of each. */
  readonly forwardPorts: readonly string[];
}

/** What `READ_HOST` found on a host. */
export interface HostReading {
  readonly addresses: readonly HostAddress[];
  /** Where the default route leads; empty = there is none. */
  readonly defaultNic: string;
  /** What iptables-save(8) printed, of every program that holds rules. */
  readonly rules: string;
  /** The files that are loaded at boot, in the same format. */
  readonly saved: string;
  readonly zones: readonly HostZone[];
  /** A reload of firewalld before 2.0 deletes every rule of iptables, whoever made it. */
  readonly reloadDeletes: boolean;
  readonly forwarding: boolean;
  /** Kernel parameters that files set, but for those of provision. */
  readonly sysctls: readonly HostSysctl[];
  /** `net.netfilter.nf_conntrack_*` as they are now, by the end of their name. */
  readonly conntrack: ReadonlyMap<string, string>;
  readonly routes: readonly HostRoute[];
  /** Rules of `ip rule` that every host does not have. */
  readonly policyRules: readonly HostPolicyRule[];
  /** Lines of `tc qdisc` that limit or order. */
  readonly qdiscs: readonly string[];
  readonly shapers: readonly HostShaper[];
  /** Tables of nftables that are neither iptables' nor firewalld's nor ours. */
  readonly nftTables: readonly string[];
  readonly networks: readonly HostDockerNetwork[];
  readonly containers: readonly HostContainer[];
}

/** A shell script that reads and changes nothing: one line `section NAME BASE64` for each thing that the host has. */
export const READ_HOST = `PATH=$PATH:/usr/sbin:/sbin
section() { printf 'section %s ' "$1"; base64 | tr -d '\\n'; echo; }
ip -j -d -4 addr show 2>/dev/null | section addresses
ip -4 route show default 2>/dev/null | section default
for tool in iptables-nft iptables-legacy; do
  command -v $tool-save >/dev/null || continue
  # iptables-legacy-save would load its modules to say that there is nothing.
  [ $tool = iptables-nft ] || grep -qs . /proc/net/ip_tables_names || continue
  $tool-save 2>/dev/null | section rules
done
command -v iptables-nft-save >/dev/null || ! command -v iptables-save >/dev/null || iptables-save 2>/dev/null | section rules
cat /etc/iptables/rules.v4 /etc/sysconfig/iptables 2>/dev/null | section saved
if systemctl -q is-active firewalld.service 2>/dev/null; then
  firewall-cmd --version 2>/dev/null | section firewalld
  sed -n 's/^DefaultZone=//p' /etc/firewalld/firewalld.conf 2>/dev/null | section default-zone
  for file in /etc/firewalld/zones/*.xml; do [ ! -f "$file" ] || { basename "$file" .xml; cat "$file"; } | section zone; done
fi
cat /proc/sys/net/ipv4/ip_forward | section forwarding
for file in /etc/sysctl.d/*.conf /etc/sysctl.conf; do
  case $file in */99-zz-provision-*) ;; *) [ ! -f "$file" ] || sed -n "s|^[[:space:]]*\\([a-z-][^#;]*=.*\\)|$file:\\1|p" "$file" ;; esac
done | section sysctls
grep -s . /proc/sys/net/netfilter/nf_conntrack_* | section conntrack
ip -4 rule show 2>/dev/null | section policy-rules
ip -4 route show table all 2>/dev/null | section routes
tc qdisc show 2>/dev/null | section qdiscs
for nic in $(tc qdisc show 2>/dev/null | sed -n -E 's/^qdisc (htb|ingress) [^ ]+ dev ([^ ]+) .*/\\2/p' | sort -u); do
  { echo "$nic"; tc class show dev "$nic"; tc filter show dev "$nic"; tc filter show dev "$nic" ingress; } 2>/dev/null | section shaper
done
nft list tables 2>/dev/null | section nft-tables
if [ -S /run/docker.sock ] && command -v curl >/dev/null; then
  docker() { curl -s -g -m 20 --unix-socket /run/docker.sock "http://docker$1"; }
  docker /networks | section docker-networks
  list=$(docker '/containers/json?all=true')
  ids() { printf %s "$list" | grep -o '"'$1'":"[0-9a-f:sh]*"' | cut -d '"' -f 4 | sort -u; }
  for id in $(ids Id); do docker "/containers/$id/json" | section docker-container; done
  for id in $(ids ImageID); do docker "/images/$id/json" | section docker-image; done
fi
`;

const addressesOf = (json: string): HostAddress[] =>
  listOf(parsed(json)).flatMap((link) =>
    listOf(link['addr_info']).flatMap((info) => {
      const [nic, address, prefix] = [textOf(link['ifname']), textOf(info['local']), info['prefixlen']];
      if (nic === 'lo' || nic === '' || !isIPv4(address) || typeof prefix !== 'number') return [];
      if (!(prefix >= 0 && prefix <= 32)) return [];
      const { linkinfo } = link;
      return [{ nic, address, prefix, kind: isObject(linkinfo) ? textOf(linkinfo['info_kind']) : '' }];
    }),
  );

const attributes = (tag: string): Record<string, string> =>
  Object.fromEntries(
    [...tag.matchAll(/([\w-]+)="([^"]*)"/g)].map(([, name = '', value = '']) => [name, value]),
  );

/** What is read of a zone, and what says nothing: its texts, and the `forward` that firewall-cmd writes into each. */
const ZONE_TAGS = [
  ...[
    'zone',
    'short',
    'description',
    'forward',
    'interface',
    'masquerade',
    'service',
    'port',
    'forward-port',
  ],
];

/** A zone as firewalld.zone(5) writes it, after its name. */
function zoneOf(text: string): HostZone {
  const [name = '', ...rest] = text.split('\n');
  const xml = rest.join('\n').replaceAll(/<!--[\s\S]*?-->/g, '');
  const tags = (tag: string): Record<string, string>[] =>
    [...xml.matchAll(new RegExp(`<${tag}\\b([^>]*)>`, 'g'))].map(([, found = '']) => attributes(found));
  return {
    name,
    nics: tags('interface').map((tag) => tag['name'] ?? ''),
    masquerade: tags('masquerade').length > 0,
    services: tags('service').map((tag) => tag['name'] ?? ''),
    ports: tags('port').map((tag) => `${tag['port'] ?? ''}/${tag['protocol'] ?? ''}`),
    others: [
      ...new Set(
        [...xml.matchAll(/<([a-z][\w-]*)/g)]
          .map(([, tag = '']) => tag)
          .filter((tag) => !ZONE_TAGS.includes(tag)),
      ),
    ],
    forwardPorts: tags('forward-port').map((tag) =>
      Object.entries(tag)
        .map(([key, value]) => `${key}=${value}`)
        .join(' '),
    ),
  };
}

/** Zones with the NICs of the default zone: those that no zone names are in it. */
function zonesOf(texts: readonly string[], defaultZone: string, nics: readonly string[]): HostZone[] {
  const zones = texts.map(zoneOf);
  const bound = zones.flatMap((zone) => zone.nics);
  return zones.map((zone) =>
    zone.name === defaultZone
      ? { ...zone, nics: [...zone.nics, ...nics.filter((nic) => !bound.includes(nic))] }
      : zone,
  );
}

/** What every host has: the three rules of the kernel. */
const PLAIN_RULE =
  /^(0:\s+from all lookup local|32766:\s+from all lookup main|32767:\s+from all lookup default)\s*$/;
const OUR_RULE = /^52\d\d:/;
const PLAIN_QDISC = /^qdisc (?:(?:noqueue|mq|fq_codel|pfifo_fast|fq|pfifo|clsact) |\S+ \S+ dev pv-p[ei] )/;
const KNOWN_TABLE = /^table (?:ip6? (?:nat|filter|mangle|raw|security)|\S+ (?:firewalld|provision\S*))$/;

const linesOf = (text: string): string[] =>
  text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');

/** What `READ_HOST` printed. A host's words are somebody else's: nothing of them is trusted to be there. */
export function parseReading(stdout: string): HostReading {
  const sections = stdout.split('\n').flatMap((line) => {
    const [, name = '', text = ''] = /^section (\S+) ([A-Za-z0-9+/=]*)$/.exec(line) ?? [];
    return name === '' ? [] : [{ name, text: Buffer.from(text, 'base64').toString('utf8') }];
  });
  const all = (name: string): string[] =>
    sections.filter((each) => each.name === name).map(({ text }) => text);
  const one = (name: string): string => all(name).join('\n');
  const addresses = addressesOf(one('addresses'));
  const nics = [...new Set(addresses.filter(({ kind }) => kind !== 'bridge').map(({ nic }) => nic))];
  return {
    addresses,
    defaultNic: /\bdev (\S+)/.exec(one('default'))?.[1] ?? '',
    rules: one('rules'),
    saved: one('saved'),
    zones: zonesOf(all('zone'), one('default-zone').trim(), nics),
    reloadDeletes: Number.parseInt(one('firewalld'), 10) < 2,
    forwarding: one('forwarding').trim() === '1',
    sysctls: sysctlsOf(one('sysctls')),
    conntrack: new Map(
      [...one('conntrack').matchAll(/nf_conntrack_(\w+):(\d+)$/gm)].map(([, key = '', value = '']) => [
        key,
        value,
      ]),
    ),
    routes: linesOf(one('routes')).flatMap(routeOf),
    policyRules: linesOf(one('policy-rules'))
      .filter((line) => !PLAIN_RULE.test(line) && !OUR_RULE.test(line))
      .map(policyRuleOf),
    shapers: all('shaper').map(shaperOf),
    qdiscs: linesOf(one('qdiscs')).filter((line) => line.startsWith('qdisc ') && !PLAIN_QDISC.test(line)),
    nftTables: linesOf(one('nft-tables')).filter((line) => !KNOWN_TABLE.test(line)),
    networks: listOf(parsed(one('docker-networks'))).flatMap(dockerNetworkOf),
    containers: all('docker-container')
      .map(parsed)
      .filter(isObject)
      .map((container) => containerOf(container, all('docker-image').map(parsed).filter(isObject))),
  };
}
