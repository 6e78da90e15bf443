import { createInterface } from 'node:readline';
import { exitCodeOf } from '../engine/outcome.ts';
import type { RunResult } from '../engine/run.ts';
import { ProvisionError } from '../model/error.ts';
import { runPlaybook } from './run.ts';
import type { Perform, RunFlags } from './run.ts';
import { counted } from './table.ts';

export interface ApplyFlags extends RunFlags {
  readonly yes: boolean;
}

const INTERRUPTED = 130;

const say = (text: string): boolean => process.stderr.write(text);

/** One line from the terminal; `y` and `yes` are yes, everything else, the end of input and a signal are no. */
function confirmed(question: string, signal: AbortSignal): Promise<boolean> {
  // Not as a terminal: the line is the system's own, and Ctrl-C stays a signal.
  const lines = createInterface({ input: process.stdin, terminal: false });
  say(question);
  return new Promise((resolve) => {
    const end = (answer: boolean): void => {
      resolve(answer);
      lines.close();
      process.stdin.pause();
    };
    signal.addEventListener('abort', () => end(false), { once: true });
    lines.once('close', () => resolve(false)).once('line', (line) => end(/^\s*y(es)?\s*$/i.test(line)));
  });
}

/** What the plan comes to: "3 changes on 2 hosts". */
function sizeOf({ hosts }: RunResult): { changes: number; text: string } {
  const differing = hosts.filter(({ changes }) => changes.length > 0);
  const changes = differing.reduce(
    (sum, host) => sum + new Set(host.changes.map(({ resource }) => resource)).size,
    0,
  );
  return { changes, text: `${counted(changes, 'change')} on ${counted(differing.length, 'host')}` };
}

/** Plans, shows it, asks once, and applies exactly that: a host that moved meanwhile makes the plan stale. */
const afterQuestion: Perform = async (attempt, { signal }, plan) => {
  const planned = await attempt({ check: true, plan });
  if (signal.aborted) return planned;
  if (planned.exitCode !== 0) {
    say(
      '\nNot every host could be planned: nothing was applied. Leave hosts out with -l, or apply with -y.\n',
    );
    return planned;
  }
  const { changes, text } = sizeOf(planned);
  // Nothing to ask: it ends as a run without changes does, failing checks included.
  if (changes === 0) return { ...planned, exitCode: exitCodeOf(planned.hosts, false) };
  if (await confirmed(`\nApply ${text}? (yes/no) `, signal))
    return attempt({ check: false, plan: planned.plan });
  say('nothing was applied\n');
  return { ...planned, exitCode: INTERRUPTED };
};

const withoutAsking: Perform = (attempt, _stop, plan) => attempt({ check: false, plan });

const unanswerable: Perform = () => {
  throw new ProvisionError('usage', 'apply asks before it changes anything, and there is no terminal.', {
    hint: 'Add -y to apply without a question, or use provision PLAYBOOK, which never asks.',
  });
};

/** `provision apply PLAYBOOK`: returns the exit code. */
export function apply(playbook: string, flags: ApplyFlags): Promise<number> {
  if (flags.yes) return runPlaybook(playbook, flags, withoutAsking);
  if (process.stdin.isTTY) return runPlaybook(playbook, flags, afterQuestion);
  return runPlaybook(playbook, flags, unanswerable);
}
