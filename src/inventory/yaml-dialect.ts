import * as yaml from 'yaml';
import type { Document, LineCounter, Scalar, YAMLMap } from 'yaml';
import { TAGGED_FORMS } from './special-values.ts';
import { ansibleReading, coreReading, isTimestamp } from './yaml-scalars.ts';

export interface DialectFinding {
  readonly severity: 'error' | 'warning';
  readonly message: string;
  readonly hint: string;
  /** Offset in the text, from 0. */
  readonly offset: number;
}

/**
 * What a careful reader sees in parsed YAML that the parser lets pass: duplicate keys, Ansible's tags, and plain
 * values that Ansible and we (YAML 1.1) read as something else than YAML 1.2 does.
 */
export function inspectDialect(
  document: Document.Parsed,
  lines: LineCounter,
  isJson: boolean,
): readonly DialectFinding[] {
  const findings: DialectFinding[] = [];
  const words = new Map<string, number[]>();
  yaml.visit(document, {
    Node: (_, node) => {
      const offset = node.range?.[0] ?? 0;
      if ('tag' in node && node.tag !== undefined) findings.push(...strangeTag(node.tag, offset));
      if (yaml.isMap(node)) findings.push(...duplicateKeys(node, lines));
      if (yaml.isScalar(node) && node.type === 'PLAIN' && node.source !== undefined && !hasTag(node)) {
        const known = words.get(node.source);
        if (known) known.push(offset);
        else words.set(node.source, [offset]);
      }
    },
  });
  return [...findings, ...(isJson ? [] : readOtherwise(words, lines))];
}

const hasTag = (node: Scalar): boolean =>
  node.tag !== undefined && !node.tag.startsWith('tag:yaml.org,2002:');

/** A key as text; the parser makes a symbol of the merge key `<<`. */
export const keyText = (key: Scalar): string =>
  typeof key.value === 'symbol' ? (key.value.description ?? '') : String(key.value);

function duplicateKeys(map: YAMLMap, lines: LineCounter): DialectFinding[] {
  const first = new Map<string, number>();
  const findings: DialectFinding[] = [];
  for (const { key } of map.items) {
    if (!yaml.isScalar(key)) continue;
    const name = keyText(key);
    const offset = key.range?.[0] ?? 0;
    const before = first.get(name);
    if (name === '__proto__') {
      findings.push({
        severity: 'error',
        message: '"__proto__" cannot be a key',
        hint: 'Choose another name.',
        offset,
      });
    }
    if (before === undefined) first.set(name, offset);
    else {
      const message = `the key ${JSON.stringify(name)} stands twice in this mapping, first in line ${lines.linePos(before).line}`;
      findings.push({
        severity: 'error',
        message,
        hint: 'Keep one of them: YAML would silently drop the other.',
        offset,
      });
    }
  }
  return findings;
}

function strangeTag(tag: string, offset: number): DialectFinding[] {
  if (Object.hasOwn(TAGGED_FORMS, tag) || tag.startsWith('tag:yaml.org,2002:')) return [];
  return [
    {
      severity: 'warning',
      message: `the tag ${tag} is not known and has no effect`,
      hint: 'Take it out.',
      offset,
    },
  ];
}

/** Words that mean something else by YAML 1.2, each told once, with all its lines. */
function readOtherwise(words: ReadonlyMap<string, readonly number[]>, lines: LineCounter): DialectFinding[] {
  return [...words].flatMap(([word, [offset = 0, ...more]]) => {
    const said = otherReadings(word);
    if (said === undefined) return [];
    const others = [...new Set(more.map((each) => lines.linePos(each).line))];
    const also = others.length === 0 ? '' : ` (also in line ${others.join(', ')})`;
    return [{ severity: 'warning', message: `${said.message}${also}`, hint: said.hint, offset }];
  });
}

const shown = (value: unknown): string => (typeof value === 'string' ? 'text' : String(value));

function otherReadings(word: string): { message: string; hint: string } | undefined {
  const here = ansibleReading(word);
  const core = coreReading(word);
  const asText = `"${word}"`;
  if (isTimestamp(word))
    return { message: `${word} is text here, and a time to Ansible`, hint: `Write ${asText}` };
  if (Object.is(here, core)) return undefined;
  const plain = typeof here === 'string' ? String(core) : String(here);
  return {
    message: `${word} is ${shown(here)}, as Ansible reads it (YAML 1.1), and ${shown(core)} in YAML 1.2`,
    hint: `Write ${plain}, or ${asText} for the text`,
  };
}
