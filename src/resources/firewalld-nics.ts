import { ProvisionError } from '../model/error.ts';
import type { ProbeOutput, Resource } from '../model/resource.ts';
import { activeZones, afterLive, readAround, readVersion } from './firewalld-dbus.ts';

/** `2.3.1` → 2; 0 where firewalld does not run. */
const majorOf = (version: string): number => Number(/^(\d+)\./.exec(version)?.[1] ?? 0);

/** The version stands after what `readAround` prints. */
const versionOf = (output: ProbeOutput): string => /"data":"([^"]*)"/.exec(afterLive(output))?.[1] ?? '';

/**
 * Refuses hosts whose firewalld would not forward between these NICs, and changes nothing. Since firewalld 2 a policy between
 * ANY and ANY says nothing of NICs that are in the default zone only because no zone names them (fw_policy.py, "+" to "+").
 */
export function forwardingNics({ nics }: { readonly nics: readonly string[] }): Resource {
  const refuse = (output: ProbeOutput): null => {
    const version = versionOf(output);
    if (majorOf(version) < 2) return null;
    const named = new Set(activeZones(output).flatMap(({ interfaces }) => interfaces));
    const lost = nics.filter((nic) => !named.has(nic));
    if (lost.length === 0) return null;
    const list = lost.join(', ');
    throw new ProvisionError(
      'host-unsupported',
      `firewalld ${version} forwards nothing for NICs that no zone names: ${list}.`,
      {
        hint: `Declare a zone: firewall: { zones: { public: { interfaces: [${list}], services: [ssh] } } }. Or type on the host: ${lost.map((nic) => `firewall-cmd --permanent --zone=public --add-interface=${nic}`).join(' && ')} && firewall-cmd --reload`,
      },
    );
  };
  return {
    id: 'firewalld-nics:forwarding',
    kind: 'firewalld-nics',
    declared: JSON.stringify(nics),
    phase: 'main',
    probe: [...readAround('zone', 'public'), readVersion],
    plan: refuse,
    planBack: () => null,
    baseline: () => null,
  };
}
