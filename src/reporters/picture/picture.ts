import { nodesOf } from '../../model/topology.ts';
import type { Topology } from '../../model/topology.ts';
import { markup, Markup } from '../markup.ts';
import { layoutOf } from './layout.ts';
import type { NodeMark } from './marks.ts';
import { PICTURE_STYLE, themes } from './style.ts';
import { drawing } from './svg.ts';
import type { Wrap } from './svg.ts';

/** The tip that a browser shows for a row of a picture without a page around it. */
const tip: Wrap = ({ title, detail, facts }, _mark, classes, content) =>
  markup`<g class="${classes}"><title>${[`${title} ${detail}`.trim(), ...facts.map(([name, value]) => `${name}: ${value}`)].join('\n')}</title>${content}</g>`;

/** `provision inventory graph --format svg`: a picture that stands alone, light or dark as its reader is. */
export async function standaloneSvg(
  topology: Topology,
  marks: ReadonlyMap<string, NodeMark>,
): Promise<string> {
  const layout = await layoutOf(topology);
  const hosts = new Set(topology.cards.flatMap(nodesOf).flatMap(({ host }) => host ?? [])).size;
  const style = new Markup(
    `${themes('svg.topology')}${PICTURE_STYLE}svg.topology { background: var(--ground); }`,
  );
  return markup`<?xml version="1.0" encoding="UTF-8"?>
<svg class="topology" xmlns="http://www.w3.org/2000/svg" role="img" aria-label="Network of ${hosts} hosts" viewBox="0 0 ${layout.width} ${layout.height}" width="${layout.width}" height="${layout.height}"><style>${style}</style>${drawing(layout, marks, tip)}</svg>
`.text;
}
