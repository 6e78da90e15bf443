import path from 'node:path';
import type { Place } from '../model/error.ts';
import type { HostReport } from '../model/report.ts';
import { sentencesByResource, SIGNS } from './change-sentences.ts';
import { oneLine } from './printable.ts';
import type { RunRecord } from './record.ts';
import { troublesOf } from './verdict.ts';

type Level = 'error' | 'warning' | 'notice';

/** The runner takes these apart by itself: actions/toolkit, command.ts. */
const inData = (text: string): string =>
  text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
const inProperty = (text: string): string => inData(text).replaceAll(':', '%3A').replaceAll(',', '%2C');

/** GitHub shows a place only where the path counts from the root of the repository. */
function shownPath(file: string, root: string): string {
  const relative = path.relative(root, path.resolve(file));
  return relative.startsWith('..') ? file : relative;
}

function annotation(
  level: Level,
  title: string,
  text: readonly string[],
  place: Place | undefined,
  root: string,
) {
  const properties: [string, string | number | undefined][] = [
    ['file', place && shownPath(place.file, root)],
    ['line', place?.line],
    ['col', place?.column],
    ['title', oneLine(title)],
  ];
  const written = properties.flatMap(([key, value]) =>
    value === undefined ? [] : [`${key}=${inProperty(String(value))}`],
  );
  return `::${level} ${written.join(',')}::${inData(text.map(oneLine).join('\n'))}`;
}

/** The changes of a host, told where the inventory asks for them; those of one line together. */
function changeAnnotations({ name, changes }: HostReport, made: boolean, root: string): string[] {
  const byPlace = new Map<string, (typeof changes)[number][]>();
  for (const change of changes) {
    const key = `${change.file ?? ''}:${change.line ?? 0}`;
    byPlace.set(key, [...(byPlace.get(key) ?? []), change]);
  }
  return [...byPlace.values()].map((list) => {
    const sentences = sentencesByResource(list).flatMap((group) =>
      group.sentences.map((sentence) => `${SIGNS[group.action]} ${sentence}`),
    );
    const { file, line } = list[0] ?? {};
    const place = file === undefined ? undefined : { file, ...(line === undefined ? {} : { line }) };
    return annotation('notice', `${name} ${made ? 'was changed' : 'changes'}`, sentences, place, root);
  });
}

/**
 * What a run found, as commands of GitHub Actions, one line each: problems at the inventory's line as errors, what is
 * cut as warnings, changes as notices. `root` is the repository.
 */
export function githubAnnotations(record: RunRecord, root: string): string[] {
  const { hosts } = record.report;
  const troubles = troublesOf(record).map(({ host, what, next, place }) =>
    annotation('error', host ?? 'provision', [what, ...(next === '' ? [] : [`Next: ${next}`])], place, root),
  );
  const cuts = hosts.flatMap(({ name, changes, cuts: goes = [], lockouts = [] }) =>
    [
      ...lockouts.map((one) => ({ ...one, title: `${name}: would lock us out` })),
      ...goes.map((one) => ({ ...one, title: `${name}: cuts` })),
    ].map(({ resource, sentence, title }) => {
      const { file, line } = changes.find((change) => change.resource === resource) ?? {};
      const place = file === undefined ? undefined : { file, ...(line === undefined ? {} : { line }) };
      return annotation('warning', title, [sentence], place, root);
    }),
  );
  const changes = hosts.flatMap((host) => changeAnnotations(host, host.status === 'changed', root));
  return [...troubles, ...cuts, ...changes];
}
