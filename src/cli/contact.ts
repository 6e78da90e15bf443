import { performance } from 'node:perf_hooks';
import pLimit from 'p-limit';
import { passwordsOf } from '../engine/secrets.ts';
import { selectHosts } from '../inventory/patterns.ts';
import type { Inventory } from '../model/host.ts';
import { ERROR_EXIT_CODES, problemsOf } from '../model/error.ts';
import type { ProvisionError } from '../model/error.ts';
import { readSecrets } from '../model/secret.ts';
import type { Session, Target } from '../model/transport.ts';
import { becomePassword } from './become-password.ts';
import type { BecomeFlags } from './become-password.ts';
import { transportsFor } from './connect.ts';
import type { ConnectFlags } from './connect.ts';
import { inventoryOf } from './load-inventory.ts';
import type { LoadFlags } from './load-inventory.ts';
import { stopSignal } from './stop-signal.ts';
import { targetsOf } from './targets.ts';

export interface ContactFlags extends LoadFlags, ConnectFlags, BecomeFlags {
  readonly forks: number;
  readonly json: boolean;
}

/** What one host answered, or why it did not. */
export interface Answer<T> {
  readonly target: Target;
  readonly milliseconds: number;
  /** Set once the login stands. */
  readonly loggedIn: boolean;
  readonly value?: T;
  readonly error?: ProvisionError;
}

/** Mixed outcomes: the worst decides (docs/cli.md). */
const PRECEDENCE = [1, 3, 2, 6, 4, 5];

export function exitCodeOfErrors(errors: readonly ProvisionError[]): number {
  const codes: number[] = errors.map(({ code }) => ERROR_EXIT_CODES[code]);
  return PRECEDENCE.find((code) => codes.includes(code)) ?? 0;
}

/**
 * Asks the hosts of the inventory (`-l` chooses), `--forks` at a time, over one connection each. `tell` hears the
 * answers in the order of the inventory, as soon as that order allows; `loaded` is that inventory, where somebody has it
 * already. Answers the exit code.
 */
export async function contactHosts<T>(
  flags: ContactFlags,
  ask: (session: Session, target: Target) => Promise<T>,
  tell: (answer: Answer<T>) => void,
  loaded?: Inventory,
): Promise<number> {
  const inventory = loaded ?? (await inventoryOf(flags));
  const names = flags.limit === undefined ? [...inventory.hosts.keys()] : selectHosts(inventory, flags.limit);
  const targets = targetsOf(inventory, await becomePassword(flags));
  await readSecrets(passwordsOf(names.flatMap((name) => targets.get(name) ?? [])));
  const { transport } = await transportsFor(inventory, flags);
  const stop = stopSignal();
  const contact = async (target: Target): Promise<Answer<T>> => {
    const start = performance.now();
    let session: Session | undefined;
    const answer = (rest: Pick<Answer<T>, 'value' | 'error'>): Answer<T> => ({
      target,
      milliseconds: Math.round(performance.now() - start),
      loggedIn: session !== undefined,
      ...rest,
    });
    try {
      const [blocked] = inventory.hosts.get(target.name)?.blocked ?? [];
      if (blocked) throw blocked;
      stop.signal.throwIfAborted();
      session = await transport.connect(target, stop.signal);
      return answer({ value: await ask(session, target) });
    } catch (error) {
      const [problem] = problemsOf(error);
      return answer(problem ? { error: problem } : {});
    } finally {
      await session?.close();
    }
  };
  const limit = pLimit(flags.forks);
  const errors: ProvisionError[] = [];
  try {
    const pending = names
      .flatMap((name) => targets.get(name) ?? [])
      .map((target) => limit(() => contact(target)));
    for (const each of pending) {
      const answer = await each;
      if (stop.signal.aborted) break;
      if (answer.error) errors.push(answer.error);
      tell(answer);
    }
  } finally {
    stop.release();
  }
  return stop.exitCode() ?? exitCodeOfErrors(errors);
}
