import type { CheckResult } from '../model/check.ts';
import type { Place } from '../model/error.ts';
import type { HostReport, ReportedError } from '../model/report.ts';
import { checksOf } from './checks.ts';
import type { RunRecord } from './record.ts';

/** How bad it is: nothing to do, something changes, something failed, a person must act now. */
export type Mood = 'good' | 'changed' | 'failed' | 'person';

export interface Verdict {
  readonly mood: Mood;
  /** The run in one sentence without a full stop. */
  readonly headline: string;
  /** What else counts, in a few words each. */
  readonly numbers: readonly string[];
}

/** Something that a person should look at, and what to do next. */
export interface Trouble {
  /** null = the run itself. */
  readonly host: string | null;
  readonly what: string;
  readonly next: string;
  readonly place?: Place;
  readonly mood: 'failed' | 'person';
}

const count = (number: number, one: string, many = `${one}s`): string =>
  `${number} ${number === 1 ? one : many}`;

/** "gw1", "gw1 and gw2", "gw1, gw2 and 3 more". */
export function namesOf(names: readonly string[]): string {
  if (names.length <= 2) return names.join(' and ');
  const shown = names.length === 3 ? 3 : 2;
  const rest = names.length - shown;
  return rest === 0
    ? `${names.slice(0, 2).join(', ')} and ${names[2] ?? ''}`
    : `${names.slice(0, shown).join(', ')} and ${rest} more`;
}

const withStatus = (hosts: readonly HostReport[], ...wanted: readonly HostReport['status'][]): string[] =>
  hosts.filter(({ status }) => wanted.includes(status)).map(({ name }) => name);

/** Resources that are not as declared, over all hosts. */
export const differing = (hosts: readonly HostReport[]): number =>
  hosts.reduce((sum, { changes }) => sum + new Set(changes.map(({ resource }) => resource)).size, 0);

function headlineOf({ report, check }: RunRecord): Pick<Verdict, 'mood' | 'headline'> {
  const { hosts, errors = [], exitCode } = report;
  const failing = (mood: Mood, headline: string) => ({ mood, headline });
  const [first] = errors;
  if (first?.code === 'internal') return failing('failed', 'The run broke: an internal error');
  if (first)
    return failing('failed', `Nothing was contacted: ${count(errors.length, 'problem')} to mend first`);
  const person = withStatus(hosts, 'pending', 'unknown');
  if (person.length > 0) return failing('person', `A person is needed: ${namesOf(person)}`);
  const reverted = withStatus(hosts, 'reverted');
  if (reverted.length > 0) return failing('failed', `Put back as before: ${namesOf(reverted)}`);
  const failed = withStatus(hosts, 'failed');
  if (failed.length > 0) return failing('failed', `Failed, nothing changed there: ${namesOf(failed)}`);
  const lost = withStatus(hosts, 'unreachable');
  if (lost.length > 0) return failing('failed', `Not reached: ${namesOf(lost)}`);
  const checks = checksOf(hosts);
  const bad = check ? [] : checks.filter(({ status }) => status !== 'pass');
  const wrong = bad.filter(({ status }) => status === 'fail').length;
  if (wrong > 0)
    return failing(
      'failed',
      `${wrong} of ${count(checks.length, 'check')} ${wrong === 1 ? 'fails' : 'fail'}`,
    );
  if (bad.length > 0) return failing('failed', `${count(bad.length, 'check')} could not be asked`);
  if (exitCode === 130 || exitCode === 143) return failing('failed', 'Stopped before the end');
  const changing = hosts.filter(({ changes }) => changes.length > 0).length;
  const changes = count(differing(hosts), 'change');
  if (changing === 0) return failing('good', hosts.length === 1 ? 'As declared' : `All as declared`);
  return failing(
    'changed',
    check
      ? `${changes} to make on ${count(changing, 'host')}`
      : `${changes} made on ${count(changing, 'host')}`,
  );
}

/** What became of the run, in one sentence and a few numbers. */
export function verdictOf(record: RunRecord): Verdict {
  const { hosts } = record.report;
  const checks = checksOf(hosts);
  const passing = checks.filter(({ status }) => status === 'pass').length;
  const numbers = [
    ...(hosts.length > 0 ? [count(hosts.length, 'host')] : []),
    ...(checks.length > 0
      ? [
          `${passing} of ${count(checks.length, 'check')} ${passing === 1 ? 'passes' : 'pass'}${record.check ? ' now' : ''}`,
        ]
      : []),
    ...(record.check ? ['nothing was changed (--check)'] : []),
  ];
  return { ...headlineOf(record), numbers };
}

const placeOf = ({ file, line, column }: Partial<Place>): { place?: Place } =>
  file === undefined
    ? {}
    : {
        place: { file, ...(line === undefined ? {} : { line }), ...(column === undefined ? {} : { column }) },
      };

/** Checks that fail for the same reason are one trouble: of many hosts behind one gateway only the first are named. */
function troublesOfChecks(results: readonly CheckResult[]): Trouble[] {
  const alike = new Map<string, CheckResult[]>();
  for (const result of results) {
    const { kind, expected, got, status, hint } = result;
    const key = JSON.stringify([status, hint ? hint.sentence : [kind, expected, got]]);
    alike.set(key, [...(alike.get(key) ?? []), result]);
  }
  return [...alike.values()].flatMap((list) => {
    const [first] = list;
    if (!first) return [];
    const { from, name, expected, got, status, hint } = first;
    const unproven = status === 'unproven';
    const who = list.length === 1 ? name : `${list.length} checks: ${namesOf(list.map((one) => one.name))}`;
    const expectations = new Set(list.map((one) => one.expected));
    const seen = expectations.size === 1 ? `expected ${expected}, got ${got}` : `got ${got}`;
    return [
      {
        host: list.length === 1 ? from : null,
        what: unproven ? `${who}: could not be asked: ${got}` : `${who}: ${seen}`,
        next: unproven
          ? `Make ${from} able to ask, and run again.`
          : (hint?.sentence ?? 'Follow the packet: docs/troubleshooting.md.'),
        mood: 'failed',
        ...placeOf(first),
      },
    ];
  });
}

/** Everything that needs eyes, the worst first. Checks that merely say how things are before a change are not among it. */
export function troublesOf({ report, check }: RunRecord): Trouble[] {
  const { hosts, errors = [] } = report;
  const ofError = (host: string | null, error: ReportedError, mood: Trouble['mood']): Trouble => ({
    ...{ host, what: error.message, next: error.hint, mood },
    ...placeOf(error),
  });
  const ofHosts = hosts.flatMap(({ name, status, error }): Trouble[] =>
    error ? [ofError(name, error, status === 'pending' || status === 'unknown' ? 'person' : 'failed')] : [],
  );
  const unreachable = new Set(withStatus(hosts, 'unreachable'));
  const checks = check
    ? []
    : checksOf(hosts).filter(
        ({ status, from }) => status === 'fail' || (status === 'unproven' && !unreachable.has(from)),
      );
  return [
    ...errors.map((error) => ofError(null, error, 'failed')),
    ...ofHosts,
    ...troublesOfChecks(checks),
  ].toSorted((a, b) => Number(b.mood === 'person') - Number(a.mood === 'person'));
}
