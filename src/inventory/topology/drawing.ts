import type { Host } from '../../model/host.ts';
import type { TopologyLink, TopologyNode } from '../../model/topology.ts';
import type { HostVariables } from '../../roles/variables/index.ts';

/** A host with its variables as roles read them. */
export interface Drawn {
  readonly host: Host;
  readonly vars: HostVariables;
}

type Wish = Pick<TopologyNode, 'kind' | 'title'> & Partial<Omit<TopologyNode, 'id'>>;

/** Where a picture comes together: nodes get their numbers here, and links find the nodes of addresses. */
export class Drawing {
  readonly links: TopologyLink[] = [];
  #count = 0;
  readonly #linked = new Set<string>();
  readonly #byAddress = new Map<string, TopologyNode>();

  node(wish: Wish): TopologyNode {
    this.#count += 1;
    return {
      id: `n${this.#count}`,
      ...{ detail: '', host: null, facts: [], vantages: [], endpoints: [] },
      ...{ publics: [], carries: [], names: [] },
      ...wish,
    };
  }

  /** The node that stands for an address inside; the first one counts. */
  settle(address: string, node: TopologyNode): void {
    if (!this.#byAddress.has(address)) this.#byAddress.set(address, node);
  }

  at(address: string): TopologyNode | undefined {
    return this.#byAddress.get(address);
  }

  link(
    way: TopologyLink['way'],
    from: TopologyNode | undefined,
    to: TopologyNode | undefined,
    drawn = true,
  ): void {
    if (!from || !to || from === to) return;
    const key = `${way} ${from.id} ${to.id}`;
    if (this.#linked.has(key)) return;
    this.#linked.add(key);
    this.links.push({ from: from.id, to: to.id, way, drawn });
  }
}

/** As the inventory writes them: one word. */
export const portsText = (ports: number | string | readonly (number | string)[] | undefined): string =>
  ports === undefined ? '' : Array.isArray(ports) ? ports.join(', ') : String(ports);

/** The first of something, or several of it, as a list. */
export const listOf = <T>(value: T | readonly T[] | undefined): readonly T[] =>
  value === undefined ? [] : Array.isArray(value) ? (value as readonly T[]) : [value as T];
