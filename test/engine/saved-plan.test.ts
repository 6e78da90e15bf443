import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { planDifference, savedChange } from '../../src/engine/saved-plan.ts';
import { problemsOf } from '../../src/model/error.ts';
import type { SavedChange, SavedPlan } from '../../src/model/plan.ts';
import type { Play } from '../../src/model/playbook.ts';
import { directoryHosts, flag, roleOf } from './directory-hosts.ts';
import type { DirectoryHosts } from './directory-hosts.ts';

let hosts: DirectoryHosts;
beforeEach(() => {
  hosts = directoryHosts('a', 'b', 'c');
});
afterEach(() => hosts.close());

const play = (over: Partial<Play> = {}, ...names: string[]): Play => ({
  hosts: 'all',
  serial: 1,
  roles: [roleOf(...(names.length > 0 ? names : ['x', 'y']).map((name) => flag({ name })))],
  ...over,
});

/** Plans as `--check --out` does, and through a file. */
async function planned(plays: readonly Play[], options: { limit?: string } = {}): Promise<SavedPlan> {
  const { plan } = await hosts.run(plays, { ...options, check: true });
  return JSON.parse(JSON.stringify(plan)) as SavedPlan;
}

const statuses = ({ hosts: reports }: { hosts: readonly { name: string; status: string }[] }) =>
  Object.fromEntries(reports.map(({ name, status }) => [name, status]));
const errorsOf = ({ hosts: reports }: { hosts: readonly { name: string; error?: { code: string } }[] }) =>
  Object.fromEntries(reports.flatMap(({ name, error }) => (error ? [[name, error.code]] : [])));
const everyFile = (): string[][] => hosts.names.map((name) => hosts.files(name));

describe('a plan that was kept', () => {
  it('is the same for the same state, whenever and by whatever run', async () => {
    const [first, second] = [await planned([play()]), await planned([play()])];
    expect(first.runId).not.toBe(second.runId);
    expect(first.hosts).toEqual(second.hosts);
    expect(first.hosts.map(({ name, changes }) => [name, changes.map(({ resource }) => resource)])).toEqual([
      ['a', ['flag:x', 'flag:y']],
      ['b', ['flag:x', 'flag:y']],
      ['c', ['flag:x', 'flag:y']],
    ]);
  });

  it('is applied when nothing has moved, host after host', async () => {
    const plan = await planned([play()]);
    const result = await hosts.run([play()], { plan });
    expect([result.exitCode, statuses(result)]).toEqual([0, { a: 'changed', b: 'changed', c: 'changed' }]);
    expect(result.hosts.map(({ ssh }) => [ssh.connections, ssh.execs])).toEqual(Array(3).fill([2, 4]));
  });

  it('a host of the last batch moved: nothing is changed anywhere, exit 6, and what differs is named', async () => {
    const plan = await planned([play()]);
    hosts.put('c', 'y');
    const before = everyFile();
    const result = await hosts.run([play()], { plan });
    expect(everyFile()).toEqual(before);
    expect([result.exitCode, statuses(result), errorsOf(result)]).toEqual([
      6,
      { a: 'skipped', b: 'skipped', c: 'failed' },
      { c: 'plan-stale' },
    ]);
    expect(result.hosts[2]?.error?.message).toContain('gone: flag:y');
    expect(result.hosts[2]?.error?.message).not.toContain('flag:x');
    expect(result.hosts.map(({ ssh }) => ssh.execs)).toEqual([1, 1, 1]);
  });

  it('every host that moved has its error', async () => {
    hosts.put('a', 'x');
    const plan = await planned([play()]);
    hosts.remove('a', 'x');
    hosts.put('b', 'x');
    const result = await hosts.run([play()], { plan });
    expect(errorsOf(result)).toEqual({ a: 'plan-stale', b: 'plan-stale' });
    expect(result.hosts[0]?.error?.message).toContain('new: flag:x');
  });

  it('the same sentences with other content: stale, and the resource is named', async () => {
    const plan = await planned([play()]);
    const other = play({
      roles: [roleOf(flag({ name: 'x', step: 'echo other > "$HOST/x"' }), flag({ name: 'y' }))],
    });
    const result = await hosts.run([other], { plan });
    expect([result.exitCode, everyFile()]).toEqual([6, [[], [], []]]);
    expect(result.hosts[0]?.error?.message).toContain('the same in words, other in content: flag:x.');
  });

  it('another way back is another plan', async () => {
    const plan = await planned([play({}, 'x')]);
    const breaks = play({ roles: [roleOf(flag({ name: 'x', breaks: 'z', step: 'touch "$HOST/x"' }))] });
    expect((await hosts.run([breaks], { plan })).exitCode).toBe(6);
  });

  it('another order is another plan', async () => {
    const plan = await planned([play({}, 'x', 'y')]);
    const result = await hosts.run([play({}, 'y', 'x')], { plan });
    expect(result.exitCode).toBe(6);
    expect(result.hosts[0]?.error?.message).toContain('another order');
  });

  it('a forecast of a lockout is no part of it: it depends on who asks', async () => {
    const plan = await planned([play({}, 'x')]);
    const warned = play({ roles: [roleOf(flag({ name: 'x', lockout: 'rule 1' }))] });
    expect((await hosts.run([warned], { plan })).exitCode).toBe(0);
  });

  it('with --check only says whether it is stale, and shows the plan of today', async () => {
    const plan = await planned([play()]);
    const fresh = await hosts.run([play()], { plan, check: true });
    expect([fresh.exitCode, statuses(fresh)]).toEqual([0, { a: 'planned', b: 'planned', c: 'planned' }]);
    hosts.put('b', 'y');
    const moved = await hosts.run([play()], { plan, check: true });
    expect([moved.exitCode, statuses(moved)]).toEqual([6, { a: 'planned', b: 'failed', c: 'planned' }]);
    expect(moved.events.filter(({ type }) => type === 'host-planned')).toHaveLength(3);
  });

  it('a host that cannot be reached cannot be held against it: nothing is changed anywhere', async () => {
    const plan = await planned([play()]);
    hosts.cutFrom('c', 1);
    const result = await hosts.run([play()], { plan });
    expect([result.exitCode, statuses(result)]).toEqual([
      4,
      { a: 'skipped', b: 'skipped', c: 'unreachable' },
    ]);
    expect(everyFile()).toEqual([[], [], []]);
  });

  it('plans of two plays count together, and are held against each other before the first', async () => {
    const plays = [play({ hosts: 'a' }, 'x'), play({ hosts: 'a' }, 'y')];
    const plan = await planned(plays);
    expect((await hosts.run(plays, { plan })).exitCode).toBe(0);
    expect(hosts.files('a')).toEqual(['x', 'y']);
  });
});

describe('a plan of other hosts', () => {
  const refusal = async (plays: readonly Play[], plan: SavedPlan, limit?: string) => {
    try {
      await hosts.run(plays, { plan, ...(limit === undefined ? {} : { limit }) });
      return 'not refused';
    } catch (error) {
      expect(everyFile()).toEqual([[], [], []]);
      return problemsOf(error).map(({ code, message }) => `${code} ${message}`);
    }
  };

  it('that does not name a host of the run is refused before anybody is contacted', async () => {
    const plan = await planned([play()], { limit: 'a' });
    expect(await refusal([play()], plan)).toEqual([
      'plan-stale b: the plan does not name it.',
      'plan-stale c: the plan does not name it.',
    ]);
  });

  it('may be applied to some of its hosts by -l', async () => {
    const plan = await planned([play()]);
    const result = await hosts.run([play()], { plan, limit: 'b' });
    expect([result.exitCode, everyFile()]).toEqual([0, [[], ['x', 'y'], []]]);
  });

  it('that names a host which no play selects any more is refused', async () => {
    const plan = await planned([play()]);
    expect(await refusal([play({ hosts: 'a,b' })], plan)).toEqual([
      'plan-stale c: the plan names it, and no play selects it any more.',
    ]);
  });

  it('that could not be made for a host is refused, and says why', async () => {
    hosts.cutFrom('b', 1);
    const plan = await planned([play()]);
    expect(plan.hosts.map(({ digest }) => digest === null)).toEqual([false, true, false]);
    expect(await refusal([play()], plan)).toEqual([
      'plan-stale b: it could not be planned then: b refuses the connection.',
    ]);
  });

  it('of another playbook is a mistake of usage', async () => {
    const plan = { ...(await planned([play()])), playbook: 'other' };
    expect(await refusal([play()], plan)).toEqual([
      'usage The plan is one of playbook "other", not of "test".',
    ]);
  });
});

describe('what differs between two plans, in words', () => {
  const change = (resource: string, digest: string, ...sentences: string[]): SavedChange => ({
    resource,
    digest,
    sentences,
  });

  it('names new and gone sentences, and at most five of each', () => {
    const many = Array.from({ length: 7 }, (_, index) => change(`k:${index}`, `${index}`, `s${index}`));
    expect(planDifference([change('k:a', '1', 'old')], many)).toBe(
      'new: s0; s1; s2; s3; s4; and 2 more. gone: old',
    );
  });

  it('control: nothing', () => {
    expect(planDifference([change('k:a', '1', 's')], [change('k:a', '1', 's')])).toBeNull();
  });

  it('the digest of a change covers values, both ways and texts, and not the forecast', () => {
    const base = {
      resource: 'k:a',
      phase: 'main',
      kind: 'k',
      changes: [],
      apply: { steps: ['x'] },
      revert: { steps: ['y'] },
    } as const;
    const { digest } = savedChange(base);
    expect(savedChange({ ...base, lockout: 'rule 1' }).digest).toBe(digest);
    const others = [
      { ...base, apply: { steps: ['z'] } },
      { ...base, revert: { steps: ['z'] } },
      { ...base, apply: { steps: ['x'], handlers: [{ id: 'h', script: 's' }] } },
      { ...base, text: { path: '/x', before: null, after: 'y' } },
    ];
    expect(new Set([digest, ...others.map((other) => savedChange(other).digest)]).size).toBe(5);
  });
});
