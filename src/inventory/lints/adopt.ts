import type { Lint, LintInput } from './lint.ts';

/** The groups whose roles load rules of their own. */
const ROLES = ['nat-gateway', 'app-host', 'load-balancer'];

/** Rules that were made by hand: something takes their place, and each is named once. */
export function lintAdopt({ vars: { adopt }, groups }: LintInput): Lint[] {
  const lines = adopt?.iptables ?? [];
  if (lines.length === 0) return [];
  const path = ['adopt', 'iptables'];
  const first = new Map<string, number>();
  const twice = lines.flatMap((line, index): Lint[] => {
    const before = first.get(line);
    first.set(line, before ?? index);
    if (before === undefined) return [];
    const message = `is the same rule as entry ${before + 1} of adopt.iptables`;
    return [{ path: [...path, index], message, hint: 'Name it once: every rule that reads so goes.' }];
  });
  if (groups.some((group) => ROLES.includes(group.replaceAll('_', '-')))) return twice;
  const nobody: Lint = {
    path,
    at: 'key',
    message: 'rules that were made by hand go only where a role loads its own, and this host has none',
    hint: `Put the host into one of the groups ${ROLES.join(', ')}, or take adopt away.`,
  };
  return [nobody, ...twice];
}
