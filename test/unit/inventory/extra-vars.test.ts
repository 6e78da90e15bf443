import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { parsePairs } from '../../../src/inventory/extra-vars.ts';
import { loadInventory } from '../../../src/inventory/load.ts';
import { temporary } from '../cli/typed.ts';

describe('-e key=value', () => {
  it.each<[string, Record<string, string>]>([
    ['a=1', { a: '1' }],
    ['a=', { a: '' }],
    ['a=1 b=2', { a: '1', b: '2' }],
    ['a=\'1 2\' b="3 4"', { a: '1 2', b: '3 4' }],
    ['a="say \\"yes\\""', { a: 'say "yes"' }],
    ['a=x=y', { a: 'x=y' }],
    ['url=http://h/?q=1&r=2', { url: 'http://h/?q=1&r=2' }],
    ['  a=1  ', { a: '1' }],
    ['a=$(id)`id`;x', { a: '$(id)`id`;x' }],
  ])('%s', (typed, pairs) => {
    expect(parsePairs(typed)).toEqual(pairs);
  });

  it.each(['', ' ', 'a', 'a b=1', '=1', '1a=2', 'a-b=1', 'a.b=1', "a='x", 'a="x', "it's=1"])(
    '%j is refused',
    (typed) => {
      expect(() => parsePairs(typed)).toThrow(expect.objectContaining({ code: 'usage' }));
    },
  );

  it('any text comes back from between quotes', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (one, two) => {
        const quoted = (text: string): string => `"${text.replaceAll(/["\\]/g, '\\$&')}"`;
        expect(parsePairs(`a=${quoted(one)} b=${quoted(two)}`)).toEqual({ a: one, b: two });
      }),
    );
  });
});

describe('-e and an inventory', () => {
  const directory = temporary();
  const load = async (...typed: string[]) => {
    const root = directory({
      'hosts.yml': 'all: { vars: { own: all, ansible_port: 22 }, hosts: { a: { own: host }, b: } }\n',
      'extra.yml': 'own: file\nlist: [1, 2]\n',
      'bad.yml': '- a list\n',
    });
    const at = typed.map((word) => word.replace('@', `@${root}/`));
    return loadInventory([`${root}/hosts.yml`], { extraVars: at });
  };
  const own = async (...typed: string[]): Promise<unknown[]> =>
    [...(await load(...typed)).hosts.values()].map(({ vars }) => vars['own']);

  it('goes before everything, for every host; the last one wins, key by key', async () => {
    expect(await own()).toEqual(['host', 'all']);
    expect(await own('own=e')).toEqual(['e', 'e']);
    expect(await own('own=e', '{"own": [1]}')).toEqual([[1], [1]]);
    expect(await own('@extra.yml', 'other=1')).toEqual(['file', 'file']);
    expect((await load('@extra.yml')).hosts.get('a')?.vars['list']).toEqual([1, 2]);
  });

  it('is checked like the inventory, and says where it was written', async () => {
    await expect(load('{"nat": {"masquarade": []}}')).rejects.toMatchObject({
      problems: [{ code: 'inventory', place: { file: '-e', line: 1, column: 10 } }],
    });
    await expect(load('ansible_port=eighty')).rejects.toMatchObject({
      problems: [{ place: { file: '-e' } }],
    });
    await expect(load('ansible_ssh_common_args=-oProxyCommand=x')).rejects.toMatchObject({
      problems: [{ code: 'inventory' }],
    });
    await expect(load('{"a": 1')).rejects.toMatchObject({ problems: [{ place: { file: '-e' } }] });
    await expect(load('[1, 2]')).rejects.toMatchObject({
      problems: [{ message: 'a mapping of variables is expected, this is a list' }],
    });
    await expect(load('@bad.yml')).rejects.toMatchObject({ problems: [{ hint: 'Write {"key": value}.' }] });
    await expect(load('@nowhere.yml')).rejects.toMatchObject({ problems: [{ code: 'inventory' }] });
  });

  it('ends a disagreement of two groups', async () => {
    const root = directory({
      'hosts.yml':
        'all: { children: { x: { hosts: { a: }, vars: { echo_url: [http://x/] } }, y: { hosts: { a: }, vars: { echo_url: [http://y/] } } } }\n',
    });
    await expect(loadInventory([`${root}/hosts.yml`])).rejects.toThrow('not the same');
    const { hosts } = await loadInventory([`${root}/hosts.yml`], {
      extraVars: ['{"echo_url": ["http://z/"]}'],
    });
    expect(hosts.get('a')?.vars['echo_url']).toEqual(['http://z/']);
  });
});
