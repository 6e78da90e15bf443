import { ProvisionError } from '../model/error.ts';
import type { CheckResult } from '../model/check.ts';
import type { HostReport, Report } from '../model/report.ts';
import { shardOf } from './shards.ts';

/** The worst decides, as within one run (docs/cli.md); a shard that was stopped is worse than one that failed. */
const PRECEDENCE = [1, 3, 130, 143, 2, 6, 4, 5];

const HINT = 'Merge the reports of one run: the same command in every shard, each shard once.';

const refuse = (message: string): never => {
  throw new ProvisionError('usage', message, { hint: HINT });
};

/** Reports of one run in the order of their shards. Throws `usage` where they are not. */
function inOrder(reports: readonly Report[]): readonly Report[] {
  const shards = reports.flatMap(({ shard }) => shard ?? []);
  if (shards.length === 0) return reports;
  if (shards.length < reports.length) refuse('Some of these reports are of shards, and some are not.');
  const [{ of } = { of: 1 }] = shards;
  const other = shards.find((shard) => shard.of !== of);
  if (other) refuse(`Shard ${other.index}/${other.of} is of another run than the shards of ${of}.`);
  const twice = shards.find(({ index }, at) => shards.findIndex((shard) => shard.index === index) < at);
  if (twice) refuse(`There are two reports of shard ${twice.index}/${of}.`);
  // A shard that ended before it knew its hosts names none.
  const [known, ...others] = shards.filter(({ hosts }) => hosts.length > 0);
  const strange = others.find(({ hosts }) => hosts.join('\n') !== known?.hosts.join('\n'));
  if (strange && known)
    refuse(`Shards ${known.index}/${of} and ${strange.index}/${of} had not the same hosts to share.`);
  return reports.toSorted((a, b) => (a.shard?.index ?? 0) - (b.shard?.index ?? 0));
}

const checkKey = ({ from, name, to }: CheckResult): string => `${from}\n${name}\n${to}`;

const sum = <Key extends string>(counts: readonly Readonly<Record<Key, number>>[]): Record<Key, number> => {
  const total: Partial<Record<Key, number>> = {};
  for (const each of counts)
    for (const [key, value] of Object.entries(each) as [Key, number][])
      total[key] = (total[key] ?? 0) + value;
  return total as Record<Key, number>;
};

/** One host of several reports: what its own shard says of it, and the checks that others asked from it. */
function combined(entries: readonly HostReport[], owner: HostReport): HostReport {
  const checks = [owner, ...entries.filter((entry) => entry !== owner)].flatMap((entry) => entry.checks);
  const byKey = new Map(checks.toReversed().map((check) => [checkKey(check), check]));
  // Where it was well to its own shard, another one's trouble with it is not lost.
  const trouble = owner.status === 'ok' ? entries.find(({ error }) => error !== undefined) : undefined;
  return {
    ...owner,
    ...(trouble?.error ? { status: trouble.status, error: trouble.error } : {}),
    checks: [...new Set(checks.map(checkKey))].flatMap((key) => byKey.get(key) ?? []),
    ssh: sum(entries.map(({ ssh }) => ({ ...ssh }))),
    timings: sum(entries.map(({ timings }) => timings)),
  };
}

/** A host of a shard whose report is not there: nobody knows what became of it. */
const lost = (name: string, index: number, of: number): HostReport => ({
  name,
  status: 'unknown',
  resources: 0,
  changes: [],
  checks: [],
  ssh: { connections: 0, execs: 0, jumps: 0, bytesIn: 0, bytesOut: 0 },
  timings: {},
  error: {
    code: 'outcome-unknown',
    message: `${name}: there is no report of shard ${index}/${of}.`,
    hint: 'Look at the job of that shard, then at the host: provision status -l HOST.',
  },
});

/**
 * Reports of the shards of one run, or of runs on different hosts, as one report. Hosts of a shard without a report are
 * `unknown`. Throws `usage` where reports do not belong together.
 */
export function mergeReports(given: readonly Report[]): Report {
  const reports = inOrder(given);
  const [first] = reports;
  if (first === undefined) return refuse('There is no report to merge.');
  const shards = reports.flatMap(({ shard }) => shard ?? []);
  const of = shards[0]?.of ?? 0;
  const there = new Set(shards.map(({ index }) => index));
  const hosts = shards.find(({ hosts: all }) => all.length > 0)?.hosts ?? [];
  const entries = new Map<string, { readonly report: Report; readonly host: HostReport }[]>();
  for (const report of reports)
    for (const host of report.hosts)
      entries.set(host.name, [...(entries.get(host.name) ?? []), { report, host }]);
  const merged = (name: string): HostReport[] => {
    const own = entries.get(name) ?? [];
    const [some] = own;
    if (some === undefined)
      return of > 0 && !there.has(shardOf(name, of)) ? [lost(name, shardOf(name, of), of)] : [];
    const played = own.filter(({ host }) => host.resources > 0);
    if (played.length > 1) refuse(`${name} was changed by two of these runs.`);
    const byShard = of > 0 ? own.find(({ report }) => report.shard?.index === shardOf(name, of)) : undefined;
    return [
      combined(
        own.map(({ host }) => host),
        (played[0] ?? byShard ?? some).host,
      ),
    ];
  };
  const names = [...new Set([...hosts, ...entries.keys()])];
  const result = names.flatMap(merged);
  const missing = of > 0 && there.size < of && result.some(({ status }) => status === 'unknown');
  const codes = [...reports.map(({ exitCode }) => exitCode), ...(missing ? [3] : [])];
  const errors = reports.flatMap((report) => report.errors ?? []);
  const unique = [...new Map(errors.map((error) => [JSON.stringify(error), error])).values()];
  return {
    schemaVersion: 1,
    runId: first.runId,
    startedAt: reports.map(({ startedAt }) => startedAt).sort()[0] ?? first.startedAt,
    argv: first.argv,
    exitCode: PRECEDENCE.find((code) => codes.includes(code)) ?? 0,
    hosts: result,
    merged: reports.map(({ runId, startedAt, exitCode, shard }) => ({
      runId,
      startedAt,
      exitCode,
      ...(shard ? { shard: shard.index } : {}),
    })),
    ...(unique.length > 0 ? { errors: unique } : {}),
  };
}
