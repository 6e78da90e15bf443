import { describe, expect, it } from '@jest/globals';
import pc from 'picocolors';
import { ProvisionError } from '../../../src/model/error.ts';
import type { Emit } from '../../../src/model/event.ts';
import { progressLines, resultLines } from '../../../src/reporters/lines.ts';
import { problemSection } from '../../../src/reporters/problem.ts';
import { summaryReporter } from '../../../src/reporters/summary.ts';
import { widthOf } from '../../../src/reporters/text-width.ts';
import { fakeRun } from '../../screen/fake-run.ts';
import type { FakeRunOptions } from '../../screen/fake-run.ts';

const colours = pc.createColors(false);

function printed(reporter: (print: (line: string) => void) => Emit, options: FakeRunOptions): string[] {
  const lines: string[] = [];
  const emit = reporter((line) => lines.push(...line.split('\n')));
  fakeRun(options).forEach(emit);
  return lines;
}

const summary = (options: FakeRunOptions, width = 80, verbosity = 0): string[] =>
  printed((out) => summaryReporter({ width: () => width, verbosity, diff: false, colours, out }), options);
const results = (options: FakeRunOptions, quiet = false): string[] =>
  printed((out) => resultLines({ quiet, diff: false, colours, out }), options);

describe('summary on a terminal', () => {
  it('changes by host and resource, checks, recap', () => {
    expect(summary({ hosts: 1, changes: 3 })).toEqual([
      'gw1  3 changes',
      '  ~ package firewalld is not installed',
      '  ~ firewalld-zone public',
      '      missing live and in the saved configuration: service ssh',
      '      missing live: DNAT 172.31.0.2:8080/tcp to 172.31.0.21:80, masquerade for',
      '        172.31.0.16/28 towards outside 172.31.0.0/24',
      '  ~ net.ipv4.ip_forward is 0 live and not set in the saved configuration, should',
      '      be 1',
      '',
      'CHECKS',
      'from      to                          expected      got           before  status',
      'gw1       198.51.100.10:8081/address  203.0.113.10  203.0.113.10  fail    pass',
      'outside1  198.51.100.10:8081/address  203.0.113.10  203.0.113.10  -       pass',
      '',
      'RECAP',
      'gw1      : ok=3 changed=3 unreachable=0 failed=0 skipped=0 verified=1 reverted=0',
      'outside1 : ok=0 changed=0 unreachable=0 failed=0 skipped=0 verified=1 reverted=0',
    ]);
  });

  it('hosts that differ in the same way are said once', () => {
    const lines = summary({ hosts: 500, changes: 10 });
    expect(lines.filter((line) => line.includes('package firewalld is not installed'))).toHaveLength(1);
    expect(lines[0]).toMatch(/^gw001, gw002, .*…  10 changes each on 500 hosts$/);
  });

  it.each([80, 200])('fits %i columns', (width) => {
    const lines = summary({ hosts: 60, changes: 9, unreachableEvery: 7 }, width);
    expect(Math.max(...lines.map(widthOf))).toBeLessThanOrEqual(width);
  });

  it('of many hosts, those in trouble have their line; -v lists all', () => {
    const recapOf = (lines: string[]): string[] => lines.slice(lines.indexOf('RECAP') + 1);
    const options = { hosts: 60, changes: 2, unreachableEvery: 30 };
    expect(recapOf(summary(options))).toEqual([
      expect.stringMatching(/^gw30 : .*unreachable=1/),
      expect.stringMatching(/^gw60 : .*unreachable=1/),
      '59 more hosts without trouble (-v lists them)',
    ]);
    expect(recapOf(summary(options, 80, 1))).toHaveLength(61);
  });

  it('--check says that nothing was changed', () => {
    expect(summary({ hosts: 2, changes: 2, check: true })).toContain(
      '4 changes to make; nothing was changed (--check)',
    );
  });
});

describe('results as lines', () => {
  it('every line stands alone and names its host', () => {
    const lines = results({ hosts: 2, changes: 2 });
    expect(lines).toEqual([
      'gw1       ~ package firewalld is not installed',
      'gw1       ~ zone public: missing live and in the saved configuration: service ssh',
      expect.stringMatching(/^gw1 {7}~ zone public: missing live: DNAT /),
      'gw2       ~ package firewalld is not installed',
      'gw2       ~ zone public: missing live and in the saved configuration: service ssh',
      expect.stringMatching(/^gw2 {7}~ zone public: missing live: DNAT /),
      'gw1       check pass: gw1 leaves by 203.0.113.10: 203.0.113.10 (before: fail)',
      'gw2       check pass: gw2 leaves by 203.0.113.10: 203.0.113.10 (before: fail)',
      'outside1  check pass: outside1 leaves by 203.0.113.10: 203.0.113.10',
      '',
      'RECAP',
      'gw1      : ok=2 changed=2 unreachable=0 failed=0 skipped=0 verified=1 reverted=0',
      'gw2      : ok=2 changed=2 unreachable=0 failed=0 skipped=0 verified=1 reverted=0',
      'outside1 : ok=0 changed=0 unreachable=0 failed=0 skipped=0 verified=1 reverted=0',
    ]);
  });

  it('-q keeps changes and the checks that do not pass', () => {
    const lines = results({ hosts: 3, changes: 1, unreachableEvery: 3 }, true);
    expect(lines).toEqual([
      'gw1       ~ package firewalld is not installed',
      'gw2       ~ package firewalld is not installed',
      'gw3       check unproven: gw3 leaves by 203.0.113.10: not proven: curl is not installed (before: fail)',
    ]);
  });

  it.each([3, 60, 500])('%i hosts: every host has its recap line', (hosts) => {
    const lines = results({ hosts, changes: 1 });
    expect(lines.slice(lines.indexOf('RECAP') + 1)).toHaveLength(hosts + 1);
  });
});

describe('progress as lines', () => {
  const progress = (verbosity: number, quiet = false): string[] =>
    printed((err) => progressLines({ verbosity, quiet, colours, err }), {
      hosts: 3,
      changes: 2,
      unreachableEvery: 3,
    });

  it('-v adds phases and checks', () => {
    expect(progress(0)).not.toContain('gw1       probe');
    expect(progress(1)).toContain('gw1       probe');
    expect(progress(1)).toContain(
      'gw1       check pass: gw1 leaves by 203.0.113.10: 203.0.113.10 (before: fail)',
    );
  });

  it('-q keeps warnings and errors', () => {
    expect(progress(0, true)).toEqual([
      'gw1       warning: has a global IPv6 route',
      'error [connection-refused] gw3: nothing listens on port 22 of 10.0.0.2.',
      '  next: Start sshd there, or name the port (ansible_port).',
    ]);
  });
});

describe('errors of a run', () => {
  const refused = (host: string, hint = 'Start sshd.') =>
    new ProvisionError('connection-refused', `${host}: nothing listens.`, { hint });

  it('advice that several share in a row is said once', () => {
    expect(problemSection([refused('a'), refused('b'), refused('c', 'Look.')], false, 80, colours)).toEqual([
      '',
      'error [connection-refused] a: nothing listens.',
      'error [connection-refused] b: nothing listens.',
      '  next: Start sshd.',
      'error [connection-refused] c: nothing listens.',
      '  next: Look.',
    ]);
  });

  it('where, sentence, frame, next; within the width', () => {
    const problem = new ProvisionError('inventory', 'a sentence that is too long for one line', {
      place: { file: 'hosts.yml', line: 3, column: 5 },
      frame: '> 3 | a: b',
      hint: 'Write it otherwise, then run again.',
    });
    expect(problemSection([problem], false, 40, colours)).toEqual([
      '',
      'hosts.yml:3:5: error [inventory] a',
      '  sentence that is too long for one line',
      '> 3 | a: b',
      '  next: Write it otherwise, then run',
      '        again.',
    ]);
  });

  it('of a hundred, the number', () => {
    const many = Array.from({ length: 100 }, (_, index) => refused(`h${index}`));
    expect(problemSection(many, false, 80, colours).at(-1)).toBe('80 more errors (-v prints them all)');
    expect(problemSection(many, true, 80, colours)).toHaveLength(102);
  });
});

describe('a change that would lock us out', () => {
  const LOCKOUT = 'zone public, where SSH arrives: nothing accepts 22/tcp\u001b[31m';
  const events = fakeRun({ hosts: 1, changes: 1, check: true }).map((event) =>
    event.type === 'host-planned'
      ? { ...event, changes: event.changes.map((change) => ({ ...change, lockout: LOCKOUT })) }
      : event,
  );
  const of = (reporter: (out: (line: string) => void) => Emit): string[] => {
    const lines: string[] = [];
    events.forEach(reporter((line) => lines.push(line)));
    return lines.filter((line) => line.includes('!'));
  };

  it('is said below its change, on a terminal and in lines', () => {
    expect(
      of((out) => summaryReporter({ width: () => 200, verbosity: 0, diff: false, colours, out })),
    ).toEqual([expect.stringMatching(/^ {2}! would lock us out: zone public, .* accepts 22\/tcp/)]);
    const [line = ''] = of((out) => resultLines({ quiet: true, diff: false, colours, out }));
    expect(line).toMatch(/^gw1 +! would lock us out: zone public, /);
    expect(line).not.toContain('\u001b');
  });

  it('control: no other change says so', () => {
    expect(results({ hosts: 1, changes: 3 }).filter((line) => line.includes('!'))).toEqual([]);
  });
});
