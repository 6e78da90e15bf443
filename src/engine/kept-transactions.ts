import type { ResourceChange } from '../model/resource.ts';
import type { Session, Target } from '../model/transport.ts';
import { quote, sh } from '../shell/quote.ts';
import { decode, frameFunctions, framedLines, newNonce } from './frame.ts';
import { parseKeptPlan } from './kept-plan.ts';
import { runScript } from './remote-shell.ts';
import type { Places } from './transaction-shell.ts';

/** One confirmed transaction that a host still keeps. */
export interface KeptTransaction {
  readonly id: string;
  /** The run it belongs to: one run makes one transaction per play. */
  readonly run: string;
  /** Null where the host has none that can be read, or was not asked for it. */
  readonly plan: readonly ResourceChange[] | null;
}

/** What `newRunId` makes. */
export const RUN_ID = /^\d{8}T\d{6}-[0-9a-f]{8}$/;

const runOf = (id: string): string => id.replace(/-\d+$/, '');

const TIMEOUT_MS = 60_000;

/** Names all, newest first, and sends the plans up to the wanted run (none named: of the newest run). */
const script = ({ state }: Places, nonce: string, run: string | undefined): string =>
  [
    frameFunctions(nonce),
    `wanted=${quote(run ?? '')}`,
    'kept() {',
    // The file was made at the start, under the lock: its time is the order of the transactions.
    sh`ls -1t ${state}/txn/*/confirmed 2>/dev/null | while read -r confirmed; do`,
    '  d=${confirmed%/confirmed} id=${confirmed%/confirmed} id=${id##*/}',
    '  case $id in *[!0-9A-Za-z-]*) continue ;; esac',
    '  mark "kept $id"',
    '  [ -n "$wanted" ] || wanted=${id%-*}',
    '  if [ "${id%-*}" = "$wanted" ]; then found=yes; elif [ -n "$found" ]; then past=yes; fi',
    '  if [ -z "$past" ] && [ -e "$d/complete" ] && [ -e "$d/plan.json" ]; then frame plan "$(encode < "$d/plan.json")"; fi',
    'done',
    '}',
    'main() { found= past=; mark begin; kept; mark end; }',
    'main </dev/null',
    '',
  ].join('\n');

function parse(stdout: string, nonce: string): KeptTransaction[] {
  const kept: KeptTransaction[] = [];
  const lines = framedLines(stdout, nonce);
  if (!lines.some(([word]) => word === 'end')) decode(undefined, undefined);
  for (const [word, first = '', payload] of lines) {
    if (word === 'kept') kept.push({ id: first, run: runOf(first), plan: null });
    const last = kept.at(-1);
    if (word === 'plan' && last)
      kept[kept.length - 1] = { ...last, plan: parseKeptPlan(decode(first, payload)) };
  }
  return kept;
}

/** The confirmed transactions of a host, newest first, with what is needed to go back to before `run`. */
export async function readKept(
  session: Session,
  target: Target,
  run: string | undefined,
  places: Places,
): Promise<readonly KeptTransaction[]> {
  const nonce = newNonce();
  const { stdout } = await runScript(session, target, script(places, nonce, run), nonce, {
    timeoutMs: TIMEOUT_MS,
  });
  return parse(stdout, nonce);
}
