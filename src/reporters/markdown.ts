import type { CheckResult } from '../model/check.ts';
import type { HostReport } from '../model/report.ts';
import { sentencesByResource, SIGNS } from './change-sentences.ts';
import { checksOf } from './checks.ts';
import { code, prose } from './markdown-text.ts';
import type { RunRecord } from './record.ts';
import { namesOf, troublesOf, verdictOf } from './verdict.ts';
import type { Trouble } from './verdict.ts';

/** What GitHub takes for one comment is 65,536 characters; a bot that adds a few lines of its own still fits. */
const LIMIT = 60_000;
/** A sentence of a host may be long; the report in another format has all of it. */
const LONGEST = 300;
const MOST_TROUBLES = 20;
const MOST_CHANGES = 60;
const MOST_CUTS = 20;
const MOST_CHECKS = 30;

const cutAt = (text: string): string => (text.length <= LONGEST ? text : `${text.slice(0, LONGEST - 1)}…`);
const said = (text: string): string => prose(cutAt(text));

const more = (number: number, what: string): string[] =>
  number > 0 ? [`- … and ${number} more ${what}`] : [];

function troubleLines(troubles: readonly Trouble[]): string[] {
  if (troubles.length === 0) return [];
  const lines = troubles.slice(0, MOST_TROUBLES).flatMap(({ host, what, next, place }) => {
    const where = place
      ? ` (${code([place.file, place.line].filter((part) => part !== undefined).join(':'))})`
      : '';
    const who = host === null || what.startsWith(host) ? '' : `**${said(host)}**: `;
    return [`- ${who}${said(what)}${where}`, ...(next === '' ? [] : [`  **Next:** ${said(next)}`])];
  });
  return ['', '### What to do', '', ...lines, ...more(troubles.length - MOST_TROUBLES, 'problems')];
}

/** Hosts that change in the same way are said once. */
function changeLines(hosts: readonly HostReport[], heading: string): string[] {
  const alike = new Map<string, { readonly hosts: string[]; readonly lines: readonly string[] }>();
  for (const { name, changes } of hosts) {
    const lines = sentencesByResource(changes).flatMap(({ action, sentences }) =>
      sentences.map((sentence) => `- ${code(SIGNS[action])} ${said(sentence)}`),
    );
    const known = alike.get(lines.join('\n'));
    if (known) known.hosts.push(name);
    else if (lines.length > 0) alike.set(lines.join('\n'), { hosts: [name], lines });
  }
  if (alike.size === 0) return [];
  let left = MOST_CHANGES;
  let unsaid = 0;
  const groups = [...alike.values()].flatMap(({ hosts: names, lines }) => {
    const shown = lines.slice(0, left);
    left -= shown.length;
    unsaid += lines.length - shown.length;
    if (shown.length === 0) return [];
    const each = names.length > 1 ? `, each of ${names.length} hosts` : '';
    return ['', `**${said(namesOf(names))}**${each}`, '', ...shown];
  });
  return ['', `### ${heading}`, ...groups, ...more(unsaid, 'differences')];
}

function cutLines(hosts: readonly HostReport[]): string[] {
  const changing = hosts.filter(({ changes }) => changes.length > 0);
  if (changing.length === 0) return [];
  const lines = changing.flatMap(({ name, cuts = [], lockouts = [] }) => [
    ...lockouts.map(({ sentence }) => `- **${said(name)}: would lock us out**: ${said(sentence)}`),
    ...cuts.map(({ sentence }) => `- **${said(name)}**: ${said(sentence)}`),
  ]);
  const known = lines.length === 0 ? ['Nothing that works now, as far as can be foretold.'] : lines;
  return [
    '',
    '### What it cuts',
    '',
    ...known.slice(0, MOST_CUTS),
    ...more(known.length - MOST_CUTS, 'cuts'),
  ];
}

const NEWS = { pass: 'pass', fail: '**fail**', unproven: '**unproven**' } as const;

function checkLines(results: readonly CheckResult[], check: boolean): string[] {
  if (results.length === 0) return [];
  const rank = { fail: 0, unproven: 1, pass: 2 } as const;
  const sorted = results.toSorted((a, b) => rank[a.status] - rank[b.status]);
  const rows = sorted.slice(0, MOST_CHECKS).map(({ name, expected, got, baseline, status }) => {
    const cells = [code(cutAt(name)), code(cutAt(expected)), code(cutAt(got)), baseline ?? '–', NEWS[status]];
    return `| ${cells.join(' | ')} |`;
  });
  const rest = results.length - rows.length;
  return [
    '',
    check ? '### What proves it (as things are now)' : '### What proves it',
    '',
    '| check | expected | got | before | |',
    '| --- | --- | --- | --- | --- |',
    ...rows,
    ...(rest > 0 ? ['', `${rest} more checks are in the report.`] : []),
  ];
}

/** Whole lines, as many as fit, and a last one that says so. */
function fitted(lines: readonly string[]): string {
  let length = 0;
  const fitting = lines.findIndex((line) => (length += line.length + 1) > LIMIT);
  const kept =
    fitting < 0 ? lines : [...lines.slice(0, fitting), '', 'Cut short: the whole is in the report.'];
  return `${kept.join('\n')}\n`;
}

/** `--report FILE.md`: a comment for a pull request, short enough for GitHub whatever the number of hosts. */
export function markdownReport(record: RunRecord): string {
  const { report, playbook, check } = record;
  const { headline, numbers } = verdictOf(record);
  const made = report.hosts.some(({ status }) => status === 'changed');
  return fitted([
    `## ${said(playbook === null ? 'provision' : `provision: ${playbook}`)}`,
    '',
    `**${said(headline)}**${numbers.length > 0 ? ` · ${said(numbers.join(' · '))}` : ''}`,
    ...troubleLines(troublesOf(record)),
    ...changeLines(report.hosts, made && !check ? 'What changed' : 'What changes'),
    ...cutLines(report.hosts),
    ...checkLines(checksOf(report.hosts), check),
    '',
    `<sub>run ${code(report.runId)} · exit ${report.exitCode}</sub>`,
  ]);
}
