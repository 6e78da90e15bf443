import type { ResourceChange, Transition } from '../model/resource.ts';
import { decode, frameFunctions, framedLines } from './frame.ts';

/** Packages come first and stay; everything else is taken back in reverse order when something fails. */
export interface ApplyPlan {
  readonly packages: readonly ResourceChange[];
  readonly changes: readonly ResourceChange[];
}

export interface StepFailure {
  readonly resource: string;
  readonly code: number;
  readonly output: string;
}

export interface ApplyOutcome {
  /** `applied`; or what failed was `reverted`; or that failed too (`stuck`); or the host never said (`unknown`). */
  readonly ending: 'applied' | 'reverted' | 'stuck' | 'unknown';
  readonly failures: readonly StepFailure[];
}

/**
 * Each step is a function, run bare in a command substitution: anywhere in a condition, even in a function called
 * there, the shell would ignore `set -e` and a half-failed step would count as done (POSIX, set -e).
 */
const RUN = `
run() {
  said=$( set -e; "$2" 2>&1 )
  code=$?
  if [ "$code" -eq 0 ]; then mark "done $1"; else
    mark "failed $1 $code"; frame output "$(printf %s "$said" | tail -c 4000 | encode)"
  fi
}`;

const handlersOf = (transitions: readonly Transition[]): string[] => {
  const byId = new Map(
    transitions.flatMap((t) => t.handlers ?? []).map((handler) => [handler.id, handler.script]),
  );
  return [...byId.values()];
};

const functions = (name: string, texts: readonly string[]): string[] =>
  texts.map((text, index) => `${name}_${index}() {\n${text}\n}`);

const calls = (label: string, name: string, texts: readonly string[], otherwise: string): string[] =>
  texts.map((_text, index) => `run ${label} ${name}_${index}\n[ "$code" -eq 0 ] || ${otherwise}`);

/**
 * One script for one host and one exec: `apply` makes the changes and takes them back itself when a step fails;
 * `revert` takes back changes that were applied. Labels in its output are indices into packages + changes.
 */
export function applyScript(
  { packages, changes }: ApplyPlan,
  nonce: string,
  mode: 'apply' | 'revert',
): string {
  const first = packages.length;
  const applyHandlers = handlersOf(changes.map((change) => change.apply));
  const revertHandlers = handlersOf(changes.map((change) => change.revert));
  const back = changes.map((_change, index) => changes.length - 1 - index);
  return [
    'LC_ALL=C; export LC_ALL',
    'PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"; export PATH',
    frameFunctions(nonce),
    RUN,
    ...packages.flatMap((change, index) => functions(`package_${index}`, change.apply.steps)),
    ...changes.flatMap((change, index) => [
      ...functions(`apply_${index}`, change.apply.steps),
      ...functions(`revert_${index}`, change.revert.steps),
    ]),
    ...functions('handler', applyHandlers),
    ...functions('revert_handler', revertHandlers),
    // Microseconds of the monotonic clock, as systemd prints them: tells what was started by this run.
    'read -r up _ </proc/uptime; PROVISION_STARTED="${up%.*}${up#*.}0000"; export PROVISION_STARTED',
    'reached=-1',
    'revert() {',
    'bad=0',
    ...back.flatMap((index) => [
      `if [ "$reached" -ge ${index} ]; then`,
      ':',
      ...calls(`revert-${first + index}`, `revert_${index}`, changes[index]?.revert.steps ?? [], 'bad=1'),
      'fi',
    ]),
    ...calls('handler', 'revert_handler', revertHandlers, 'bad=1'),
    'if [ "$bad" -eq 0 ]; then mark reverted; else mark stuck; fi',
    'exit 0',
    '}',
    'apply() {',
    'mark begin',
    ...packages.flatMap((change, index) =>
      calls(String(index), `package_${index}`, change.apply.steps, 'revert'),
    ),
    ...changes.flatMap((change, index) => [
      `reached=${index}`,
      ...calls(String(first + index), `apply_${index}`, change.apply.steps, 'revert'),
    ]),
    ...calls('handler', 'handler', applyHandlers, 'revert'),
    'mark applied',
    '}',
    mode === 'apply' ? 'apply </dev/null' : `reached=${changes.length}; { mark begin; revert; } </dev/null`,
    '',
  ].join('\n');
}

/** The framed line of a finished step → the resource it belongs to, for progress. */
export function stepOf(line: string, nonce: string, plan: ApplyPlan): string | null {
  const [word, label] = framedLines(line, nonce)[0] ?? [];
  if (word !== 'done' || label === undefined) return null;
  return [...plan.packages, ...plan.changes][Number(label)]?.resource ?? null;
}

/** What `applyScript` printed → how it ended. */
export function parseApply(stdout: string, nonce: string, plan: ApplyPlan): ApplyOutcome {
  const all = [...plan.packages, ...plan.changes];
  const failures: StepFailure[] = [];
  let ending: ApplyOutcome['ending'] = 'unknown';
  const lines = framedLines(stdout, nonce);
  lines.forEach(([word, label = '', code], index) => {
    if (word === 'applied' || word === 'reverted' || word === 'stuck') ending = word;
    if (word !== 'failed') return;
    const [, length, payload] = lines[index + 1] ?? [];
    const resource = all[Number(label.replace('revert-', ''))]?.resource ?? label;
    failures.push({ resource, code: Number(code), output: decode(length, payload ?? '') });
  });
  return { ending, failures };
}
