import { describe, expect, it } from '@jest/globals';
import pc from 'picocolors';
import { advance, newProgress } from '../../../src/reporters/run-progress.ts';
import type { RunProgress } from '../../../src/reporters/run-progress.ts';
import { widthOf } from '../../../src/reporters/text-width.ts';
import { clock, counterLine, lastRow, treeRows } from '../../../src/reporters/tree-rows.ts';
import { fakeRun } from '../../screen/fake-run.ts';
import type { FakeRunOptions } from '../../screen/fake-run.ts';

const plain = pc.createColors(false);
const coloured = pc.createColors(true);

/** The progress after each event, one event every 10 ms. */
function* played(options: FakeRunOptions): Generator<{ progress: RunProgress; now: number; type: string }> {
  const progress = newProgress(0);
  for (const [index, event] of fakeRun(options).entries()) {
    const now = index * 10;
    advance(progress, event, now);
    yield { progress, now, type: event.type };
  }
}

function rowsAt(options: FakeRunOptions, moment: (rows: readonly string[]) => boolean): string[] {
  for (const { progress, now } of played(options)) {
    const rows = treeRows(progress, { columns: 79, rows: 23 }, now, plain);
    if (moment(rows)) return rows;
  }
  throw new Error('that moment never came');
}

describe('rows of the tree', () => {
  it.each([
    [3, 79, 23],
    [60, 79, 23],
    [60, 199, 49],
    [500, 79, 23],
    [500, 39, 9],
  ])('%i hosts never need more than %i columns and %i rows', (hosts, columns, rows) => {
    let count = 0;
    for (const { progress, now } of played({
      hosts,
      changes: 4,
      unreachableEvery: 7,
      inSyncEvery: 3,
      serial: 100,
    })) {
      if ((count += 1) % (hosts > 100 ? 50 : 1) !== 0) continue;
      const lines = treeRows(progress, { columns, rows }, now, coloured);
      expect(lines.length).toBeLessThanOrEqual(rows);
      expect(Math.max(...lines.map(widthOf))).toBeLessThanOrEqual(columns);
    }
  });

  it('a few hosts: all of them in their order, with the changes of those that are at it', () => {
    const rows = rowsAt({ hosts: 3, changes: 3, unreachableEvery: 3 }, (all) =>
      all.some((row) => row.includes('apply 1/3')),
    );
    expect(rows).toEqual([
      'NAT gateways  play nat-gateway  0:00',
      '  ❯ gw1       apply 1/3    0:00  firewalld-zone public',
      '      ✔ package firewalld',
      '      ~ firewalld-zone public',
      '      ~ sysctl nat-gateway',
      '  ❯ gw2       apply 0/3    0:00  package firewalld',
      '      ~ package firewalld',
      '      ~ firewalld-zone public',
      '      ~ sysctl nat-gateway',
      '  ✖ gw3       unreachable  nothing listens on port 22 of 10.0.0.2.',
      '  · outside1  asked',
      '  2 running, 1 unreachable',
    ]);
  });

  it('many hosts: who runs and who failed, the others are counted', () => {
    const rows = rowsAt(
      { hosts: 500, changes: 4, unreachableEvery: 100, inSyncEvery: 5, serial: 100 },
      (all) => (all[0] ?? '').includes('batch 3 of 5') && all.some((row) => row.includes('apply 2/4')),
    );
    expect(rows.slice(1, -1).every((row) => /^ {2}[❯✖] gw\d{3} |^ {6}/.test(row))).toBe(true);
    expect(rows.filter((row) => row.includes('✖'))).toHaveLength(5);
    expect(rows.at(-1)).toMatch(/^ {2}\d+ in sync, \d+ changed, \d+ running, \d+ waiting, 5 unreachable$/);
  });

  it('many failures leave room for who is running', () => {
    const rows = rowsAt({ hosts: 500, changes: 2, unreachableEvery: 2 }, (all) =>
      all.some((row) => row.includes('apply 1/2')),
    );
    expect(rows.filter((row) => row.includes('❯')).length).toBeGreaterThanOrEqual(9);
    expect(rows.filter((row) => row.includes('✖')).length).toBeGreaterThanOrEqual(9);
  });

  it.each([3, 60, 500])('%i hosts: the counter adds up at any time', (hosts) => {
    for (const { progress, type } of played({ hosts, changes: 2, unreachableEvery: 9, inSyncEvery: 4 })) {
      if (type === 'step-done') continue;
      const total = [...counterLine(progress.hosts.values(), plain).matchAll(/\d+/g)].reduce(
        (sum, [n]) => sum + Number(n),
        0,
      );
      expect(total).toBe(hosts);
    }
  });

  it('the row that stays', () => {
    const all = [...played({ hosts: 3, changes: 2 })];
    const { progress } = all.at(-1) as (typeof all)[number];
    expect(lastRow(progress, 79, 4210, plain)).toBe(
      '✔ NAT gateways  3 changed  4.2 s  run 20261120T120000-0123abcd',
    );
    const early = newProgress(0);
    expect(lastRow(early, 79, 1000, plain)).toContain('ended early');
  });

  it('--check says what is to change', () => {
    const all = [...played({ hosts: 3, changes: 2, check: true })];
    const { progress } = all.at(-1) as (typeof all)[number];
    expect(counterLine(progress.hosts.values(), plain)).toBe('3 to change');
  });
});

describe('elapsed time', () => {
  it.each([
    [0, '0:00'],
    [59_999, '0:59'],
    [754_000, '12:34'],
    [3_723_000, '1:02:03'],
  ])('%i ms', (ms, text) => expect(clock(ms)).toBe(text));
});
