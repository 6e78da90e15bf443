import type { TopologyCard, TopologyNode } from '../../model/topology.ts';
import { visible } from '../visible.ts';

/** Sizes in CSS pixels. */
export const ROW = 24;
export const HEAD = 42;
export const HEADING = 22;
export const PAD = 12;
/** What stands before the text of a row: the mark of its checks. */
export const INDENT = 30;
/** What stands behind it: the mark of a change. */
export const OUTDENT = 26;
const GAP = 14;
/** What fails is written bold. */
const BOLD = 1.07;
const [NARROWEST, WIDEST] = [150, 380];
/** So many hosts of a network are listed below each other; more stand side by side. */
const LISTED = 10;
const CHIP_GAP = 6;
const CHIPS_ACROSS = 3;

export const TITLE_SIZE = 13;
export const DETAIL_SIZE = 11.5;

/** Widths in em of a proportional font, on the safe side: nobody knows which one there is. */
function emOf(character: string): number {
  if (/[ilj.,:;'|!]/.test(character)) return 0.33;
  if (/[frt()[\]{}\s/\\-]/.test(character)) return 0.42;
  if (/[mwMW@%]/.test(character)) return 0.95;
  if (/[A-Z]/.test(character)) return 0.72;
  return character.charCodeAt(0) > 0x2e7f ? 1.05 : 0.59;
}

export const titleWidth = (text: string): number =>
  [...text].reduce((sum, character) => sum + emOf(character), 0) * TITLE_SIZE;
/** A monospaced font has 0.6 em for everything; wide scripts take two. */
export const detailWidth = (text: string): number =>
  [...text].reduce((sum, character) => sum + (character.charCodeAt(0) > 0x2e7f ? 1.2 : 0.61), 0) *
  DETAIL_SIZE;

/** Cut to a width, with … at its end. */
function cutTo(text: string, room: number, widthOf: (text: string) => number): string {
  if (widthOf(text) <= room) return text;
  const characters = [...text];
  while (characters.length > 1 && widthOf(`${characters.join('')}…`) > room) characters.pop();
  return `${characters.join('')}…`;
}

export interface RowBox {
  readonly node: TopologyNode;
  /** From the corner of its card. */
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  readonly title: string;
  readonly detail: string;
  /** So small that its mark must say all. */
  readonly chip?: boolean;
}

export interface HeadingBox {
  readonly y: number;
  /** Of the rows that it stands for. */
  readonly height: number;
  readonly text: string;
}

/** A card with everything in its place. */
export interface CardBox {
  readonly card: TopologyCard;
  readonly width: number;
  readonly height: number;
  readonly rows: readonly RowBox[];
  readonly headings: readonly HeadingBox[];
}

const naturalWidth = ({ title, detail }: TopologyNode): number =>
  INDENT +
  titleWidth(visible(title)) * BOLD +
  (detail === '' ? 0 : GAP + detailWidth(visible(detail))) +
  OUTDENT;

/** The head has its title and the host's status on one line, and its detail below. */
const headWidth = ({ title, detail }: TopologyNode): number =>
  Math.max(titleWidth(visible(title)) + 90, (titleWidth(visible(detail)) * 11) / TITLE_SIZE + 24) + 2 * PAD;

function headBox(node: TopologyNode, width: number): RowBox {
  const title = cutTo(visible(node.title), width - 2 * PAD - 84, titleWidth);
  const detail = cutTo(visible(node.detail), ((width - 2 * PAD - 20) * TITLE_SIZE) / 11, titleWidth);
  return { node, x: 0, y: 0, width, height: HEAD, title, detail };
}

function rowBox(node: TopologyNode, x: number, y: number, width: number, height: number): RowBox {
  const room = width - INDENT - OUTDENT;
  const title = cutTo(visible(node.title), room, titleWidth);
  const rest = room - titleWidth(title) - GAP;
  const detail = rest < 30 ? '' : cutTo(visible(node.detail), rest, detailWidth);
  return { node, x, y, width, height, title, detail };
}

/** A host among many: its name and its mark, nothing else. */
const chipBox = (node: TopologyNode, x: number, y: number, width: number, height: number): RowBox => ({
  ...{ node, x, y, width, height, detail: '', chip: true },
  title: cutTo(visible(node.title), width - INDENT - 4, titleWidth),
});

/** Nodes of one section below each other. */
const listed = (nodes: readonly TopologyNode[], y: number, width: number): RowBox[] =>
  nodes.map((node, index) => rowBox(node, 0, y + index * ROW, width, ROW));

/** Many hosts of a network side by side; those that a line leads to keep a row of their own at the left edge. */
function network(card: TopologyCard, linked: ReadonlySet<string>): CardBox {
  const members = card.sections.flatMap(({ nodes }) => nodes);
  const lead = members.filter(({ id }) => linked.has(id));
  const others = members.filter(({ id }) => !linked.has(id));
  const chipWidth = Math.max(
    96,
    ...others.map((node) => INDENT + titleWidth(visible(node.title)) * BOLD + 8),
  );
  const cell = Math.min(chipWidth, 150) + CHIP_GAP;
  const across = Math.min(CHIPS_ACROSS, Math.ceil(others.length / 4));
  const width = Math.max(
    clamp(Math.max(headWidth(card.head), ...lead.map(naturalWidth))),
    across * cell - CHIP_GAP + 2 * PAD,
  );
  const rows = listed(lead, HEAD, width);
  const top = HEAD + lead.length * ROW + (lead.length > 0 && others.length > 0 ? CHIP_GAP : 0);
  const chips = others.map((node, index) => {
    const [column, row] = [index % across, Math.floor(index / across)];
    const stretched = (width - 2 * PAD + CHIP_GAP) / across - CHIP_GAP;
    return chipBox(node, PAD + column * (stretched + CHIP_GAP), top + row * (ROW + 2), stretched, ROW);
  });
  const height = top + Math.ceil(others.length / Math.max(1, across)) * (ROW + 2) + PAD;
  const named = new Map(members.map((node) => [node.id, node]));
  return {
    card,
    width,
    height,
    rows: [headBox(card.head, width), ...rows, ...chips].map((row) => ({
      ...row,
      node: named.get(row.node.id) ?? row.node,
    })),
    headings: [],
  };
}

const clamp = (width: number): number => Math.min(WIDEST, Math.max(NARROWEST, Math.ceil(width)));

/** `linked`: nodes that a line begins or ends at. */
export function cardBox(card: TopologyCard, linked: ReadonlySet<string>): CardBox {
  const members = card.sections.reduce((sum, { nodes }) => sum + nodes.length, 0);
  if (card.kind === 'network' && members > LISTED) return network(card, linked);
  const nodes = card.sections.flatMap((section) => section.nodes);
  const titles = card.sections.flatMap(({ title }) =>
    title === null ? [] : [titleWidth(title) * 0.9 + 2 * PAD + 8],
  );
  const width = clamp(Math.max(headWidth(card.head), ...nodes.map(naturalWidth), ...titles));
  const rows: RowBox[] = [headBox(card.head, width)];
  const headings: HeadingBox[] = [];
  let y = HEAD;
  for (const { title, nodes: list } of card.sections) {
    if (title !== null) {
      headings.push({
        y,
        height: list.length * ROW,
        text: cutTo(visible(title), (width - 2 * PAD - 8) / 0.9, titleWidth),
      });
      y += HEADING;
    }
    rows.push(...listed(list, y, width));
    y += list.length * ROW;
  }
  return { card, width, height: y + (card.sections.length > 0 ? 8 : 0), rows, headings };
}
