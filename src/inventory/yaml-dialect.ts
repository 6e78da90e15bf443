import type * as Yaml from 'yaml';
import type { Document, LineCounter, Scalar, YAMLMap } from 'yaml';

export interface DialectFinding {
  readonly severity: 'error' | 'warning';
  readonly message: string;
  readonly hint: string;
  /** Offset in the text, from 0. */
  readonly offset: number;
}

// PyYAML's YAML 1.1, which Ansible reads with: resolver.py, "implicit resolvers".
const OTHER_BOOLEAN = /^(?:yes|Yes|YES|no|No|NO|on|On|ON|off|Off|OFF)$/;
const OCTAL = /^[-+]?0[0-7_]+$/;
const SEXAGESIMAL = /^[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+$/;

/**
 * What a careful reader sees in parsed YAML that the parser lets pass: duplicate keys, Ansible's tags, and plain
 * values that Ansible (YAML 1.1) reads as something else than YAML 1.2 does.
 */
export function inspectDialect(
  yaml: typeof Yaml,
  document: Document.Parsed,
  lines: LineCounter,
): readonly DialectFinding[] {
  const findings: DialectFinding[] = [];
  yaml.visit(document, {
    Node: (_, node) => {
      const offset = node.range?.[0] ?? 0;
      if ('tag' in node && node.tag !== undefined) findings.push(...strangeTag(node.tag, offset));
      if (yaml.isMap(node)) findings.push(...duplicateKeys(yaml, node, lines));
      if (yaml.isScalar(node)) findings.push(...readOtherwise(node, offset));
    },
  });
  return findings;
}

/** A key as text; the parser makes a symbol of the merge key `<<`. */
export const keyText = (key: Scalar): string =>
  typeof key.value === 'symbol' ? (key.value.description ?? '') : String(key.value);

function duplicateKeys(yaml: typeof Yaml, map: YAMLMap, lines: LineCounter): DialectFinding[] {
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
  if (tag === '!vault') {
    const message = 'values encrypted with ansible-vault (!vault) are not supported in this version';
    return [
      {
        severity: 'error',
        message,
        hint: 'Keep secrets out of the inventory: provision needs none of its own.',
        offset,
      },
    ];
  }
  if (tag === '!unsafe' || tag.startsWith('tag:yaml.org,2002:')) return [];
  return [
    {
      severity: 'warning',
      message: `the tag ${tag} is not known and has no effect`,
      hint: 'Take it out.',
      offset,
    },
  ];
}

function readOtherwise(node: Scalar, offset: number): DialectFinding[] {
  const source = node.source;
  if (node.type !== 'PLAIN' || source === undefined || node.tag !== undefined) return [];
  const warning = (message: string, hint: string): DialectFinding[] => [
    { severity: 'warning', message, hint, offset },
  ];
  if (OTHER_BOOLEAN.test(source)) {
    const meant = /^(?:yes|on)$/i.test(source) ? 'true' : 'false';
    return warning(
      `${source} is text here (YAML 1.2), and ${meant} to Ansible (YAML 1.1)`,
      `Write ${meant}, or "${source}" for the text`,
    );
  }
  if (OCTAL.test(source)) {
    const octal = parseInt(source.replaceAll('_', ''), 8);
    const read = String(node.value);
    return warning(
      `${source} is ${read} here (YAML 1.2), and ${octal} to Ansible (YAML 1.1)`,
      `Write ${read}, or "${source}" for the text`,
    );
  }
  if (SEXAGESIMAL.test(source)) {
    return warning(
      `${source} is text here (YAML 1.2), and a number to base 60 to Ansible (YAML 1.1)`,
      `Write "${source}"`,
    );
  }
  return [];
}
