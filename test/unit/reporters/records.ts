import type { CheckResult } from '../../../src/model/check.ts';
import type { HostReport, Report, ReportedChange } from '../../../src/model/report.ts';
import type { RunRecord } from '../../../src/reporters/record.ts';

/** One difference, as a report holds it. */
export const change = (sentence: string, more: Partial<ReportedChange> = {}): ReportedChange => ({
  resource: 'rules:nat',
  action: 'update',
  field: 'masqueraded',
  layer: 'live',
  before: null,
  after: null,
  sentence,
  ...more,
});

export const check = (more: Partial<CheckResult> = {}): CheckResult => ({
  name: 'db1 leaves by 203.0.113.10',
  from: 'db1',
  kind: 'egress',
  to: 'http://198.51.100.10/ip',
  expected: '203.0.113.10',
  got: '203.0.113.10',
  status: 'pass',
  baseline: null,
  ...more,
});

export const host = (more: Partial<HostReport> = {}): HostReport => ({
  name: 'gw1',
  status: 'ok',
  resources: 3,
  changes: [],
  checks: [],
  ssh: { connections: 1, execs: 1, jumps: 0, bytesIn: 0, bytesOut: 0 },
  timings: { probe: 120 },
  ...more,
});

export const record = (
  hosts: readonly HostReport[],
  more: Partial<RunRecord> = {},
  report: Partial<Report> = {},
): RunRecord => ({
  report: {
    schemaVersion: 1,
    runId: '20261121T102234-2ff412ec',
    startedAt: '2026-11-21T10:22:34.000Z',
    argv: ['playbooks/gateway.ts'],
    exitCode: 0,
    hosts,
    ...report,
  },
  playbook: 'NAT gateways',
  check: false,
  endedAt: '2026-11-21T10:22:40.000Z',
  plans: new Map(),
  warnings: [],
  ...more,
});

/** Text that is markup, a mention, a link, a table, a command or a control character wherever it is not inert. */
export const HOSTILE =
  '<script>alert(1)</script>"\'><img src=x onerror=alert(1)> | `code` ``` **b** _i_ [x](javascript:alert(1)) ![i](http://evil.example/i.png) @octocat #1 GH-1 https://evil.example www.evil.example &lt; {{x}} ${x} %0A::error::x \u0000\u001b[31m\u202egnp.exe\r\n::add-mask::x\n# heading\n- item';
