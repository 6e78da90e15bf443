import { egress } from '../checks/index.ts';
import type { CheckSpec, RoleContext } from '../model/playbook.ts';
import { addressesOf, wayOf } from './egress-ways.ts';
import type { HostVariables } from './variables/index.ts';

/** Each mapped address of each NIC, and each user, leaves by the public address that belongs to it. */
export function egressProofs(vars: HostVariables, { host }: RoleContext): CheckSpec[] {
  const publicOf = new Map(Object.values(vars.eips ?? {}).map((eip) => [eip.private, eip.public]));
  const nics = Object.entries(vars.nics ?? {}).flatMap(([name, nic]) =>
    addressesOf(nic).flatMap((source) => {
      const expect = publicOf.get(source);
      if (expect === undefined) return [];
      return [egress({ from: host.name, source, expect, name: `${source} leaves ${name} as ${expect}` })];
    }),
  );
  const users = (vars.egress ?? []).flatMap((entry) => {
    const way = wayOf(entry, vars);
    return (entry.users ?? []).map((user) =>
      egress({
        from: `${host.name}#${user}`,
        expect: way.public,
        name: `${entry.name}: user ${user} leaves ${way.nic} as ${way.public}`,
      }),
    );
  });
  return [...nics, ...users];
}
