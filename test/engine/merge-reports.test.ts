import { describe, expect, it } from '@jest/globals';
import { mergeReports } from '../../src/engine/merge-reports.ts';
import { shardOf } from '../../src/engine/shards.ts';
import type { CheckResult } from '../../src/model/check.ts';
import type { HostReport, Report } from '../../src/model/report.ts';

const host = (name: string, over: Partial<HostReport> = {}): HostReport => ({
  name,
  status: 'ok',
  resources: 1,
  changes: [],
  checks: [],
  ssh: { connections: 1, execs: 1, jumps: 0, bytesIn: 10, bytesOut: 10 },
  timings: { probe: 5 },
  ...over,
});
const report = (hosts: readonly HostReport[], over: Partial<Report> = {}): Report => ({
  schemaVersion: 1,
  runId: '20261121T000000-00000000',
  startedAt: '2026-11-21T00:00:00.000Z',
  argv: [],
  exitCode: 0,
  hosts,
  ...over,
});
const check = (from: string, name: string, status: CheckResult['status'] = 'pass'): CheckResult => ({
  name,
  from,
  kind: 'reach',
  to: 'x',
  expected: 'open',
  got: 'open',
  status,
  baseline: null,
});

// Of two shards.
const NAMES = ['gw1', 'gw2', 'db1', 'db2', 'web1', 'web2'];
const inShard = (index: number): string[] => NAMES.filter((name) => shardOf(name, 2) === index);
const [mine = '', theirs = ''] = [inShard(1)[0], inShard(2)[0]];
const shard = (index: number) => ({ shard: { index, of: 2, hosts: NAMES } });

describe('merging reports', () => {
  it('hosts come in the order of the run, whatever the order of the files', () => {
    const reports = [2, 1].map((index) =>
      report(
        inShard(index).map((name) => host(name)),
        shard(index),
      ),
    );
    expect(mergeReports(reports).hosts.map(({ name }) => name)).toEqual(NAMES);
    expect(mergeReports(reports.toReversed())).toEqual(mergeReports(reports));
  });

  it('a host that another shard asked a check from is one host: its own state, all checks, all connections', () => {
    const own = host(mine, { status: 'changed', checks: [check(mine, 'a')] });
    const asked = host(mine, { resources: 0, checks: [check(mine, 'a', 'fail'), check(mine, 'b')] });
    const merged = mergeReports([
      report([own], shard(1)),
      report([host(theirs), asked], { ...shard(2), exitCode: 2 }),
    ]);
    const found = merged.hosts.find(({ name }) => name === mine);
    expect(found).toMatchObject({ status: 'changed', resources: 1, ssh: { connections: 2, bytesIn: 20 } });
    expect(found?.checks.map(({ name, status }) => [name, status])).toEqual([
      ['a', 'pass'],
      ['b', 'pass'],
    ]);
    expect(merged.exitCode).toBe(2);
  });

  it('trouble that another shard had with it is not lost', () => {
    const error = { code: 'connection-refused', message: 'refused', hint: '' };
    const gone = host(mine, { resources: 0, status: 'unreachable', error });
    const merged = mergeReports([
      report([host(mine)], shard(1)),
      report([gone], { ...shard(2), exitCode: 4 }),
    ]);
    expect(merged.hosts.find(({ name }) => name === mine)).toMatchObject({
      status: 'unreachable',
      resources: 1,
      error,
    });
  });

  it.each<[number[], number]>([
    [[0, 0], 0],
    [[4, 2], 2],
    [[6, 4], 4 + 2],
    [[2, 130], 130],
    [[130, 3], 3],
    [[3, 1], 1],
    [[5, 0], 5],
    [[2, 0], 2],
  ])('exit codes %j: %i', ([one = 0, two = 0], worst) => {
    const merged = mergeReports([
      report([], { ...shard(1), exitCode: one }),
      report([], { ...shard(2), exitCode: two }),
    ]);
    expect(merged.exitCode).toBe(worst);
  });

  it('runs on different hosts, without shards', () => {
    const merged = mergeReports([
      report([host('a')]),
      report([host('b', { status: 'failed' })], { exitCode: 2 }),
    ]);
    expect([merged.hosts.map(({ name }) => name), merged.exitCode, merged.merged?.length]).toEqual([
      ['a', 'b'],
      2,
      2,
    ]);
  });

  it('a shard that ended before it knew its hosts takes nothing from the others', () => {
    const error = { code: 'inventory', message: 'broken', hint: 'mend it' };
    const merged = mergeReports([
      report(
        inShard(1).map((name) => host(name)),
        shard(1),
      ),
      report([], { shard: { index: 2, of: 2, hosts: [] }, exitCode: 5, errors: [error] }),
    ]);
    expect([merged.exitCode, merged.errors, merged.hosts.map(({ name }) => name)]).toEqual([
      5,
      [error],
      inShard(1),
    ]);
  });

  it.each<[string, Report[]]>([
    ['none at all', []],
    ['the same shard twice', [report([], shard(1)), report([], shard(1))]],
    [
      'shards of 2 and of 3',
      [report([], shard(1)), report([], { shard: { index: 2, of: 3, hosts: NAMES } })],
    ],
    [
      'other hosts to share',
      [report([], shard(1)), report([], { shard: { index: 2, of: 2, hosts: ['x'] } })],
    ],
    ['a shard and a whole run', [report([], shard(1)), report([])]],
    ['two runs on one host', [report([host('a')]), report([host('a')])]],
  ])('%s: refused', (_name, reports) => {
    expect(() => mergeReports(reports)).toThrow(expect.objectContaining({ code: 'usage' }));
  });
});
