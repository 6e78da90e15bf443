import { nodesOf } from '../../model/topology.ts';
import type { Topology, TopologyLink } from '../../model/topology.ts';

type Step = (link: TopologyLink) => readonly [from: string, to: string];
const FORWARD: Step = ({ from, to }) => [from, to];
const BACKWARD: Step = ({ from, to }) => [to, from];

/** Everything that can be reached from a node along such steps. */
function reachedFrom(start: string, next: ReadonlyMap<string, readonly string[]>): Set<string> {
  const seen = new Set([start]);
  const waiting = [start];
  for (let at = waiting.pop(); at !== undefined; at = waiting.pop())
    for (const id of next.get(at) ?? [])
      if (!seen.has(id)) {
        seen.add(id);
        waiting.push(id);
      }
  return seen;
}

function stepsOf(links: readonly TopologyLink[], step: Step): Map<string, string[]> {
  const next = new Map<string, string[]>();
  for (const link of links) {
    const [from, to] = step(link);
    next.set(from, [...(next.get(from) ?? []), to]);
  }
  return next;
}

/**
 * For each node the nodes that packets of it pass: those of a way in (outside, EIP, DNAT entry, backend) and of a way out
 * (host, translation, EIP, outside), each followed to both its ends and never from one way into the other. The head of a
 * card has the rows of the card as well.
 */
export function relatedNodes({ cards, links }: Topology): Map<string, string[]> {
  const ways = (['in', 'out'] as const).map((way) => links.filter((link) => link.way === way));
  const maps = ways.flatMap((list) => [stepsOf(list, FORWARD), stepsOf(list, BACKWARD)]);
  const nodes = cards.flatMap(nodesOf);
  // The lines of an EIP lead to a NIC and to the box it stands in, whatever the way is that passes it.
  const beside = new Map<string, string[]>(
    cards
      .filter(({ kind }) => kind === 'addresses')
      .flatMap(({ head, sections }) =>
        sections.flatMap((section) =>
          section.nodes.map(({ id }): [string, string[]] => [
            id,
            [head.id, ...links.filter((link) => link.drawn && link.from === id).map(({ to }) => to)],
          ]),
        ),
      ),
  );
  const below = new Map(
    cards.map(({ head, sections }) => [
      head.id,
      sections.flatMap((section) => section.nodes.map(({ id }) => id)),
    ]),
  );
  return new Map(
    nodes.map(({ id }) => {
      const passed = maps.flatMap((next) => [...reachedFrom(id, next)]);
      const others = passed.flatMap((one) => beside.get(one) ?? []);
      return [id, [...new Set([...passed, ...others, ...(below.get(id) ?? [])])]];
    }),
  );
}
