import { XMLParser, XMLValidator } from 'fast-xml-parser';
import { describe, expect, it } from '@jest/globals';
import { ProvisionError } from '../../../src/model/error.ts';
import { githubAnnotations } from '../../../src/reporters/annotations.ts';
import { junitReport } from '../../../src/reporters/junit.ts';
import { eventData } from '../../../src/reporters/ndjson.ts';
import { troublesOf, verdictOf } from '../../../src/reporters/verdict.ts';
import { change, check, host, HOSTILE, record } from './records.ts';

const wicked = record(
  [
    host({
      name: HOSTILE,
      status: 'reverted',
      changes: [change(HOSTILE, { resource: HOSTILE, file: HOSTILE, line: 3 })],
      cuts: [{ resource: HOSTILE, sentence: HOSTILE }],
      lockouts: [{ resource: HOSTILE, sentence: HOSTILE }],
      checks: [check({ name: HOSTILE, from: HOSTILE, got: HOSTILE, status: 'fail', file: HOSTILE })],
      error: { code: HOSTILE, message: HOSTILE, hint: HOSTILE, file: HOSTILE, line: 1 },
    }),
  ],
  { playbook: HOSTILE },
);

describe('JUnit', () => {
  it('text of hosts is text, and nothing that XML has no place for is in it', () => {
    const xml = junitReport(wicked);
    expect(XMLValidator.validate(xml)).toBe(true);
    expect(xml).not.toMatch(/[\x00-\x08\x0b\x0c\x0e-\x1f]/);
    const parsed = new XMLParser({ ignoreAttributes: false }).parse(xml) as {
      testsuites: { testsuite: { testcase: { '@_name': string }[] } };
    };
    expect(parsed.testsuites.testsuite.testcase.map((one) => one['@_name'])).toEqual([
      'as declared',
      expect.stringContaining('<script>alert(1)</script>'),
    ]);
  });

  it.each([
    ['ok', 0, 0, 0],
    ['changed', 0, 0, 0],
    ['planned', 0, 0, 1],
    ['skipped', 0, 0, 1],
    ['failed', 1, 0, 0],
    ['reverted', 1, 0, 0],
    ['pending', 0, 1, 0],
    ['unknown', 0, 1, 0],
    ['unreachable', 0, 1, 0],
  ] as const)('a host that is %s', (status, failures, errors, skipped) => {
    expect(junitReport(record([host({ status })]))).toContain(
      `<testsuite name="gw1" tests="1" failures="${failures}" errors="${errors}" skipped="${skipped}"`,
    );
  });

  it('a check that fails, that could not be asked, and that only says how things are', () => {
    const checks = [
      check({ status: 'fail', got: 'no way out' }),
      check({ status: 'unproven', got: 'curl is not installed' }),
    ];
    const judged = junitReport(record([host({ checks })]));
    expect(judged).toContain('<failure type="egress" message="expected 203.0.113.10, got no way out">');
    expect(judged).toContain('<error type="egress" message="curl is not installed">');
    expect(junitReport(record([host({ checks })], { check: true }))).toContain(
      'failures="0" errors="0" skipped="2"',
    );
  });
});

describe('annotations of GitHub', () => {
  it('one command a line, whatever a host says', () => {
    const lines = githubAnnotations(wicked, process.cwd());
    expect(lines.length).toBeGreaterThan(3);
    for (const line of lines) {
      expect(line).toMatch(/^::(error|warning|notice) /);
      expect(line).not.toMatch(/[\r\n]/);
      // Its properties end at the first `::` behind the command.
      expect(line.slice(2).split('::')[0]).toMatch(
        /^(error|warning|notice) file=[^,:]*(,(line|col)=\d+)*,title=[^,:]*$/,
      );
    }
  });

  it('paths count from the repository', () => {
    const [line] = githubAnnotations(
      record([host({ status: 'planned', changes: [change('a', { file: 'inventory/x.yml', line: 4 })] })], {
        check: true,
      }),
      '/',
    );
    expect(line).toContain(`file=${process.cwd().slice(1)}/inventory/x.yml,line=4,`);
  });

  it('differences of one line are told together', () => {
    const changes = ['a', 'b'].map((sentence) => change(sentence, { file: 'x.yml', line: 4 }));
    expect(githubAnnotations(record([host({ status: 'changed', changes })]), process.cwd())).toEqual([
      '::notice file=x.yml,line=4,title=gw1 was changed::~ a%0A~ b',
    ]);
  });
});

describe('events', () => {
  it('hold no shell text and no stack', () => {
    const planned = eventData({
      type: 'host-planned',
      host: 'gw1',
      changes: [
        {
          resource: 'rules:nat',
          phase: 'main',
          kind: 'rules',
          changes: [change('missing')],
          apply: { steps: ['nft -f /etc/provision/nat.nft'] },
          revert: { steps: ['nft delete table ip provision'] },
          cuts: ['DNAT a to b'],
          place: { file: 'x.yml', line: 4 },
        },
      ],
    });
    expect(JSON.stringify(planned)).not.toContain('nft ');
    expect(planned).toMatchObject({
      changes: [{ file: 'x.yml', line: 4 }],
      cuts: [{ sentence: 'DNAT a to b' }],
    });
    const failed = eventData({
      type: 'host-failed',
      host: 'gw1',
      error: new ProvisionError('locked', 'busy', { hint: 'wait' }),
    });
    expect(failed).toEqual({
      type: 'host-failed',
      host: 'gw1',
      error: { code: 'locked', message: 'busy', hint: 'wait' },
    });
  });
});

describe('the verdict', () => {
  const failing = check({ status: 'fail', got: 'no way out' });
  it.each([
    ['good', 'As declared', [host()], {}],
    ['good', 'All as declared', [host(), host({ name: 'gw2' })], {}],
    [
      'changed',
      '1 change made on 1 host',
      [host({ status: 'changed', changes: [change('a'), change('b')] })],
      {},
    ],
    [
      'changed',
      '1 change to make on 1 host',
      [host({ status: 'planned', changes: [change('a')], checks: [failing] })],
      { check: true },
    ],
    ['failed', '1 of 1 check fails', [host({ checks: [failing] })], {}],
    ['failed', '1 check could not be asked', [host({ checks: [check({ status: 'unproven' })] })], {}],
    [
      'failed',
      'Put back as before: gw1, gw2 and gw3',
      ['gw1', 'gw2', 'gw3'].map((name) => host({ name, status: 'reverted' })),
      {},
    ],
    [
      'failed',
      'Not reached: gw1 and gw2',
      ['gw1', 'gw2'].map((name) => host({ name, status: 'unreachable' })),
      {},
    ],
    [
      'person',
      'A person is needed: gw1',
      [host({ status: 'pending' }), host({ name: 'gw2', status: 'reverted' })],
      {},
    ],
  ] as const)('%s: %s', (mood, headline, hosts, more) => {
    expect(verdictOf(record(hosts, more))).toMatchObject({ mood, headline });
  });

  it('what needs a person comes first; what could not be asked of a host out of reach is said once', () => {
    const error = { code: 'x', message: 'lost', hint: 'look' };
    const lost = host({ name: 'db1', status: 'unreachable', error, checks: [check({ status: 'unproven' })] });
    const pending = host({ status: 'pending', error: { ...error, message: 'armed' } });
    expect(troublesOf(record([lost, pending])).map(({ what }) => what)).toEqual(['armed', 'lost']);
  });
});
