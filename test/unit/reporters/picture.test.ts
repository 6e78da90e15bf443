import { XMLValidator } from 'fast-xml-parser';
import fc from 'fast-check';
import { describe, expect, it } from '@jest/globals';
import { loadInventory } from '../../../src/inventory/load.ts';
import { topologyOf } from '../../../src/inventory/topology/index.ts';
import { nodesOf } from '../../../src/model/topology.ts';
import type { Topology, TopologyNode } from '../../../src/model/topology.ts';
import { layoutOf } from '../../../src/reporters/picture/layout.ts';
import { marksOf } from '../../../src/reporters/picture/marks.ts';
import { cardBox, detailWidth, titleWidth } from '../../../src/reporters/picture/measure.ts';
import { mermaidGraph } from '../../../src/reporters/picture/mermaid.ts';
import { standaloneSvg } from '../../../src/reporters/picture/picture.ts';
import { fleet } from '../../browser/fleet.ts';
import { HOSTILE } from './records.ts';

const nodeNamed = (
  topology: Topology,
  kind: TopologyNode['kind'],
  title: string,
  host?: string,
): TopologyNode => {
  const found = topology.cards
    .flatMap(nodesOf)
    .find((node) => node.kind === kind && node.title === title && (host === undefined || node.host === host));
  if (!found) throw new Error(`no ${kind} ${title}`);
  return found;
};

describe('what a run says of the picture', () => {
  const marked = async () => {
    const { inventory, record } = await fleet({ sites: 2, behind: 3, broken: true });
    const topology = topologyOf(inventory);
    const marks = marksOf(topology, record);
    return (kind: TopologyNode['kind'], title: string, host?: string) => {
      const mark = marks.get(nodeNamed(topology, kind, title, host).id);
      return [mark?.check ?? null, mark?.change ?? null, mark?.status ?? null];
    };
  };

  it('a failing way out marks the host, its translation and its EIP, and no other', async () => {
    const mark = await marked();
    expect(mark('member', 'web2-02')).toEqual(['fail', null, null]);
    expect(mark('snat', '10.2.0.0/24')).toEqual(['fail', null, null]);
    expect(mark('snat', '10.2.0.20')).toEqual(['fail', null, null]);
    expect(mark('eip', 'office', 'gw2')).toEqual(['fail', null, null]);
    expect(mark('eip', 'mail', 'gw2')).toEqual([null, null, null]);
    expect(mark('snat', '10.1.0.0/24')).toEqual(['pass', null, null]);
    expect(mark('eip', 'office', 'gw1')).toEqual(['pass', null, null]);
  });

  it('a check from outside marks its entry, not its neighbours', async () => {
    const mark = await marked();
    expect(mark('dnat', 'shop-http', 'gw1')).toEqual(['pass', null, null]);
    expect(mark('dnat', 'media', 'gw1')).toEqual([null, null, null]);
    expect(mark('probe', 'outside1')).toEqual(['pass', null, null]);
  });

  it('a change marks the entry it names, and the host as a whole', async () => {
    const mark = await marked();
    expect(mark('dnat', 'shop-https', 'gw1')).toEqual([null, 'update', null]);
    expect(mark('host', 'gw1')).toEqual([null, 'update', 'changed']);
    expect(mark('host', 'gw2')).toEqual([null, 'update', 'reverted']);
  });

  it('a packet’s way: in through the EIP to the backend, out through the translation, never from one into the other', async () => {
    const { inventory } = await fleet({ sites: 2, behind: 3 });
    const topology = topologyOf(inventory);
    const marks = marksOf(topology, null);
    const related = (kind: TopologyNode['kind'], title: string, host?: string): string[] => {
      const own = new Set(marks.get(nodeNamed(topology, kind, title, host).id)?.related);
      return topology.cards
        .flatMap(nodesOf)
        .flatMap(({ id, kind: what, title: name }) => (own.has(id) ? [`${what} ${name}`] : []));
    };
    expect(related('dnat', 'shop-http', 'gw1').sort()).toEqual(
      [
        'internet Outside',
        'eip shop',
        'host Public addresses',
        'nic eth0',
        'dnat shop-http',
        'member web1-02',
      ].sort(),
    );
    expect(related('member', 'web1-01')).toEqual(
      expect.arrayContaining(['snat 10.1.0.20', 'eip shop', 'internet Outside']),
    );
    expect(related('member', 'web1-01').filter((name) => name.startsWith('dnat'))).toEqual([]);
  });
});

describe('where everything is put', () => {
  it.each([
    ['3 hosts', { sites: 1, behind: 2 }],
    ['60 hosts', { sites: 3, behind: 18, more: true }],
  ])(
    '%s: no card over another, columns from the outside inwards, lines begin and end at their rows',
    async (_name, options) => {
      const topology = topologyOf((await fleet(options)).inventory);
      const layout = await layoutOf(topology);
      for (const [index, one] of layout.cards.entries()) {
        expect(one.x >= 0 && one.x + one.width <= layout.width && one.y + one.height <= layout.height).toBe(
          true,
        );
        for (const other of layout.cards.slice(index + 1)) {
          const apart =
            one.x + one.width <= other.x ||
            other.x + other.width <= one.x ||
            one.y + one.height <= other.y ||
            other.y + other.height <= one.y;
          expect([one.card.head.title, other.card.head.title, apart]).toEqual([
            one.card.head.title,
            other.card.head.title,
            true,
          ]);
          if (one.card.column < other.card.column) expect(one.x).toBeLessThan(other.x);
        }
      }
      const rowOf = (id: string) =>
        layout.cards
          .flatMap((card) => card.rows.map((row) => ({ card, row })))
          .find(({ row }) => row.node.id === id);
      for (const { link, points } of layout.links) {
        const [from, to] = [rowOf(link.from), rowOf(link.to)];
        if (!from || !to) throw new Error('a line to nowhere');
        expect(points[0]).toEqual({
          x: from.card.x + from.card.width,
          y: from.card.y + from.row.y + from.row.height / 2,
        });
        expect(points.at(-1)).toEqual({ x: to.card.x, y: to.card.y + to.row.y + to.row.height / 2 });
      }
    },
  );

  it('the same inventory is drawn in the same way', async () => {
    const draw = async (): Promise<string> => {
      const topology = topologyOf((await fleet({ sites: 2, behind: 12, more: true })).inventory);
      return (await standaloneSvg(topology, marksOf(topology, null))).replaceAll(/inventory-\w+/g, '');
    };
    expect(await draw()).toBe(await draw());
  });

  it('texts are never wider than their row, whatever they are', () => {
    fc.assert(
      fc.property(
        fc.string({ maxLength: 200, unit: 'grapheme' }),
        fc.string({ maxLength: 200, unit: 'grapheme' }),
        (title, detail) => {
          const node: TopologyNode = {
            ...{ id: 'n1', kind: 'dnat', title, detail, host: null, facts: [] },
            ...{ vantages: [], endpoints: [], publics: [], carries: [], names: [] },
          };
          const box = cardBox(
            { id: 'c', kind: 'host', column: 2, head: node, sections: [{ title, nodes: [node] }] },
            new Set(),
          );
          for (const row of box.rows) {
            expect(titleWidth(row.title)).toBeLessThanOrEqual(box.width);
            expect(detailWidth(row.detail)).toBeLessThanOrEqual(box.width);
          }
        },
      ),
      { numRuns: 200, seed: 7 },
    );
  });
});

describe('pictures that stand alone', () => {
  const wicked = async (): Promise<Topology> => {
    const topology = topologyOf(await loadInventory(['inventory/prod']));
    const spoil = (node: TopologyNode): TopologyNode => ({
      ...node,
      title: HOSTILE,
      detail: HOSTILE,
      facts: [[HOSTILE, HOSTILE]],
    });
    return {
      ...topology,
      cards: topology.cards.map((card) => ({
        ...card,
        head: spoil(card.head),
        sections: card.sections.map(({ nodes }) => ({ title: HOSTILE, nodes: nodes.map(spoil) })),
      })),
    };
  };

  it('SVG is well-formed, asks for nothing, and text in it is text', async () => {
    const topology = await wicked();
    const svg = await standaloneSvg(topology, marksOf(topology, null));
    expect(XMLValidator.validate(svg)).toBe(true);
    // Text holds no angle bracket of its own: what stands between two is a tag.
    const tags = (svg.match(/<[^>]*>/g) ?? []).map((tag) => tag.replaceAll(/="[^"]*"/g, '='));
    expect(tags.length).toBeGreaterThan(100);
    expect(
      tags.filter((tag) => /^<(?:script|img|foreignObject|image|use|a)\b|\son\w+=|href=/.test(tag)),
    ).toEqual([]);
    expect(/[\u0000-\u0008\u001b\u202e]/.test(svg)).toBe(false);
    expect(svg.match(/"https?:\/\/[^"]*"/g)).toEqual(['"http://www.w3.org/2000/svg"']);
  });

  it('Mermaid: every text is a label in quotes, and nothing in it ends that', async () => {
    const topology = await wicked();
    const lines = mermaidGraph(topology).trimEnd().split('\n');
    expect(lines[0]).toBe('flowchart LR');
    for (const line of lines.slice(1))
      expect(line).toMatch(
        /^ +(subgraph \w+\["(?:[\p{L}\p{N} .,/→·×+-]|#\d+;)*"\]|n\d+\["(?:[\p{L}\p{N} .,/→·×+-]|#\d+;|<br\/>)*"\]|end|\w+ --> \w+)$/u,
      );
  });
});
