import { addressOf, contains } from '../../model/ipv4.ts';
import type { TopologyCard, TopologyNode, TopologySection } from '../../model/topology.ts';
import { appNodes } from './app-nodes.ts';
import type { Drawing, Drawn } from './drawing.ts';
import { listOf, portsText } from './drawing.ts';
import { listenerNodes } from './listener-nodes.ts';
import { portRanges } from '../../roles/variables/ports.ts';

export const ROLES: Readonly<Record<string, string>> = {
  'nat-gateway': 'NAT gateway',
  'app-host': 'app host',
  'load-balancer': 'load balancer',
};

/** Words for what a host is for. */
export const rolesOf = ({ host }: Drawn): string[] =>
  Object.entries(ROLES).flatMap(([group, words]) =>
    host.groups.some((name) => name.replaceAll('_', '-') === group) ? [words] : [],
  );

function nicNodes(drawing: Drawing, { host, vars }: Drawn): TopologyNode[] {
  return Object.entries(vars.nics ?? {}).map(([name, { address, secondary, network, mac }]) => {
    const all = [address, ...secondary].map(addressOf);
    const node = drawing.node({
      kind: 'nic',
      title: name,
      detail: `${address}${secondary.length > 0 ? ` +${secondary.length}` : ''}`,
      host: host.name,
      facts: [
        ['address', address],
        ...(secondary.length > 0 ? [['further', secondary.join(', ')] as const] : []),
        ...(network === undefined ? [] : [['network', network] as const]),
        ...(mac === undefined ? [] : [['MAC', mac] as const]),
      ],
      names: [['addresses', name], ...secondary.map((block) => [addressOf(block), name])],
      place: host.place(['nics', name]),
    });
    all.forEach((own) => drawing.settle(own, node));
    return node;
  });
}

/** Who leaves by which public address. */
function snatNodes(
  drawing: Drawing,
  { host, vars }: Drawn,
  eips: ReadonlyMap<string, TopologyNode>,
): TopologyNode[] {
  const { nat } = vars;
  const publicsOf = (names: readonly string[]): string[] =>
    names.flatMap((name) => vars.eips?.[name]?.public ?? []);
  const snat = (nat?.snat ?? []).map((entry, index) => {
    const to = listOf(entry.to);
    const node = drawing.node({
      kind: 'snat',
      title: entry.source,
      detail: `→ ${to.join(', ')}`,
      host: host.name,
      facts: [
        ['source', entry.source],
        ['leaves by', publicsOf(to).join(' or ')],
        ...(entry.except.length > 0 ? [['but not to', entry.except.join(', ')] as const] : []),
      ],
      publics: publicsOf(to),
      carries: [entry.source],
      names: [[entry.source]],
      place: host.place(['nat', 'snat', index]),
    });
    to.forEach((name) => drawing.link('out', node, eips.get(name), false));
    return node;
  });
  const primaries = Object.values(vars.nics ?? {}).map(({ address }) => addressOf(address));
  const [own] = Object.entries(vars.eips ?? {}).find(([, eip]) => primaries.includes(eip.private)) ?? [];
  const masquerade = (nat?.masquerade ?? []).map((source, index) => {
    const node = drawing.node({
      kind: 'snat',
      title: source,
      detail: '→ masquerade',
      host: host.name,
      facts: [
        ['source', source],
        ['leaves by', 'the address of the NIC (masquerade), where no SNAT entry matches'],
      ],
      publics: own === undefined ? [] : publicsOf([own]),
      carries: [source],
      names: [[source]],
      place: host.place(['nat', 'masquerade', index]),
    });
    if (own !== undefined) drawing.link('out', node, eips.get(own), false);
    return node;
  });
  return [...snat, ...masquerade];
}

/** What the outside reaches, and where. Links to backends are made once all hosts are drawn. */
function dnatNodes(
  drawing: Drawing,
  { host, vars }: Drawn,
  eips: ReadonlyMap<string, TopologyNode>,
): TopologyNode[] {
  return (vars.nat?.dnat ?? []).map((entry, index) => {
    const eip = vars.eips?.[entry.eip];
    const port = portsText(entry.port);
    const toPort = portsText(entry.to_port ?? entry.port);
    const addresses = eip ? [eip.private, eip.public] : [];
    const [ports = null] = entry.port === undefined ? [] : portRanges(entry.port);
    const node = drawing.node({
      kind: 'dnat',
      title: entry.name,
      detail: `${entry.protocol}${port === '' ? '' : ` ${port}`} → ${entry.to}${toPort === '' ? '' : `:${toPort}`}`,
      host: host.name,
      facts: [
        ['public', `${entry.eip} (${eip?.public ?? '?'})${port === '' ? '' : `, port ${port}`}`],
        ['protocol', entry.protocol],
        ['to', `${entry.to}${toPort === '' ? '' : `:${toPort}`}`],
        ...(entry.except_ports.length > 0 ? [['but not', portsText(entry.except_ports)] as const] : []),
      ],
      endpoints: addresses.map((address) => ({
        address,
        protocols: entry.protocol === 'any' ? [] : entry.protocol.split('+'),
        ports,
      })),
      names: addresses.map((address) => [address, entry.to, ...(port === '' ? [] : [port])]),
      place: host.place(['nat', 'dnat', index]),
    });
    drawing.link('in', eips.get(entry.eip), node, false);
    return node;
  });
}

/** What a host does, as a card: its NICs, then what it translates, serves and runs. */
export function hostCard(
  drawing: Drawing,
  drawn: Drawn,
  eips: ReadonlyMap<string, TopologyNode>,
): TopologyCard {
  const { host, vars } = drawn;
  const roles = rolesOf(drawn);
  const head = drawing.node({
    kind: 'host',
    title: host.name,
    detail: roles.join(', '),
    host: host.name,
    facts: [
      ['reached at', host.connection.address],
      ...(host.connection.jumps.length > 0 ? [['through', host.connection.jumps.join(', ')] as const] : []),
      ['groups', host.groups.filter((group) => group !== 'all').join(', ')],
    ],
    vantages: [host.name],
    place: host.place([]),
  });
  // What it is reached at stands for the NIC that has it, else for the host.
  const nics = nicNodes(drawing, drawn);
  drawing.settle(host.connection.address, head);
  const apps = appNodes(drawing, drawn);
  const sections: TopologySection[] = [
    { title: null, nodes: nics },
    { title: 'Reached from outside', nodes: dnatNodes(drawing, drawn, eips) },
    { title: 'Leaving', nodes: snatNodes(drawing, drawn, eips) },
    { title: 'Listeners', nodes: listenerNodes(drawing, drawn, eips) },
    { title: 'Apps', nodes: apps },
  ];
  for (const [name, eip] of Object.entries(vars.eips ?? {})) {
    const nic = drawing.at(eip.private);
    const from = eips.get(name);
    drawing.link('in', from, nic);
    drawing.link('out', nic, from, false);
  }
  return {
    id: `c-${head.id}`,
    kind: 'host',
    column: 2,
    head,
    sections: sections.filter(({ nodes }) => nodes.length > 0),
  };
}

/** Whether a source of that address is translated by a node. */
export const carries = (node: TopologyNode, address: string): boolean =>
  node.carries.some((source) => contains(source, address));
