import type { Series } from './course.ts';
import { median } from './timed.ts';

const FLOOR = 'floor: node-ssh and our probe';
const OWN = 'provision';

const secondsOf = ({ timings }: Series): number => median(timings.map(({ seconds }) => seconds));
const spread = ({ timings }: Series): string => {
  const all = timings.map(({ seconds }) => seconds);
  return `${Math.min(...all).toFixed(2)}-${Math.max(...all).toFixed(2)}`;
};
const ratio = (over: number | undefined, under: number | undefined): string =>
  over === undefined || under === undefined ? '' : (over / under).toFixed(2);

/** Markdown: one table for each condition; ratios are of medians of the same table. */
export function tables(series: readonly Series[]): string {
  const title = ({ run, hosts, roundTripMs }: Series): string =>
    `${run === 'first' ? 'First run' : 'No change'}, ${hosts} ${hosts === 1 ? 'host' : 'hosts'}, round trip ${roundTripMs} ms`;
  const parts = [...new Set(series.map(title))].map((name) => {
    const rows = series.filter((each) => title(each) === name && each.timings.length > 0);
    const of = (contestant: string): number | undefined => {
      const found = rows.find((row) => row.contestant === contestant);
      return found && secondsOf(found);
    };
    const lines = rows.map((row) => {
      const seconds = secondsOf(row);
      const cpu = median(row.timings.map((timing) => timing.cpu));
      const hostsCpu = median(row.timings.map((timing) => timing.hostsCpu));
      const rss = median(row.timings.map(({ rssMb }) => rssMb));
      const cells = [
        ...[row.contestant, seconds.toFixed(2), spread(row), String(row.timings.length)],
        ...[
          ratio(seconds, of(FLOOR)),
          ratio(seconds, of(OWN)),
          cpu.toFixed(2),
          hostsCpu.toFixed(2),
          rss.toFixed(0),
        ],
      ];
      return `| ${cells.join(' | ')} |`;
    });
    return [
      ...[`### ${name}`, ''],
      '| Who | Seconds | From-to | Runs | To the floor | To provision | Controller CPU, s | Hosts CPU, s | RSS, MB |',
      '| --- | --- | --- | --- | --- | --- | --- | --- | --- |',
      ...lines,
    ].join('\n');
  });
  return `${parts.join('\n\n')}\n`;
}
