import type { ElkNode } from 'elkjs/lib/elk-api.js';
import type { Topology, TopologyLink } from '../../model/topology.ts';
import { cardBox } from './measure.ts';
import type { CardBox } from './measure.ts';

export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface PlacedCard extends CardBox, Point {}

export interface PlacedLink {
  readonly link: TopologyLink;
  readonly points: readonly Point[];
}

/** Everything in its place, in CSS pixels. */
export interface Layout {
  readonly width: number;
  readonly height: number;
  readonly cards: readonly PlacedCard[];
  readonly links: readonly PlacedLink[];
}

/** Columns from left to right are partitions; lines run between rows, which are ports at fixed places. */
const OPTIONS = {
  'elk.algorithm': 'layered',
  'elk.direction': 'RIGHT',
  'elk.edgeRouting': 'ORTHOGONAL',
  'elk.partitioning.activate': 'true',
  'elk.separateConnectedComponents': 'false',
  'elk.layered.considerModelOrder.strategy': 'PREFER_NODES',
  'elk.layered.crossingMinimization.forceNodeModelOrder': 'true',
  'elk.layered.nodePlacement.strategy': 'NETWORK_SIMPLEX',
  'elk.layered.spacing.nodeNodeBetweenLayers': '56',
  'elk.layered.spacing.edgeNodeBetweenLayers': '18',
  'elk.layered.spacing.edgeEdgeBetweenLayers': '9',
  'elk.spacing.nodeNode': '22',
  'elk.spacing.edgeEdge': '9',
  'elk.spacing.edgeNode': '14',
  'elk.padding': '[top=12,left=12,bottom=12,right=12]',
};

/** A port for each row that a line begins or ends at. */
function elkCard(box: CardBox, links: readonly TopologyLink[]): ElkNode {
  const ports = box.rows.flatMap(({ node, y, height }) => {
    const port = (side: 'WEST' | 'EAST', x: number) => ({
      id: `${node.id}-${side}`,
      ...{ x, y: y + height / 2, width: 0, height: 0 },
      layoutOptions: { 'elk.port.side': side },
    });
    return [
      ...(links.some(({ to }) => to === node.id) ? [port('WEST', 0)] : []),
      ...(links.some(({ from }) => from === node.id) ? [port('EAST', box.width)] : []),
    ];
  });
  return {
    id: box.card.id,
    width: box.width,
    height: box.height,
    ports,
    layoutOptions: {
      'elk.portConstraints': 'FIXED_POS',
      'elk.partitioning.partition': String(box.card.column),
    },
  };
}

/** Where cards and lines go. The library is loaded only when something is drawn. */
export async function layoutOf({ cards, links }: Topology): Promise<Layout> {
  const drawn = links.filter((link) => link.drawn);
  const linked = new Set(drawn.flatMap(({ from, to }) => [from, to]));
  const boxes = cards.map((card) => cardBox(card, linked));
  const { default: elkModule } = await import('elkjs/lib/elk.bundled.js');
  // The module is CommonJS with a `default` of its own.
  const Elk = ((elkModule as unknown as { default?: unknown }).default ?? elkModule) as new () => {
    layout(graph: ElkNode): Promise<ElkNode>;
  };
  const laid = await new Elk().layout({
    id: 'picture',
    layoutOptions: OPTIONS,
    children: boxes.map((box) => elkCard(box, drawn)),
    edges: drawn.map(({ from, to }, index) => ({
      id: `e${index}`,
      sources: [`${from}-EAST`],
      targets: [`${to}-WEST`],
    })),
  });
  const places = new Map((laid.children ?? []).map(({ id, x = 0, y = 0 }) => [id, { x, y }]));
  return {
    width: Math.ceil(laid.width ?? 0),
    height: Math.ceil(laid.height ?? 0),
    cards: boxes.map((box) => ({ ...box, ...(places.get(box.card.id) ?? { x: 0, y: 0 }) })),
    links: drawn.map((link, index) => {
      const [section] = laid.edges?.[index]?.sections ?? [];
      const points = section ? [section.startPoint, ...(section.bendPoints ?? []), section.endPoint] : [];
      return { link, points };
    }),
  };
}
