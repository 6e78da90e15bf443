import type { Target } from '../model/transport.ts';
import { readSecrets } from '../model/secret.ts';
import type { Secret } from '../model/secret.ts';
import type { Compiled } from './compile.ts';

/** What sudo will be told on these hosts. */
export const passwordsOf = (targets: Iterable<Target>): Secret[] =>
  [...targets].flatMap(({ connection }) =>
    connection.become && connection.becomePassword ? [connection.becomePassword] : [],
  );

/**
 * Reads the secrets of the hosts that will be worked on, before anybody is contacted: those that their resources hold,
 * and their passwords. Throws a ProblemList.
 */
export async function readNeededSecrets(
  compiled: Compiled,
  targets: ReadonlyMap<string, Target>,
): Promise<void> {
  const declared = compiled.plays
    .flatMap(({ resources }) => [...resources.values()])
    .flatMap((resources) => resources.flatMap(({ secrets = [] }) => secrets));
  const contacted = [...compiled.hosts, ...compiled.vantages].flatMap((name) => targets.get(name) ?? []);
  await readSecrets([...declared, ...passwordsOf(contacted)]);
}
