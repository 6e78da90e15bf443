import type { CheckResult } from '../../model/check.ts';
import type { Place } from '../../model/error.ts';
import { nodesOf } from '../../model/topology.ts';
import type { NodeKind, Topology, TopologyNode } from '../../model/topology.ts';
import { SIGNS } from '../change-sentences.ts';
import type { Markup } from '../markup.ts';
import { markup } from '../markup.ts';
import type { NodeMark } from '../picture/marks.ts';
import { STATUS_WORDS } from '../picture/svg.ts';

/** Of a long list so many are shown in a card; the tables of the page have all. */
const MOST = 12;

export const KIND_WORDS: Readonly<Record<NodeKind, string>> = {
  internet: 'outside',
  probe: 'vantage point outside',
  eip: 'public address',
  host: 'host',
  nic: 'network interface',
  snat: 'SNAT: what leaves',
  dnat: 'DNAT: what is reached',
  listener: 'listener',
  app: 'app',
  container: 'container',
  network: 'network',
  member: 'host',
  backend: 'backend',
};

/** `inventory/hosts.yml:12` */
export const placeText = ({ file, line }: Place): string => (line === undefined ? file : `${file}:${line}`);

/** One check with what it should see, what it saw, and why. */
export function checkItem({ name, expected, got, status, baseline, hint }: CheckResult): Markup {
  return markup`<li><span class="tag ${status}">${status}</span> ${name}<br><span class="muted">expected</span> <code>${expected}</code> <span class="muted">got</span> <code>${got}</code>${
    baseline === null ? null : markup` <span class="muted">before: ${baseline}</span>`
  }${hint ? markup`<p class="hint">${hint.sentence}</p>` : null}</li>`;
}

const rest = (number: number): Markup | null =>
  number > 0 ? markup`<li class="muted">… and ${number} more</li>` : null;

function detail(node: TopologyNode, mark: NodeMark | undefined): Markup {
  const { checks = [], sentences = [], status = null } = mark ?? {};
  return markup`<article class="about" id="d-${node.id}"><div class="kind">${KIND_WORDS[node.kind]}${
    node.host !== null && node.host !== node.title ? markup` of ${node.host}` : null
  }</div><h3>${node.title}</h3>${node.detail === '' ? null : markup`<div class="mono">${node.detail}</div>`}${
    status === null ? null : markup`<div><span class="tag ${status}">${STATUS_WORDS[status]}</span></div>`
  }<dl>${node.facts.map(([name, value]) => markup`<dt>${name}</dt><dd>${value}</dd>`)}${
    node.place ? markup`<dt>written at</dt><dd class="mono">${placeText(node.place)}</dd>` : null
  }</dl>${
    checks.length === 0
      ? null
      : markup`<h4>Checks</h4><ul>${checks.slice(0, MOST).map(checkItem)}${rest(checks.length - MOST)}</ul>`
  }${
    sentences.length === 0
      ? null
      : markup`<h4>Changes</h4><ul>${sentences.slice(0, MOST).map(({ action, sentence }) => markup`<li>${SIGNS[action]} ${sentence}</li>`)}${rest(sentences.length - MOST)}</ul>`
  }</article>
`;
}

/** What each node of the picture is, in full: shown beside it when it is looked at, below the picture without scripts. */
export const nodeDetails = (topology: Topology, marks: ReadonlyMap<string, NodeMark>): Markup =>
  markup`<div class="details">${topology.cards.flatMap(nodesOf).map((node) => detail(node, marks.get(node.id)))}</div>`;
