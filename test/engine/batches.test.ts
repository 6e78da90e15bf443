import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { batchesOf, isSerial } from '../../src/engine/batches.ts';
import type { Serial } from '../../src/model/playbook.ts';
import { directoryHosts, flag, lacks, roleOf } from './directory-hosts.ts';
import type { DirectoryHosts } from './directory-hosts.ts';

const TEN = Array.from({ length: 10 }, (_, index) => `h${index}`);
const sizes = (serial: Serial | undefined): number[] => batchesOf(TEN, serial).map((batch) => batch.length);

describe('serial', () => {
  it.each<[string, Serial | undefined, number[]]>([
    ['not given', undefined, [10]],
    ['a number', 4, [4, 4, 2]],
    ['a number as text', '4', [4, 4, 2]],
    ['a percentage', '30%', [3, 3, 3, 1]],
    ['a percentage of less than a host', '5%', Array<number>(10).fill(1)],
    ['a list, of which the last repeats', [1, 2, '30%'], [1, 2, 3, 3, 1]],
    ['a list longer than the hosts', [6, 6, 6], [6, 4]],
  ])('%s', (_name, serial, expected) => {
    expect(sizes(serial)).toEqual(expected);
    expect(batchesOf(TEN, serial).flat()).toEqual(TEN);
  });

  it('of no hosts has no batches', () => expect(batchesOf([], 2)).toEqual([]));

  it.each<Serial>([0, -1, 1.5, '0', '0%', '101%', 'all', '', '1,2', [], [1, 'x']])('%j is none', (serial) => {
    expect(isSerial(serial)).toBe(false);
  });
});

let hosts: DirectoryHosts;
beforeEach(() => {
  hosts = directoryHosts('a', 'b', 'c', 'd', 'e');
});
afterEach(() => hosts.close());

const statuses = ({ hosts: reports }: { hosts: readonly { name: string; status: string }[] }) =>
  Object.fromEntries(reports.map(({ name, status }) => [name, status]));

/** Fails on the hosts named. */
const failsOn = (...names: string[]) =>
  flag({ name: 'x', step: `case "\${HOST##*/}" in ${names.join('|')}) exit 1 ;; esac; touch "$HOST/x"` });

describe('--serial', () => {
  it('goes before what the play says, and a list works in both', async () => {
    const play = { hosts: 'all', serial: 2, roles: [roleOf(flag({ name: 'x' }))] };
    const batches = ({ events }: Awaited<ReturnType<DirectoryHosts['run']>>) =>
      events.flatMap((event) => (event.type === 'play-started' ? [event.hosts.join('')] : []));
    expect(batches(await hosts.run([play], { check: true }))).toEqual(['ab', 'cd', 'e']);
    expect(batches(await hosts.run([{ ...play, serial: [1, '60%'] }], { check: true }))).toEqual([
      'a',
      'bcd',
      'e',
    ]);
    expect(batches(await hosts.run([play], { check: true, serial: ['1', '4'] }))).toEqual(['a', 'bcde']);
  });

  it('of a play that is no size is an error of the playbook', async () => {
    const play = { hosts: 'all', serial: [1, 0], roles: [roleOf(flag({ name: 'x' }))] };
    await expect(hosts.run([play])).rejects.toMatchObject({
      problems: [{ code: 'playbook', message: expect.stringContaining('[1,0]') }],
    });
  });
});

describe('--max-fail', () => {
  it('0: the first host that fails stops the batches after it', async () => {
    const result = await hosts.run([{ hosts: 'all', serial: 1, roles: [roleOf(failsOn('b'))] }]);
    expect(statuses(result)).toEqual({
      a: 'changed',
      b: 'reverted',
      c: 'skipped',
      d: 'skipped',
      e: 'skipped',
    });
  });

  it('1: one may fail and the others go on; the second one stops', async () => {
    const one = await hosts.run([{ hosts: 'all', serial: 1, roles: [roleOf(failsOn('b'))] }], { maxFail: 1 });
    expect(statuses(one)).toEqual({ a: 'changed', b: 'reverted', c: 'changed', d: 'changed', e: 'changed' });
    expect(one.exitCode).toBe(2);
    for (const name of ['a', 'c', 'd', 'e']) hosts.remove(name, 'x');
    const two = await hosts.run([{ hosts: 'all', serial: 1, roles: [roleOf(failsOn('b', 'd'))] }], {
      maxFail: 1,
    });
    expect(statuses(two)).toEqual({ a: 'changed', b: 'reverted', c: 'changed', d: 'reverted', e: 'skipped' });
    expect(['a', 'b', 'c', 'd', 'e'].map((name) => hosts.has(name, 'x'))).toEqual([
      true,
      false,
      true,
      false,
      false,
    ]);
  });

  it('counts who failed, not who was put back with it', async () => {
    const result = await hosts.run([{ hosts: 'all', serial: 3, roles: [roleOf(failsOn('b'))] }], {
      maxFail: 1,
    });
    expect(statuses(result)).toEqual({
      a: 'reverted',
      b: 'reverted',
      c: 'reverted',
      d: 'changed',
      e: 'changed',
    });
  });

  it('counts an unreachable host', async () => {
    hosts.cutFrom('a', 1);
    const play = { hosts: 'all', serial: 1, roles: [roleOf(failsOn('c'))] };
    const result = await hosts.run([play], { maxFail: 1 });
    expect(statuses(result)).toMatchObject({ a: 'unreachable', b: 'changed', c: 'reverted', d: 'skipped' });
  });

  it('a host that failed takes no part in later plays', async () => {
    const later = { hosts: 'all', roles: [roleOf(flag({ name: 'y' }))] };
    const result = await hosts.run([{ hosts: 'all', serial: 1, roles: [roleOf(failsOn('b'))] }, later], {
      maxFail: 1,
    });
    expect(statuses(result)).toMatchObject({ a: 'changed', b: 'reverted', c: 'changed' });
    expect([hosts.files('a'), hosts.files('b')]).toEqual([['x', 'y'], []]);
  });

  it('a check that a failed batch broke is held to again by the next one', async () => {
    const breaking = flag({ name: 'x' });
    // Fails while any host is changed.
    const script = 'ls "$HOST"/../[a-d]/x >/dev/null 2>&1 && echo no || echo yes';
    const check = lacks('e', 'trouble', { script });
    const result = await hosts.run(
      [{ hosts: 'a,b', serial: 1, roles: [roleOf(breaking)], checks: [() => [check]] }],
      { maxFail: 1 },
    );
    expect(statuses(result)).toMatchObject({ a: 'reverted', b: 'reverted' });
    expect(result.hosts.flatMap(({ checks }) => checks.map(({ baseline }) => baseline))).toEqual(['pass']);
  });
});
