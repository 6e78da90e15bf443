import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { loadInventory } from '../../../src/inventory/load.ts';
import { directoryOf, loadFiles, problemsIn } from './fixture.ts';

/** Loads a program that ends in these lines of shell. */
function loadScript(lines: string, mode = 0o755) {
  const file = join(directoryOf({ 'list.sh': `#!/bin/sh\n${lines}\n` }), 'list.sh');
  chmodSync(file, mode);
  return loadInventory([file]);
}

const list = (data: unknown): string => `[ "$1" = --list ] && echo '${JSON.stringify(data)}'`;

describe('executable inventories', () => {
  test('with _meta they are asked once', async () => {
    const { hosts, groups } = await loadScript(
      `${list({
        _meta: { hostvars: { a: { n: 1 }, nobody: { n: 2 } } },
        web: { hosts: ['a', 'b'], vars: { g: 1 }, children: ['sub'] },
        sub: ['c'],
        d: { only: 'variables' },
      })} || exit 9`,
    );
    expect(hosts.get('a')?.vars).toEqual({ n: 1, g: 1 });
    expect([...hosts.keys()]).toEqual(['a', 'b', 'c', 'd']);
    expect(hosts.get('d')?.vars).toEqual({ only: 'variables' });
    expect(groups.get('web')).toEqual(['a', 'b', 'c']);
  });

  test('without _meta each host is asked for', async () => {
    const { hosts } = await loadScript(`${list({ web: ['a', 'b'] })} || echo "{\\"asked\\": \\"$2\\"}"`);
    expect([...hosts.values()].map(({ vars }) => vars)).toEqual([{ asked: 'a' }, { asked: 'b' }]);
  });

  test('beside other sources, and with group_vars', async () => {
    const directory = directoryOf({
      '1.yml': 'web: { hosts: { a: { from: yaml } } }',
      '2.sh': `#!/bin/sh\n${list({ web: ['b'], _meta: { hostvars: { a: { from: 'script' } } } })}`,
      'group_vars/web.yml': 'file: 1',
    });
    chmodSync(join(directory, '2.sh'), 0o755);
    const { hosts } = await loadInventory([directory]);
    expect(hosts.get('b')?.vars).toEqual({ file: 1 });
    // Only hosts that the program itself names get its variables.
    expect(hosts.get('a')?.vars).toEqual({ from: 'yaml', file: 1 });
  });

  test.each([
    ['echo not json', '--list of this program printed no JSON'],
    ['echo "no token" >&2; exit 3', '--list of this program failed: it ended with exit code 3: no token'],
    ['echo []', '--list printed a list, not a mapping of groups'],
    [
      `echo '{"web": {"hosts": "a"}}'`,
      'the hosts of the group web: a list of names is expected, this is text',
    ],
    [`echo '{"web": {"vars": []}}'`, 'the variables of group web: a mapping is expected, this is a list'],
  ])('%s is one clear error', async (lines, message) => {
    const problems = await problemsIn(loadScript(lines));
    expect(problems.map((problem) => problem.message)).toEqual([message]);
    expect(problems[0]?.place?.file).toMatch(/list\.sh$/);
  });

  test('one that may not be executed says so', async () => {
    const [problem] = await problemsIn(loadScript('echo {}', 0o644));
    expect(problem?.message).toBe('this program is not run: it may not be executed');
    expect(problem?.hint).toMatch(/^Type: chmod \+x /);
  });

  test('a data file with the bit is data', async () => {
    const directory = directoryOf({ 'hosts.yml': 'all: { hosts: { a: } }' });
    chmodSync(join(directory, 'hosts.yml'), 0o755);
    expect([...(await loadInventory([directory])).hosts.keys()]).toEqual(['a']);
  });

  test('a directory in a directory is read, its group_vars are not', async () => {
    const { hosts } = await loadFiles({
      'a.yml': 'all: { hosts: { a: } }',
      'more/b.yml': 'all: { hosts: { b: } }',
      'more/group_vars/all.yml': 'x: 1',
    });
    expect([...hosts.values()].map(({ name, vars }) => [name, vars])).toEqual([
      ['a', {}],
      ['b', {}],
    ]);
  });
});
