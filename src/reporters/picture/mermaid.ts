import { nodesOf } from '../../model/topology.ts';
import type { Topology, TopologyCard } from '../../model/topology.ts';
import { visible } from '../visible.ts';

/** In quotes Mermaid takes any text, with what it or a browser would take for its own as character references. */
const label = (...parts: readonly string[]): string =>
  `"${parts
    .filter((part) => part !== '')
    .map((part) => visible(part).replaceAll(/[^\p{L}\p{N} .,/→·×+-]/gu, (c) => `#${c.codePointAt(0) ?? 0};`))
    .join('<br/>')}"`;

function subgraph({ id, head, sections }: TopologyCard): string[] {
  const inner = sections.flatMap(({ title, nodes }, index) => {
    const rows = nodes.map((node) => `      ${node.id}[${label(node.title, node.detail)}]`);
    return title === null ? rows : [`    subgraph ${head.id}s${index}[${label(title)}]`, ...rows, '    end'];
  });
  return [
    `  subgraph ${id.replace('-', '')}[${label([head.title, head.detail].filter(Boolean).join(' · '))}]`,
    ...inner,
    '  end',
  ];
}

/** `provision inventory graph --format mermaid`: a flowchart, which GitHub draws inside Markdown. */
export function mermaidGraph({ cards, links }: Topology): string {
  // A head is the box itself there.
  const ids = new Map(
    cards.flatMap((card) =>
      nodesOf(card).map(
        (node) => [node.id, node === card.head ? card.id.replace('-', '') : node.id] as const,
      ),
    ),
  );
  const lines = links
    .filter(({ drawn }) => drawn)
    .map(({ from, to }) => `  ${ids.get(from) ?? from} --> ${ids.get(to) ?? to}`);
  return `${['flowchart LR', ...cards.flatMap(subgraph), ...lines].join('\n')}\n`;
}
