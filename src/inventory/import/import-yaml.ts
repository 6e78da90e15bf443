import { isMap, isSeq } from 'yaml';
import type { Node } from 'yaml';

/** `provision validate` refuses it with its place: no address, no prefix length. */
export const FILL_IN = 'FILL-IN';

/** Everything two levels below stands on one line, as in the examples of the documentation. */
export function onOneLine(node: unknown, depth: number): void {
  if (!isMap(node) && !isSeq(node)) return;
  if (depth === 0) node.flow = true;
  else
    for (const item of node.items)
      onOneLine(isMap(node) ? (item as { value: unknown }).value : item, depth - 1);
}

/** Comments are one line each, and nothing in them moves a terminal. */
export const oneLine = (text: string): string => ` ${text.replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, '?')}`;

export function remark(node: unknown, text: string | null): void {
  if (text !== null) (node as Node).comment = oneLine(text);
}
