import { execFileSync } from 'node:child_process';
import {
  chownSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Resource } from '../../src/model/resource.ts';
import { defineResource, file } from '../../src/resources/index.ts';
import { directoryHosts, flag, roleOf } from './directory-hosts.ts';
import type { DirectoryHosts } from './directory-hosts.ts';

let hosts: DirectoryHosts;
beforeEach(() => {
  hosts = directoryHosts('a', 'b');
});
afterEach(() => hosts.close());

const play = (...resources: Parameters<typeof roleOf>) => ({ hosts: 'a', roles: [roleOf(...resources)] });
const has = (...names: string[]) => [play(...names.map((name) => flag({ name })))];
const statuses = ({ hosts: reports }: { hosts: readonly { name: string; status: string }[] }) =>
  Object.fromEntries(reports.map(({ name, status }) => [name, status]));
const packagePlan: Resource['plan'] = (output, facts) => {
  const change = flag({ name: 'x' }).plan(output, facts);
  return change && { ...change, phase: 'package' };
};
type Ended = Awaited<ReturnType<DirectoryHosts['run']>>;
const sentences = ({ hosts: [report] }: Ended) => report?.changes.map(({ sentence }) => sentence);
const codeOf = ({ hosts: [report] }: Ended) => report?.error?.code;
const messageOf = ({ hosts: [report] }: Ended) => report?.error?.message ?? '';
const warnings = ({ events }: Ended) =>
  events.flatMap((event) => (event.type === 'warning' ? [event.message] : []));
const lastEntry = (): { ending: string; record: Record<string, unknown> } =>
  JSON.parse(readFileSync(hosts.state('a', 'journal'), 'utf8').trim().split('\n').at(-1) ?? '') as never;

describe('a rollback', () => {
  it('goes back to before the newest confirmed run, in a transaction of its own; the rollback of it makes it again', async () => {
    const first = await hosts.run(has('x'));
    const second = await hosts.run(has('x', 'y'));
    const back = await hosts.rollback(['a']);
    expect([back.exitCode, statuses(back)]).toEqual([0, { a: 'changed' }]);
    expect(sentences(back)).toEqual([`take back: ${sentences(second)?.[0]}`]);
    expect(hosts.files('a')).toEqual(['x']);
    expect(lastEntry()).toMatchObject({ ending: 'confirmed', record: { rollbackOf: second.runId } });
    expect(readdirSync(hosts.state('a', 'txn'))).toHaveLength(3);
    // Probe, the plans, launch, verify; confirm over a new connection.
    expect(back.hosts.map(({ ssh }) => [ssh.connections, ssh.execs])).toEqual([[2, 5]]);

    const again = await hosts.rollback(['a']);
    expect([again.exitCode, sentences(again)]).toEqual([0, sentences(second)]);
    expect(hosts.files('a')).toEqual(['x', 'y']);
    expect((await hosts.run(has('x', 'y'))).hosts[0]?.changes).toEqual([]);
    expect(first.runId).not.toBe(second.runId);
  });

  it('--run takes that run and all after it along, newest first, in one go; all plays of a run', async () => {
    await hosts.run(has('w'));
    const first = await hosts.run([...has('w', 'x'), play(flag({ name: 'y' }))]);
    // Its way back works only before that of the run before it.
    const after = flag({ name: 'z', undo: 'test -e "$HOST/x" && test -e "$HOST/y" && rm "$HOST/z"' });
    await hosts.run([play(after)]);
    expect(hosts.files('a')).toEqual(['w', 'x', 'y', 'z']);
    const back = await hosts.rollback(['a'], { run: first.runId });
    expect([back.exitCode, hosts.files('a')]).toEqual([0, ['w']]);
    expect(lastEntry().record['rollbackOf']).toBe(first.runId);
    const again = await hosts.rollback(['a']);
    expect([again.exitCode, hosts.files('a')]).toEqual([0, ['w', 'x', 'y', 'z']]);
  });

  it('--check says what it would put back, and changes nothing', async () => {
    await hosts.run(has('x'));
    const check = await hosts.rollback(['a'], { check: true });
    expect([check.exitCode, statuses(check), sentences(check)]).toEqual([
      0,
      { a: 'planned' },
      [expect.stringMatching(/^take back: .*x/)],
    ]);
    expect(hosts.files('a')).toEqual(['x']);
    expect(readdirSync(hosts.state('a', 'txn'))).toHaveLength(1);
  });

  it('where there is nothing to roll back the host says so and is ok', async () => {
    const back = await hosts.rollback(['a']);
    expect([back.exitCode, statuses(back)]).toEqual([0, { a: 'ok' }]);
    expect(warnings(back)).toContain('nothing to roll back: no confirmed run is kept there');
  });

  it('of a run that brought only packages: those stay, and that is said', async () => {
    const { runId } = await hosts.run([
      play({ ...flag({ name: 'x' }), phase: 'package', plan: packagePlan }),
    ]);
    const back = await hosts.rollback(['a']);
    expect([back.exitCode, statuses(back), hosts.files('a')]).toEqual([0, { a: 'ok' }, ['x']]);
    expect(warnings(back)).toContain(
      `nothing to roll back: run ${runId} brought only packages, and those stay`,
    );
  });

  it('of a run that is not among the kept ones is refused with the list of those', async () => {
    const { runId } = await hosts.run(has('x'));
    const back = await hosts.rollback(['a'], { run: '20200101T000000-00000000' });
    expect([back.exitCode, codeOf(back), statuses(back)]).toEqual([2, 'not-kept', { a: 'failed' }]);
    expect(messageOf(back)).toContain(`it keeps: ${runId}.`);
    expect(hosts.files('a')).toEqual(['x']);
  });

  it.each([
    ['has none, as of an older version', (plan: string) => rmSync(plan)],
    ['is cut off', (plan: string) => writeFileSync(plan, readFileSync(plan, 'utf8').slice(0, -5))],
    [
      'has another form',
      (plan: string) => writeFileSync(plan, readFileSync(plan, 'utf8').replace('"steps":[', '"steps":[7,')),
    ],
    [
      'has a path that is none',
      (plan: string) =>
        writeFileSync(plan, readFileSync(plan, 'utf8').replaceAll('"steps":', '"paths":["etc"],"steps":')),
    ],
  ])('of a run whose plan.json %s is refused, and nothing is changed', async (_what, spoil) => {
    const { runId } = await hosts.run(has('x'));
    spoil(hosts.state('a', `txn/${runId}-1/plan.json`));
    const back = await hosts.rollback(['a']);
    expect([back.exitCode, codeOf(back)]).toEqual([2, 'not-kept']);
    expect(messageOf(back)).toContain(`no plan of run ${runId}`);
    expect(hosts.files('a')).toEqual(['x']);
  });

  it('case 24: puts files back with content, owner, mode and time, links as links; and forth again', async () => {
    const at = (name: string) => hosts.at('a', name);
    writeFileSync(at('plain'), 'before\n', { mode: 0o640 });
    // An owner without a name: only the snapshot knows how to put that back.
    chownSync(at('plain'), 4242, 4242);
    utimesSync(at('plain'), 1_577_836_800, 1_577_836_800.5);
    symlinkSync('plain', at('link'));
    const seen = () =>
      execFileSync('sh', ['-c', `cd ${at('')} && stat -c '%n %F %a %u %g %y %N' * && tail -n +1 *`], {
        encoding: 'utf8',
      });
    const before = seen();
    const resources = ['plain', 'link', 'new'].map((name) =>
      file({ path: at(name), content: 'after\n', mode: '0600' }),
    );
    expect((await hosts.run([play(...resources)])).exitCode).toBe(0);
    const after = seen();
    expect(after).not.toBe(before);
    expect(statSync(at('link')).isFile()).toBe(true);
    expect((await hosts.rollback(['a'])).exitCode).toBe(0);
    expect(seen()).toBe(before);
    expect((await hosts.rollback(['a'])).exitCode).toBe(0);
    expect(seen()).toBe(after);
  });

  it('brings back a file whose directory went with it, whenever it is taken back', async () => {
    const inside = hosts.at('a', 'drop-ins/x.conf');
    const withDirectory = defineResource<{ name: string }, { saved: { there: boolean } | null }>({
      kind: 'drop-in',
      name: ({ name }) => name,
      desired: () => ({ saved: null }),
      probe: () => `test -e '${inside}' && echo there`,
      parse: ({ stdout }) => ({ saved: stdout.trim() === 'there' ? { there: true } : null }),
      transition: ({ to }) => ({
        writes: to.saved === null ? [`rm -f '${inside}'; rmdir '${hosts.at('a', 'drop-ins')}'`] : [],
        steps: [],
        paths: [inside],
      }),
    });
    mkdirSync(hosts.at('a', 'drop-ins'));
    writeFileSync(inside, 'kept');
    const gone = withDirectory({ name: 'x' });
    const failed = await hosts.run([play(gone, flag({ name: 'y', step: 'exit 1' }))]);
    expect([statuses(failed), readFileSync(inside, 'utf8')]).toEqual([{ a: 'reverted' }, 'kept']);
    expect((await hosts.run([play(gone)])).exitCode).toBe(0);
    expect(hosts.files('a')).toEqual([]);
    expect([(await hosts.rollback(['a'])).exitCode, readFileSync(inside, 'utf8')]).toEqual([0, 'kept']);
  });

  it('that fails in the middle leaves the host as it was', async () => {
    const stubborn = flag({ name: 'x', undo: 'echo no; exit 7' });
    await hosts.run([play(stubborn, flag({ name: 'y' }))]);
    const back = await hosts.rollback(['a']);
    expect([back.exitCode, codeOf(back), statuses(back)]).toEqual([2, 'apply-failed', { a: 'reverted' }]);
    expect(hosts.files('a')).toEqual(['x', 'y']);
  });

  it('each host by itself: one that fails keeps no other from going back', async () => {
    const undo = '[ "${HOST##*/}" != b ] && rm "$HOST/x"';
    await hosts.run([{ hosts: 'a,b', roles: [roleOf(flag({ name: 'x', undo }))] }]);
    const back = await hosts.rollback(['a', 'b']);
    expect([back.exitCode, statuses(back)]).toEqual([2, { a: 'changed', b: 'reverted' }]);
    expect([hosts.files('a'), hosts.files('b')]).toEqual([[], ['x']]);
  });

  it('of a host that cannot be reached any more after it is put back', async () => {
    await hosts.run(has('x'));
    hosts.put('a', 'gone');
    const makes = flag({
      name: 'x',
      undo: 'rm "$HOST/x"; touch "$HOST/cut"',
      step: 'touch "$HOST/x"; rm -f "$HOST/cut"',
    });
    hosts.remove('a', 'x');
    await hosts.run([play(makes)]);
    hosts.cutWhile('a', 'cut');
    const back = await hosts.rollback(['a']);
    expect([back.exitCode, statuses(back)]).toEqual([2, { a: 'reverted' }]);
    expect(hosts.files('a')).toEqual(['gone', 'x']);
  });

  it('unreachable: exit 4', async () => {
    await hosts.run(has('x'));
    hosts.cutFrom('a', 1);
    expect((await hosts.rollback(['a'])).exitCode).toBe(4);
  });
});

describe('case 23: after a way back that failed in part', () => {
  /** Cannot be undone while `jam` is there; its neighbour's way back works only once. */
  const jammed = [
    play(
      flag({ name: 'x', undo: 'test ! -e "$HOST/jam" && rm "$HOST/x"' }),
      flag({ name: 'y', undo: 'rm "$HOST/y"' }),
      flag({ name: 'z', step: 'exit 4' }),
    ),
  ];
  beforeEach(async () => {
    hosts.put('a', 'jam');
    const stuck = await hosts.run(jammed);
    expect([stuck.exitCode, codeOf(stuck), statuses(stuck)]).toEqual([3, 'revert-failed', { a: 'unknown' }]);
    expect(stuck.hosts[0]?.error?.hint).toContain('provision lock release -l a');
    expect(hosts.files('a')).toEqual(['jam', 'x']);
  });

  it('the next changing run is refused before anything, exit 3; --check and one without changes only warn', async () => {
    const refused = await hosts.run(has('w'));
    expect([refused.exitCode, codeOf(refused), statuses(refused)]).toEqual([3, 'stuck', { a: 'failed' }]);
    expect(refused.hosts[0]?.error?.hint).toMatch(/provision rollback -l a.*provision lock release -l a/);
    expect(hosts.files('a')).toEqual(['jam', 'x']);
    const check = await hosts.run(has('w'), { check: true });
    expect([check.exitCode, statuses(check)]).toEqual([0, { a: 'planned' }]);
    expect(warnings(check).join()).toContain('refused until provision rollback or provision lock release');
    expect((await hosts.run(has('x'))).exitCode).toBe(0);
  });

  it('lock release says that it was looked at: it stays as it is, and runs go on', async () => {
    const { ended, left } = await hosts.release('a');
    expect(ended.map(({ ending }) => ending)).toEqual(['abandoned']);
    expect(left).toEqual({ holder: null, open: [] });
    expect(hosts.files('a')).toEqual(['jam', 'x']);
    const next = await hosts.run(has('w'));
    expect([next.exitCode, hosts.files('a')]).toEqual([0, ['jam', 'w', 'x']]);
    expect(warnings(next).join()).not.toMatch(/taken back|refused/);
  });

  it('a rollback tries the way back again: what has succeeded is not done twice', async () => {
    const again = await hosts.rollback(['a']);
    expect([again.exitCode, codeOf(again)]).toEqual([3, 'revert-failed']);
    expect((await hosts.lock('a')).open.map(({ state }) => state)).toEqual(['stuck']);
    hosts.remove('a', 'jam');
    const check = await hosts.rollback(['a'], { check: true });
    expect([check.exitCode, hosts.files('a')]).toEqual([0, ['x']]);
    const done = await hosts.rollback(['a']);
    expect([done.exitCode, statuses(done), hosts.files('a')]).toEqual([0, { a: 'changed' }, []]);
    expect((await hosts.run(has('w'))).exitCode).toBe(0);
  });

  it('what failed stands in a file for people', () => {
    const [id = ''] = readdirSync(hosts.state('a', 'txn'));
    expect(readFileSync(hosts.state('a', `txn/${id}/failed`), 'utf8')).toBe('flag:x (exit 1):\n\n');
  });

  it('a rollback to before another run is refused: this comes first', async () => {
    const back = await hosts.rollback(['a'], { run: '20200101T000000-00000000' });
    expect([back.exitCode, codeOf(back)]).toEqual([3, 'stuck']);
  });
});
