import type { ResourceChange } from '../../model/resource.ts';
import { forewarningsOf, sentencesOf, SIGNS, titleOf, withoutName } from '../change-sentences.ts';
import pc from 'picocolors';
import { unifiedDiff } from '../diff.ts';
import type { Markup } from '../markup.ts';
import { markup } from '../markup.ts';
import type { RunRecord } from '../record.ts';
import { hostLink } from './summary-section.ts';
import type { Locate } from './summary-section.ts';

/** Of a longer diff the rest is only counted: `--diff` prints it. */
const MOST_LINES = 400;
const plain = pc.createColors(false);

function diffOf(change: ResourceChange): Markup | null {
  const lines = unifiedDiff(change, plain);
  if (lines.length === 0) return null;
  const kindOf = (line: string): string =>
    line.startsWith('+') ? 'plus' : line.startsWith('-') ? 'minus' : line.startsWith('@@') ? 'at' : '';
  const shown = lines
    .slice(0, MOST_LINES)
    .map((line) => markup`<span class="${kindOf(line)}">${line}</span>\n`);
  const more = lines.length - shown.length;
  return markup`<details><summary>${change.text?.path ?? 'file'}</summary><pre class="diff">${shown}${
    more > 0 ? markup`<span class="at">… ${more} more lines</span>` : null
  }</pre></details>`;
}

function changeItem(change: ResourceChange): Markup {
  const sentences = sentencesOf(change);
  const action = change.changes[0]?.action ?? 'update';
  const [only] = sentences;
  const heading = sentences.length === 1 && only !== undefined ? only : titleOf(change.resource);
  const below =
    sentences.length === 1 ? [] : sentences.map((sentence) => withoutName(sentence, change.resource));
  return markup`<li class="${action}" data-find><span class="sign">${SIGNS[action]}</span>${heading}${
    below.length === 0 ? null : markup`<ul>${below.map((sentence) => markup`<li>${sentence}</li>`)}</ul>`
  }${forewarningsOf(change).map((text) => markup`<div class="cut">${text}</div>`)}${diffOf(change)}</li>`;
}

/** What differs, host by host; hosts that differ in the same way are said once. */
export function changesSection({ plans, report }: RunRecord, locate: Locate): Markup | null {
  const alike = new Map<string, { readonly hosts: string[]; readonly items: Markup }>();
  for (const [host, changes] of plans) {
    if (changes.length === 0) continue;
    const items = markup`${changes.map(changeItem)}`;
    const known = alike.get(items.text);
    if (known) known.hosts.push(host);
    else alike.set(items.text, { hosts: [host], items });
  }
  if (alike.size === 0) return null;
  const made = report.hosts.some(({ status }) => status === 'changed');
  const groups = [...alike.values()].map(({ hosts, items }) => {
    const names = hosts
      .slice(0, 6)
      .map((host, index) => markup`${index > 0 ? ', ' : ''}${hostLink(host, locate)}`);
    const more = hosts.length - names.length;
    return markup`<section><h3>${names}${more > 0 ? ` and ${more} more` : null}</h3><ul class="changes">${items}</ul></section>`;
  });
  const [few, many] = [groups.slice(0, 10), groups.slice(10)];
  return markup`<h2>${made ? 'Changes made' : 'Changes'}</h2>${few}${
    many.length === 0
      ? null
      : markup`<details data-open><summary>${many.length} more hosts that change</summary>${many}</details>`
  }`;
}
