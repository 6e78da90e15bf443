import type { BalancedService, BalanceRules, PortSpread } from '../model/balance.ts';
import type { Ports } from '../model/nat-rules.ts';

const elements = (items: readonly string[]): string => items.join(',\n\t\t\t');
const portText = ({ from, to }: Ports): string => (from === to ? String(from) : `${from}-${to}`);
const braces = (items: readonly string[]): string =>
  items.length === 1 ? (items[0] ?? '') : `{ ${items.join(', ')} }`;
const isRange = ({ from, to }: Ports): boolean => from !== to;

/** Elements of the maps that lead to a service: those of single ports, or those of ranges. */
const leading = ({ name, addresses, protocols, ports }: BalancedService, ranges: boolean): string[] =>
  addresses.flatMap((address) =>
    protocols.flatMap((protocol) =>
      ports
        .filter((port) => isRange(port) === ranges)
        .map((port) => `${address} . ${protocol} . ${portText(port)} : goto S-${name}`),
    ),
  );

/** What becomes of the source of a balanced connection. */
function backRules({ back }: BalancedService): string[] {
  if (back.snat) {
    const sources = back.sources.map(({ nic, address }) => `"${nic}" : ${address}`);
    return [
      ...(sources.length > 0 ? [`snat to oifname map { ${sources.join(', ')} } fully-random`] : []),
      'masquerade fully-random',
    ];
  }
  return [
    ...(back.hairpin.length > 0
      ? [`ip saddr ${braces(back.hairpin)} masquerade fully-random comment "hairpin"`]
      : []),
    'fib saddr type local masquerade fully-random comment "the balancer itself"',
    'snat to ip saddr comment "backends see their clients, whoever masquerades later"',
  ];
}

/** The parts of the template that belong to one service. nft lists a set of `ct original proto-dst` only by its name. */
function serviceData(service: BalancedService): Readonly<Record<string, unknown>> {
  const { name, addresses, protocols, ports } = service;
  const several = ports.length > 1;
  const portsText = several ? `@ports-${name}` : ports.map(portText).join('');
  return {
    name,
    ports: several ? elements(ports.map(portText)) : '',
    back: backRules(service),
    // The protocol stands first: nft 0.9.8 takes no port before it knows the protocol.
    balanced: protocols.map(
      (protocol) =>
        `meta l4proto ${protocol} ct status dnat ct original ip daddr ${braces(addresses)} ct original proto-dst ${portsText}`,
    ),
    refused: protocols.map(
      (protocol) =>
        `ip daddr ${braces(addresses)} ${protocol} dport ${portsText} reject${protocol === 'tcp' ? ' with tcp reset' : ''}`,
    ),
  };
}

/** By a map: nft takes `numgen … offset` for a port too, and every connection fails then (byte order). */
function spreadRule({ protocol, port, to }: PortSpread): string {
  const all = Array.from({ length: to.to - to.from + 1 }, (_none, at) => to.from + at);
  const target =
    all.length === 1
      ? `:${to.from}`
      : `:numgen random mod ${all.length} map { ${all.map((each, at) => `${at} : ${each}`).join(', ')} }`;
  return `${protocol} dport ${port} redirect to ${target}`;
}

/** Rules → what the template `nftables/lb.nft` needs. All values are addresses, ports and names that were checked. */
export const balanceNftables = ({
  services,
  spreads,
  eips,
}: BalanceRules): Readonly<Record<string, unknown>> => ({
  service: elements(services.flatMap((each) => leading(each, false))),
  serviceRange: elements(services.flatMap((each) => leading(each, true))),
  services: services.map(serviceData),
  spreads: spreads.map(spreadRule),
  eips: spreads.length > 0 ? eips : [],
});
