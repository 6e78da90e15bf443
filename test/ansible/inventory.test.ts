import { describe, expect, test } from '@jest/globals';
import { ansibleList, ansibleValues, noAnsible, provisionList, TREE } from './ansible.ts';

const suite = noAnsible === undefined ? describe : describe.skip;
const why = noAnsible === undefined ? '' : ` (skipped: ${noAnsible})`;

/** Variables with references, which ansible-inventory prints as they are written. */
const REFERENCES =
  'r_text r_number r_list r_map r_item r_last r_mixed r_chain r_bool r_other r_group r_names r_short r_nested r_whole_number r_whole_bool'.split(
    ' ',
  );
/** The same elsewhere in the tree, by host. */
const IN_INI = ['base', 'jinja'];
const isReference = (name: string): boolean => REFERENCES.includes(name) || IN_INI.includes(name);

/** ansible-inventory wraps texts that must not be evaluated. */
function unwrapped(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(unwrapped);
  if (typeof value !== 'object' || value === null) return value;
  const { __ansible_unsafe: text, ...rest } = value as Record<string, unknown>;
  if (text !== undefined) return text;
  return Object.fromEntries(Object.entries(rest).map(([key, inner]) => [key, unwrapped(inner)]));
}

/** Ansible 2.14 makes text of a number that a reference leads to; later ones keep its type, as we do. */
function asText(value: unknown): unknown {
  if (typeof value === 'number') return String(value);
  if (Array.isArray(value)) return value.map(asText);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, asText(inner)]));
}

suite(`an inventory tree of Ansible loads as Ansible itself loads it${why}`, () => {
  const values = (
    hostvars: Readonly<Record<string, Readonly<Record<string, unknown>>>>,
  ): [string, unknown][] =>
    Object.entries(hostvars).flatMap(([host, vars]) =>
      Object.entries(vars)
        .filter(([name]) => !isReference(name))
        .map(([name, value]): [string, unknown] => [`${host} ${name}`, unwrapped(value)]),
    );

  test('every value of every host, and every group', () => {
    const [theirs, ours] = [ansibleList(TREE), provisionList(TREE)];
    expect(Object.keys(theirs.hostvars).length).toBeGreaterThanOrEqual(60);
    expect(Object.keys(ours.hostvars).sort()).toEqual(Object.keys(theirs.hostvars).sort());
    expect(ours.groups).toEqual(theirs.groups);
    expect(values(theirs.hostvars).length).toBeGreaterThan(1000);
    expect(Object.fromEntries(values(ours.hostvars))).toEqual(Object.fromEntries(values(theirs.hostvars)));
  });

  test('the order of two sources counts, as it does for Ansible', () => {
    const turned = TREE.toReversed();
    const [theirs, ours] = [ansibleList(turned), provisionList(turned)];
    expect(Object.fromEntries(values(ours.hostvars))).toEqual(Object.fromEntries(values(theirs.hostvars)));
    // Control: it does change something.
    expect(values(ours.hostvars)).not.toEqual(values(provisionList(TREE).hostvars));
  });

  test('references are what Ansible makes of them', () => {
    const ours = provisionList(TREE).hostvars;
    for (const [pattern, names] of [
      ['jinja', REFERENCES],
      ['types', ['base']],
      ['t6', IN_INI],
    ] as const) {
      const theirs = ansibleValues(TREE, pattern, names);
      expect(Object.keys(theirs).length).toBeGreaterThan(0);
      for (const [host, expected] of Object.entries(theirs)) {
        const found = Object.fromEntries(names.map((name) => [name, ours[host]?.[name]]));
        expect(asText(found)).toEqual(asText(expected));
      }
    }
  });
});
