import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { isChosen } from '../../src/engine/tags.ts';
import { tagged } from '../../src/playbook/tagged.ts';
import type { Play, Role } from '../../src/model/playbook.ts';
import type { Surroundings } from '../../src/model/resource.ts';
import { directoryHosts, flag, lacks } from './directory-hosts.ts';
import type { DirectoryHosts } from './directory-hosts.ts';

describe('which tags choose what (the rule of ansible-playbook)', () => {
  it.each<[string[], string[], string[], boolean]>([
    [[], [], [], true],
    [['a'], [], [], true],
    [['never'], [], [], false],
    [['a'], ['a'], [], true],
    [['a', 'b'], ['b'], [], true],
    [['a'], ['b'], [], false],
    [[], ['a'], [], false],
    [['always'], ['a'], [], true],
    [['always'], ['a'], ['always'], false],
    [['a'], [], ['a'], false],
    [['a', 'b'], ['a'], ['b'], false],
    [['a'], ['all'], [], true],
    [['never', 'a'], ['all'], [], false],
    [['never', 'a'], ['a'], [], true],
    [['never'], ['never'], [], true],
    [['a'], [], ['all'], false],
    [['always'], [], ['all'], true],
  ])('%j with -t %j --skip-tags %j: %s', (tags, only, skip, chosen) => {
    expect(isChosen(tags, { only, skip })).toBe(chosen);
  });
});

describe('tags in a run', () => {
  let hosts: DirectoryHosts;
  beforeEach(() => {
    hosts = directoryHosts('a', 'b');
  });
  afterEach(() => hosts.close());

  const role = (name: string, ...files: string[]): Role => ({
    name,
    build: () => ({
      resources: files.map((file) => flag({ name: file })),
      checks: [({ play }) => play.map((host) => lacks(host, `${name}-broken`))],
    }),
  });
  const only = (...names: string[]) => ({ tags: { only: names, skip: [] } });
  const skip = (...names: string[]) => ({ tags: { only: [], skip: names } });
  const checks = ({ hosts: reports }: Awaited<ReturnType<DirectoryHosts['run']>>): string[] =>
    reports.flatMap((host) => host.checks.map(({ name }) => name));

  const plays: Play[] = [
    {
      hosts: 'a,b',
      tags: ['edge'],
      roles: [role('one', 'x'), tagged(['slow', 'big'], role('two', 'y'))],
      checks: [tagged('proof', () => [lacks('a', 'never-there')])],
    },
    {
      hosts: 'b',
      roles: [{ name: 'own', build: () => ({ resources: [tagged('z', flag({ name: 'z' }))] }) }],
    },
  ];

  it('a role by its name: its resources and its checks, and nothing else', async () => {
    const result = await hosts.run(plays, only('one'));
    expect([hosts.files('a'), hosts.files('b')]).toEqual([['x'], ['x']]);
    expect(checks(result)).toEqual(['a lacks one-broken', 'b lacks one-broken']);
  });

  it('what is skipped takes its checks along', async () => {
    const result = await hosts.run(plays, skip('slow'));
    expect([hosts.files('a'), hosts.files('b')]).toEqual([['x'], ['x', 'z']]);
    expect(checks(result).sort()).toEqual([
      'a lacks never-there',
      'a lacks one-broken',
      'b lacks one-broken',
    ]);
  });

  it('a host with nothing chosen is not contacted', async () => {
    const result = await hosts.run(plays, only('z'));
    expect([hosts.files('a'), hosts.files('b')]).toEqual([[], ['z']]);
    expect(result.hosts.map(({ name }) => name)).toEqual(['b']);
  });

  it('checks alone', async () => {
    const result = await hosts.run(plays, only('proof'));
    expect(result.hosts).toMatchObject([
      { name: 'a', resources: 0, checks: [{ name: 'a lacks never-there' }] },
    ]);
    expect(result.exitCode).toBe(0);
  });

  it('a tag of the play holds for all in it', async () => {
    await hosts.run(plays, only('edge'));
    expect([hosts.files('a'), hosts.files('b')]).toEqual([
      ['x', 'y'],
      ['x', 'y'],
    ]);
  });

  it.each(['only', 'skip'] as const)('a tag that nothing has is an error (%s)', async (where) => {
    const choice = where === 'only' ? only('one', 'oen') : skip('oen');
    await expect(hosts.run(plays, choice)).rejects.toMatchObject({
      code: 'no-hosts-matched',
      message: 'Nothing that is selected has the tag oen.',
      hint: expect.stringContaining('one'),
    });
  });

  it('everything skipped is an error too', async () => {
    await expect(hosts.run(plays, skip('edge', 'z'))).rejects.toMatchObject({ code: 'no-hosts-matched' });
  });

  it('a resource is planned among all that is declared, also what tags leave out', async () => {
    const seen: (readonly unknown[])[] = [];
    const spy = flag({ name: 'x' });
    const watched = {
      ...spy,
      plan: (...given: Parameters<typeof spy.plan>) => {
        const around: Surroundings = given[2] ?? {};
        seen.push((around.others ?? []).map(({ props }) => props));
        return spy.plan(...given);
      },
    };
    const both: Role = {
      name: 'both',
      build: () => ({ resources: [watched, tagged('other', flag({ name: 'y' }))] }),
    };
    await hosts.run([{ hosts: 'a', roles: [both] }], { ...skip('other'), check: true });
    expect(seen).toEqual([[{ name: 'y' }]]);
  });

  it('the same resource of two roles is had when one of them is chosen', async () => {
    await hosts.run([{ hosts: 'a', roles: [role('one', 'x'), role('two', 'x', 'y')] }], skip('two'));
    expect(hosts.files('a')).toEqual(['x']);
  });

  it('a word that cannot be typed is no tag', async () => {
    const attempt = hosts.run([{ hosts: 'a', tags: ['a b'], roles: [role('one', 'x')] }]);
    await expect(attempt).rejects.toMatchObject({
      problems: [{ code: 'playbook', message: '"a b" cannot be a tag.' }],
    });
  });
});
