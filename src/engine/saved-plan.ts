import { createHash } from 'node:crypto';
import { ProblemList, ProvisionError } from '../model/error.ts';
import type { SavedChange, SavedHost, SavedPlan } from '../model/plan.ts';
import type { ResourceChange } from '../model/resource.ts';
import type { Compiled } from './compile.ts';
import { reported } from '../model/reported.ts';
import type { HostRun } from './host-run.ts';
import { changesOf, pendingError, pendingHolder } from './plan.ts';
import type { Context } from './run.ts';

const PLAN_AGAIN = 'Plan again with --check --out FILE, read it, and apply that.';
/** So many sentences of each sort are told; the plan made anew shows all. */
const MANY = 5;

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/** All that a change says and does. The forecast of a lockout is left out: it depends on who asks, from where. */
export function savedChange(change: ResourceChange): SavedChange {
  const { resource, phase, kind, changes, apply, revert, text } = change;
  return {
    resource,
    sentences: changes.map(({ sentence }) => sentence),
    digest: sha256(JSON.stringify([resource, phase, kind, changes, apply, revert, text ?? null])),
  };
}

const digestOf = (changes: readonly SavedChange[]): string =>
  sha256(changes.map(({ digest }) => digest).join('\n'));

function savedHost(host: HostRun): SavedHost {
  const changes = host.changes.map(savedChange);
  return host.error
    ? { name: host.name, changes, digest: null, error: reported(host.error) }
    : { name: host.name, changes, digest: digestOf(changes) };
}

/** What a run with `--check` has planned, to be kept. */
export const savedPlan = ({ runId, runs, compiled }: Context, now = new Date()): SavedPlan => ({
  schemaVersion: 1,
  runId,
  createdAt: now.toISOString(),
  playbook: compiled.playbook,
  hosts: compiled.hosts.flatMap((name) => {
    const host = runs.get(name);
    return host ? [savedHost(host)] : [];
  }),
});

const stale = (host: string, what: string, hint = PLAN_AGAIN): ProvisionError =>
  new ProvisionError('plan-stale', `${host}: ${what}.`, { hint });

const listed = (label: string, sentences: readonly string[]): string[] => {
  if (sentences.length === 0) return [];
  const rest = sentences.length - MANY;
  return [`${label}: ${sentences.slice(0, MANY).join('; ')}${rest > 0 ? `; and ${rest} more` : ''}`];
};

/** What differs between two plans of one host, in words; null = nothing. */
export function planDifference(then: readonly SavedChange[], now: readonly SavedChange[]): string | null {
  if (digestOf(then) === digestOf(now)) return null;
  const missing = (from: readonly SavedChange[], of: readonly SavedChange[]): string[] => {
    const known = new Set(from.flatMap(({ sentences }) => sentences));
    return of.flatMap(({ sentences }) => sentences).filter((sentence) => !known.has(sentence));
  };
  const [added, gone] = [missing(then, now), missing(now, then)];
  // Two plays may change the same resource: all that is planned of one counts together.
  const digests = (changes: readonly SavedChange[], id: string): string =>
    digestOf(changes.filter(({ resource }) => resource === id));
  const told = new Set([...added, ...gone]);
  const others = [...new Set(now.map(({ resource }) => resource))].filter(
    (id) =>
      then.some(({ resource }) => resource === id) &&
      digests(then, id) !== digests(now, id) &&
      ![...then, ...now].some(
        ({ resource, sentences }) => resource === id && sentences.some((s) => told.has(s)),
      ),
  );
  const parts = [
    ...listed('new', added),
    ...listed('gone', gone),
    ...listed('the same in words, other in content', others),
  ];
  return parts.length > 0 ? parts.join('. ') : 'the same changes in another order';
}

/** What can be seen before anybody is contacted. Throws a `ProblemList`: `usage` or `plan-stale`. */
export function holdAgainstCompiled(plan: SavedPlan, compiled: Compiled): void {
  if (plan.playbook !== compiled.playbook) {
    throw new ProvisionError(
      'usage',
      `The plan is one of playbook "${plan.playbook}", not of "${compiled.playbook}".`,
      { hint: 'Give --plan the file that --check --out wrote for this playbook.' },
    );
  }
  const planned = new Map(plan.hosts.map((host) => [host.name, host]));
  const known = new Set([...compiled.hosts, ...compiled.leftOut]);
  const problems = [
    ...compiled.hosts.flatMap((name) => {
      const host = planned.get(name);
      if (!host) return [stale(name, 'the plan does not name it', `${PLAN_AGAIN} Or leave it out with -l.`)];
      if (host.digest !== null) return [];
      const why = host.error ? `: ${host.error.message.replace(/\.$/, '')}` : '';
      return [stale(name, `it could not be planned then${why}`, `${PLAN_AGAIN} Or leave it out with -l.`)];
    }),
    ...plan.hosts
      .filter(({ name }) => !known.has(name))
      .map(({ name }) => stale(name, 'the plan names it, and no play selects it any more')),
  ];
  if (problems.length > 0) throw new ProblemList(problems);
}

/** Holds every host that was read against the plan; hosts that moved since, with what differs. Changes nothing. */
export function movedHosts({ compiled, runs }: Context, plan: SavedPlan): Map<HostRun, unknown> {
  const moved = new Map<HostRun, unknown>();
  for (const { name, changes } of plan.hosts) {
    const host = compiled.hosts.includes(name) ? runs.get(name) : undefined;
    if (!host?.probe) continue;
    try {
      const holder = pendingHolder(host);
      const now = compiled.plays.flatMap((play) => changesOf(play, host)).map(savedChange);
      const what = planDifference(changes, now);
      if (holder !== null) moved.set(host, pendingError(host, holder));
      else if (what !== null) moved.set(host, stale(name, `it is not as the plan found it. ${what}`));
    } catch (error) {
      moved.set(host, error);
    }
  }
  return moved;
}
