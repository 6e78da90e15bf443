import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { overrideVariables } from '../../../src/inventory/overrides.ts';
import { complaintsAbout, hostIn, loadFiles, problemsIn } from './fixture.ts';

const LEVELS = ['all', 'groups', 'all file', 'group files', 'host', 'host file'] as const;

describe('precedence is Ansible’s', () => {
  test('the later level wins, whatever levels there are', async () => {
    await fc.assert(
      fc.asyncProperty(fc.subarray([...LEVELS], { minLength: 1 }), async (levels) => {
        const x = (level: (typeof LEVELS)[number]): string =>
          levels.includes(level) ? `{ x: ${level} }` : '{}';
        const { hosts } = await loadFiles({
          'hosts.yml': `all: { vars: ${x('all')}, children: { web: { vars: ${x('groups')}, hosts: { a: ${x('host')} } } } }`,
          'group_vars/all.yml': x('all file'),
          'group_vars/web.yml': x('group files'),
          'host_vars/a.yml': x('host file'),
        });
        expect(hosts.get('a')?.vars['x']).toBe(levels.at(-1));
      }),
      { seed: 7, numRuns: 40 },
    );
  });

  test('children over parents, then priority, then the alphabet; values are replaced whole', async () => {
    const host = await hostIn(`
parent: { vars: { a: parent, map: { x: 1 } }, children: { child: { hosts: { h: }, vars: { a: child, map: { y: 2 } } } } }
b_group: { hosts: { h: }, vars: { b: b, c: b, ansible_group_priority: 10 } }
c_group: { hosts: { h: }, vars: { b: c, d: c } }
d_group: { hosts: { h: }, vars: { d: d } }
`);
    expect(host.vars).toMatchObject({ a: 'child', map: { y: 2 }, b: 'b', c: 'b', d: 'd' });
    expect(host.groups).toEqual(['all', 'c_group', 'd_group', 'parent', 'b_group', 'child']);
  });
});

describe('groups of one rank', () => {
  const groups = (first: string, second: string, host = ''): string =>
    `a:\n  hosts: { h: { ${host} } }\n  vars: { ${first} }\nb:\n  hosts: { h: }\n  vars: { ${second} }`;

  test('that disagree on a variable of ours are an error that names both places', async () => {
    expect(await complaintsAbout(groups('echo_url: http://x', 'echo_url: http://y'))).toEqual([
      {
        message: expect.stringMatching(
          /^echo_url is not the same in the group b \(here\) and the group a \(.*hosts\.yml:3:11\), which rank alike \(host h\)$/,
        ),
        line: 6,
        column: 11,
        hint: expect.stringMatching(/Set echo_url in one of them/),
      },
    ]);
  });

  test.each([
    ['agree', groups('echo_url: http://x', 'echo_url: http://x')],
    ['are overruled by the host', groups('echo_url: http://x', 'echo_url: http://y', 'echo_url: http://z')],
    ['have a priority', groups('echo_url: http://x', 'echo_url: http://y, ansible_group_priority: 5')],
    ['disagree on the user’s own variable', groups('mine: 1', 'mine: 2')],
  ])('are fine when they %s', async (_, text) => {
    await expect(hostIn(text)).resolves.toBeDefined();
  });
});

describe('variables of a play', () => {
  const text = 'all:\n  hosts:\n    a:\n      nics: { eth0: { address: 10.0.0.1/24 } }\n      mine: 1';

  test('lie over the host’s own, with defaults filled in', async () => {
    const vars = overrideVariables(await hostIn(text), { mine: 2, nat: {} }, 'play.ts');
    expect(vars).toMatchObject({
      mine: 2,
      nics: { eth0: { secondary: [] } },
      nat: { engine: 'auto', dnat: [] },
    });
  });

  test('are checked like an inventory’s, and against the host’s', async () => {
    const host = await hostIn(text);
    const problems = await problemsIn(
      Promise.resolve().then(() =>
        overrideVariables(host, { eips: { x: { public: '1.2.3.4', private: '10.0.0.9' } } }, 'play.ts'),
      ),
    );
    expect(problems).toMatchObject([
      {
        code: 'playbook',
        place: { file: 'play.ts' },
        message: expect.stringMatching(/eips\.x\.private: 10\.0\.0\.9 is not an address/),
      },
    ]);
  });
});
