import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { defineResource } from '../../src/resources/index.ts';
import { directoryHosts, flag, roleOf } from './directory-hosts.ts';
import type { DirectoryHosts } from './directory-hosts.ts';

let hosts: DirectoryHosts;
beforeEach(() => {
  hosts = directoryHosts('a', 'b');
});
afterEach(() => hosts.close());
const read = (file: string): string => readFileSync(hosts.at('a', file), 'utf8');

/** A file that is made anew while the old one is kept until nobody can want it back. */
const renewed = defineResource<{ name: string; loses?: string }, { live: { content: string } | null }>({
  kind: 'renewed',
  name: ({ name }) => name,
  desired: () => ({ live: { content: 'new' } }),
  probe: ({ name }) => `[ ! -e "$HOST/${name}" ] || { echo there; cat "$HOST/${name}"; }`,
  parse: ({ stdout }) => {
    const [there, content = ''] = stdout.split('\n');
    return { live: there === 'there' ? { content } : null };
  },
  destroys: ({ from }, { loses }, { taken }) => (loses && !taken && from.live !== null ? loses : null),
  transition: ({ from, to }, { name }) => ({
    steps: [
      to.live?.content === 'new'
        ? `[ ! -e "$HOST/${name}" ] || mv "$HOST/${name}" "$HOST/${name}.old"; echo new > "$HOST/${name}"`
        : `rm -f "$HOST/${name}"; [ ! -e "$HOST/${name}.old" ] || mv "$HOST/${name}.old" "$HOST/${name}"`,
    ],
    settled: [`rm -f "$HOST/${name}.old"; echo was: ${from.live?.content ?? 'absent'} >> "$HOST/settled"`],
  }),
});

const play = (loses?: string, ...more: Parameters<typeof roleOf>) => ({
  hosts: 'a',
  roles: [roleOf(renewed({ name: 'x', ...(loses === undefined ? {} : { loses }) }), ...more)],
});

const warnings = ({ events }: Awaited<ReturnType<DirectoryHosts['run']>>): string[] =>
  events
    .flatMap((event) => (event.type === 'warning' ? [event.message] : []))
    .filter((message) => message.includes('destroy'));

describe('a change that others lose by', () => {
  it('is refused without --allow-destroy: exit 2, the host untouched, the flag named', async () => {
    hosts.put('a', 'x');
    const result = await hosts.run([play('x loses its old content')]);
    expect(result.hosts[0]).toMatchObject({
      status: 'failed',
      error: { code: 'destroys' },
      ssh: { execs: 1 },
    });
    expect(result.hosts[0]?.error?.message).toBe('a: x loses its old content.');
    expect(result.hosts[0]?.error?.hint).toContain('--allow-destroy');
    expect([result.exitCode, hosts.files('a')]).toEqual([2, ['x']]);
  });

  it('is planned by --check, which says what it needs', async () => {
    hosts.put('a', 'x');
    const result = await hosts.run([play('x loses its old content')], { check: true });
    expect(warnings(result)).toEqual(['needs --allow-destroy: x loses its old content']);
    expect([result.exitCode, result.hosts[0]?.changes.length]).toEqual([0, 1]);
  });

  it('is made with --allow-destroy', async () => {
    hosts.put('a', 'x');
    const result = await hosts.run([play('x loses its old content')], { allowDestroy: true });
    expect([result.exitCode, warnings(result)]).toEqual([0, []]);
  });

  it('may be one only until the host is taken over', async () => {
    expect((await hosts.run([play('x loses its old content')])).exitCode).toBe(0);
    hosts.remove('a', 'x');
    hosts.put('a', 'x');
    expect((await hosts.run([play('x loses its old content')])).exitCode).toBe(0);
  });
});

describe('what only the way back needed', () => {
  it('is kept while a change can be taken back, and thrown away once it is confirmed', async () => {
    hosts.put('a', 'x');
    const seen = flag({ name: 'seen', step: 'ls "$HOST" > "$HOST/during"; touch "$HOST/seen"' });
    expect((await hosts.run([play(undefined, seen)])).exitCode).toBe(0);
    expect(hosts.files('a')).toEqual(['during', 'seen', 'settled', 'x']);
    expect(read('during')).toContain('x.old');
    expect(read('settled')).toBe('was:\n');
  });

  it('is used by the way back, whose own leftovers are thrown away after it', async () => {
    hosts.put('a', 'x');
    const fails = flag({ name: 'seen', step: 'exit 1' });
    const result = await hosts.run([play(undefined, fails)]);
    expect([result.exitCode, result.hosts[0]?.status]).toEqual([2, 'reverted']);
    expect(hosts.files('a')).toEqual(['settled', 'x']);
    expect([read('x'), read('settled')]).toEqual(['', 'was: new\n']);
  });

  it('that fails to go changes nothing any more', async () => {
    const stubborn = defineResource<{ name: string }, { live: { on: boolean } | null }>({
      kind: 'stubborn',
      name: ({ name }) => name,
      desired: () => ({ live: { on: true } }),
      probe: () => 'test -e "$HOST/on" && echo on',
      parse: ({ stdout }) => ({ live: stdout === '' ? null : { on: true } }),
      transition: ({ to }) => ({
        steps: [to.live ? 'touch "$HOST/on"' : 'rm -f "$HOST/on"'],
        settled: ['exit 7', 'touch "$HOST/after"'],
      }),
    });
    const result = await hosts.run([{ hosts: 'a', roles: [roleOf(stubborn({ name: 's' }))] }]);
    expect([result.exitCode, hosts.files('a')]).toEqual([0, ['after', 'on']]);
  });
});
