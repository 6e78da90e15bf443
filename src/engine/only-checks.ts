import { hostOf } from '../model/check.ts';
import { ProvisionError } from '../model/error.ts';
import type { Compiled } from './compile.ts';

/**
 * What is left of a playbook when only its checks are asked (`provision verify`): no resource is read, and only hosts
 * that a check is asked from are contacted. Throws `playbook` where there is none, which would prove nothing; a shard may have none.
 */
export function onlyChecks(compiled: Compiled): Compiled {
  const asked = new Set(compiled.plays.flatMap((play) => play.checks.map(({ from }) => hostOf(from))));
  if (asked.size === 0 && !compiled.ofAllShards)
    throw new ProvisionError('playbook', 'There is no check to ask: nothing would be verified.', {
      hint: 'Give the play checks, for example egress(), or leave out fewer of them by -l and tags.',
    });
  const all = [...compiled.hosts, ...compiled.vantages];
  const vantages = all.filter((host) => asked.has(host));
  return {
    ...compiled,
    plays: compiled.plays.map((play) => ({ ...play, batches: [], resources: new Map() })),
    hosts: [],
    // What only the controller is asked is reported with a host, whoever that is.
    vantages: vantages.length > 0 ? vantages : all.slice(0, 1),
  };
}
