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

/** Whether a role, where a host has it, needs forwarding. */
const FORWARDS: Readonly<Record<RoleName, (vars: RoleContext['vars']) => boolean>> = {
  'nat-gateway': () => true,
  'app-host': ({ egress }) =>
    Array.isArray(egress) && egress.some((entry: { scheme?: unknown }) => entry.scheme === 'docker'),
  'load-balancer': () => true,
};

/** Whether a role that goes leaves forwarding to another one of the same host. */
export const forwardsBeside = (role: RoleName, context: Pick<RoleContext, 'host' | 'vars'>): boolean =>
  (Object.keys(FORWARDS) as RoleName[]).some(
    (other) => other !== role && alsoIs(other, context) && FORWARDS[other](context.vars),
  );

/** Whether a role that goes leaves another one on the same host: the addresses of NICs are those of all. */
export const hasAnotherRole = (role: RoleName, context: Pick<RoleContext, 'host' | 'vars'>): boolean =>
  (Object.keys(FORWARDS) as RoleName[]).some((other) => other !== role && alsoIs(other, context));
