import { ProvisionError } from '../model/error.ts';
import type { RoleContext } from '../model/playbook.ts';
import { hostVariables } from './variables/index.ts';
import type { HostVariables } from './variables/index.ts';

/**
 * The variables of a host as a role reads them, defaults filled in; what the play or the role's own options override
 * is checked like the inventory was. What `-e` sets stays. Throws `playbook`.
 */
export function roleVariables({ host, vars }: RoleContext, options: Partial<HostVariables>): HostVariables {
  const fixed = new Set(host.extraVars);
  const own = Object.entries(options).filter(([key]) => !fixed.has(key));
  const read = hostVariables.safeParse({ ...vars, ...Object.fromEntries(own) });
  if (read.success) return read.data;
  const issue = read.error.issues[0];
  throw new ProvisionError(
    'playbook',
    `${host.name}: what the playbook sets for ${issue?.path.join('.') ?? 'it'} is not valid: ${issue?.message ?? ''}`,
    {
      hint: 'Mend the `vars` of the play or the options of its role.',
    },
  );
}
