import type { Fields, ProbeOutput, Resource } from '../model/resource.ts';
import { zoneFromXml } from './firewalld-xml.ts';

/** Every zone file of the operator. The packaged ones of /usr/lib masquerade only in `external`, which holds no NIC. */
const ZONE_FILES = '/etc/firewalld/zones/*.xml';

/** Zones by name as their files say; a file that cannot be parsed says nothing. */
function zones(stdout: string): { name: string; fields: Fields }[] {
  const files = new Map<string, string>();
  for (const line of stdout.split('\n')) {
    const [, name, text = ''] = /^\/etc\/firewalld\/zones\/([^/]+?)\.xml:(.*)$/.exec(line) ?? [];
    if (name !== undefined) files.set(name, `${files.get(name) ?? ''}${text}\n`);
  }
  return [...files].flatMap(([name, text]) => {
    try {
      return [{ name, fields: zoneFromXml(text) }];
    } catch {
      return [];
    }
  });
}

/**
 * `<forward/>` stands in every zone that firewall-cmd has written since firewalld 1.0; it matters where the file names
 * interfaces (firewalld.zone(5)): without them the chain that it fills stays empty.
 */
const forwards = ({ forward, interfaces }: Fields): boolean =>
  forward === true && Array.isArray(interfaces) && interfaces.length > 0;

function sentences(name: string, fields: Fields): string[] {
  return [
    ...(fields['masquerade'] === true
      ? [
          `zone ${name} of firewalld masquerades everything that leaves by it, whatever nat says: hosts that nat gives no way out may have one`,
        ]
      : []),
    ...(forwards(fields)
      ? [
          `zone ${name} of firewalld forwards everything between its interfaces (<forward/>), whatever nat says: what nat does not translate must be dropped on its way out`,
        ]
      : []),
  ];
}

/**
 * Warns of zones that masquerade or forward whatever leaves by them: what rules of ours leave untranslated on purpose, or give no
 * way out, such a zone may still translate or let pass. Changes nothing. Zones that are declared are owned whole, and not looked at.
 */
export function blanketZones(declared: readonly string[]): Resource {
  return {
    id: 'firewalld-blanket:zones',
    kind: 'firewalld-blanket',
    declared: JSON.stringify(declared),
    phase: 'main',
    probe: [{ lines: ZONE_FILES }],
    plan: () => null,
    planBack: () => null,
    baseline: () => null,
    warnings: ({ stdout }: ProbeOutput) =>
      zones(stdout)
        .filter(({ name }) => !declared.includes(name))
        .flatMap(({ name, fields }) => sentences(name, fields)),
  };
}
