import type { RoleContext } from '../model/playbook.ts';

/** The roles of this package by the group that a host of theirs is in. */
export type RoleName = 'nat-gateway' | 'app-host' | 'load-balancer';

const stateOf = (value: unknown): unknown =>
  typeof value === 'object' && value !== null && 'state' in value ? value.state : undefined;

/**
 * Whether a host has that role as well: it is in the role's group, and the role is not declared absent. What both
 * declare (addresses of NICs, forwarding) stays when one of them goes.
 */
export const alsoIs = (role: RoleName, { host, vars }: Pick<RoleContext, 'host' | 'vars'>): boolean =>
  host.groups.some((group) => group.replaceAll('_', '-') === role) &&
  stateOf(vars[role.replaceAll('-', '_')]) !== 'absent';
