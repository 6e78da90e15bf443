import type { CheckResult } from '../model/check.ts';
import type { HostReport } from '../model/report.ts';
import type { Colours } from './colour.ts';
import { oneLine } from './printable.ts';
import { fit, widthOf, wrap } from './text-width.ts';

/** Up to so many checks are all shown; of more, only those that say something. */
const FEW = 20;
const GAP = '  ';
const NARROWEST = 6;
const HEADINGS = ['from', 'to', 'expected', 'got', 'before', 'status'] as const;

export const checksOf = (hosts: readonly HostReport[]): CheckResult[] => hosts.flatMap((host) => host.checks);

const statusColour = (colours: Colours) =>
  ({ pass: colours.green, fail: colours.red, unproven: colours.yellow }) as const;

/** Why it fails, as a line below it. */
export const hintLine = ({ hint }: CheckResult): string | null =>
  hint ? `likely: ${oneLine(hint.sentence)}` : null;

/** One check in one line that stands alone: "check fail: web1 leaves by …: expected …, got … (before: pass)". */
export function checkLine(result: CheckResult, colours: Colours): string {
  const { status, baseline } = result;
  const [name, expected, got] = [result.name, result.expected, result.got].map(oneLine);
  const before = baseline === null ? '' : colours.dim(` (before: ${baseline})`);
  const seen = { pass: got, fail: `expected ${expected}, got ${got}`, unproven: `not proven: ${got}` }[
    status
  ];
  return `check ${statusColour(colours)[status](status)}: ${name}: ${seen}${before}`;
}

/** Takes columns from the widest until the sum fits. */
function narrowed(widths: readonly number[], room: number): number[] {
  const result = [...widths];
  let excess = result.reduce((sum, width) => sum + width, 0) - room;
  while (excess > 0) {
    const widest = result.indexOf(Math.max(...result));
    if ((result[widest] ?? 0) <= NARROWEST) break;
    result[widest] = (result[widest] ?? 0) - 1;
    excess -= 1;
  }
  return result;
}

const cellsOf = ({ from, to, expected, got, baseline, status }: CheckResult): string[] =>
  [from, to.replace(/^https?:\/\//, ''), expected, got, baseline ?? '-', status].map(oneLine);

/** A table that is never wider than `width`; long values end in …. */
export function checkTable(results: readonly CheckResult[], width: number, colours: Colours): string[] {
  const rows = results.map(cellsOf);
  const natural = HEADINGS.map((heading, column) =>
    rows.reduce((widest, row) => Math.max(widest, widthOf(row[column] ?? '')), heading.length),
  );
  const widths = narrowed(natural, width - GAP.length * (HEADINGS.length - 1));
  const line = (cells: readonly string[]): string[] =>
    cells.map((cell, column) => fit(cell, widths[column] ?? 0));
  return [
    colours.dim(line(HEADINGS).join(GAP).trimEnd()),
    ...results.map((result, index) => {
      const cells = line(rows[index] ?? []);
      const last = statusColour(colours)[result.status]((cells.at(-1) ?? '').trimEnd());
      return [...cells.slice(0, -1), last].join(GAP);
    }),
  ];
}

const worthSaying = ({ status, baseline }: CheckResult): boolean =>
  status !== 'pass' || (baseline !== null && baseline !== status);

/** Each reason once, with the checks that fail for it. */
function reasonsOf(results: readonly CheckResult[]): string[] {
  const names = new Map<string, string[]>();
  for (const result of results) {
    const line = hintLine(result);
    if (line !== null) names.set(line, [...(names.get(line) ?? []), result.from]);
  }
  return [...names].map(([line, from]) => `${[...new Set(from)].map(oneLine).join(', ')}: ${line}`);
}

export interface CheckSectionOptions {
  readonly width: number;
  /** Every check, however many. */
  readonly all: boolean;
  /** Nothing was changed: they only say what is. */
  readonly check: boolean;
  readonly colours: Colours;
}

/** The table of a run's checks, how many more pass, and what is unproven with its reason. */
export function checkSection(
  results: readonly CheckResult[],
  { width, all, check, colours }: CheckSectionOptions,
): string[] {
  if (results.length === 0) return [];
  const shown = all || results.length <= FEW ? results : results.filter(worthSaying);
  const more = results.length - shown.length;
  const unproven = results.filter((result) => result.status === 'unproven');
  return [
    `${colours.bold('CHECKS')}${check ? '  as things are now (--check)' : ''}`,
    ...(shown.length > 0 ? checkTable(shown, width, colours) : []),
    ...(more > 0 ? [`${more} ${shown.length > 0 ? 'more ' : ''}${more === 1 ? 'passes' : 'pass'}`] : []),
    ...reasonsOf(results).flatMap((reason) => wrap(reason, width, '', '  ').map(colours.yellow)),
    ...unproven.flatMap(({ name, got }) =>
      wrap(`unproven: ${oneLine(name)}: ${oneLine(got)}`, width, '', '  ').map(colours.yellow),
    ),
  ];
}
