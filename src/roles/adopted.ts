import type { RoleContext } from '../model/playbook.ts';
import type { Resource } from '../model/resource.ts';
import { adoptedLines } from '../resources/index.ts';
import { declaredAt } from './declared-at.ts';
import { alsoIs, hasAnotherRole } from './other-roles.ts';
import type { RoleName } from './other-roles.ts';
import { adoptedLine } from './variables/index.ts';
import type { HostVariables } from './variables/index.ts';

/** The order in which a site declares its roles: rules go when the last role of the host has loaded its own. */
const ORDER: readonly RoleName[] = ['nat-gateway', 'app-host', 'load-balancer'];

/** Rules that were made by hand and go: the last thing that the last role of a host does. */
export function adopted(role: RoleName, { adopt }: HostVariables, context: RoleContext): Resource[] {
  const later = ORDER.slice(ORDER.indexOf(role) + 1).some((other) => alsoIs(other, context));
  const named = (adopt?.iptables ?? []).flatMap((text) => {
    const line = adoptedLine(text);
    return line ? [{ table: line.table, line: `-A ${line.chain} ${line.rule}` }] : [];
  });
  if (later || named.length === 0) return [];
  return declaredAt(context.host, ['adopt', 'iptables'], [adoptedLines({ named })]);
}

/** They come back before anything of ours goes, once no role is left; by what the host remembers, whatever is named now. */
export const adoptedTakenAway = (role: RoleName, context: RoleContext): Resource[] =>
  hasAnotherRole(role, context) ? [] : [adoptedLines({ named: null })];
