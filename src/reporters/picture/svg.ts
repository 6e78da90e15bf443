import type { HostStatus } from '../../model/report.ts';
import type { TopologyNode } from '../../model/topology.ts';
import type { Markup } from '../markup.ts';
import { markup } from '../markup.ts';
import type { Layout, PlacedCard, PlacedLink, Point } from './layout.ts';
import type { NodeMark } from './marks.ts';
import { HEADING, INDENT, OUTDENT, PAD } from './measure.ts';
import type { RowBox } from './measure.ts';

/** How a row is wrapped: as a link to its details, or as a mere group. */
export type Wrap = (
  node: TopologyNode,
  mark: NodeMark | undefined,
  classes: string,
  content: Markup,
) => Markup;

/** Statuses that a person should see at once, in words. */
export const STATUS_WORDS: Readonly<Record<HostStatus, string>> = {
  ok: 'in sync',
  planned: 'to change',
  changed: 'changed',
  failed: 'failed',
  reverted: 'put back',
  pending: 'pending',
  unknown: 'unknown',
  unreachable: 'not reached',
  skipped: 'skipped',
};
const BAD: readonly HostStatus[] = ['failed', 'reverted', 'pending', 'unknown', 'unreachable'];
const isBad = (status: HostStatus | null | undefined): boolean => status != null && BAD.includes(status);

/** Shape and colour say the same, so that either is enough. */
function checkSign({ check, status }: Pick<NodeMark, 'check' | 'status'>): Markup {
  if (isBad(status) || check === 'fail')
    return markup`<path class="sign fail" d="M0 -7 L7 0 L0 7 L-7 0 Z"/><path class="stroke" d="M-2.4 -2.4 L2.4 2.4 M2.4 -2.4 L-2.4 2.4"/>`;
  if (check === 'unproven')
    return markup`<rect class="sign unproven" x="-6" y="-6" width="12" height="12" rx="2"/><path class="stroke" d="M0 -3 V1 M0 3.1 V3.4"/>`;
  if (check === 'pass')
    return markup`<circle class="sign pass" r="6.5"/><path class="stroke" d="M-3 0.2 L-0.8 2.6 L3.2 -2.4"/>`;
  return markup`<circle class="sign none" r="2.5"/>`;
}

const SIGNS = { create: '+', update: '~', delete: '−' } as const;

const changeSign = (change: NodeMark['change']): Markup | null =>
  change === null
    ? null
    : markup`<rect class="change ${change}" x="-8" y="-8" width="16" height="16" rx="4"/><text class="change-sign" y="4">${SIGNS[change]}</text>`;

function headContent({ node, width, height, title, detail }: RowBox, mark: NodeMark | undefined): Markup {
  const status = mark?.status ?? null;
  const words = status === null ? null : STATUS_WORDS[status];
  return markup`<rect class="head" width="${width}" height="${height}" rx="7"/>${
    node.kind === 'host' && mark?.check != null
      ? markup`<g transform="translate(${width - 14} 30)">${checkSign({ check: mark.check, status: null })}</g>`
      : null
  }<text class="card-title" x="${PAD}" y="17">${title}</text>${
    detail === '' ? null : markup`<text class="card-detail" x="${PAD}" y="33">${detail}</text>`
  }${words === null ? null : markup`<text class="status ${isBad(status) ? 'bad' : status}" x="${width - PAD}" y="16.5">${words}</text>`}`;
}

function rowContent({ width, height, title, detail, chip }: RowBox, mark: NodeMark | undefined): Markup {
  const middle = height / 2;
  const status = mark?.status;
  const said = isBad(status) && status != null && !chip ? STATUS_WORDS[status] : detail;
  return markup`<rect class="row" x="3" y="1" width="${width - 6}" height="${height - 2}" rx="5"/><g transform="translate(16 ${middle})">${checkSign(
    mark ?? { check: null, status: null },
  )}</g><text class="title" x="${INDENT}" y="${middle + 4.5}">${title}</text>${
    said === ''
      ? null
      : markup`<text class="detail${isBad(status) ? ' bad' : ''}" x="${width - OUTDENT}" y="${middle + 4}">${said}</text>`
  }${mark?.change && !chip ? markup`<g transform="translate(${width - 14} ${middle})">${changeSign(mark.change)}</g>` : null}`;
}

/** Classes by which a node is coloured and found. */
const classesOf = (node: TopologyNode, mark: NodeMark | undefined): string =>
  [
    'node',
    `k-${node.kind}`,
    ...(mark?.check ? [`c-${mark.check}`] : []),
    ...(isBad(mark?.status) ? ['bad'] : []),
  ].join(' ');

function drawCard(card: PlacedCard, marks: ReadonlyMap<string, NodeMark>, wrap: Wrap): Markup {
  const head = marks.get(card.card.head.id);
  const chips = card.rows.some(({ x }) => x > 0);
  const rows = card.rows.map((row) => {
    const mark = marks.get(row.node.id);
    const isHead = row.node === card.card.head;
    const content = isHead ? headContent(row, mark) : rowContent(row, mark);
    return wrap(
      row.node,
      mark,
      classesOf(row.node, mark),
      markup`<g transform="translate(${row.x} ${row.y})">${content}</g>`,
    );
  });
  const headings = card.headings.map(
    // EIPs of a bandwidth package have a bracket around them.
    ({ y, height, text }) =>
      markup`<text class="heading" x="${PAD}" y="${y + HEADING - 7}">${text}</text>${
        card.card.kind === 'addresses' && text.includes(' · ')
          ? markup`<path class="bracket" d="M8 ${y + HEADING + 2} H5 V${y + HEADING + height - 2} H8"/>`
          : null
      }`,
  );
  return markup`<g class="card kind-${card.card.kind}${isBad(head?.status) ? ' bad' : ''}${chips ? ' chips' : ''}" transform="translate(${card.x} ${card.y})"><rect class="frame" width="${card.width}" height="${card.height}" rx="8"/>${headings}${rows}</g>`;
}

const RADIUS = 6;

/** Right angles with rounded corners. */
function pathOf(points: readonly Point[]): string {
  const parts = points.map((point, index) => {
    const [before, after] = [points[index - 1], points[index + 1]];
    if (!before) return `M${point.x} ${point.y}`;
    if (!after) return `L${point.x} ${point.y}`;
    const towards = (other: Point): string => {
      const [dx, dy] = [other.x - point.x, other.y - point.y];
      const length = Math.hypot(dx, dy);
      const part = length === 0 ? 0 : Math.min(RADIUS, length / 2) / length;
      return `${point.x + dx * part} ${point.y + dy * part}`;
    };
    return `L${towards(before)} Q${point.x} ${point.y} ${towards(after)}`;
  });
  return parts.join(' ');
}

function drawLink({ link, points }: PlacedLink, marks: ReadonlyMap<string, NodeMark>): Markup {
  const ends = [marks.get(link.from), marks.get(link.to)];
  const failing = ends[0]?.check === 'fail' && (ends[1]?.check === 'fail' || ends[1]?.check == null);
  return markup`<path class="link${failing ? ' fail' : ''}" data-from="${link.from}" data-to="${link.to}" d="${pathOf(points)}"/>`;
}

/** The picture without its frame: lines first, so that cards cover them. */
export const drawing = (layout: Layout, marks: ReadonlyMap<string, NodeMark>, wrap: Wrap): Markup =>
  markup`<g class="links">${layout.links.map((link) => drawLink(link, marks))}</g>${layout.cards.map((card) => drawCard(card, marks, wrap))}`;
