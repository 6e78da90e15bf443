import type { Emit, RunEvent } from '../model/event.ts';
import type { HostReport } from '../model/report.ts';
import type { ResourceChange } from '../model/resource.ts';
import { forewarningsOf, sentencesOf, SIGNS, titleOf, withoutName } from './change-sentences.ts';
import { checkSection, checksOf } from './checks.ts';
import type { Colours } from './colour.ts';
import { unifiedDiff } from './diff.ts';
import { recapSection, toMake } from './recap.ts';
import { cut, wrap } from './text-width.ts';

export interface SummaryOptions {
  /** Columns of the terminal, asked when the summary is made. */
  readonly width: () => number;
  /** 1 and more: every host and every check, however many. */
  readonly verbosity: number;
  readonly diff: boolean;
  readonly colours: Colours;
  readonly out: (line: string) => void;
}

const MARGIN = '  ';
const BELOW = '      ';

/** Sentences in a row that begin alike, up to a colon, share that beginning: it is said once, the rest below it. */
function sharedBeginnings(sentences: readonly string[], width: number): string[] {
  const parts = sentences.map((sentence) => {
    const colon = sentence.indexOf(': ');
    return { begin: sentence.slice(0, colon + 1), rest: sentence.slice(colon + 2), sentence };
  });
  return parts.flatMap(({ begin, rest, sentence }, index) => {
    const [before, after] = [parts[index - 1]?.begin, parts[index + 1]?.begin];
    if (begin === '' || (begin !== before && begin !== after))
      return wrap(sentence, width, BELOW, `${BELOW}  `);
    const item = wrap(rest, width, `${BELOW}  `, `${BELOW}    `);
    return begin === before ? item : [...wrap(begin, width, BELOW, `${BELOW}  `), ...item];
  });
}

/** One resource: a sign and its only sentence, or a sign, a heading and the sentences below. */
function changeLines(change: ResourceChange, { diff, colours }: SummaryOptions, width: number): string[] {
  const sentences = sentencesOf(change);
  const [first, ...rest] = sentences;
  const sign = change.changes[0] ? SIGNS[change.changes[0].action] : ' ';
  const colour = { '+': colours.green, '-': colours.red }[sign] ?? colours.yellow;
  const heading = rest.length === 0 && first !== undefined ? first : titleOf(change.resource);
  const lines = wrap(heading, width, `${MARGIN}${sign} `, BELOW).map((line, index) =>
    index === 0 ? line.replace(sign, () => colour(sign)) : line,
  );
  const below = rest.length === 0 ? [] : sentences.map((sentence) => withoutName(sentence, change.resource));
  return [
    ...lines,
    ...sharedBeginnings(below, width),
    ...forewarningsOf(change).flatMap((text) =>
      wrap(text, width, `${MARGIN}! `, BELOW).map((line) => colours.red(line)),
    ),
    // Lines of a file stay whole: they are there to be read exactly, and copied.
    ...(diff ? unifiedDiff(change, colours).map((line) => BELOW + line) : []),
  ];
}

/** What differs, per host; hosts that differ in the same way are said once. */
export function changeSection(
  plans: ReadonlyMap<string, readonly ResourceChange[]>,
  options: SummaryOptions,
): string[] {
  const width = options.width();
  const alike = new Map<
    string,
    { readonly hosts: string[]; readonly lines: readonly string[]; readonly count: number }
  >();
  for (const [host, changes] of plans) {
    const lines = changes.flatMap((change) => changeLines(change, options, width));
    const key = lines.join('\n');
    const known = alike.get(key);
    if (known) known.hosts.push(host);
    else if (lines.length > 0) alike.set(key, { hosts: [host], lines, count: changes.length });
  }
  return [...alike.values()].flatMap(({ hosts, lines, count }) => {
    const words = `${count} ${count === 1 ? 'change' : 'changes'}${hosts.length > 1 ? ` each on ${hosts.length} hosts` : ''}`;
    const names = cut(hosts.join(', '), Math.max(10, width - words.length - 2));
    return [`${options.colours.bold(names)}  ${options.colours.dim(words)}`, ...lines, ''];
  });
}

/** What a run came to, for the last screen of a terminal: changes, checks, recap. */
export function summaryReporter(options: SummaryOptions): Emit {
  const plans = new Map<string, ResourceChange[]>();
  let check = false;
  let prove = false;
  const finished = (hosts: readonly HostReport[]): void => {
    const { colours, verbosity, width, out } = options;
    const all = verbosity >= 1;
    const baselineOnly = check && !prove;
    const checks = checkSection(checksOf(hosts), { width: width(), all, check: baselineOnly, colours });
    const sections = [
      ...changeSection(plans, options),
      ...(checks.length > 0 ? [...checks, ''] : []),
      ...(check ? [toMake(hosts), ''] : []),
      ...recapSection(hosts, { check: baselineOnly, all, colours }),
    ];
    sections.forEach(out);
  };
  return (event: RunEvent) => {
    if (event.type === 'run-started') {
      check = event.check;
      prove = event.prove ?? false;
    } else if (event.type === 'host-planned')
      plans.set(event.host, [...(plans.get(event.host) ?? []), ...event.changes]);
    else if (event.type === 'run-finished') finished(event.hosts);
  };
}
