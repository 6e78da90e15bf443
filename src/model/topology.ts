import type { Place } from './error.ts';

/** What a row of the picture stands for. */
export type NodeKind =
  | 'internet'
  | 'probe'
  | 'eip'
  | 'host'
  | 'nic'
  | 'snat'
  | 'dnat'
  | 'listener'
  | 'app'
  | 'container'
  | 'network'
  | 'member'
  | 'backend';

/** Where a check may be led to: an address with the ports that answer there; null = all of them. */
export interface Endpoint {
  readonly address: string;
  readonly protocols: readonly string[];
  readonly ports: { readonly from: number; readonly to: number } | null;
}

/** One thing of the network: a row of a card. */
export interface TopologyNode {
  /** `n12`: unique, and a name wherever names are needed. */
  readonly id: string;
  readonly kind: NodeKind;
  readonly title: string;
  /** The rule, in a few words: "tcp 8080 → 172.31.0.21:80". */
  readonly detail: string;
  /** The host of the inventory that it is, or belongs to; null = nobody's. */
  readonly host: string | null;
  /** What else is to be known of it, as pairs of words. */
  readonly facts: readonly (readonly [name: string, value: string])[];
  /** Checks asked from these vantages are this node's. */
  readonly vantages: readonly string[];
  /** Checks asked of these are this node's. */
  readonly endpoints: readonly Endpoint[];
  /** Public addresses that leave through it: checks that expect one of them are this node's. */
  readonly publics: readonly string[];
  /** Addresses inside that it translates, as CIDR; empty = all, or none of its business. */
  readonly carries: readonly string[];
  /** A change that names all of the words of one of these is a change of this node. */
  readonly names: readonly (readonly string[])[];
  readonly place?: Place | undefined;
}

export interface TopologySection {
  /** null = without a heading. */
  readonly title: string | null;
  readonly nodes: readonly TopologyNode[];
}

/** A box of the picture: its head is a node too. */
export interface TopologyCard {
  readonly id: string;
  readonly kind: 'outside' | 'addresses' | 'host' | 'network' | 'backends';
  /** Cards of one column stand one above the other; from the outside, 0, inwards. */
  readonly column: number;
  readonly head: TopologyNode;
  readonly sections: readonly TopologySection[];
}

/** What leads from one node to another. Ways in lead from the outside to a service, ways out from a source to an EIP. */
export interface TopologyLink {
  readonly from: string;
  readonly to: string;
  readonly way: 'in' | 'out';
  /** A line of the picture; else it only shows when one of its ends is looked at. */
  readonly drawn: boolean;
}

/** The network of an inventory as a picture sees it. */
export interface Topology {
  readonly cards: readonly TopologyCard[];
  readonly links: readonly TopologyLink[];
}

/** Every node of a card, its head first. */
export const nodesOf = ({ head, sections }: TopologyCard): TopologyNode[] => [
  head,
  ...sections.flatMap(({ nodes }) => nodes),
];
