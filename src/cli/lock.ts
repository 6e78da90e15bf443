import { operator } from '../engine/apply.ts';
import { reported } from '../model/reported.ts';
import { readLock } from '../engine/lock.ts';
import type { HostLock } from '../engine/lock.ts';
import { release } from '../engine/release.ts';
import type { EndedTransaction, Released } from '../engine/release.ts';
import { stuckHint } from '../engine/take-back.ts';
import { PLACES } from '../engine/transaction-shell.ts';
import { ProvisionError } from '../model/error.ts';
import { coloursFor } from '../reporters/colour.ts';
import { problemLines } from '../reporters/problem.ts';
import { contactHosts } from './contact.ts';
import type { Answer, ContactFlags } from './contact.ts';
import { placesOnHosts } from './host-places.ts';
import { lockLines, ownerOf } from './lock-lines.ts';

function print<T extends object>(
  flags: ContactFlags,
  exitCode: number,
  answers: readonly Answer<T>[],
  linesOf: (name: string, value: T) => readonly string[],
): number {
  if (flags.json) {
    const hosts = answers.map(({ target, value, error }) => ({
      name: target.name,
      ...value,
      ...(error ? { error: reported(error) } : {}),
    }));
    process.stdout.write(`${JSON.stringify({ exitCode, hosts }, null, 2)}\n`);
    return exitCode;
  }
  const colours = coloursFor(process.stderr, process.env);
  for (const { target, value, error } of answers) {
    if (value) linesOf(target.name, value).forEach((line) => process.stdout.write(`${line}\n`));
    if (error) problemLines(error, colours).forEach((line) => process.stderr.write(`${line}\n`));
  }
  return exitCode;
}

/** `provision lock status`: who holds the lock of each host, and what stands there unended. Only looks. */
export async function lockStatus(flags: ContactFlags): Promise<number> {
  const answers: Answer<HostLock>[] = [];
  const { places } = placesOnHosts(process.env);
  const exitCode = await contactHosts(
    flags,
    (session, target) => readLock(session, target, places?.(target.name) ?? PLACES),
    (answer) => answers.push(answer),
  );
  const colours = coloursFor(process.stdout, process.env);
  return print(flags, exitCode, answers, (name, lock) => {
    const lines = lockLines(name, lock, colours);
    return lines.length > 0 ? lines : [`${name}  ${colours.green('free')}`];
  });
}

const ENDINGS: Readonly<Record<string, string>> = {
  abandoned: 'left as it is',
  'rolled-back': 'taken back',
  confirmed: 'confirmed meanwhile',
};

/** What somebody is at work on is not ours to end; what could not be ended needs a person. */
function refuseUnlessEnded(host: string, { ended, left: { holder, open } }: Released): void {
  const [waiting] = open;
  if (holder) {
    throw new ProvisionError(
      'locked',
      `${host}: ${ownerOf(holder.record)} is at work there (pid ${holder.pid}): its lock is not released.`,
      { hint: 'Wait for it to end; the lock goes with the process.' },
    );
  }
  if (waiting) {
    const why = waiting.atWork
      ? 'is at work there'
      : `waits for its confirmation${waiting.firesIn === null ? '' : `, or its timer in ${waiting.firesIn} s`}`;
    throw new ProvisionError('transaction-pending', `${host}: ${ownerOf(waiting.record)} ${why}.`, {
      hint: 'It ends by itself; type the same again if it does not.',
    });
  }
  const bad = ended.find(({ ending }) => !(ending in ENDINGS));
  if (bad) {
    throw new ProvisionError(
      'revert-failed',
      `${host}: ${ownerOf(bad.record)} could be taken back only in part.`,
      { hint: stuckHint(host) },
    );
  }
}

/** `provision lock release`: ends what stands in the way of the next run, where nobody is at work on it. */
export async function lockRelease(flags: ContactFlags): Promise<number> {
  const answers: Answer<{ ended: readonly EndedTransaction[] }>[] = [];
  const { places } = placesOnHosts(process.env);
  const exitCode = await contactHosts(
    flags,
    async (session, target) => {
      const record = { run: 'lock-release', who: operator(), at: new Date().toISOString() };
      const released = await release(session, target, places?.(target.name) ?? PLACES, 'abandon', record);
      refuseUnlessEnded(target.name, released);
      return { ended: released.ended };
    },
    (answer) => answers.push(answer),
  );
  const colours = coloursFor(process.stdout, process.env);
  return print(flags, exitCode, answers, (name, { ended }) =>
    ended.length === 0
      ? [`${name}  ${colours.green('nothing stands in the way')}`]
      : ended.map(({ ending, record }) => `${name}  ${ENDINGS[ending] ?? ending}: ${ownerOf(record)}`),
  );
}
