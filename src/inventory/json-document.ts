import { parseTree } from 'jsonc-parser';
import type { Node } from 'jsonc-parser';
import { LineCounter } from 'yaml';
import type { Path } from './document.ts';

/** Deeper than any inventory; what follows walks through values by recursion. */
const MOST_LEVELS = 200;

/**
 * Reads JSON, which Ansible tries before YAML, and keeps where everything stands: in a quarter of the time that the reader
 * of YAML takes, and programs that print inventories print JSON. Undefined = not JSON, or there is something in it that the
 * reader of YAML has to tell: a key that stands twice or that cannot be one, or too many levels.
 */
export function readJson(
  text: string,
): { readonly data: unknown; readonly place: (path: Path, part: 'key' | 'value') => Position } | undefined {
  if (!/^\s*[{[]/.test(text)) return undefined;
  try {
    const data: unknown = JSON.parse(text);
    const root = parseTree(text);
    if (!root || !isPlain(root, 0)) return undefined;
    const lines = linesOf(text);
    return { data, place: (path, part) => lines.linePos(offsetOf(root, path, part)) };
  } catch {
    return undefined;
  }
}

type Position = ReturnType<LineCounter['linePos']>;

function linesOf(text: string): LineCounter {
  const lines = new LineCounter();
  lines.addNewLine(0);
  for (const { index } of text.matchAll(/\n/g)) lines.addNewLine(index + 1);
  return lines;
}

/** Each key once, and none that YAML merges by or that JavaScript sets otherwise. */
function isPlain(node: Node, level: number): boolean {
  const inner = node.children ?? [];
  if (inner.length === 0) return true;
  if (level > MOST_LEVELS) return false;
  if (node.type !== 'object') return inner.every((each) => isPlain(each, level + 1));
  const keys = new Set(inner.map(keyOf));
  return (
    keys.size === inner.length &&
    !keys.has('<<') &&
    !keys.has('__proto__') &&
    inner.every(({ children }) => !children?.[1] || isPlain(children[1], level + 1))
  );
}

const keyOf = ({ children }: Node): string => String(children?.[0]?.value);

/** Of thousands of hosts in one mapping each may be asked for. */
const byKey = new WeakMap<Node, ReadonlyMap<string, Node>>();
function property(node: Node, key: string): readonly (Node | undefined)[] {
  const known = byKey.get(node) ?? new Map((node.children ?? []).map((each) => [keyOf(each), each]));
  byKey.set(node, known);
  return known.get(key)?.children ?? [];
}

/** Offset of the value (or its key) at this path; the nearest known parent's where there is none. */
function offsetOf(root: Node, path: Path, part: 'key' | 'value'): number {
  let [node, offset] = [root, root.offset];
  for (const [index, step] of path.entries()) {
    const [key, value] = node.type === 'object' ? property(node, String(step)) : [];
    const item = node.type === 'array' ? node.children?.[Number(step)] : value;
    if (!item) return offset;
    // An empty value has no place of its own: its key stands for it.
    const wantsKey = item.type === 'null' || (part === 'key' && index === path.length - 1);
    [node, offset] = [item, (wantsKey ? key : item)?.offset ?? item.offset];
  }
  return offset;
}
