import type { z } from 'zod';
import { Secret } from '../model/secret.ts';
import { NO_SECRET, SECRETS_IN, shown } from '../roles/variables/text.ts';
import { didYouMean } from './did-you-mean.ts';
import type { Path } from './document.ts';
import { kindOf } from './kind-of.ts';

/** One complaint of the schema, in words. */
export interface Explained {
  readonly path: Path;
  readonly at: 'key' | 'value';
  readonly message: string;
  readonly hint: string | undefined;
}

type Issue = z.core.$ZodIssue;
type Schema = z.core.$ZodType;

const KINDS: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a mapping',
  record: 'a mapping',
};

/** Puts what zod found wrong with `value` into sentences; a mapping's unknown keys become one each. */
export function explainIssues(issues: readonly Issue[], schema: Schema, value: unknown): Explained[] {
  return issues.flatMap((issue) => explain(issue, issue.path as (string | number)[], schema, value));
}

function explain(issue: Issue, path: Path, schema: Schema, value: unknown): Explained[] {
  const say = (message: string, hint?: string, at: 'key' | 'value' = 'value'): Explained[] => [
    { path, at, message, hint },
  ];
  const found = valueAt(value, path);
  if (found instanceof Secret && issue.code !== 'custom') return say(NO_SECRET, SECRETS_IN);
  switch (issue.code) {
    case 'unrecognized_keys': {
      const known = keysAt(schema, path);
      return issue.keys.map((key) => ({
        path: [...path, key],
        at: 'key',
        message: 'this key is not known',
        hint: didYouMean(key, known),
      }));
    }
    case 'invalid_type':
      return say(...wrongType([issue.expected], found));
    case 'invalid_value': {
      const values = issue.values.map(String);
      if (found === undefined) return say('is missing', `Write one of: ${values.join(', ')}.`);
      return say(
        `${shown(found)} is not one of: ${values.join(', ')}`,
        didYouMean(shown(found).replaceAll('"', ''), values),
      );
    }
    case 'invalid_union':
      return explainUnion(issue, path, schema, value);
    case 'invalid_key':
      return issue.issues.map((inner) => ({ path, at: 'key', message: inner.message, hint: hintOf(inner) }));
    case 'too_small':
      return say(
        issue.origin === 'array'
          ? 'must not be an empty list'
          : `${shown(found)} is less than ${issue.minimum}`,
        issue.origin === 'array' ? 'Add an entry, or leave the key out.' : `Write ${issue.minimum} or more.`,
      );
    case 'too_big':
      return say(`${shown(found)} is more than ${issue.maximum}`, `Write ${issue.maximum} or less.`);
    case 'custom':
    case 'invalid_format':
    case 'invalid_element':
    case 'not_multiple_of':
      return say(issue.message, hintOf(issue));
  }
}

function explainUnion(
  issue: z.core.$ZodIssueInvalidUnion,
  path: Path,
  schema: Schema,
  value: unknown,
): Explained[] {
  const isRoot = (inner: Issue): inner is z.core.$ZodIssueInvalidType =>
    inner.code === 'invalid_type' && inner.path.length === 0;
  const near = issue.errors.find((branch) => !branch.some(isRoot));
  if (near)
    return near.flatMap((inner) =>
      explain(inner, [...path, ...(inner.path as (string | number)[])], schema, value),
    );
  const expected = issue.errors.flatMap((branch) => branch.filter(isRoot).map((inner) => inner.expected));
  const [message, hint] = wrongType(expected, valueAt(value, path));
  return [{ path, at: 'value', message, hint }];
}

function wrongType(expected: readonly string[], found: unknown): [string, string | undefined] {
  const wanted = [...new Set(expected.map((kind) => KINDS[kind] ?? kind))].join(' or ');
  if (found === undefined) return [`is missing (${wanted})`, 'Add it.'];
  const boolean =
    expected.includes('boolean') &&
    typeof found === 'string' &&
    /^(?:yes|no|on|off|true|false)$/i.test(found);
  const hint = boolean
    ? `Write ${/^(?:yes|on|true)$/i.test(found) ? 'true' : 'false'}, without quotes.`
    : expected.includes('array') && typeof found !== 'object'
      ? `Write it as a list: [${shown(found).replaceAll('"', '')}].`
      : `Write ${wanted}.`;
  const what = typeof found === 'object' ? kindOf(found) : `${kindOf(found)}: ${shown(found)}`;
  return [`must be ${wanted}, is ${what}`, hint];
}

function hintOf(issue: Issue): string | undefined {
  const hint: unknown = issue.code === 'custom' ? issue.params?.['hint'] : undefined;
  return typeof hint === 'string' ? hint : undefined;
}

function valueAt(value: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (inner, step) =>
      typeof inner === 'object' && inner !== null
        ? (inner as Record<string | number, unknown>)[step]
        : undefined,
    value,
  );
}

/** The keys that the mapping at this path may have. */
function keysAt(schema: Schema, path: Path): string[] {
  const { def } = schema as z.ZodType;
  if ('innerType' in def) return keysAt(def.innerType as Schema, path);
  if ('options' in def) return (def.options as Schema[]).flatMap((option) => keysAt(option, path));
  const [step, ...rest] = path;
  if ('shape' in def) {
    const shape = def.shape as Record<string, Schema>;
    if (step === undefined) return Object.keys(shape);
    return Object.hasOwn(shape, step) ? keysAt(shape[step] as Schema, rest) : [];
  }
  const inner = 'element' in def ? def.element : 'valueType' in def ? def.valueType : undefined;
  return inner === undefined || step === undefined ? [] : keysAt(inner as Schema, rest);
}
