import { describe, expect, it } from '@jest/globals';
import pc from 'picocolors';
import type { CheckResult } from '../../../src/model/check.ts';
import { checkLine, checkSection, checkTable } from '../../../src/reporters/checks.ts';
import { widthOf } from '../../../src/reporters/text-width.ts';

const plain = pc.createColors(false);
const result = (change: Partial<CheckResult> = {}): CheckResult => ({
  name: 'db1 leaves by 203.0.113.10',
  from: 'db1',
  kind: 'egress',
  to: 'http://198.51.100.10:8081/what/is/my/address/please',
  expected: '203.0.113.10',
  got: '203.0.113.10',
  status: 'pass',
  baseline: null,
  ...change,
});
const section = (results: readonly CheckResult[], all = false): string[] =>
  checkSection(results, { width: 80, all, check: false, colours: plain });

describe('table of checks', () => {
  const rows = [
    result(),
    result({ from: '東京-gateway', status: 'fail', got: 'no way out', baseline: 'pass' }),
    result({ status: 'unproven', got: `${'a reason that is very long '.repeat(5)}`, baseline: 'unproven' }),
  ];

  it.each([80, 200])('fits %i columns, its columns in line', (width) => {
    const lines = checkTable(rows, width, plain);
    expect(lines).toHaveLength(4);
    expect(Math.max(...lines.map(widthOf))).toBeLessThanOrEqual(width);
    const starts = lines.map((line) => widthOf(line.slice(0, line.search(/(status|pass|fail|unproven)$/))));
    expect(new Set(starts).size).toBe(1);
  });

  it('cuts only where it must', () => {
    expect(checkTable(rows, 80, plain).join('\n')).toContain('…');
    expect(checkTable(rows.slice(0, 2), 200, plain).join('\n')).not.toContain('…');
  });

  it('as it looks', () => {
    expect(checkTable([result({ to: 'web1:80', baseline: 'fail' })], 80, plain)).toEqual([
      'from  to       expected      got           before  status',
      'db1   web1:80  203.0.113.10  203.0.113.10  fail    pass',
    ]);
  });
});

describe('section of checks', () => {
  it('nothing asked, nothing said', () => expect(section([])).toEqual([]));

  it('what is unproven is listed with its whole reason', () => {
    const reason = 'curl is not installed on this host, and nothing else there can ask';
    const lines = section([result({ status: 'unproven', got: reason })]);
    expect(lines.join(' ').replaceAll(/\s+/g, ' ')).toContain(
      `unproven: db1 leaves by 203.0.113.10: ${reason}`,
    );
  });

  it('of many, only those that say something; all when asked for', () => {
    const many = [
      ...Array.from({ length: 40 }, () => result()),
      result({ status: 'fail', got: 'no way out' }),
    ];
    expect(section(many)).toHaveLength(4);
    expect(section(many).at(-1)).toBe('40 more pass');
    expect(section(many, true)).toHaveLength(43);
  });
});

describe('a check in one line', () => {
  it.each<[Partial<CheckResult>, string]>([
    [{}, 'check pass: db1 leaves by 203.0.113.10: 203.0.113.10'],
    [
      { status: 'fail', got: 'no way out', baseline: 'pass' },
      'check fail: db1 leaves by 203.0.113.10: expected 203.0.113.10, got no way out (before: pass)',
    ],
    [
      { status: 'unproven', got: 'curl is not installed' },
      'check unproven: db1 leaves by 203.0.113.10: not proven: curl is not installed',
    ],
  ])('%#', (change, line) => expect(checkLine(result(change), plain)).toBe(line));
});
