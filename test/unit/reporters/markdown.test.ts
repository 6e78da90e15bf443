import { describe, expect, it } from '@jest/globals';
import { markdownReport } from '../../../src/reporters/markdown.ts';
import { code, prose } from '../../../src/reporters/markdown-text.ts';
import { change, check, host, HOSTILE, record } from './records.ts';

const GITHUB_LIMIT = 65_536;

describe('a comment for a pull request', () => {
  it('a plan: what changes, what it cuts, what proves it', () => {
    const plan = record(
      [
        host({
          status: 'planned',
          changes: [change('missing live: masquerade 172.31.0.0/24', { file: 'hosts.yml', line: 12 })],
          cuts: [{ resource: 'rules:nat', sentence: 'DNAT 172.31.0.2:80/tcp to 172.31.0.8:8080' }],
        }),
        host({ name: 'db1', checks: [check({ status: 'fail', got: 'no way out' }), check({ name: 'two' })] }),
      ],
      { check: true },
    );
    expect(markdownReport(plan)).toBe(`## provision: NAT gateways

**1 change to make on 1 host** · 2 hosts · 1 of 2 checks passes now · nothing was changed (--check)

### What changes

**gw1**

- \`~\` missing live: masquerade 172.31.0.0/24

### What it cuts

- **gw1**: DNAT 172.31.0.2:80/tcp to 172.31.0.8:8080

### What proves it (as things are now)

| check | expected | got | before | |
| --- | --- | --- | --- | --- |
| \`db1 leaves by 203.0.113.10\` | \`203.0.113.10\` | \`no way out\` | – | **fail** |
| \`two\` | \`203.0.113.10\` | \`203.0.113.10\` | – | pass |

<sub>run \`20261121T102234-2ff412ec\` · exit 0</sub>
`);
  });

  it('a failure: what to do comes first, with the place', () => {
    const error = {
      code: 'check-failed',
      message: 'gw1 was put back: check "db1": expected a, got b.',
      hint: 'Mend the cause and run again.',
      file: 'inventory/prod/host_vars/gw1.yml',
      line: 7,
    };
    const lines = markdownReport(record([host({ status: 'reverted', error })])).split('\n');
    expect(lines.slice(4, 8)).toEqual([
      '### What to do',
      '',
      '- gw1 was put back: check "db1": expected a, got b. (`inventory/prod/host_vars/gw1.yml:7`)',
      '  **Next:** Mend the cause and run again.',
    ]);
  });

  it.each([3, 60, 1000])('stays below the limit of GitHub with %i hosts of much to say', (hosts) => {
    const long = 'x'.repeat(2000);
    const many = Array.from({ length: hosts }, (_, index) =>
      host({
        name: `gw${index}`,
        status: 'reverted',
        changes: Array.from({ length: 30 }, (__, n) =>
          change(`${index} ${n} ${long}`, { resource: `file:/${n}` }),
        ),
        cuts: [{ resource: 'rules:nat', sentence: long }],
        checks: Array.from({ length: 5 }, (__, n) =>
          check({ name: `${n} ${long}`, got: long, status: 'fail' }),
        ),
        error: { code: 'apply-failed', message: long, hint: long },
      }),
    );
    const text = markdownReport(record(many));
    expect(text.length).toBeLessThan(GITHUB_LIMIT);
    expect(text).toContain('### What to do');
    // Control: the same, whole, would be far above it.
    expect(JSON.stringify(many).length).toBeGreaterThan(GITHUB_LIMIT);
  });

  it('of sixty hosts of the usual kind everything is there, and nothing is cut short', () => {
    const many = Array.from({ length: 60 }, (_, index) =>
      host({
        name: `gw${index}`,
        status: 'planned',
        changes: ['package firewalld is not installed', 'net.ipv4.ip_forward is 0 live, should be 1'].map(
          (sentence) => change(sentence),
        ),
      }),
    );
    const text = markdownReport(record(many, { check: true }));
    expect(text).toContain('**gw0, gw1 and 58 more**, each of 60 hosts');
    expect(text).not.toContain('Cut short');
    expect(text.length).toBeLessThan(1500);
  });

  it('text of hosts and inventories makes no markup, no mention, no link and no table cell', () => {
    const text = markdownReport(
      record(
        [
          host({
            name: HOSTILE,
            status: 'reverted',
            changes: [change(HOSTILE)],
            cuts: [{ resource: HOSTILE, sentence: HOSTILE }],
            checks: [
              check({ name: HOSTILE, from: HOSTILE, expected: HOSTILE, got: HOSTILE, status: 'fail' }),
            ],
            error: { code: HOSTILE, message: HOSTILE, hint: HOSTILE, file: HOSTILE, line: 1 },
          }),
        ],
        { playbook: HOSTILE },
        { runId: HOSTILE },
      ),
    );
    // What remains once code and escaped characters are gone is only our own.
    const bare = text
      .replaceAll('<!-- -->', '·')
      .replaceAll(/\\[!-/:-@[-`{-~]/g, '')
      .replaceAll(/(`+)(?!`).+?(?<!`)\1(?!`)/g, '');
    expect(bare.replaceAll(/<\/?sub>/g, '')).not.toMatch(/[<>[\]@]|(?:https?|javascript):\/\/|www\./);
    expect(text).not.toMatch(/[\u0000\u001b\u202e\r]/);
    expect(text).not.toMatch(/^(#+ heading|- item|::)/m);
    const rows = text.split('\n').filter((line) => line.startsWith('|'));
    for (const row of rows) expect(row.replaceAll('\\|', '').split('|')).toHaveLength(7);
  });
});

describe('somebody else’s text', () => {
  it.each([
    ['a `tick', '``a `tick``'],
    ['`', '`` ` ``'],
    ['a|b', '`a\\|b`'],
    ['', ' '],
  ])('in code type: %s', (text, expected) => expect(code(text)).toBe(expected));

  it.each([
    ['172.31.0.0/24 leaves by "a" (b)', '172.31.0.0/24 leaves by "a" (b)'],
    ['ask @octocat of #12', 'ask \\@<!-- -->octocat of \\#<!-- -->12'],
    ['http://evil.example', 'http:<!-- -->//evil.example'],
    ['1. first', '1\\. first'],
    ['<b>', '\\<b\\>'],
  ])('in prose: %s', (text, expected) => expect(prose(text)).toBe(expected));
});
