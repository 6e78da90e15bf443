import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { directoryHosts, flag, lacks, roleOf } from './directory-hosts.ts';
import type { DirectoryHosts } from './directory-hosts.ts';
import { toBaseline } from '../../src/resources/index.ts';

let hosts: DirectoryHosts;
beforeEach(() => {
  hosts = directoryHosts('a', 'b', 'c');
});
afterEach(() => hosts.close());

const statuses = ({ hosts: reports }: { hosts: readonly { name: string; status: string }[] }) =>
  Object.fromEntries(reports.map(({ name, status }) => [name, status]));

describe('a run', () => {
  const plays = [{ hosts: 'a,b', roles: [roleOf(flag({ name: 'x' }))] }];

  it('changes what differs, and the second one changes nothing at one connection and one exec per host', async () => {
    const first = await hosts.run(plays);
    expect(statuses(first)).toEqual({ a: 'changed', b: 'changed' });
    expect(first.exitCode).toBe(0);
    expect(first.hosts.map(({ ssh }) => [ssh.connections, ssh.execs])).toEqual([
      [2, 4],
      [2, 4],
    ]);
    const second = await hosts.run(plays);
    expect(statuses(second)).toEqual({ a: 'ok', b: 'ok' });
    expect(second.hosts.map(({ ssh, changes }) => [ssh.connections, ssh.execs, changes.length])).toEqual([
      [1, 1, 0],
      [1, 1, 0],
    ]);
  });

  it('returns to the baseline, once; a host that was never taken over is left alone and told so', async () => {
    hosts.put('c', 'x');
    const back = [{ hosts: 'a,b,c', roles: [roleOf(toBaseline(flag({ name: 'x' })))] }];
    const all = [{ hosts: 'a,b,c', roles: [roleOf(flag({ name: 'x' }))] }];
    hosts.put('b', 'x');
    await hosts.run(all);
    // b and c were as declared: nothing was changed there, and nothing is kept.
    expect(hosts.kept('a')).toContain('baseline');
    expect(hosts.kept('b')).toEqual([]);
    const first = await hosts.run(back);
    expect(statuses(first)).toEqual({ a: 'changed', b: 'ok', c: 'ok' });
    expect([hosts.has('a', 'x'), hosts.has('b', 'x')]).toEqual([false, true]);
    const told = first.events.flatMap((event) =>
      event.type === 'warning' && event.message.includes('baseline') ? [[event.host, event.message]] : [],
    );
    expect(told).toEqual([
      ['b', 'has no baseline of flag:x: left as it is'],
      ['c', 'has no baseline of flag:x: left as it is'],
    ]);
    const second = await hosts.run(back);
    expect(statuses(second)).toEqual({ a: 'ok', b: 'ok', c: 'ok' });
    expect(second.hosts.map(({ ssh }) => [ssh.connections, ssh.execs])).toEqual([
      [1, 1],
      [1, 1],
      [1, 1],
    ]);
    await hosts.run(all);
    expect(hosts.has('a', 'x')).toBe(true);
    await hosts.run(back);
    expect(hosts.has('a', 'x')).toBe(false);
  });

  it('a drift is named, and corrected on that host only', async () => {
    await hosts.run(plays);
    hosts.remove('b', 'x');
    const result = await hosts.run(plays);
    expect(statuses(result)).toEqual({ a: 'ok', b: 'changed' });
    expect(hosts.has('b', 'x')).toBe(true);
  });

  it('--check plans and never reaches the apply code', async () => {
    const result = await hosts.run(plays, { check: true });
    expect(statuses(result)).toEqual({ a: 'planned', b: 'planned' });
    expect(result.exitCode).toBe(0);
    expect(result.hosts.map(({ ssh }) => ssh.execs)).toEqual([1, 1]);
    expect(hosts.files('a')).toEqual([]);
  });

  it('a second play that depends on the first one reads the host again', async () => {
    const dependent = flag({ name: 'y', step: 'test -e "$HOST/x" && touch "$HOST/y"' });
    const result = await hosts.run([...plays, { hosts: 'a', roles: [roleOf(dependent)] }]);
    expect(result.exitCode).toBe(0);
    expect(hosts.files('a')).toEqual(['x', 'y']);
  });
});

describe('a host that fails', () => {
  it('is as it was before, and so is the rest of its batch, which names it', async () => {
    const bad = flag({ name: 'y', step: '[ "${HOST##*/}" != b ] && touch "$HOST/y"' });
    const result = await hosts.run([{ hosts: 'a,b', roles: [roleOf(flag({ name: 'x' }), bad)] }]);
    expect(statuses(result)).toEqual({ a: 'reverted', b: 'reverted' });
    expect(result.hosts[0]?.cause).toEqual({ host: 'b' });
    expect(result.hosts[1]?.error?.code).toBe('apply-failed');
    expect([hosts.files('a'), hosts.files('b')]).toEqual([[], []]);
    expect(result.exitCode).toBe(2);
  });

  it('stops the batches after it; those before stay', async () => {
    const bad = flag({ name: 'x', step: '[ "${HOST##*/}" != b ] && touch "$HOST/x"' });
    const result = await hosts.run([{ hosts: 'all', serial: 1, roles: [roleOf(bad)] }]);
    expect(statuses(result)).toEqual({ a: 'changed', b: 'reverted', c: 'skipped' });
    expect([hosts.files('a'), hosts.files('b'), hosts.files('c')]).toEqual([['x'], [], []]);
  });

  it('unreachable: the others go on, exit 4', async () => {
    hosts.cutFrom('b', 1);
    const result = await hosts.run([{ hosts: 'a,b', roles: [roleOf(flag({ name: 'x' }))] }]);
    expect(statuses(result)).toEqual({ a: 'changed', b: 'unreachable' });
    expect(result.exitCode).toBe(4);
  });

  it('unreachable in one batch: the next one does not go first', async () => {
    hosts.cutFrom('a', 1);
    const result = await hosts.run([{ hosts: 'all', serial: 1, roles: [roleOf(flag({ name: 'x' }))] }]);
    expect(statuses(result)).toEqual({ a: 'unreachable', b: 'skipped', c: 'skipped' });
    expect(result.exitCode).toBe(4);
  });

  it('no new connection after the change: put back over the old one, and said once a new one succeeds', async () => {
    hosts.cutWhile('a', 'x');
    const result = await hosts.run([{ hosts: 'a', roles: [roleOf(flag({ name: 'x' }))] }]);
    expect(statuses(result)).toEqual({ a: 'reverted' });
    expect(result.hosts[0]?.error?.message).toContain('no new connection');
    expect(hosts.files('a')).toEqual([]);
    expect(result.exitCode).toBe(2);
    // The probe's, and the one that proves that the host can be managed again.
    expect(result.hosts[0]?.ssh.connections).toBe(2);
  });

  /** A change that keeps us out of host a as soon as that check is asked. */
  const keptOutBy = (from: string, script: string) => ({
    hosts: 'a',
    roles: [roleOf(flag({ name: 'x', undo: 'rm -f "$HOST/x" "$HOST/late"' }))],
    checks: [() => [lacks(from, 'y', { script, timeout: 5 })]],
  });
  const OWN = '[ ! -e "$HOST/x" ] || touch "$HOST/late"; echo yes';

  it('a change that keeps us out only once it is checked: put back over the connection that still stands', async () => {
    hosts.cutWhile('a', 'late');
    const result = await hosts.run([keptOutBy('a', OWN)]);
    expect(statuses(result)).toEqual({ a: 'reverted' });
    expect(result.hosts[0]?.error?.message).toContain('no new connection after the change');
    expect(hosts.files('a')).toEqual([]);
    expect(result.exitCode).toBe(2);
    // Control: what it leaves behind does no harm where nobody is kept out by it.
    hosts.cutWhile('a', 'something else');
    const stays = await hosts.run([keptOutBy('a', OWN)]);
    expect([statuses(stays), stays.hosts[0]?.ssh.connections]).toEqual([{ a: 'changed' }, 2]);
    expect(hosts.files('a')).toEqual(['late', 'x']);
  });

  it('the same of a check that another host is asked for, and that takes longer', async () => {
    const other = `sleep 0.7; [ ! -e '${hosts.at('a', 'x')}' ] || touch '${hosts.at('a', 'late')}'; echo yes`;
    hosts.cutWhile('a', 'late');
    const result = await hosts.run([keptOutBy('b', other)]);
    expect(statuses(result)).toMatchObject({ a: 'reverted' });
    expect(result.hosts[0]?.error?.message).toContain('no new connection after the checks');
    expect(hosts.files('a')).toEqual([]);
    hosts.cutWhile('a', 'something else');
    const stays = await hosts.run([keptOutBy('b', other)]);
    expect([statuses(stays)['a'], stays.hosts[0]?.ssh.connections]).toEqual(['changed', 3]);
  });

  it('no new connection while checks go on: put back without waiting for them', async () => {
    hosts.cutWhile('a', 'x');
    const result = await hosts.run([keptOutBy('a', '[ ! -e "$HOST/x" ] || sleep 30; echo yes')]);
    expect(statuses(result)).toEqual({ a: 'reverted' });
    expect(result.hosts[0]?.error?.message).toContain('no new connection after the change');
    expect(result.hosts[0]?.timings['verify']).toBeLessThan(20_000);
  });

  it.each(['silent', 'dead'] as const)(
    'the connection that made the change is %s after it: read over a new one',
    async (how) => {
      hosts.loseOldOnes('a', 'x', how);
      const result = await hosts.run([{ hosts: 'a', roles: [roleOf(flag({ name: 'x' }))] }]);
      expect([statuses(result), result.exitCode]).toEqual([{ a: 'changed' }, 0]);
      expect(hosts.files('a')).toEqual(['x']);
    },
  );

  it('control: put back over the old one and still no new connection: a person is needed, exit 3', async () => {
    hosts.cutFrom('a', 2);
    const result = await hosts.run([{ hosts: 'a', roles: [roleOf(flag({ name: 'x' }))] }]);
    expect(statuses(result)).toEqual({ a: 'unknown' });
    expect(result.hosts[0]?.error?.code).toBe('outcome-unknown');
    expect(result.hosts[0]?.error?.message).toContain('It has put itself back, and still no new connection');
    expect(hosts.files('a')).toEqual([]);
    expect(result.exitCode).toBe(3);
  });

  it('still different after the change: put back', async () => {
    const result = await hosts.run([{ hosts: 'a', roles: [roleOf(flag({ name: 'x', step: 'true' }))] }]);
    expect(statuses(result)).toEqual({ a: 'reverted' });
    expect(result.hosts[0]?.error?.code).toBe('still-different');
  });
});

describe('checks', () => {
  const breaking = { hosts: 'a', roles: [roleOf(flag({ name: 'x', breaks: 'trouble' }))] };

  it('passed before and fails after: the change is put back', async () => {
    const result = await hosts.run([{ ...breaking, checks: [() => [lacks('a', 'trouble')]] }]);
    expect(statuses(result)).toEqual({ a: 'reverted' });
    expect(hosts.files('a')).toEqual([]);
    expect(result.exitCode).toBe(2);
    expect(result.hosts[0]?.checks[0]).toMatchObject({ status: 'fail', baseline: 'pass', got: 'no' });
  });

  it('failed before and after: the change stays, exit 2', async () => {
    hosts.put('a', 'trouble');
    const result = await hosts.run([{ ...breaking, checks: [() => [lacks('a', 'trouble')]] }]);
    expect(statuses(result)).toEqual({ a: 'changed' });
    expect(hosts.files('a')).toEqual(['trouble', 'x']);
    expect(result.exitCode).toBe(2);
  });

  it('onFail revert: must pass whatever was before', async () => {
    hosts.put('a', 'trouble');
    const strict = lacks('a', 'trouble', { onFail: 'revert' });
    const result = await hosts.run([
      { hosts: 'a', roles: [roleOf(flag({ name: 'x' }))], checks: [() => [strict]] },
    ]);
    expect(statuses(result)).toEqual({ a: 'reverted' });
    expect(hosts.has('a', 'x')).toBe(false);
  });

  it('asked from a host that the play does not change, and from the controller', async () => {
    const fromController = lacks('controller', 'nothing');
    const result = await hosts.run([
      { hosts: 'a', roles: [roleOf(flag({ name: 'x' }))], checks: [() => [lacks('c', 'y'), fromController]] },
    ]);
    expect(result.hosts.map(({ name, status }) => [name, status])).toEqual([
      ['a', 'changed'],
      ['c', 'ok'],
    ]);
    expect(result.hosts.flatMap(({ checks }) => checks.map(({ from, status }) => [from, status]))).toEqual([
      ['controller', 'pass'],
      ['c', 'pass'],
    ]);
  });

  it('a vantage that cannot be reached makes the check unproven, which is not ok', async () => {
    hosts.cutFrom('c', 1);
    const result = await hosts.run([
      { hosts: 'a', roles: [roleOf(flag({ name: 'x' }))], checks: [() => [lacks('c', 'y')]] },
    ]);
    expect(result.hosts[1]?.checks[0]?.status).toBe('unproven');
    expect(result.exitCode).toBe(4);
  });

  it('a vantage without the tool makes the check unproven, exit 2', async () => {
    const toolless = lacks('a', 'y', { script: 'echo no curl; exit 69' });
    const result = await hosts.run([
      { hosts: 'a', roles: [roleOf(flag({ name: 'x' }))], checks: [() => [toolless]] },
    ]);
    expect(result.hosts[0]?.checks[0]).toMatchObject({ status: 'unproven', got: 'no curl' });
    expect(result.exitCode).toBe(2);
  });

  it('passed before and cannot be asked any more: the change is put back', async () => {
    const blinding = { hosts: 'a', roles: [roleOf(flag({ name: 'x', breaks: 'blind' }))] };
    const eye = lacks('a', 'y', { script: 'test -e "$HOST/blind" && { echo no eyes; exit 69; }; echo yes' });
    const result = await hosts.run([{ ...blinding, checks: [() => [eye]] }]);
    expect(statuses(result)).toEqual({ a: 'reverted' });
    expect(hosts.files('a')).toEqual([]);
  });

  it('asked from a host of a later batch, which differs still: no reason to put anything back', async () => {
    const plays = [
      { hosts: 'a,b', serial: 1, roles: [roleOf(flag({ name: 'x' }))], checks: [() => [lacks('b', 'y')]] },
    ];
    const result = await hosts.run(plays);
    expect(statuses(result)).toEqual({ a: 'changed', b: 'changed' });
  });

  it('of the kind "change" are not asked when nothing changes', async () => {
    hosts.put('a', 'x');
    const rare = lacks('a', 'y', { when: 'change' });
    const plays = [{ hosts: 'a', roles: [roleOf(flag({ name: 'x' }))], checks: [() => [rare]] }];
    expect((await hosts.run(plays)).hosts[0]?.checks).toEqual([]);
    hosts.remove('a', 'x');
    expect((await hosts.run(plays)).hosts[0]?.checks).toHaveLength(1);
  });
});
