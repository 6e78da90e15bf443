import type { EgressEntry, HostVariables } from '../../roles/variables/index.ts';
import { addressOf } from '../../model/ipv4.ts';
import type { TopologyNode } from '../../model/topology.ts';
import type { Drawing, Drawn } from './drawing.ts';

/** `8090:8080` → the port of the NIC. */
const outerPort = (published: string): string => published.split(':')[0] ?? published;

/** The addresses that an app on this NIC is reached by: the NIC's own, and those the cloud maps to it. */
function addressesOf(nic: string, { nics, eips }: HostVariables): { own: string[]; publics: string[] } {
  const declared = nics?.[nic];
  const own = declared ? [declared.address, ...declared.secondary].map(addressOf) : [];
  const publics = Object.values(eips ?? {}).flatMap((eip) => (own.includes(eip.private) ? [eip.public] : []));
  return { own, publics };
}

function endpointsOf(published: readonly string[], addresses: readonly string[]) {
  return published.flatMap((text) => {
    const port = Number(outerPort(text));
    const protocols = [text.endsWith('/udp') ? 'udp' : 'tcp'];
    return addresses.map((address) => ({ address, protocols, ports: { from: port, to: port } }));
  });
}

const publishedText = (published: readonly string[]): string =>
  published.length === 0 ? '' : ` · ${published.slice(0, 2).join(' ')}${published.length > 2 ? ' …' : ''}`;

function factsOf(entry: EgressEntry, publics: readonly string[]): [string, string][] {
  return [
    ['leaves by', `${entry.nic}${publics.length > 0 ? ` (${publics.join(', ')})` : ''}`],
    ['scheme', entry.scheme],
    ...(entry.users ? [['users', entry.users.join(', ')] as [string, string]] : []),
    ...(entry.network
      ? [['Docker network', `${entry.network.name} ${entry.network.subnet}`] as [string, string]]
      : []),
    ...(entry.bridge ? [['bridge', `${entry.bridge} ${entry.address ?? ''}`] as [string, string]] : []),
    ...(entry.publish?.length ? [['published', entry.publish.join(', ')] as [string, string]] : []),
  ];
}

/** Which app leaves by which NIC: one row for an entry, or one for each of its containers. */
export function appNodes(drawing: Drawing, { host, vars }: Drawn): TopologyNode[] {
  return (vars.egress ?? []).flatMap((entry, index) => {
    const { own, publics } = addressesOf(entry.nic, vars);
    const reached = [...own, ...publics];
    const nic = own[0] === undefined ? undefined : drawing.at(own[0]);
    const tie = (node: TopologyNode): TopologyNode => {
      drawing.link('out', node, nic, false);
      if (node.endpoints.length > 0) drawing.link('in', nic, node, false);
      return node;
    };
    if (entry.containers && entry.containers.length > 0)
      return entry.containers.map((container, position) =>
        tie(
          drawing.node({
            kind: 'container',
            title: container.name,
            detail: `${container.ip} → ${entry.nic}${publishedText(container.publish)}`,
            host: host.name,
            facts: [
              ['image', container.image],
              ['address', container.ip],
              ...factsOf(entry, publics),
              ...(container.publish.length > 0 ? [['published', container.publish.join(', ')] as const] : []),
            ],
            vantages: [`${host.name}/${container.name}`],
            endpoints: endpointsOf(container.publish, reached),
            publics,
            carries: [container.ip],
            names: [[container.name], [container.ip]],
            place: host.place(['egress', index, 'containers', position]),
          }),
        ),
      );
    const who = entry.users?.join(', ') ?? entry.address ?? 'binds its address';
    return [
      tie(
        drawing.node({
          kind: 'app',
          title: entry.name,
          detail: `${who} → ${entry.nic}${publishedText(entry.publish ?? [])}`,
          host: host.name,
          facts: factsOf(entry, publics),
          vantages: (entry.users ?? []).map((user) => `${host.name}#${user}`),
          endpoints: endpointsOf(entry.publish ?? [], reached),
          publics,
          carries: entry.address === undefined ? [] : [entry.address],
          names: [[entry.name], ...(entry.address === undefined ? [] : [[entry.address]])],
          place: host.place(['egress', index]),
        }),
      ),
    ];
  });
}
