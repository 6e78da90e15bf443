import type { BalancedService, BalanceRules, PortSpread } from '../model/balance.ts';
import type { Ports } from '../model/nat-rules.ts';
import { multiport } from './iptables.ts';

const single = (ports: readonly Ports[]): Ports | null => (ports.length === 1 ? (ports[0] ?? null) : null);
const portText = ({ from, to }: Ports): string => (from === to ? String(from) : `${from}:${to}`);

/** Matches of a destination: one rule, or several where multiport does not hold all ports. */
function towards({ addresses, protocols, ports }: BalancedService): string[] {
  const only = single(ports);
  return addresses.flatMap((address) =>
    protocols.flatMap((protocol) =>
      (only ? [`-m ${protocol} --dport ${portText(only)}`] : multiport(ports)).map(
        (match) => `-d ${address} -p ${protocol} ${match}`,
      ),
    ),
  );
}

/** Matches of connections that were balanced, by what the client sent: never by the backend, which has others too. */
const balanced = ({ addresses, protocols, ports }: BalancedService): string[] =>
  addresses.flatMap((address) =>
    protocols.flatMap((protocol) =>
      ports.map(
        (port) =>
          `-p ${protocol} -m conntrack --ctstate DNAT --ctorigdst ${address} --ctorigdstport ${portText(port)}`,
      ),
    ),
  );

function back({ back: way }: BalancedService): string[] {
  if (way.snat)
    return [
      ...way.sources.map(({ nic, address }) => `-o ${nic} -j SNAT --to-source ${address} --random-fully`),
      '-j MASQUERADE --random-fully',
    ];
  return [
    ...way.hairpin.map((cidr) => `-s ${cidr} -j MASQUERADE --random-fully`),
    '-m addrtype --src-type LOCAL -j MASQUERADE --random-fully',
    // As it is, whoever masquerades later.
    '-j ACCEPT',
  ];
}

/** Without --random every connection goes to the first port of the range (Linux 4.19 on). */
const spread = ({ protocol, port, to }: PortSpread, eips: readonly string[]): string[] =>
  ['-m addrtype --dst-type LOCAL', ...eips.map((eip) => `-d ${eip}`)].map((where) => {
    const ports = to.from === to.to ? `${to.from}` : `${to.from}-${to.to} --random`;
    return `-p ${protocol} -m ${protocol} --dport ${port} ${where} -j REDIRECT --to-ports ${ports}`;
  });

/** Rules → what the template `iptables/lb.rules` needs: rules without their chain. */
export const balanceIptables = ({
  services,
  spreads,
  eips,
}: BalanceRules): Readonly<Record<string, unknown>> => ({
  refused: services.flatMap((service) =>
    towards(service).map(
      (match) => `${match} -j REJECT${match.includes('-p tcp ') ? ' --reject-with tcp-reset' : ''}`,
    ),
  ),
  services: services.map((service) => ({
    id: service.id,
    to: towards(service),
    balanced: balanced(service),
    back: back(service),
  })),
  spreads: spreads.flatMap((each) => spread(each, eips)),
});
