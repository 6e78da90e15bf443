import { createHash } from 'node:crypto';
import { ProvisionError } from '../model/error.ts';
import type { Baseline, Resource, ResourceChange } from '../model/resource.ts';
import { sh } from '../shell/quote.ts';
import type { ProbeResult } from './probe-script.ts';

/** One resource's baseline on its way to the host. */
export interface NewBaseline {
  /** Its directory below `baseline/`. */
  readonly name: string;
  /** `record.json`: what it is of, the state, the text of its file, the paths of the copies beside it. */
  readonly record: string;
  readonly paths: readonly string[];
}

/** A directory's name for a resource, whatever its id holds: sha256 in hexadecimal. */
export const baselineName = (id: string): string => createHash('sha256').update(id).digest('hex');

/** What the first transaction that takes these resources over must keep: all that have no baseline there yet. */
export function newBaselines(
  resources: readonly Resource[],
  probe: ProbeResult | null,
  run: string,
): NewBaseline[] {
  if (!probe) return [];
  return resources.flatMap((resource): NewBaseline[] => {
    const name = baselineName(resource.id);
    const output = probe.outputs.get(resource.id);
    if (!output || probe.transactions.baselines.has(name)) return [];
    const baseline = resource.baseline(output, probe.facts);
    if (!baseline) return [];
    return [
      { name, record: JSON.stringify({ resource: resource.id, run, ...baseline }), paths: baseline.paths },
    ];
  });
}

/** The change with its files put back from the baseline's copies, with owner, mode, times and attributes. */
export function withKeptFiles(change: ResourceChange): ResourceChange {
  const { apply, baseline } = change;
  const files = (apply.paths ?? []).flatMap((path) => {
    const number = baseline?.paths.indexOf(path) ?? -1;
    return number < 0 ? [] : [sh`put_back "$d"/${number} ${path}`];
  });
  if (files.length === 0) return change;
  // Without its record there would be no copy to find, and that means "was not there".
  const found = [
    sh`d="$STATE"/baseline/${baselineName(change.resource)}`,
    `[ -e "$d/record.json" ] || { echo 'its baseline is gone' >&2; exit 1; }`,
  ];
  return { ...change, apply: { ...apply, steps: [...apply.steps, [...found, ...files].join('\n')] } };
}

/** For the probe: prints the record of a resource. One whose confirm was cut short still lies with its transaction. */
export const readBaseline = (state: string, id: string): string => sh`
cat ${`${state}/baseline/${baselineName(id)}/record.json`} 2>/dev/null && return
for c in ${state}/txn/*/confirmed; do
  cat "\${c%/*}"/baseline/${baselineName(id)}/record.json 2>/dev/null && return
done`;

/** For the probe: one line with the names of all baselines. Leaves the shell in their directory. */
export const listBaselines = (state: string): string =>
  sh`if cd ${`${state}/baseline`} 2>/dev/null; then echo *; else echo; fi`;

/** The line that `listBaselines` printed → names. */
export const parseBaselineNames = (line: string): ReadonlySet<string> =>
  new Set(line.split(' ').filter((name) => /^[0-9a-f]{64}$/.test(name)));

/** What `readBaseline` printed → the record; null = there is none. Throws `probe-failed`. */
export function parseBaseline(id: string, text: string): Baseline | null {
  if (text === '') return null;
  try {
    const {
      resource,
      state,
      text: file,
      paths,
    } = JSON.parse(text) as Partial<Baseline & { resource: string }>;
    if (resource === id && typeof state === 'object' && Array.isArray(paths))
      return { state, text: file ?? null, paths };
  } catch {
    // Said below.
  }
  throw new ProvisionError('probe-failed', `The baseline of ${id} on the host cannot be read.`, {
    hint: `Look at /var/lib/provision/baseline/${baselineName(id)}/record.json there.`,
  });
}

/** Lines of the launch script that keep the baselines with the transaction until it is confirmed. */
export const keepBaselines = (baselines: readonly NewBaseline[]): string[] =>
  baselines.map(({ name, record, paths }) => sh`keep_baseline ${name} ${record} ${paths} || return 1`);

/** Needs `keepable` and `copy_of`. A file that no transaction could change has no baseline either. */
export const KEEP_BASELINE = `
keep_baseline() {
  d="$T/baseline/$1"
  mkdir -p "$d" && printf %s "$2" > "$d/record.json" || return 1
  shift 2
  number=0
  for path; do
    if ! keepable "$path"; then rm -rf "$d"; return 0; fi
    copy_of "$path" "$d/$number" || return 1
    number=$((number + 1))
  done
}`;

/**
 * A baseline counts from the moment its change is confirmed, and the first one stays: a rename onto a directory with
 * something in it fails (rename(2)). What a power loss left between the two is done by the next transaction.
 */
export const ADOPT_BASELINES = `
adopt_baselines() {
  for c in "$STATE"/txn/*/confirmed; do
    [ -d "\${c%/*}/baseline" ] || continue
    for b in "\${c%/*}"/baseline/*; do
      [ -e "$b" ] || continue
      mv -T "$b" "$STATE/baseline/\${b##*/}" 2>/dev/null || [ -e "$STATE/baseline/\${b##*/}/record.json" ] || return 1
    done
    rm -rf "\${c%/*}/baseline"
  done
}`;
