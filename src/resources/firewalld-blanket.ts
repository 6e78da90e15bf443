import type { ProbeOutput, Resource } from '../model/resource.ts';
import { zoneFromXml } from './firewalld-xml.ts';

const HEAD = '== ';

/** Every zone file of the operator. The packaged ones of /usr/lib masquerade only in `external`, which holds no NIC. */
const ZONE_FILES = `for f in /etc/firewalld/zones/*.xml; do
  if [ -f "$f" ]; then printf '${HEAD}%s\\n' "$f"; cat "$f"; echo; fi
done`;

/** Names of zones whose whole traffic is masqueraded; a file that cannot be parsed says nothing. */
function masquerading(stdout: string): string[] {
  return stdout.split(`\n${HEAD}`).flatMap((part) => {
    const [path = '', ...lines] = part.split('\n');
    const name = /([^/]+)\.xml$/.exec(path)?.[1];
    try {
      return name !== undefined && zoneFromXml(lines.join('\n'))['masquerade'] === true ? [name] : [];
    } catch {
      return [];
    }
  });
}

/**
 * Warns of zones that masquerade whatever leaves by them: what rules of ours leave untranslated on purpose, or give no
 * way out, such a zone may still translate. Changes nothing. Zones that are declared are owned whole, and not looked at.
 */
export function blanketZones(declared: readonly string[]): Resource {
  return {
    id: 'firewalld-blanket:zones',
    kind: 'firewalld-blanket',
    declared: JSON.stringify(declared),
    phase: 'main',
    probe: ZONE_FILES,
    plan: () => null,
    planBack: () => null,
    baseline: () => null,
    warnings: ({ stdout }: ProbeOutput) =>
      masquerading(`\n${stdout}`)
        .filter((name) => !declared.includes(name))
        .map(
          (name) =>
            `zone ${name} of firewalld masquerades everything that leaves by it, whatever nat says: hosts that nat gives no way out may have one`,
        ),
  };
}
