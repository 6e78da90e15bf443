import type { TopologyCard, TopologyNode, TopologySection } from '../../model/topology.ts';
import type { Drawing, Drawn } from './drawing.ts';

/** The public addresses of a host, those of a bandwidth package together. */
export interface AddressCard {
  readonly card: TopologyCard | null;
  /** By the name of the EIP. */
  readonly byName: ReadonlyMap<string, TopologyNode>;
}

const WAYS = { both: 'each way', egress: 'out', ingress: 'in' } as const;

export function addressCard(drawing: Drawing, { host, vars }: Drawn): AddressCard {
  const { eips = {}, bandwidth = [] } = vars;
  const byName = new Map<string, TopologyNode>();
  const nodeOf = (name: string): TopologyNode[] => {
    const eip = eips[name];
    if (!eip || byName.has(name)) return [];
    const shared = bandwidth.filter((one) => one.eips.includes(name));
    const node = drawing.node({
      kind: 'eip',
      title: name,
      detail: eip.public,
      host: host.name,
      facts: [
        ['public', eip.public],
        ['mapped to', `${eip.private} of ${host.name}`],
        ...shared.map(
          ({ name: of, cap, direction }) =>
            ['bandwidth', `${of}: ${cap} ${WAYS[direction]}, shared`] as const,
        ),
        ...(eip.peak === undefined
          ? []
          : [['peak', shared.length > 0 ? `${eip.peak} (not counted in a package)` : eip.peak] as const]),
      ],
      endpoints: [{ address: eip.public, protocols: [], ports: null }],
      publics: [eip.public],
      names: [[name, 'bandwidth'], [eip.public]],
      place: host.place(['eips', name]),
    });
    byName.set(name, node);
    return [node];
  };
  const packages = bandwidth.map(({ name, cap, direction, eips: members }): TopologySection => ({
    title: `${name} · ${cap} ${WAYS[direction]}`,
    nodes: members.flatMap(nodeOf),
  }));
  const alone: TopologySection = {
    title: packages.length > 0 ? 'on their own' : null,
    nodes: Object.keys(eips).flatMap(nodeOf),
  };
  const sections = [...packages, alone].filter(({ nodes }) => nodes.length > 0);
  if (sections.length === 0) return { card: null, byName };
  const head = drawing.node({
    kind: 'host',
    title: 'Public addresses',
    detail: host.name,
    host: host.name,
    place: host.place(['eips']),
  });
  return { card: { id: `c-${head.id}`, kind: 'addresses', column: 1, head, sections }, byName };
}
