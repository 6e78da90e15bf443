import type { ResourceChange } from '../model/resource.ts';
import { parseKeptPlan } from '../engine/kept-plan.ts';
import { PLACES } from '../engine/transaction-shell.ts';
import { wayBack } from '../engine/way-back.ts';
import { labExec } from '../lab/index.ts';
import type { Lab } from '../lab/index.ts';

export interface Drift {
  readonly host: string;
  readonly resource: string;
  /** Does to the host by hand what takes this one thing back. Null = done, else why it could not be done alone. */
  readonly make: () => Promise<string | null>;
}

// The names of the confirmed transactions, the newest first, each with its plan on the next line.
const READ_PLANS = `cd ${PLACES.state}/txn 2>/dev/null || exit 0
for id in $(ls -1t */confirmed 2>/dev/null | cut -d / -f 1); do
  [ ! -e "$id/plan.json" ] || { printf '%s\\n' "$id"; tr -d '\\n' <"$id/plan.json"; echo; }
done`;

/** What takes each change of a run back on this host, the newest first: the host keeps it, whatever kind it is of. */
async function waysBack(lab: Lab, host: string, run: string): Promise<readonly ResourceChange[]> {
  const lines = (await labExec(lab, host, ['sh', '-c', READ_PLANS])).stdout.split('\n');
  const kept = lines.flatMap((id, index) =>
    index % 2 === 0 && id !== '' ? [{ id, run, plan: parseKeptPlan(lines[index + 1] ?? '') }] : [],
  );
  return wayBack(host, kept, kept.length > 0 ? run : undefined, PLACES)?.changes ?? [];
}

const scriptOf = ({ apply }: ResourceChange): string =>
  [...(apply.writes ?? []), ...apply.steps, ...(apply.handlers ?? []).map(({ script }) => script)]
    .map((step) => `(\nset -e\n${step}\n) </dev/null || exit 1`)
    .join('\n');

/**
 * Drifts to be found: of each kind of thing that the first run has brought about, the first one is taken back by hand, in
 * the order of the playbook. Nothing here knows a kind or a name: both come from what the playbook declares.
 */
export async function driftsFor(lab: Lab, hosts: readonly string[], run: string): Promise<Drift[]> {
  const byKind = new Map<string, Drift>();
  for (const host of hosts) {
    for (const change of [...(await waysBack(lab, host, run))].reverse()) {
      if (byKind.has(change.kind)) continue;
      const make = async (): Promise<string | null> => {
        const done = await labExec(lab, host, ['sh', '-s'], { stdin: scriptOf(change) });
        const said = (done.stderr || done.stdout).trim().split('\n').at(-1) ?? '';
        return done.code === 0 ? null : said || `exit ${done.code}`;
      };
      byKind.set(change.kind, { host, resource: change.resource, make });
    }
  }
  return [...byKind.values()];
}
