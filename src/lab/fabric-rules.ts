import type { LabNames } from './names.ts';
import type { LabFault } from './faults.ts';
import type { LabHost, LabNetwork, LabNic, LabPlan } from './plan.ts';

const bare = (cidr: string): string => cidr.split('/')[0] ?? '';
const setOf = (values: readonly string[]): string =>
  values.length === 0 ? '' : `elements = { ${values.join(', ')} }`;

/** The counter of packets that a NIC sent with a source that is not its own. */
export const counterName = (nic: LabNic): string => `wrong_source_${nic.index}`;

/** Addresses that a NIC may send from. */
export const ownAddresses = (nic: LabNic): string[] => nic.addresses.map(bare);

const has = (host: LabHost, fault: LabFault): boolean => host.faults.includes(fault);

function nicChain(host: LabHost, nic: LabNic): string {
  const rules = [
    `ip saddr { ${ownAddresses(nic).join(', ')} } return`,
    // Chatter of a host that has no address yet is nobody's mistake.
    'ip saddr 0.0.0.0 drop',
    'ip daddr 224.0.0.0/4 drop',
    // A cloud's "source/destination check off": what a gateway forwards inwards keeps the client's address.
    ...(host.role === 'gateway' && !has(host, 'source-destination-check') ? ['ip daddr @inside return'] : []),
    `counter name ${counterName(nic)} drop`,
  ];
  return `  chain nic_${nic.index} {\n    ${rules.join('\n    ')}\n  }`;
}

const networkOfNic = (plan: LabPlan, nic: LabNic): LabNetwork | undefined =>
  plan.networks.find(({ name }) => name === nic.network);

/** Regions have no route to each other's private addresses. */
function regionRules(plan: LabPlan, names: LabNames): string {
  const regions = [...new Set(plan.networks.map(({ region }) => region))];
  if (regions.length < 2) return '';
  const nics = plan.hosts.flatMap((host) => host.nics);
  const rules = regions.flatMap((region) => {
    const links = nics.filter((nic) => networkOfNic(plan, nic)?.region === region);
    const others = plan.networks.filter((network) => network.region !== region && !network.isPublic);
    return links.length === 0 || others.length === 0
      ? []
      : [
          `    iifname { ${links.map((nic) => `"${names.link(nic.index)}"`).join(', ')} } ip daddr { ${others.map(({ cidr }) => cidr).join(', ')} } drop`,
        ];
  });
  return rules.join('\n');
}

/** What the cloud does not hand to a NIC because a step was left out. Without a word, as clouds do it. */
function faultRules(host: LabHost, nic: LabNic, link: string): string[] {
  const own = ownAddresses(nic).join(', ');
  return [
    ...(has(host, 'source-destination-check') ? [`oifname "${link}" ip daddr != { ${own} } drop`] : []),
    // Packets between hosts are not tracked here: what begins something is told by itself.
    ...(has(host, 'security-group')
      ? ['tcp flags & (syn | ack) == syn', 'meta l4proto udp', 'icmp type echo-request'].map(
          (begins) => `oifname "${link}" ip saddr @inside ${begins} drop`,
        )
      : []),
  ];
}

/**
 * The cloud's packet rules. EIPs are one to one and both ways, by conntrack, so that ICMP errors are translated too.
 * Only packets of EIP flows are tracked: a packet that passes the fabric twice (host → gateway → outside) is two packets.
 */
export function fabricRuleset(plan: LabPlan, names: LabNames): string {
  const hosts = plan.hosts.flatMap((host) => host.nics.map((nic) => ({ host, nic })));
  const isInside = (nic: LabNic): boolean => networkOfNic(plan, nic)?.isPublic === false;
  const inside = hosts.filter(({ nic }) => isInside(nic));
  const outsideLinks = hosts.filter(({ nic }) => !isInside(nic)).map(({ nic }) => names.link(nic.index));
  const cidrs = plan.networks.filter(({ isPublic }) => !isPublic).map(({ cidr }) => cidr);
  const eips = inside.flatMap(({ host, nic }) => (has(host, 'eip-binding') ? [] : nic.eips));
  const faults = hosts.flatMap(({ host, nic }) => faultRules(host, nic, names.link(nic.index)));
  const insideLinks = inside.map(({ nic }) => names.link(nic.index));
  return `
table ip cloud {
${hosts.map(({ nic }) => `  counter ${counterName(nic)} { }`).join('\n')}
  set inside { type ipv4_addr; flags interval; ${setOf(cidrs)} }
  set inside_links { type ifname; ${setOf(insideLinks.map((link) => `"${link}"`))} }
  set outside_links { type ifname; ${setOf(outsideLinks.map((link) => `"${link}"`))} }
  set eip_private { type ipv4_addr; ${setOf(eips.map((eip) => eip.private))} }
  map eip_in { type ipv4_addr : ipv4_addr; ${setOf(eips.map((eip) => `${eip.public} : ${eip.private}`))} }
  map eip_out { type ipv4_addr : ipv4_addr; ${setOf(eips.map((eip) => `${eip.private} : ${eip.public}`))} }

${hosts.map(({ host, nic }) => nicChain(host, nic)).join('\n')}

  chain check {
    type filter hook prerouting priority raw; policy accept;
    iifname vmap { ${hosts.map(({ nic }) => `"${names.link(nic.index)}" : jump nic_${nic.index}`).join(', ')} }
    # The world has no route to private addresses.
    iifname @outside_links ip daddr @inside drop
${regionRules(plan, names)}
    iifname @outside_links ip daddr ${plan.controller.direct} drop
    iifname @inside_links ip daddr { ${plan.controller.direct} } notrack
    iifname @inside_links ip daddr @inside notrack
    iifname @inside_links ip saddr != @eip_private notrack
    iifname "${names.controllerLink}" ip saddr ${plan.controller.direct} notrack
  }
  chain faults {
    type filter hook forward priority filter; policy accept;
    ${faults.join('\n    ')}
  }
  chain to_eip {
    type nat hook prerouting priority dstnat; policy accept;
    dnat to ip daddr map @eip_in
  }
  chain from_eip {
    type nat hook postrouting priority srcnat; policy accept;
    ct status dnat ip saddr @eip_private snat to ip saddr map @eip_out
    ip daddr != @inside ip saddr @eip_private snat to ip saddr map @eip_out
  }
}
`;
}

/** Sysctls of the fabric, in order: writing ip_forward resets others. Each new link inherits the defaults. */
export const FABRIC_SYSCTLS = [
  'net.ipv6.conf.all.disable_ipv6=1',
  'net.ipv6.conf.default.disable_ipv6=1',
  'net.ipv4.ip_forward=1',
  ...['all', 'default'].flatMap((scope) => [
    `net.ipv4.conf.${scope}.rp_filter=0`,
    `net.ipv4.conf.${scope}.send_redirects=0`,
    `net.ipv4.conf.${scope}.accept_redirects=0`,
  ]),
  'net.ipv4.conf.default.proxy_arp=1',
  // "Unreachable" should be heard each time.
  'net.ipv4.icmp_ratelimit=0',
] as const;

/** Sysctls of one link, which has no default to inherit: the kernel would answer ARP for others only after up to 0.8 s. */
export const nicSysctl = (nic: LabNic, names: LabNames): string =>
  `net.ipv4.neigh.${names.link(nic.index)}.proxy_delay=0`;

const TABLE_OF_NETWORK = 1000;

const hostHas = (plan: LabPlan, name: string | null, fault: LabFault): boolean =>
  plan.hosts.some((host) => host.name === name && has(host, fault));

/** `ip -batch` lines for routes that do not hang on a link. */
export function fabricRoutes(plan: LabPlan): string[] {
  return [
    ...plan.networks.flatMap(({ cidr, isPublic }) => [
      `route add unreachable ${cidr}`,
      // Public networks are found as the rest of the world is: by whoever may leave at all.
      ...(isPublic ? [] : [`rule add priority 100 to ${cidr} lookup main`]),
    ]),
    `rule add priority 110 to ${plan.controller.direct} lookup main`,
    ...plan.networks.map((network, index) => {
      const kind = hostHas(plan, network.gatewayHost, 'route-table') ? 'blackhole' : 'unreachable';
      return `route add ${kind} default metric 4000000 table ${TABLE_OF_NETWORK + index}`;
    }),
    'route add unreachable default metric 4000000',
  ];
}

/** `ip -batch` lines for the policy rules of one NIC; they match by name and outlive the link. */
export function nicRules(plan: LabPlan, nic: LabNic, names: LabNames): string[] {
  const network = networkOfNic(plan, nic);
  if (network === undefined || network.isPublic) return [];
  const link = names.link(nic.index);
  // The gateway's own packets must not be handed back to it: without an EIP it has no way out either.
  const isGateway = network.gatewayHost === nic.host;
  const unbound = hostHas(plan, nic.host, 'eip-binding');
  return [
    ...(unbound ? [] : nic.eips).map(
      (eip) => `rule add priority 200 iif ${link} from ${eip.private} lookup main`,
    ),
    isGateway
      ? `rule add priority 300 iif ${link} ${unbound ? 'blackhole' : 'unreachable'}`
      : `rule add priority 300 iif ${link} lookup ${TABLE_OF_NETWORK + plan.networks.indexOf(network)}`,
  ];
}

/** The NIC that a network's route table points to: the gateway's own one there, else its first one in that region. */
function gatewayNic(plan: LabPlan, network: LabNetwork): LabNic | undefined {
  if (hostHas(plan, network.gatewayHost, 'route-table')) return undefined;
  const nics = plan.hosts.find(({ name }) => name === network.gatewayHost)?.nics ?? [];
  return (
    nics.find((nic) => nic.network === network.name) ??
    nics.find((nic) => networkOfNic(plan, nic)?.region === network.region)
  );
}

/** `ip -batch` lines that lead to one NIC; they go when its link goes (a reboot). */
export function nicRoutes(plan: LabPlan, nic: LabNic, names: LabNames): string[] {
  const link = names.link(nic.index);
  return [
    `link set ${link} up`,
    `address add ${nic.router}/32 dev ${link}`,
    ...ownAddresses(nic).map((address) => `route add ${address}/32 dev ${link} src ${nic.router}`),
    ...plan.networks.flatMap((network, index) =>
      gatewayNic(plan, network)?.index === nic.index
        ? [
            `route add default via ${ownAddresses(nic)[0]} dev ${link} onlink table ${TABLE_OF_NETWORK + index}`,
          ]
        : [],
    ),
  ];
}
