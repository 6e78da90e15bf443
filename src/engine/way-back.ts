import { ProvisionError } from '../model/error.ts';
import type { Change, ResourceChange } from '../model/resource.ts';
import { sh } from '../shell/quote.ts';
import type { KeptTransaction } from './kept-transactions.ts';
import { numberedPaths } from './step-shell.ts';
import type { Places } from './transaction-shell.ts';

/** Puts one file back as the snapshot of that transaction has it; one that was not there goes. */
const restoreFile = (snapshot: string, path: string): string => sh`kept=${snapshot} path=${path}
if [ -e "$kept" ] || [ -L "$kept" ]; then
  # A change may have taken its directory away with it.
  [ -d "\${path%/*}/" ] || (umask 022; mkdir -p -- "\${path%/*}")
  rm -f -- "$path.provision-back"
  cp -a -- "$kept" "$path.provision-back"
  mv -fT -- "$path.provision-back" "$path"
else rm -f -- "$path"; fi`;

const PREFIX = 'take back: ';
const ACTIONS = { create: 'delete', update: 'update', delete: 'create' } as const;

/** Taken back twice is made: the words say so too. */
const swapped = (change: Change): Change => ({
  ...change,
  action: ACTIONS[change.action],
  before: change.after,
  after: change.before,
  sentence: change.sentence.startsWith(PREFIX)
    ? change.sentence.slice(PREFIX.length)
    : `${PREFIX}${change.sentence}`,
});

/** The changes of one confirmed transaction the other way round, newest first; their way back is what they were. */
function changesBack(id: string, plan: readonly ResourceChange[], { state }: Places): ResourceChange[] {
  const paths = numberedPaths(plan);
  return plan
    .map((change, index): ResourceChange => {
      const files = (paths[index] ?? []).map(({ number, path }) =>
        restoreFile(`${state}/txn/${id}/snapshot/${number}`, path),
      );
      return {
        resource: change.resource,
        kind: change.kind,
        phase: 'main',
        changes: change.changes.map(swapped),
        apply: { ...change.revert, writes: files, paths: (paths[index] ?? []).map(({ path }) => path) },
        revert: change.apply,
      };
    })
    .reverse();
}

export interface WayBack {
  /** Back to before this run. */
  readonly run: string;
  /** The transactions it undoes, newest first. */
  readonly undoes: readonly string[];
  readonly changes: readonly ResourceChange[];
}

const runsOf = (kept: readonly KeptTransaction[]): string[] => [...new Set(kept.map(({ run }) => run))];

/**
 * The way back to before a run (else: before the newest one), with everything confirmed after it. Null when the host
 * keeps no confirmed run at all. Throws `not-kept` for a run it does not keep, or keeps without its way back.
 */
export function wayBack(
  host: string,
  kept: readonly KeptTransaction[],
  wanted: string | undefined,
  places: Places,
): WayBack | null {
  const run = wanted ?? kept[0]?.run;
  if (run === undefined) return null;
  const last = kept.findLastIndex((each) => each.run === run);
  if (last < 0) {
    const known = runsOf(kept);
    throw new ProvisionError(
      'not-kept',
      `${host} keeps no confirmed run ${run}; it keeps: ${known.length > 0 ? known.join(', ') : 'none'}.`,
      { hint: 'Name one of these by --run, or leave --run out for the newest one.' },
    );
  }
  const undone = kept.slice(0, last + 1);
  const changes = undone.flatMap(({ id, run: of, plan }) => {
    if (plan !== null) return changesBack(id, plan, places);
    throw new ProvisionError(
      'not-kept',
      `${host} keeps no plan of run ${of}, so nobody can tell how to take it back: an older version made it, or its plan.json cannot be read.`,
      { hint: 'Run the playbook as it was before that run: that is the way back too.' },
    );
  });
  return { run, undoes: undone.map(({ id }) => id), changes };
}
