import { addressOf } from '../../model/ipv4.ts';
import type { Host, Inventory } from '../../model/host.ts';
import { nodesOf } from '../../model/topology.ts';
import type { Topology, TopologyCard, TopologyNode } from '../../model/topology.ts';
import { readVariables } from '../../roles/variables/index.ts';
import { addressCard } from './address-card.ts';
import { Drawing, portsText } from './drawing.ts';
import type { Drawn } from './drawing.ts';
import { carries, hostCard, rolesOf } from './host-card.ts';
import { linkNetworks, networkCards } from './network-cards.ts';

const isProbe = ({ host }: Drawn): boolean => host.groups.includes('probes');

/** What does something for others, or is reached from outside, has a card of its own. */
const isBig = (one: Drawn): boolean => {
  const { eips, nat, listeners, egress, nics } = one.vars;
  const many = [eips, nics].map((group) => Object.keys(group ?? {}).length);
  return (
    rolesOf(one).length > 0 ||
    (many[0] ?? 0) > 0 ||
    (many[1] ?? 0) > 1 ||
    [nat, listeners, egress].some(Boolean)
  );
};

function outsideCard(drawing: Drawing, probes: readonly Drawn[]): TopologyCard {
  const head = drawing.node({
    kind: 'internet',
    title: 'Outside',
    detail: 'the internet',
    facts: [['what', 'everything that is in none of the networks']],
    vantages: ['controller'],
  });
  const nodes = probes.map(({ host }) => {
    const node = drawing.node({
      kind: 'probe',
      title: host.name,
      detail: host.connection.address === host.name ? '' : host.connection.address,
      host: host.name,
      facts: [['asks from', host.connection.address]],
      vantages: [host.name],
      place: host.place([]),
    });
    drawing.settle(host.connection.address, node);
    return node;
  });
  return {
    id: `c-${head.id}`,
    kind: 'outside',
    column: 0,
    head,
    sections: nodes.length === 0 ? [] : [{ title: null, nodes }],
  };
}

interface Target {
  readonly from: TopologyNode;
  readonly address: string;
  readonly title: string;
  readonly detail: string;
}

/** Where DNAT entries and listeners lead: to known hosts, and to addresses that are nobody's in this inventory. */
function targetsOf(card: TopologyCard, { vars }: Drawn): Target[] {
  const nodes = nodesOf(card);
  const named = (kind: TopologyNode['kind'], name: string) =>
    nodes.find((node) => node.kind === kind && node.title === name);
  const dnat = (vars.nat?.dnat ?? []).flatMap((entry): Target[] => {
    const from = named('dnat', entry.name);
    return from ? [{ from, address: entry.to, title: entry.to, detail: '' }] : [];
  });
  const balanced = (vars.listeners ?? []).flatMap((entry) =>
    (entry.backends ?? []).flatMap(({ address, port, weight, state }): Target[] => {
      const from = named('listener', entry.name);
      const detail = `${port === undefined ? portsText(entry.port) : `:${port}`} ×${weight}${state === 'active' ? '' : ` ${state}`}`;
      return from ? [{ from, address, title: address, detail }] : [];
    }),
  );
  return [...dnat, ...balanced];
}

function backendCard(drawing: Drawing, targets: readonly Target[]): TopologyCard | null {
  const unknown = targets.filter(({ address }) => !drawing.at(address));
  if (unknown.length === 0) return null;
  const head = drawing.node({
    kind: 'network',
    title: 'Elsewhere',
    detail: 'not in this inventory',
    facts: [['what', 'addresses that are led to and belong to no host of this inventory']],
  });
  const nodes = unknown.flatMap(({ address, title, detail, from }): TopologyNode[] => {
    if (drawing.at(address)) return [];
    const node = drawing.node({
      kind: 'backend',
      title,
      detail,
      facts: [['address', address]],
      endpoints: [{ address, protocols: [], ports: null }],
      place: from.place,
    });
    drawing.settle(address, node);
    return [node];
  });
  return { id: `c-${head.id}`, kind: 'backends', column: 3, head, sections: [{ title: null, nodes }] };
}

/** Which translation a host behind a gateway leaves by: the narrowest that has its address. */
function linkWaysOut(drawing: Drawing, cards: readonly TopologyCard[], plain: readonly Drawn[]): void {
  const all = cards.flatMap(nodesOf);
  const translations = all.filter(({ kind }) => kind === 'snat');
  const width = (node: TopologyNode): number => Number(node.carries[0]?.split('/')[1] ?? 32);
  for (const { vars } of plain)
    for (const { address } of Object.values(vars.nics ?? {})) {
      const [way] = translations
        .filter((node) => carries(node, addressOf(address)))
        .toSorted((a, b) => width(b) - width(a));
      drawing.link('out', drawing.at(addressOf(address)), way, false);
    }
}

/** The network that an inventory describes, as a picture sees it. Pure. */
export function topologyOf(inventory: Inventory): Topology {
  const drawing = new Drawing();
  const drawn = [...inventory.hosts.values()].map((host: Host): Drawn => ({
    host,
    vars: readVariables(host.vars),
  }));
  const inside = drawn.filter((one) => !isProbe(one));
  const big = inside.filter(isBig);
  const plain = inside.filter((one) => !isBig(one));
  const outside = outsideCard(drawing, drawn.filter(isProbe));
  const bigCards = big.map((one) => {
    const { card: addresses, byName } = addressCard(drawing, one);
    const card = hostCard(drawing, one, byName);
    if (addresses) drawing.link('in', outside.head, addresses.head);
    byName.forEach((eip) => {
      drawing.link('in', outside.head, eip, false);
      drawing.link('out', eip, outside.head, false);
    });
    return { one, addresses, card };
  });
  const networks = networkCards(drawing, plain, inside);
  const targets = bigCards.flatMap(({ one, card }) => targetsOf(card, one));
  const elsewhere = backendCard(drawing, targets);
  targets.forEach(({ from, address }) => drawing.link('in', from, drawing.at(address)));
  linkNetworks(drawing, big, networks);
  const cards = [
    outside,
    ...bigCards.flatMap(({ addresses, card }) => [...(addresses ? [addresses] : []), card]),
    ...networks,
    ...(elsewhere ? [elsewhere] : []),
  ];
  linkWaysOut(drawing, cards, plain);
  return { cards, links: drawing.links };
}
