import * as yaml from 'yaml';
import type { CollectionTag, Document, LineCounter, Node, Pair, ScalarTag, YAMLMap, YAMLSeq } from 'yaml';
import type { Place } from '../model/error.ts';
import { causeMessage } from './cause.ts';
import { shownFile } from './document.ts';
import type { Path, SourceDocument } from './document.ts';
import { readJson } from './json-document.ts';
import type { Problems } from './problems.ts';
import type { Keyring } from './secrets/keyring.ts';
import { mayHoldForms, TAGGED_FORMS, withSpecialValues } from './special-values.ts';
import { inspectDialect, keyText } from './yaml-dialect.ts';
import { ANSIBLE_SCALARS } from './yaml-scalars.ts';

// Room for thousands of hosts that share an anchor; what aliases of aliases could grow to is bounded by MOST_VALUES.
const MOST_ALIASES = 20_000;
const MOST_VALUES = 2_000_000;

const HINTS: Readonly<Record<string, string>> = {
  TAB_AS_INDENT: 'Indent with spaces: YAML has no tabs.',
  BAD_INDENT: 'Indent the keys of one mapping alike.',
  MULTIPLE_DOCS: 'Keep one document in the file: take the second "---" out.',
  MISSING_CHAR:
    'Look for a bracket, a quote or a ":" that is missing before this place; inside { }, a name with [ ] needs quotes.',
  BLOCK_AS_IMPLICIT_KEY: 'Look for a quote or an indentation that is missing before this place.',
};

/** The text of a file; `isSealed` = it was encrypted, and its values are secrets. */
export interface FileText {
  readonly text: string;
  readonly isSealed: boolean;
}

/**
 * Reads YAML as Ansible does (plain words by YAML 1.1, the merge key `<<`; JSON by its own rules) and keeps where
 * everything stands.
 * What is wrong with the text goes to `problems`; undefined = nothing usable.
 */
export function parseYamlDocument(
  { text, isSealed }: FileText,
  file: string,
  { problems, keyring }: { readonly problems: Problems; readonly keyring: Keyring },
): SourceDocument | undefined {
  const source = isSealed ? undefined : text;
  const shown = shownFile(file);
  const json = readJson(text);
  if (json) {
    const place = (path: Path, part: 'key' | 'value' = 'value'): Place =>
      placeIn(shown, json.place(path, part));
    return documentOf({ file: shown, data: json.data, text, place }, { isSealed, problems, keyring });
  }
  const lines = new yaml.LineCounter();
  const tell = (message: string, offset: number, hint?: string, cause?: unknown): void =>
    problems.add({ message, hint, place: placeAt(shown, lines, offset), text: source, cause });

  const isJson = readsAsJson(text);
  let parsed: Document.Parsed;
  try {
    const tags = formTags();
    // uniqueKeys compares every key with every other one; inspectDialect looks them up instead.
    parsed = yaml.parseDocument(text, {
      lineCounter: lines,
      prettyErrors: false,
      uniqueKeys: false,
      merge: true,
      ...(isJson
        ? { schema: 'core', customTags: tags }
        : { schema: 'failsafe', customTags: [...ANSIBLE_SCALARS, ...tags] }),
    });
  } catch (cause) {
    tell(`cannot read this as YAML: ${causeMessage(cause)}`, 0, 'The file may be nested too deeply.', cause);
    return undefined;
  }
  for (const error of parsed.errors)
    if (/call stack/.test(error.message))
      tell('this is nested too deeply', error.pos[0], 'Write it flatter.', error);
    else tell(error.message, error.pos[0], HINTS[error.code] ?? 'Mend the YAML here.', error);
  for (const finding of inspectDialect(parsed, lines, isJson)) {
    const problem = { ...finding, place: placeAt(shown, lines, finding.offset), text: source };
    if (finding.severity === 'error') problems.add(problem);
    else problems.warn(problem);
  }
  if (parsed.errors.length > 0) return undefined;

  const place = (path: Path, part: 'key' | 'value' = 'value'): Place =>
    placeAt(shown, lines, offsetOf(parsed, path, part));
  let data: unknown;
  try {
    data = parsed.toJS({ maxAliasCount: MOST_ALIASES });
    if (countValues(data) > MOST_VALUES) throw new RangeError('aliases of aliases multiply');
  } catch (cause) {
    tell(
      'the aliases (*name) of this file grow into millions of values',
      0,
      'Write the values out, or refer to fewer anchors.',
      cause,
    );
    return undefined;
  }
  return documentOf({ file: shown, data, text, place }, { isSealed, problems, keyring });
}

function documentOf(
  document: SourceDocument,
  { isSealed, ...reading }: { isSealed: boolean; problems: Problems; keyring: Keyring },
): SourceDocument {
  const { data, text = '' } = document;
  const place = (path: Path): Place => document.place(path);
  return {
    ...document,
    data: mayHoldForms(text) ? withSpecialValues(data, { place, ...reading }) : data,
    // Of an encrypted file places are told, and no line of it is shown.
    ...(isSealed ? { text: undefined, isSealed: true } : {}),
  };
}

/** A scalar with one of the tags becomes the form that it is short for; on a list or mapping, every value inside. */
function formTags(): (ScalarTag | CollectionTag)[] {
  return Object.entries(TAGGED_FORMS).flatMap(([tag, key]) => {
    const inside = (collection: YAMLMap | YAMLSeq): YAMLMap | YAMLSeq => {
      yaml.visit(collection, {
        Scalar: (at, node) => {
          if (at !== 'key') node.value = { [key]: node.value };
        },
      });
      return collection;
    };
    return [
      { tag, resolve: (text: string) => ({ [key]: text }) },
      { tag, collection: 'map', resolve: inside },
      { tag, collection: 'seq', resolve: inside },
    ];
  });
}

/** Ansible tries JSON first. */
function readsAsJson(text: string): boolean {
  if (!/^\s*[{[]/.test(text)) return false;
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

const placeAt = (file: string, lines: LineCounter, offset: number): Place =>
  placeIn(file, lines.linePos(offset));

const placeIn = (file: string, { line, col }: { readonly line: number; readonly col: number }): Place => ({
  file,
  line: Math.max(line, 1),
  column: Math.max(col, 1),
});

/** How many values there are when every alias is written out. Throws RangeError on an alias inside its own anchor. */
function countValues(value: unknown, known = new Map<object, number>()): number {
  if (typeof value !== 'object' || value === null) return 1;
  const before = known.get(value);
  if (before !== undefined) {
    if (before < 0) throw new RangeError('an alias stands inside its own anchor');
    return before;
  }
  known.set(value, -1);
  let count = 1;
  for (const inner of Object.values(value)) count += countValues(inner, known);
  known.set(value, count);
  return count;
}

function resolve(document: Document.Parsed, node: unknown): unknown {
  return yaml.isAlias(node) ? node.resolve(document) : node;
}

function offsetOf(document: Document.Parsed, path: Path, part: 'key' | 'value'): number {
  let node: unknown = document.contents;
  let offset = startOf(node) ?? 0;
  for (const [index, step] of path.entries()) {
    const container = resolve(document, node);
    if (yaml.isMap(container)) {
      const pair = findPair(document, container, String(step));
      if (!pair) return offset;
      const keyOffset = startOf(pair.key) ?? offset;
      // An empty value has no place of its own: its key stands for it.
      const empty = pair.value === null || (yaml.isScalar(pair.value) && pair.value.value === null);
      const wantsKey = empty || (part === 'key' && index === path.length - 1);
      offset = wantsKey ? keyOffset : (startOf(pair.value) ?? keyOffset);
      node = pair.value;
    } else if (yaml.isSeq(container)) {
      node = container.items[Number(step)];
      offset = startOf(node) ?? offset;
    } else return offset;
  }
  return offset;
}

function findPair(document: Document.Parsed, map: YAMLMap, key: string): Pair | undefined {
  const named = (wanted: string) => (pair: Pair) => yaml.isScalar(pair.key) && keyText(pair.key) === wanted;
  const own = map.items.findLast(named(key));
  if (own) return own;
  const merged = resolve(document, map.items.find(named('<<'))?.value);
  const sources: unknown[] = yaml.isSeq(merged) ? merged.items : [merged];
  for (const source of sources) {
    const inner = resolve(document, source);
    const found = yaml.isMap(inner) ? findPair(document, inner, key) : undefined;
    if (found) return found;
  }
  return undefined;
}

const startOf = (node: unknown): number | undefined => (node as Node | null | undefined)?.range?.[0];
