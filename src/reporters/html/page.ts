import { createHash } from 'node:crypto';
import { nodesOf } from '../../model/topology.ts';
import type { Topology } from '../../model/topology.ts';
import { markup, Markup } from '../markup.ts';
import { layoutOf } from '../picture/layout.ts';
import { marksOf } from '../picture/marks.ts';
import type { RunRecord } from '../record.ts';
import { verdictOf } from '../verdict.ts';
import { changesSection } from './changes-section.ts';
import { checksSection } from './checks-section.ts';
import { pictureSection } from './picture-section.ts';
import { PAGE_SCRIPT } from './script.ts';
import { pageStyle } from './style.ts';
import { hostsSection, todoSection, verdictSection } from './summary-section.ts';
import type { Locate } from './summary-section.ts';
import { timingsSection } from './timings-section.ts';

const hashOf = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

/**
 * One file that asks nobody for anything. Only our own style and script run, by their digest: should a text ever get
 * past the escaping, the browser still would not run it.
 */
function page(title: string, body: Markup, pictureWidth: number): string {
  const style = pageStyle(pictureWidth);
  const policy = `default-src 'none'; style-src ${hashOf(style)}; script-src ${hashOf(PAGE_SCRIPT)}; img-src data:; base-uri 'none'; form-action 'none'`;
  return markup`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="${new Markup(policy)}"><meta name="viewport" content="width=device-width, initial-scale=1"><meta name="referrer" content="no-referrer"><title>${title}</title><link rel="icon" href="data:,"><style>${new Markup(style)}</style></head>
<body>
${body}
<script>${new Markup(PAGE_SCRIPT)}</script>
</body></html>
`.text;
}

/** The row of the picture that stands for a host. */
function locator(topology: Topology | null): Locate {
  const rows = new Map(
    (topology?.cards ?? [])
      .flatMap(nodesOf)
      .flatMap(({ id, host, vantages }) =>
        host !== null && vantages.includes(host) ? [[host, id] as const] : [],
      ),
  );
  return (host) => rows.get(host);
}

const warnings = ({ warnings: list }: RunRecord): Markup | null =>
  list.length === 0
    ? null
    : markup`<h2>Warnings</h2><ul>${list.map(({ host, message }) => markup`<li data-find>${host === null ? null : markup`<b>${host}</b>: `}${message}</li>`)}</ul>`;

/** `--report FILE.html`. Without a topology (the run ended before there was one) the picture is left out. */
export async function htmlReport(record: RunRecord, topology: Topology | null): Promise<string> {
  const layout = topology && (await layoutOf(topology));
  const locate = locator(topology);
  const body = markup`${verdictSection(record)}
${todoSection(record, locate)}
${topology && layout ? pictureSection(topology, layout, marksOf(topology, record)) : null}
${hostsSection(record, locate)}
${changesSection(record, locate)}
${checksSection(record)}
${timingsSection(record, locate)}
${warnings(record)}
<footer>provision ${record.report.argv.join(' ')} <button id="theme" type="button">Light or dark</button></footer>`;
  return page(`${verdictOf(record).headline} · ${record.playbook ?? 'provision'}`, body, layout?.width ?? 0);
}

/** `provision inventory graph --format html`: the picture without a run. */
export async function htmlGraph(topology: Topology, source: string): Promise<string> {
  const layout = await layoutOf(topology);
  const body = markup`<header class="verdict good"><div><h1>${source}</h1><p class="numbers">What the inventory says. Nothing was contacted.</p></div></header>
${pictureSection(topology, layout, marksOf(topology, null))}
<footer><button id="theme" type="button">Light or dark</button></footer>`;
  return page(source, body, layout.width);
}
