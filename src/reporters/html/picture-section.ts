import type { Topology, TopologyNode } from '../../model/topology.ts';
import type { Markup } from '../markup.ts';
import { markup } from '../markup.ts';
import type { Layout } from '../picture/layout.ts';
import type { NodeMark } from '../picture/marks.ts';
import { drawing, STATUS_WORDS } from '../picture/svg.ts';
import type { Wrap } from '../picture/svg.ts';
import { KIND_WORDS, nodeDetails } from './details.ts';

const CHECK_WORDS = {
  pass: 'checks pass',
  fail: 'a check fails',
  unproven: 'a check could not be asked',
} as const;
const CHANGE_WORDS = { create: 'is created', update: 'changes', delete: 'goes' } as const;

/** A row in one sentence, for those who hear it. */
function spoken({ kind, title, detail, host }: TopologyNode, mark: NodeMark | undefined): string {
  const of = host !== null && host !== title ? ` of ${host}` : '';
  return [
    `${KIND_WORDS[kind]} ${title}${of}`,
    detail,
    mark?.status ? STATUS_WORDS[mark.status] : '',
    mark?.check ? CHECK_WORDS[mark.check] : '',
    mark?.change ? CHANGE_WORDS[mark.change] : '',
  ]
    .filter((part) => part !== '')
    .join(', ');
}

/** A row leads to its details; a script shows them beside it. */
const link: Wrap = (node, mark, classes, content) =>
  markup`<a id="${node.id}" class="${classes}" href="#d-${node.id}" aria-label="${spoken(node, mark)}" data-related="${(mark?.related ?? []).join(' ')}">${content}</a>`;

const key = (sign: Markup, words: string): Markup =>
  markup`<li><svg class="topology-key" width="16" height="16" viewBox="-8 -8 16 16" aria-hidden="true">${sign}</svg>${words}</li>`;

const LEGEND = markup`<ul class="legend">${[
  key(
    markup`<circle class="sign pass" r="6.5"/><path class="stroke" d="M-3 0.2 L-0.8 2.6 L3.2 -2.4"/>`,
    'checks pass',
  ),
  key(
    markup`<path class="sign fail" d="M0 -7 L7 0 L0 7 L-7 0 Z"/><path class="stroke" d="M-2.4 -2.4 L2.4 2.4 M2.4 -2.4 L-2.4 2.4"/>`,
    'a check or the host fails',
  ),
  key(
    markup`<rect class="sign unproven" x="-6" y="-6" width="12" height="12" rx="2"/><path class="stroke" d="M0 -3 V1 M0 3.1 V3.4"/>`,
    'could not be asked',
  ),
  key(markup`<circle class="sign none" r="2.5"/>`, 'not checked'),
  key(
    markup`<rect class="change update" x="-8" y="-8" width="16" height="16" rx="4"/><text class="change-sign" y="4">~</text>`,
    'changes',
  ),
]}<li class="keys">Point at a row, or press Tab and the arrow keys; Enter holds it, Escape lets go.</li></ul>`;

/** The network as a picture, with what each row of it is. */
export function pictureSection(
  topology: Topology,
  layout: Layout,
  marks: ReadonlyMap<string, NodeMark>,
): Markup {
  return markup`<div class="tools"><h2>Network</h2><input id="find" type="search" placeholder="Find a host, address or rule" aria-label="Find a host, address or rule"><button id="size" type="button" aria-pressed="false">Actual size</button></div>
<div class="canvas"><svg class="topology" xmlns="http://www.w3.org/2000/svg" role="group" aria-label="Network: rows can be walked through with the arrow keys" viewBox="0 0 ${layout.width} ${layout.height}" width="${layout.width}" height="${layout.height}">${drawing(layout, marks, link)}</svg></div>
${LEGEND}
${nodeDetails(topology, marks)}`;
}
