import { Document } from 'yaml';
import type { ImportedHost } from './host.ts';
import type { ImportedNat } from './host-nat.ts';
import { onOneLine, oneLine } from './import-yaml.ts';
import { dnatFields } from './imported-gateway.ts';

const natOf = ({ masquerade, snat, dnat }: ImportedNat): object => ({
  ...(masquerade.length > 0 ? { masquerade } : {}),
  ...(snat.length > 0 ? { snat } : {}),
  ...(dnat.length > 0 ? { dnat: dnat.map((entry) => dnatFields({ ...entry, remark: null })) } : {}),
});

function variablesOf({ nics, eips, nat, egress, listeners, adopted }: ImportedHost): Record<string, unknown> {
  const zones = nat?.zones ?? {};
  return {
    ...(nics === null
      ? {}
      : {
          nics: Object.fromEntries(
            Object.entries(nics).map(([name, { address, secondary }]) => [
              name,
              { address, ...(secondary.length > 0 ? { secondary } : {}) },
            ]),
          ),
        }),
    ...(eips === null ? {} : { eips }),
    ...(Object.keys(zones).length > 0 ? { firewall: { zones } } : {}),
    ...(nat === null ? {} : { nat: natOf(nat) }),
    ...(egress.length > 0 ? { egress } : {}),
    ...(listeners.length > 0 ? { listeners } : {}),
    ...(adopted.length > 0 ? { adopt: { iptables: adopted } } : {}),
  };
}

function headOf({ name, roles, notes }: ImportedHost): string {
  const lines = [
    `Made by \`provision import host ${name}\` from what the host does now.`,
    roles.length === 0
      ? 'Nothing was found there that a role does.'
      : `Put ${name} into ${roles.length === 1 ? 'the group' : 'the groups'} ${roles.join(', ')}, and look at: provision plan playbooks/site.ts -i INVENTORY -l ${name} --diff`,
    ...(notes.length > 0 ? ['Look at these before you use it:', ...notes.map((note) => `- ${note}`)] : []),
  ];
  return lines.map(oneLine).join('\n');
}

/** The host as YAML: a file of host_vars. */
export function hostYaml(host: ImportedHost): string {
  // Words of YAML 1.1 (`no`, `8090:8090`) are quoted: inventories are read so, as Ansible reads them.
  const document = new Document(variablesOf(host), { aliasDuplicateObjects: false, version: '1.1' });
  const at = (...path: string[]): unknown => document.getIn(path, true);
  ['nics', 'eips'].forEach((key) => onOneLine(at(key), 1));
  host.egress.forEach(({ scheme }, index) =>
    onOneLine(document.getIn(['egress', index], true), scheme === 'bridge' ? 0 : 1),
  );
  onOneLine(at('firewall', 'zones'), 1);
  onOneLine(at('nat', 'masquerade'), 0);
  ['snat', 'dnat'].forEach((key) => onOneLine(at('nat', key), 1));
  onOneLine(at('listeners'), 3);
  document.commentBefore = headOf(host);
  return document.toString({ lineWidth: 0 });
}
