import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { readJson } from '../../../src/inventory/json-document.ts';
import { gatherProblems } from '../../../src/inventory/problems.ts';
import { Keyring } from '../../../src/inventory/secrets/keyring.ts';
import { parseYamlDocument } from '../../../src/inventory/yaml-document.ts';
import type { Path } from '../../../src/inventory/document.ts';

const parsed = (text: string) => {
  const problems = gatherProblems();
  const document = parseYamlDocument({ text, isSealed: false }, 'hosts.json', {
    problems,
    keyring: new Keyring(),
  });
  return { document, problems };
};

/** Every path into a value, one that leads nowhere behind each. */
const paths = (value: unknown, path: Path = []): Path[] => [
  path,
  [...path, 'nowhere'],
  [...path, 99],
  ...(typeof value === 'object' && value !== null
    ? Object.entries(value).flatMap(([key, inner]) =>
        paths(inner, [...path, Array.isArray(value) ? Number(key) : key]),
      )
    : []),
];

describe('JSON is read without the reader of YAML', () => {
  it('with the same values and the same places', () => {
    const keys = fc.string({ maxLength: 4 }).filter((key) => !['<<', '__proto__'].includes(key));
    const { tree } = fc.letrec((tie) => ({
      tree: fc.oneof(
        { depthSize: 'small' },
        fc.string(),
        fc.integer(),
        fc.boolean(),
        fc.constant(null),
        fc.array(tie('tree'), { maxLength: 3 }),
        fc.dictionary(keys, tie('tree'), { maxKeys: 3, noNullPrototype: true }),
      ),
    }));
    fc.assert(
      fc.property(fc.array(tree, { maxLength: 3 }), fc.constantFrom(0, 2), (value, indent) => {
        const text = JSON.stringify(value, null, indent);
        expect(readJson(text)).toBeDefined();
        const json = parsed(text).document;
        // A comment makes it YAML.
        const yaml = parsed(`${text} # YAML`).document;
        expect(json?.data).toEqual(yaml?.data);
        for (const path of paths(value))
          for (const part of ['key', 'value'] as const)
            expect([path, json?.place(path, part)]).toEqual([path, yaml?.place(path, part)]);
      }),
    );
  });

  it.each([
    ['a key twice', '{"a": 1, "a": 2}', 'the key "a" stands twice in this mapping, first in line 1'],
    ['a key twice, spelt otherwise', '{"a": 1, "\\u0061": 2}', 'the key "a" stands twice'],
    ['a key that cannot be one', '{"__proto__": 1}', '"__proto__" cannot be a key'],
    ['too many levels', `${'['.repeat(5000)}${']'.repeat(5000)}`, 'this is nested too deeply'],
  ])('but for what has to be told: %s', (_what, text, message) => {
    expect(readJson(text)).toBeUndefined();
    expect(() => parsed(text).problems.throwIfAny()).toThrow(message);
  });

  it.each(['', 'a: 1', '[1,]', '{"a": 1} # YAML', '"text"'])('nothing else is JSON: %j', (text) => {
    expect(readJson(text)).toBeUndefined();
  });
});
