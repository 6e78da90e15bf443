import type { Compiled } from '../engine/compile.ts';
import type { LabPlan } from '../lab/index.ts';
import { hostOf } from '../model/check.ts';
import { ProvisionError } from '../model/error.ts';
import type { Inventory } from '../model/host.ts';

const KINDS = ['egress', 'no-egress'];

/**
 * Hosts behind a gateway of which no check says by what they leave, nor that they must not: whoever forgot their entry
 * of `nat` would hear nothing else of it. One error each, at the gateway's `nat`.
 */
export function forgottenHosts(plan: LabPlan, compiled: Compiled, inventory: Inventory): ProvisionError[] {
  const asked = new Set(
    compiled.plays.flatMap(({ checks }) =>
      checks.filter(({ kind }) => KINDS.includes(kind)).map(({ from }) => hostOf(from)),
    ),
  );
  return plan.hosts.flatMap((host) => {
    const hasEip = host.nics.some((nic) => nic.eips.length > 0);
    if (host.role !== 'plain' || host.standIn || hasEip || asked.has(host.name)) return [];
    for (const { network, addresses } of host.nics) {
      const gateway = plan.networks.find(({ name }) => name === network)?.gatewayHost ?? null;
      const nat = gateway === null ? undefined : inventory.hosts.get(gateway);
      if (nat?.vars.nat === undefined || !compiled.hosts.includes(nat.name)) continue;
      const address = addresses[0]?.split('/')[0] ?? '';
      const message = `${host.name} (${address}) stands behind ${nat.name}, and no entry of its \`nat\` lets it out`;
      const hint = `Name ${address} in \`nat.snat\` or \`nat.masquerade\` of ${nat.name}, or prove that it stays inside: put ${host.name} into the group \`isolated\`, and noEgress({ from: 'isolated' }) into the playbook.`;
      return [new ProvisionError('check-failed', message, { hint, place: nat.place(['nat']) })];
    }
    return [];
  });
}
