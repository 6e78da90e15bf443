import type { CheckResult } from '../../model/check.ts';
import { checksOf } from '../checks.ts';
import type { Markup } from '../markup.ts';
import { markup } from '../markup.ts';
import type { RunRecord } from '../record.ts';

/** A reason that the line above has already given is not given again. */
function row(
  { name, from, to, expected, got, baseline, status, hint }: CheckResult,
  index: number,
  all: readonly CheckResult[],
): Markup {
  const told = all[index - 1]?.hint?.sentence === hint?.sentence;
  return markup`<tr data-find><td><span class="tag ${status}">${status}</span></td><td>${name}${
    hint && !told ? markup`<p class="hint">${hint.sentence}</p>` : null
  }</td><td>${from}</td><td class="mono">${to}</td><td class="mono">${expected}</td><td class="mono">${got}</td><td>${baseline ?? ''}</td></tr>`;
}

const table = (results: readonly CheckResult[]): Markup =>
  markup`<div class="scroll"><table><thead><tr><th></th><th>check</th><th>from</th><th>to</th><th>expected</th><th>got</th><th>before</th></tr></thead><tbody>${results.map(row)}</tbody></table></div>`;

/** Every check, those that fail first; of many that pass, only the number is seen at once. */
export function checksSection({ report, check }: RunRecord): Markup | null {
  const results = checksOf(report.hosts);
  if (results.length === 0) return null;
  const order = { fail: 0, unproven: 1, pass: 2 } as const;
  const sorted = results.toSorted((a, b) => order[a.status] - order[b.status]);
  const first = results.length <= 20 ? sorted : sorted.filter(({ status }) => status !== 'pass');
  const later = sorted.slice(first.length);
  return markup`<h2>Checks${check ? markup` <span class="muted">as things are now</span>` : null}</h2>${
    first.length === 0 ? null : table(first)
  }${later.length === 0 ? null : markup`<details data-open><summary>${later.length} checks that pass</summary>${table(later)}</details>`}`;
}
