import type { HostReport } from '../../model/report.ts';
import type { Markup } from '../markup.ts';
import { markup } from '../markup.ts';
import { onlyAsked } from '../picture/marks.ts';
import { STATUS_WORDS } from '../picture/svg.ts';
import type { RunRecord } from '../record.ts';
import { troublesOf, verdictOf } from '../verdict.ts';
import { placeText } from './details.ts';

/** `2026-11-21 10:22:34 UTC` */
const moment = (iso: string): string => iso.replace('T', ' ').replace(/(\.\d+)?Z$/, ' UTC');

export function durationText(milliseconds: number): string {
  if (milliseconds < 1000) return `${Math.round(milliseconds)} ms`;
  const seconds = milliseconds / 1000;
  return seconds < 60
    ? `${seconds.toFixed(1)} s`
    : `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
}

/** The run in one sentence: what is seen first. */
export function verdictSection(record: RunRecord): Markup {
  const { mood, headline, numbers } = verdictOf(record);
  const { report, playbook, endedAt } = record;
  const took = Date.parse(endedAt) - Date.parse(report.startedAt);
  return markup`<header class="verdict ${mood}"><div><h1>${headline}</h1>${
    numbers.length === 0 ? null : markup`<p class="numbers">${numbers.join(' · ')}</p>`
  }</div><p class="run">${playbook ?? 'provision'}<br>${moment(report.startedAt)}, ${durationText(took)}<br>run <span class="mono">${report.runId}</span> · exit ${report.exitCode}</p></header>`;
}

/** Where a name leads into the picture. */
export type Locate = (host: string) => string | undefined;

/** A host's name, as a link to its row in the picture where it has one. */
export function hostLink(host: string, locate: Locate): Markup {
  const id = locate(host);
  return id === undefined ? markup`${host}` : markup`<a href="#d-${id}" data-node="${id}">${host}</a>`;
}

/** What a person should do now, the worst first; null = nothing. */
export function todoSection(record: RunRecord, locate: Locate): Markup | null {
  const troubles = troublesOf(record);
  if (troubles.length === 0) return null;
  // The message of a host begins with its name, which is a link here.
  const without = (what: string, host: string | null): string =>
    host !== null && (what.startsWith(`${host}: `) || what.startsWith(`${host} `))
      ? what.slice(host.length).replace(/^:? /, '')
      : what;
  const items = troubles.map(
    ({ host, what, next, place }) =>
      markup`<li data-find>${
        host === null ? null : markup`<b>${hostLink(host, locate)}</b>: `
      }${without(what, host)}${place ? markup` <span class="place mono">${placeText(place)}</span>` : null}${
        next === '' ? null : markup`<p class="next"><b>Next:</b> ${next}</p>`
      }</li>`,
  );
  const [few, many] = [items.slice(0, 8), items.slice(8)];
  return markup`<h2>What to do</h2><ul class="todo">${few}</ul>${
    many.length === 0
      ? null
      : markup`<details data-open><summary>${many.length} more</summary><ul class="todo">${many}</ul></details>`
  }`;
}

const CALM: readonly HostReport['status'][] = ['ok', 'planned', 'changed', 'skipped'];

function hostRow(host: HostReport, locate: Locate): Markup {
  const { name, status, changes, checks, timings } = host;
  const resources = new Set(changes.map(({ resource }) => resource)).size;
  const passing = checks.filter((check) => check.status === 'pass').length;
  const ended = onlyAsked(host)
    ? markup`<span class="tag">checks only</span>`
    : markup`<span class="tag ${CALM.includes(status) ? status : 'bad'}">${STATUS_WORDS[status]}</span>`;
  const passed =
    checks.length === 0
      ? null
      : markup`<span class="${passing < checks.length ? 'few' : 'all'}">${passing} of ${checks.length}</span>`;
  return markup`<tr data-find><td>${hostLink(name, locate)}</td><td>${ended}</td><td class="number">${
    resources === 0 ? '' : resources
  }</td><td class="number">${passed}</td><td class="number">${durationText(
    Object.values(timings).reduce((sum, time) => sum + time, 0),
  )}</td></tr>`;
}

const table = (rows: readonly Markup[]): Markup =>
  markup`<div class="scroll"><table><thead><tr><th>host</th><th>ended</th><th class="number">changes</th><th class="number">checks that pass</th><th class="number">time</th></tr></thead><tbody>${rows}</tbody></table></div>`;

/** Every host; of many, those without trouble wait behind a line. */
export function hostsSection({ report }: RunRecord, locate: Locate): Markup | null {
  const { hosts } = report;
  if (hosts.length === 0) return null;
  const trouble = (host: HostReport): boolean =>
    !CALM.includes(host.status) || host.checks.some(({ status }) => status !== 'pass');
  const first =
    hosts.length <= 12
      ? hosts.toSorted((a, b) => Number(trouble(b)) - Number(trouble(a)))
      : hosts.filter(trouble);
  const later = hosts.filter((host) => !first.includes(host));
  return markup`<h2>Hosts</h2>${first.length === 0 ? null : table(first.map((host) => hostRow(host, locate)))}${
    later.length === 0
      ? null
      : markup`<details data-open><summary>${later.length} hosts without trouble</summary>${table(later.map((host) => hostRow(host, locate)))}</details>`
  }`;
}
