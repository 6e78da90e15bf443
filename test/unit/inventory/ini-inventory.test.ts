import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { loadInventory } from '../../../src/inventory/load.ts';
import { pythonLiteral } from '../../../src/inventory/python-literal.ts';
import { shellWords } from '../../../src/inventory/shell-words.ts';
import { directoryOf, loadFiles, problemsIn } from './fixture.ts';

const loadIni = (text: string) => loadInventory([join(directoryOf({ hosts: text }), 'hosts')]);

describe('INI inventories', () => {
  test('hosts, variables, children, in one file and over several', async () => {
    const { hosts, groups } = await loadFiles({
      '1-static':
        'alone\n[web]\nw[1:2]:2222 n=1 text="a b" # why\n[all:vars]\nwide = True\n[site:children]\nweb\nlater',
      '0-first.list': '[later]\nl1',
      '2-more.list': '[web]\n[web:vars]\nn=2\nm=2',
      'old.ini': '[never]\nread',
    });
    expect([...hosts.keys()]).toEqual(['l1', 'alone', 'w1', 'w2']);
    expect(hosts.get('w1')?.vars).toEqual({ ansible_port: 2222, n: 1, text: 'a b', wide: true, m: 2 });
    expect(groups.get('site')).toEqual(['l1', 'w1', 'w2']);
    expect(hosts.get('alone')?.groups).toEqual(['all', 'ungrouped']);
  });

  test('places: of a host, a key, a value', async () => {
    const { hosts } = await loadIni('[web]\n  w1 first=1 ansible_port=0x16\n[web:vars]\n  user = ops');
    const at = (path: string[]) => {
      const place = hosts.get('w1')?.place(path);
      return `${place?.line}:${place?.column}`;
    };
    expect([at([]), at(['ansible_port']), at(['user'])]).toEqual(['2:3', '2:27', '4:9']);
    const problems = await problemsIn(loadIni('[web]\nw1 ansible_port=0'));
    expect(problems).toMatchObject([
      { message: 'ansible_port: 0 is not a port (host w1)', place: { line: 2, column: 17 } },
    ]);
    expect(problems[0]?.frame).toContain('> 2 | w1 ansible_port=0');
  });

  test.each([
    ['[web]\nw1 x', 'key=value is expected, not "x"', 2, 1],
    ['[web]\nw1 x="a', 'a quote (") is not closed', 2, 1],
    ['[we b]\nw1', 'this is not a section', 1, 1],
    ['[web:host]\nw1', '[web:host] is no section of an inventory', 1, 1],
    ['[web:vars]\nx=1', '[web:vars] is of a group that is declared nowhere', 1, 2],
    ['[web:children]\nnobody', 'there is no group nobody', 2, 1],
    ['[web]\n[web:vars]\nx', 'a variable is expected: key=value', 3, 1],
    ['[web]\nw1:', 'host "w1:": this is not a host name', 2, 1],
    ['[web]\n2001:db8::1', 'host "2001:db8::1": IPv6 is not supported in this version', 2, 1],
  ])('%j is one clear error', async (text, message, line, column) => {
    const problems = await problemsIn(loadIni(text));
    expect(problems.map((each) => [each.message, each.place?.line, each.place?.column])).toEqual([
      [message, line, column],
    ]);
  });

  test('a file without an extension is YAML where its first line begins a mapping', async () => {
    const { hosts } = await loadIni('# hosts\n\nall:\n  hosts: { a: }');
    expect([...hosts.keys()]).toEqual(['a']);
    expect([...(await loadIni('---\nall: { hosts: { b: } }')).hosts.keys()]).toEqual(['b']);
    expect([...(await loadIni('c:22 x=1')).hosts.keys()]).toEqual(['c']);
  });
});

describe('Python literals', () => {
  test.each<[string, unknown]>([
    ['1', 1],
    ['-1_000', -1000],
    ['0x1F', 31],
    ['1e3', 1000],
    ['.5', 0.5],
    ['True', true],
    ['None', null],
    ['"it\'s"', "it's"],
    [`'a' "b"`, 'ab'],
    [String.raw`"\n\x41\u00e9"`, '\nAé'],
    [String.raw`r"\n"`, String.raw`\n`],
    ['[1, "a", None,]', [1, 'a', null]],
    ['(1,)', [1]],
    ['1, 2', [1, 2]],
    ['{"a": {"b": [True]}, 1: 2}', { a: { b: [true] }, 1: 2 }],
    ['8080 # a comment', 8080],
    // More digits than a number of JavaScript holds.
    ['12345678901234567890', '12345678901234567890'],
  ])('%s', (text, value) => expect(pythonLiteral(text)).toEqual({ value }));

  test.each([
    'true',
    'yes',
    '0123',
    '1.2.3',
    'a',
    '{"a"}',
    '[1 2]',
    '"open',
    '',
    '1+2j',
    'f()',
    '10.0.0.1',
    '[',
    '(1',
  ])('%s is text', (text) => expect(pythonLiteral(text)).toBeUndefined());

  test('brackets without end are text, not a crash', () => {
    expect(pythonLiteral('['.repeat(100_000))).toBeUndefined();
  });
});

describe('words', () => {
  test.each<[string, string[]]>([
    [`a b='c d' "e"f`, ['a', 'b=c d', 'ef']],
    [
      String.raw`a\ b "c\d" 'e\f' "g\"h\\"`,
      ['a b', String.raw`c\d`, String.raw`e\f`, String.raw`g"h\ `.trim()],
    ],
    [`x '' #no`, ['x', '', '#no']],
  ])('%s', (text, words) => expect(shellWords(text)).toEqual(words));

  test('comments, also in the middle of a word', () => {
    expect(shellWords('a b#c d', { comments: true })).toEqual(['a', 'b']);
    expect(shellWords('a "b#c" #d', { comments: true })).toEqual(['a', 'b#c']);
  });
});
