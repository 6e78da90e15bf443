import { addressOf, contains } from '../../model/ipv4.ts';
import type { TopologyCard, TopologyNode } from '../../model/topology.ts';
import type { Drawing, Drawn } from './drawing.ts';

function memberNode(drawing: Drawing, { host, vars }: Drawn): TopologyNode {
  const nics = Object.entries(vars.nics ?? {});
  const addresses = nics.flatMap(([, nic]) => [nic.address, ...nic.secondary].map(addressOf));
  const [first = host.connection.address] = addresses;
  const node = drawing.node({
    kind: 'member',
    title: host.name,
    detail: first === host.name ? '' : first,
    host: host.name,
    facts: [
      ['address', addresses.length > 0 ? addresses.join(', ') : host.connection.address],
      ...(host.connection.jumps.length > 0 ? [['through', host.connection.jumps.join(', ')] as const] : []),
      ['groups', host.groups.filter((group) => group !== 'all').join(', ')],
    ],
    vantages: [host.name],
    endpoints: addresses.map((address) => ({ address, protocols: [], ports: null })),
    place: host.place([]),
  });
  addresses.forEach((address) => drawing.settle(address, node));
  return node;
}

/** A card for each network with the hosts that have no card of their own; those of no network stand together. */
export function networkCards(
  drawing: Drawing,
  plain: readonly Drawn[],
  all: readonly Drawn[],
): TopologyCard[] {
  const networks = new Map(all.flatMap(({ vars }) => Object.entries(vars.networks ?? {})));
  const cardOf = (
    name: string,
    cidr: string,
    gateway: string | undefined,
    members: readonly Drawn[],
  ): TopologyCard => {
    const head = drawing.node({
      kind: 'network',
      title: name,
      detail: cidr,
      facts: [
        ...(cidr === '' ? [] : [['addresses', cidr] as const]),
        ...(gateway === undefined ? [] : [['router', gateway] as const]),
        ['hosts', String(members.length)],
      ],
      place: all.find(({ vars }) => vars.networks?.[name])?.host.place(['networks', name]),
    });
    return {
      id: `c-${head.id}`,
      kind: 'network',
      column: 3,
      head,
      sections:
        members.length === 0 ? [] : [{ title: null, nodes: members.map((one) => memberNode(drawing, one)) }],
    };
  };
  const networkOf = ({ vars }: Drawn): string | undefined => {
    const [nic] = Object.values(vars.nics ?? {});
    if (!nic) return undefined;
    if (nic.network !== undefined) return nic.network;
    return [...networks].find(([, { cidr }]) => contains(cidr, addressOf(nic.address)))?.[0];
  };
  const known = [...networks].map(([name, { cidr, gateway }]) =>
    cardOf(
      name,
      cidr,
      gateway,
      plain.filter((one) => networkOf(one) === name),
    ),
  );
  const homeless = plain.filter((one) => !networks.has(networkOf(one) ?? ''));
  return homeless.length === 0 ? known : [...known, cardOf('other hosts', '', undefined, homeless)];
}

/** Lines from the NICs of hosts with a card to the networks they stand in. */
export function linkNetworks(drawing: Drawing, big: readonly Drawn[], cards: readonly TopologyCard[]): void {
  const heads = new Map(cards.map(({ head }) => [head.title, head]));
  for (const { vars } of big)
    for (const { network, address } of Object.values(vars.nics ?? {}))
      drawing.link(
        'in',
        drawing.at(addressOf(address)),
        network === undefined ? undefined : heads.get(network),
      );
}
