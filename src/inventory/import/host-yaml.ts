import { Document } from 'yaml';
import type { ImportedHost } from './host.ts';
import type { ImportedNat } from './host-nat.ts';
import { onOneLine, oneLine } from './import-yaml.ts';
import { dnatFields } from './imported-gateway.ts';

const natOf = ({ masquerade, snat, dnat }: ImportedNat, conntrack: ImportedHost['conntrack']): object => ({
  ...(masquerade.length > 0 ? { masquerade } : {}),
  ...(snat.length > 0 ? { snat } : {}),
  ...(dnat.length > 0 ? { dnat: dnat.map((entry) => dnatFields({ ...entry, remark: null })) } : {}),
  ...(Object.keys(conntrack).length > 0 ? { conntrack } : {}),
});

function variablesOf(host: ImportedHost): Record<string, unknown> {
  const { networks, nics, eips, nat, conntrack, bandwidth, egress, listeners, adopted } = host;
  const zones = nat?.zones ?? {};
  return {
    ...(networks === null ? {} : { networks }),
    ...(nics === null
      ? {}
      : {
          nics: Object.fromEntries(
            Object.entries(nics).map(([name, { secondary, ...nic }]) => [
              name,
              { ...nic, ...(secondary.length > 0 ? { secondary } : {}) },
            ]),
          ),
        }),
    ...(eips === null ? {} : { eips }),
    ...(Object.keys(zones).length > 0 ? { firewall: { zones } } : {}),
    ...(nat === null ? {} : { nat: natOf(nat, conntrack) }),
    ...(bandwidth.length > 0 ? { bandwidth } : {}),
    ...(egress.length > 0 ? { egress } : {}),
    ...(listeners.length > 0 ? { listeners } : {}),
    ...(adopted.length > 0 ? { adopt: { iptables: adopted } } : {}),
  };
}

/** The playbook of one role alone; a host of several goes by that of a whole site. */
const PLAYBOOKS = { 'nat-gateway': 'gateway', 'app-host': 'app-host', 'load-balancer': 'load-balancer' };

function headOf({ name, roles, notes }: ImportedHost): string {
  const [role, ...others] = roles;
  const playbook = role && others.length === 0 ? PLAYBOOKS[role] : 'site';
  const lines = [
    `Made by \`provision import host ${name}\` from what the host does now.`,
    roles.length === 0
      ? 'Nothing was found there that a role does.'
      : `Put ${name} into ${roles.length === 1 ? 'the group' : 'the groups'} ${roles.join(', ')}, and look at: provision plan playbooks/${playbook}.ts -i INVENTORY -l ${name} --diff`,
    ...(notes.length > 0 ? ['Look at these before you use it:', ...notes.map((note) => `- ${note}`)] : []),
  ];
  return lines.map(oneLine).join('\n');
}

/** The host as YAML: a file of host_vars. */
export function hostYaml(host: ImportedHost): string {
  // Words of YAML 1.1 (`no`, `8090:8090`) are quoted: inventories are read so, as Ansible reads them.
  const document = new Document(variablesOf(host), { aliasDuplicateObjects: false, version: '1.1' });
  const at = (...path: string[]): unknown => document.getIn(path, true);
  ['networks', 'nics', 'eips', 'bandwidth'].forEach((key) => onOneLine(at(key), 1));
  host.egress.forEach(({ scheme }, index) =>
    onOneLine(document.getIn(['egress', index], true), scheme === 'docker' ? 1 : 0),
  );
  onOneLine(at('firewall', 'zones'), 1);
  onOneLine(at('nat', 'masquerade'), 0);
  onOneLine(document.getIn(['nat', 'conntrack'], true), 0);
  ['snat', 'dnat'].forEach((key) => onOneLine(at('nat', key), 1));
  onOneLine(at('listeners'), 3);
  document.commentBefore = headOf(host);
  return document.toString({ lineWidth: 0 });
}
