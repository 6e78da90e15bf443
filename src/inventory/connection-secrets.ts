import { isProvisionError } from '../model/error.ts';
import { secretsIn } from '../model/secret.ts';
import type { Secret } from '../model/secret.ts';
import { isConnectionVariable } from './ansible-variables.ts';
import type { Problem } from './problems.ts';
import { isEncryptedValue } from './secrets/references.ts';
import { makeKnown } from './secrets/sealed.ts';
import type { Definitions } from './tree.ts';

const secretsOf = (definitions: Definitions): { key: string; secret: Secret }[] =>
  [...definitions]
    .filter(([key]) => isConnectionVariable(key))
    .flatMap(([key, { value }]) =>
      secretsIn(value)
        .filter(isEncryptedValue)
        .map((secret) => ({ key, secret })),
    );

/**
 * Opens encrypted values that say where and how hosts are reached (`ansible_user: !vault …`): these must be known as
 * soon as the inventory is. Answers why those that stay closed do.
 */
export async function openConnectionSecrets(
  hosts: Iterable<Definitions>,
): Promise<ReadonlyMap<Secret, Problem>> {
  const closed = new Map<Secret, Problem>();
  const secrets = new Set(
    [...hosts].flatMap((definitions) => secretsOf(definitions).map(({ secret }) => secret)),
  );
  for (const secret of secrets) {
    try {
      await secret.read();
      makeKnown(secret);
    } catch (error) {
      if (!isProvisionError(error)) throw error;
      const { message, hint, place } = error;
      closed.set(secret, { message, hint, place, cause: error });
    }
  }
  return closed;
}

/** Takes variables with closed secrets out of a host's, and answers why they are closed. */
export function withoutClosed(definitions: Definitions, closed: ReadonlyMap<Secret, Problem>): Problem[] {
  if (closed.size === 0) return [];
  return secretsOf(definitions).flatMap(({ key, secret }) => {
    const problem = closed.get(secret);
    if (problem) definitions.delete(key);
    return problem ?? [];
  });
}
