import type { HostReport } from '../../model/report.ts';
import type { Markup } from '../markup.ts';
import { markup } from '../markup.ts';
import type { RunRecord } from '../record.ts';
import { durationText, hostLink } from './summary-section.ts';
import type { Locate } from './summary-section.ts';

const PHASES = ['probe', 'plan', 'apply', 'verify', 'confirm', 'revert'];
const WIDTH = 600;
const HEIGHT = 14;
const FEW = 8;

const phaseOf = (name: string): string => (PHASES.includes(name) ? name : 'other');
const total = ({ timings }: HostReport): number =>
  Object.values(timings).reduce((sum, time) => sum + time, 0);

/** One bar: the phases of a host one after the other, on the scale of the slowest. */
function bar({ timings }: HostReport, longest: number): Markup {
  let x = 0;
  const parts = Object.entries(timings).map(([name, time]) => {
    const width = longest === 0 ? 0 : (time / longest) * WIDTH;
    const part = markup`<rect class="p-${phaseOf(name)}" x="${x.toFixed(1)}" width="${Math.max(width, 0.5).toFixed(1)}" height="${HEIGHT}"><title>${name} ${durationText(time)}</title></rect>`;
    x += width;
    return part;
  });
  return markup`<svg class="bars" width="${WIDTH}" height="${HEIGHT}" viewBox="0 0 ${WIDTH} ${HEIGHT}" aria-hidden="true">${parts}</svg>`;
}

const words = ({ timings }: HostReport): string =>
  Object.entries(timings)
    .map(([name, time]) => `${name} ${durationText(time)}`)
    .join(' · ');

/** How long each phase took on each host, the slowest first. */
export function timingsSection({ report }: RunRecord, locate: Locate): Markup | null {
  const hosts = report.hosts.filter((host) => total(host) > 0).toSorted((a, b) => total(b) - total(a));
  if (hosts.length === 0) return null;
  const longest = total(hosts[0] as HostReport);
  const rows = hosts.map(
    (host) =>
      markup`<tr data-find><td>${hostLink(host.name, locate)}</td><td class="number">${durationText(total(host))}</td><td>${bar(host, longest)}<span class="muted">${words(host)}</span></td></tr>`,
  );
  const used = PHASES.filter((phase) => hosts.some(({ timings }) => phase in timings));
  const legend = used.map(
    (phase) =>
      markup`<li><svg width="12" height="12" aria-hidden="true"><rect class="p-${phase}" width="12" height="12" rx="2"/></svg>${phase}</li>`,
  );
  const table = (list: readonly Markup[]): Markup =>
    markup`<div class="scroll"><table><tbody>${list}</tbody></table></div>`;
  return markup`<h2>Time</h2><ul class="legend">${legend}</ul>${table(rows.slice(0, FEW))}${
    rows.length > FEW
      ? markup`<details data-open><summary>${rows.length - FEW} faster hosts</summary>${table(rows.slice(FEW))}</details>`
      : null
  }`;
}
