import { describe, expect, test } from '@jest/globals';
import { asWritten } from '../../../src/inventory/deferred.ts';
import { overrideVariables } from '../../../src/inventory/overrides.ts';
import { isProvisionError } from '../../../src/model/error.ts';
import { complaintsAbout, hostIn, loadText } from './fixture.ts';

const withVars = (vars: string) => hostIn(`all: { hosts: { h.example: { ${vars} } } }`);

/** What reading a variable throws. */
function refusal(read: () => unknown): { message: string; line: number | undefined } {
  try {
    read();
  } catch (error) {
    if (isProvisionError(error)) return { message: error.message, line: error.place?.line };
    throw error;
  }
  throw new Error('it can be read');
}

describe('plain references', () => {
  test('keep the type of what they refer to, alone; inside text they are text', async () => {
    const { vars } = await withVars(
      'n: 5, lit: true, l: [1, { k: v }], a: "{{ n }}", b: "{{ l }}", c: "{{l[1].k}}", d: "{{ l[-2] }}-{{ lit }}{{ nothing }}", nothing: null',
    );
    expect(vars).toMatchObject({ a: 5, b: [1, { k: 'v' }], c: 'v', d: '1-True' });
  });

  test('lead on, over groups and hosts, and to what Ansible sets', async () => {
    const { hosts } = await loadText(`
g: { hosts: { h1.example: { own: 1 }, h2: { own: 2 } }, vars: { a: "{{ b }}", b: "x{{ c }}", c: "{{ own }}" } }
all: { vars: { other: "{{ hostvars['h2']['own'] }}", me: "{{ inventory_hostname_short }}/{{ inventory_hostname }}", all: "{{ groups.g }}", mine: "{{ group_names }}" } }`);
    expect(hosts.get('h1.example')?.vars).toMatchObject({
      a: 'x1',
      other: 2,
      me: 'h1/h1.example',
      all: ['h1.example', 'h2'],
      mine: ['g'],
    });
  });

  test('in variables that provision reads, before they are checked', async () => {
    const host = await withVars(
      'ip: 10.0.0.2, ansible_host: "{{ ip }}", nics: { eth0: { address: "{{ ip }}/24" } }',
    );
    expect(host.connection.address).toBe('10.0.0.2');
    expect(host.vars['nics']).toMatchObject({ eth0: { address: '10.0.0.2/24' } });
    expect(
      await complaintsAbout('all:\n  vars: { ip: 1.2.3, ansible_host: "{{ ip }}" }\n  hosts: { a: }'),
    ).toMatchObject([{ message: expect.stringMatching(/"1\.2\.3" is not an IPv4 address/), line: 2 }]);
  });

  test('!unsafe is no Jinja', async () => {
    const { vars } = await withVars('a: !unsafe "{{ b }}", c: !unsafe ["{{ b }}"], b: 1');
    expect(vars).toEqual({ a: '{{ b }}', b: 1, c: ['{{ b }}'] });
  });
});

describe('what is more than a reference', () => {
  const text = `all:
  hosts:
    h:
      fine: 1
      filter: "{{ fine | default(2) }}"
      block: "{% if fine %}x{% endif %}"
      missing: "{{ fnie }}"
      fact: "{{ ansible_default_ipv4.address }}"
      circle: "{{ circle2 }}"
      circle2: "a{{ circle }}"
      through: "x {{ filter }}"
      deep: { ok: 1, bad: ["{{ now() }}"] }
      list: "text {{ deep }}"
`;

  test('keeps no tree from loading, and is refused with its place where somebody asks for it', async () => {
    const { vars } = await hostIn(text);
    const MORE = 'is more of Jinja than a reference to a variable, which is all that is evaluated here';
    expect(refusal(() => vars['filter'])).toEqual({
      message: `filter: {{ fine | default(2) }} ${MORE}`,
      line: 5,
    });
    expect(refusal(() => vars['block'])).toEqual({ message: `block: {% if fine %} ${MORE}`, line: 6 });
    expect(refusal(() => vars['missing'])).toEqual({
      message: 'missing: there is no variable "fnie"',
      line: 7,
    });
    expect(refusal(() => vars['fact']).message).toBe('fact: there is no variable "ansible_default_ipv4"');
    expect(refusal(() => vars['circle']).message).toMatch(/in a circle: circle > circle2 > circle$/);
    expect(refusal(() => vars['circle2']).message).toMatch(/in a circle/);
    // The culprit is named, and not who refers to it.
    expect(refusal(() => vars['through'])).toEqual({
      message: `filter: {{ fine | default(2) }} ${MORE}`,
      line: 5,
    });
    const deep = vars['deep'] as { ok: number; bad: unknown[] };
    expect(deep.ok).toBe(1);
    expect(refusal(() => deep.bad[0]).line).toBe(12);
    expect(refusal(() => vars['list']).message).toBe('list: {{ deep }} is a mapping, and stands inside text');
  });

  test('is passed over by copies and shown as it was written', async () => {
    const { vars } = await hostIn(text);
    expect(Object.keys({ ...vars })).toEqual(['fine', 'deep']);
    expect(asWritten(vars)).toMatchObject({
      filter: '{{ fine | default(2) }}',
      deep: { bad: ['{{ now() }}'] },
    });
  });

  test('stays what it is under the variables of a play', async () => {
    const vars = overrideVariables(await hostIn(text), { mine: 1 }, 'play.ts');
    expect(vars['mine']).toBe(1);
    expect(refusal(() => vars['filter']).line).toBe(5);
  });
});
