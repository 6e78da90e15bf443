import { isIPv4 } from 'node:net';
import type { CheckHint } from '../model/check.ts';
import type { Packet } from './packet-watch.ts';

/** A host that has no way out, and the gateway that should be its way. */
export interface Behind {
  readonly host: string;
  readonly address: string;
  readonly network: { readonly name: string; readonly cidr: string };
  readonly gateway: string;
  /** The gateway's address in that network. */
  readonly inner: string;
  /** The gateway's address that packets should leave by, and the EIP that the cloud maps to it. */
  readonly own: string;
  readonly eip: { readonly name: string; readonly public: string } | null;
  /** The NIC that holds `inner`. */
  readonly nic: string;
  /** An entry of the gateway's `nat` has the host's address. */
  readonly declared: boolean;
  /** An address of that network that is neither's. */
  readonly third: string;
}

const hint = (step: string, ...sentences: readonly string[]): CheckHint => ({
  step,
  sentence: sentences.join(' '),
});

/** What the inventory alone tells. */
export const undeclared = ({ host, address, gateway, declared }: Behind): CheckHint | null =>
  declared
    ? null
    : hint(
        'masquerade',
        `${address} of ${host} is in no masquerade or snat entry of ${gateway}: it is not translated.`,
        `Add its address or its network to nat of ${gateway}.`,
      );

/** What the gateway says of itself. */
export interface GatewayLook {
  /** net.ipv4.ip_forward; null = it did not say. */
  readonly forwards: boolean | null;
  /** What the outside sees when the gateway itself leaves by `own`; null = nothing, undefined = it could not ask. */
  readonly leavesBy: string | null | undefined;
}

/** Steps that the gateway shows by itself, without a packet of the host. */
export function ofGateway(behind: Behind, { forwards, leavesBy }: GatewayLook): CheckHint | null {
  const { gateway, own, eip } = behind;
  if (forwards === false)
    return hint(
      'forwarding',
      `${gateway} does not forward: net.ipv4.ip_forward is 0 there.`,
      'A run switches it on; look for what switches it off (sysctl --system, another drop-in).',
    );
  if (eip === null || leavesBy === undefined || leavesBy === eip.public) return null;
  return leavesBy === null
    ? hint(
        'eip-binding',
        `${gateway} itself does not get out by ${own}: EIP ${eip.name} (${eip.public}) is likely not bound to it.`,
        `Bind it to ${own} in the cloud.`,
      )
    : hint(
        'eip-binding',
        `${gateway} itself leaves by ${leavesBy} when it uses ${own}, not by EIP ${eip.name} (${eip.public}).`,
        `Bind ${eip.public} to ${own} in the cloud, or correct eips of ${gateway}.`,
      );
}

/** What passed while the host tried to get out; null = nobody could watch there. */
export interface PacketLook {
  /** What the check saw: an address that is not the expected one, or no way out. */
  readonly got: string;
  readonly expected: string;
  readonly atGateway: readonly Packet[] | null;
  readonly atHost: readonly Packet[] | null;
}

const routeTable = ({ network, gateway, inner }: Behind): string =>
  `the route-table entry of ${network.name} (0.0.0.0/0 to ${gateway}, ${inner})`;
const sourceCheck = ({ gateway, nic }: Behind): string =>
  `the source/destination check of ${nic} of ${gateway} (also called IP forwarding, or port security) switched off`;

/** Steps that only packets show: whether the host's reach the gateway, and in what form they leave it. */
export function ofPackets(
  behind: Behind,
  { got, expected, atGateway, atHost }: PacketLook,
): CheckHint | null {
  const { host, address, gateway, inner, network, third, own } = behind;
  if (atGateway === null && isIPv4(got)) return null;
  if (atGateway === null)
    return hint(
      'cloud-side',
      `${gateway} gets out itself and forwards; whether packets of ${host} reach it could not be watched (perl is not installed there).`,
      `Likely missing: ${routeTable(behind)}, or ${sourceCheck(behind)}.`,
    );
  const arrived = atGateway.filter(
    ({ way, source, target, kind }) =>
      way === 'in' && source === address && kind === 'begins' && target !== inner && target !== own,
  );
  if (arrived.length > 0) {
    const outside = new Set(arrived.map(({ target }) => target));
    const left = atGateway.filter(({ way, target }) => way === 'out' && outside.has(target));
    const translated = left.find(({ source }) => source !== address);
    if (translated && isIPv4(got))
      return hint(
        'snat',
        `${gateway} sends packets of ${host} on as ${translated.source}, and the outside sees ${got}, not ${expected}.`,
        `Look at nat of ${gateway} (the smallest entry with ${address} decides), and which EIP the cloud binds to ${translated.source}.`,
      );
    if (translated)
      return hint(
        'answer',
        `${gateway} sends packets of ${host} on as ${translated.source}, and no answer comes.`,
        'Look at what stands behind the gateway: a network ACL, the service that is asked.',
      );
    if (left.length > 0)
      return hint(
        'masquerade',
        `${gateway} sends packets of ${host} on untranslated, as ${address}: the cloud drops them.`,
        'A run loads the rules again; look for what removed them.',
      );
    return hint(
      'gateway-rules',
      `Packets of ${host} reach ${gateway} and do not leave it: a rule there drops them.`,
      'Look at its firewall: what FORWARD of others drops, what our guard counts (nft list table ip provision).',
    );
  }
  if (isIPv4(got))
    return hint(
      'other-way',
      `${host} leaves by ${got}, and no packet of it comes to ${gateway}.`,
      `Likely ${host} has an EIP of its own, or the route table of ${network.name} leads to another gateway.`,
    );
  const heard = atGateway.some(
    ({ way, source, target, kind }) =>
      way === 'in' && source === address && target === inner && kind === 'begins',
  );
  if (!heard)
    return hint(
      'security-group',
      `${gateway} does not hear ${host} at all, not even when it is asked by its own address ${inner}.`,
      `Likely missing: an entry of the security group of ${gateway} that lets ${network.cidr} in.`,
    );
  const at = (source: string): boolean =>
    (atHost ?? []).some((packet) => packet.way === 'in' && packet.source === source && packet.kind === 'udp');
  if (atHost === null || !at(inner))
    return hint(
      'cloud-side',
      `Packets of ${host} for the outside do not reach ${gateway}, though ${inner} does answer it.`,
      `Likely missing: ${routeTable(behind)}, or ${sourceCheck(behind)}.`,
    );
  return at(third)
    ? hint(
        'route-table',
        `Packets of ${host} for the outside do not reach ${gateway}, though ${inner} does answer it and may send for others.`,
        `Likely missing: ${routeTable(behind)}.`,
      )
    : hint(
        'source-destination-check',
        `The cloud takes only packets with its own address from ${gateway}, and hands it no others.`,
        `Likely missing: ${sourceCheck(behind)}.`,
      );
}
