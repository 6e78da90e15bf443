import type { CheckResult } from '../model/check.ts';
import type { HostReport } from '../model/report.ts';
import type { RunRecord } from './record.ts';
import { sentencesByResource } from './change-sentences.ts';

/** XML 1.0 has no place for most control characters and for half a surrogate pair, in no spelling. */
const IMPOSSIBLE = /[^\t\n\r\x20-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu;
const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  '\t': '&#9;',
  '\n': '&#10;',
  '\r': '&#13;',
};

const inText = (text: string): string =>
  text.replaceAll(IMPOSSIBLE, '\ufffd').replaceAll(/[&<>]/g, (c) => ENTITIES[c] ?? c);
const inAttribute = (text: string): string =>
  text.replaceAll(IMPOSSIBLE, '\ufffd').replaceAll(/[&<>"\t\n\r]/g, (c) => ENTITIES[c] ?? c);

const element = (name: string, attributes: Readonly<Record<string, string>>, content = ''): string => {
  const written = Object.entries(attributes).map(([key, value]) => ` ${key}="${inAttribute(value)}"`);
  return `<${name}${written.join('')}${content === '' ? '/>' : `>${content}</${name}>`}`;
};

type Ending = 'pass' | 'failure' | 'error' | 'skipped';

interface Case {
  readonly name: string;
  readonly ending: Ending;
  readonly type?: string;
  readonly message?: string;
  /** What is told below it, whatever its ending. */
  readonly told: readonly string[];
}

const ENDINGS: Readonly<Record<HostReport['status'], Ending>> = {
  ok: 'pass',
  changed: 'pass',
  planned: 'skipped',
  skipped: 'skipped',
  failed: 'failure',
  reverted: 'failure',
  pending: 'error',
  unknown: 'error',
  unreachable: 'error',
};

/** A host is one case: that it is as declared. */
function caseOfHost({ status, changes, error }: HostReport): Case {
  const resources = new Set(changes.map(({ resource }) => resource)).size;
  const sentences = sentencesByResource(changes).flatMap((group) => group.sentences);
  return {
    name: 'as declared',
    ending: ENDINGS[status],
    type: error?.code ?? status,
    message: error?.message ?? (status === 'planned' ? `${resources} to change (--check)` : status),
    told: [...sentences, ...(error?.hint ? [`next: ${error.hint}`] : [])],
  };
}

/** In --check a check only says how things are. */
function caseOfCheck(result: CheckResult, check: boolean): Case {
  const { name, kind, to, expected, got, status, baseline, hint } = result;
  const ending = status === 'pass' ? 'pass' : check ? 'skipped' : status === 'fail' ? 'failure' : 'error';
  return {
    name,
    ending,
    type: kind,
    message: status === 'unproven' ? got : `expected ${expected}, got ${got}`,
    told: [
      `to ${to}: expected ${expected}, got ${got}`,
      ...(baseline === null ? [] : [`before: ${baseline}`]),
      ...(hint ? [hint.sentence] : []),
    ],
  };
}

function testcase(classname: string, { name, ending, type = '', message = '', told }: Case): string {
  const bad = ending === 'pass' ? '' : element(ending, { type, message }, inText(told.join('\n')));
  const out = ending === 'pass' && told.length > 0 ? element('system-out', {}, inText(told.join('\n'))) : '';
  return `    ${element('testcase', { classname, name }, `${bad}${out}`)}`;
}

const seconds = (milliseconds: number): string => (milliseconds / 1000).toFixed(3);

function testsuite(name: string, cases: readonly Case[], attributes: Readonly<Record<string, string>>) {
  const ended = (ending: Ending): number => cases.filter((one) => one.ending === ending).length;
  const counts = {
    tests: String(cases.length),
    failures: String(ended('failure')),
    errors: String(ended('error')),
  };
  const lines = cases.map((one) => testcase(name, one));
  return {
    counts,
    xml: `  ${element('testsuite', { name, ...counts, skipped: String(ended('skipped')), ...attributes }, `\n${lines.join('\n')}\n  `)}`,
  };
}

/** `--report FILE.xml`: a suite per host, a case for the host itself and for each check asked from it. */
export function junitReport({ report, playbook, check }: RunRecord): string {
  const { hosts, errors = [], startedAt } = report;
  const timestamp = startedAt.replace(/\.\d+Z$/, '');
  const before = errors.map(({ code, message, hint }): Case => ({
    name: code,
    ending: 'error',
    type: code,
    message,
    told: hint ? [`next: ${hint}`] : [],
  }));
  const suites = [
    ...(before.length > 0 ? [testsuite('provision', before, { timestamp })] : []),
    ...hosts.map((host) =>
      testsuite(host.name, [caseOfHost(host), ...host.checks.map((result) => caseOfCheck(result, check))], {
        timestamp,
        hostname: host.name,
        time: seconds(Object.values(host.timings).reduce((sum, time) => sum + time, 0)),
      }),
    ),
  ];
  const sum = (key: 'tests' | 'failures' | 'errors'): string =>
    String(suites.reduce((total, { counts }) => total + Number(counts[key]), 0));
  const attributes = {
    name: playbook ?? 'provision',
    tests: sum('tests'),
    failures: sum('failures'),
    errors: sum('errors'),
  };
  const content = `\n${suites.map(({ xml }) => xml).join('\n')}\n`;
  return `<?xml version="1.0" encoding="UTF-8"?>\n${element('testsuites', attributes, content)}\n`;
}
