import type { Check } from '../model/check.ts';
import type { CheckSpec, Role } from '../model/playbook.ts';
import type { Resource } from '../model/resource.ts';

/**
 * A role, a resource or a check with these tags besides those it has: `tagged('dns', file({ … }))`. `-t` and
 * `--skip-tags` choose by them. What a role makes has the role's tags too.
 */
export function tagged(tags: string | readonly string[], thing: CheckSpec): CheckSpec;
export function tagged<Thing extends Role | Resource | Check>(
  tags: string | readonly string[],
  thing: Thing,
): Thing;
export function tagged(
  tags: string | readonly string[],
  thing: CheckSpec | Role | Resource | Check,
): CheckSpec | Role | Resource | Check {
  const more = typeof tags === 'string' ? [tags] : tags;
  if (typeof thing === 'function') return (context) => thing(context).map((check) => tagged(more, check));
  return { ...thing, tags: [...(thing.tags ?? []), ...more] };
}
