import { blockRange, formatAddress } from '../model/ipv4.ts';
import type { AddressRange } from '../model/ipv4.ts';

export interface Claimed<T> extends AddressRange {
  readonly value: T;
}

/**
 * Blocks that may lie inside each other → ranges that share no address: each address belongs to the smallest block it
 * is in, and among equal ones to the later. In n log n: blocks either nest or have nothing in common.
 */
export function smallestFirst<T>(
  blocks: readonly { readonly block: string; readonly value: T }[],
): Claimed<T>[] {
  const sorted = blocks
    .map(({ block, value }) => ({ ...blockRange(block), value }))
    .toSorted((a, b) => a.first - b.first || b.last - a.last);
  const ranges: Claimed<T>[] = [];
  const open: Claimed<T>[] = [];
  let next = 0;
  const claim = (last: number, value: T): void => {
    if (next <= last) ranges.push({ first: next, last, value });
    next = Math.max(next, last + 1);
  };
  const close = (): void => {
    const block = open.pop();
    if (block) claim(block.last, block.value);
  };
  for (const block of sorted) {
    while (open.length > 0 && (open.at(-1)?.last ?? 0) < block.first) close();
    const around = open.at(-1);
    if (around) claim(block.first - 1, around.value);
    next = block.first;
    open.push(block);
  }
  while (open.length > 0) close();
  return ranges;
}

/** Blocks that may overlap → the same addresses as few disjoint ranges, in order. */
export function merged(blocks: readonly string[]): AddressRange[] {
  const ranges: { first: number; last: number }[] = [];
  for (const { first, last } of blocks.map(blockRange).toSorted((a, b) => a.first - b.first)) {
    const before = ranges.at(-1);
    if (before && first <= before.last + 1) before.last = Math.max(before.last, last);
    else ranges.push({ first, last });
  }
  return ranges;
}

/** `172.31.0.8`, or `172.31.0.8-172.31.0.15`. */
export const rangeText = ({ first, last }: AddressRange): string =>
  first === last ? formatAddress(first) : `${formatAddress(first)}-${formatAddress(last)}`;
