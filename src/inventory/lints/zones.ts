import { unknownName } from './lint.ts';
import type { Lint, LintInput } from './lint.ts';

/** Zones: interfaces that there are, each in one zone. */
export function lintZones({ vars: { firewall, nics } }: LintInput): Lint[] {
  const lints: Lint[] = [];
  const owner = new Map<string, string>();
  for (const [zone, { interfaces }] of Object.entries(firewall?.zones ?? {})) {
    interfaces.forEach((name, index) => {
      const path = ['firewall', 'zones', zone, 'interfaces', index];
      // Without nics nothing is known about the host's interfaces.
      if (nics) lints.push(...unknownName(path, 'NIC', name, nics, 'nics'));
      const before = owner.get(name);
      if (before !== undefined)
        lints.push({
          path,
          message: `${name} already is in the zone ${before}`,
          hint: 'An interface is in one zone.',
        });
      owner.set(name, zone);
    });
  }
  return lints;
}
