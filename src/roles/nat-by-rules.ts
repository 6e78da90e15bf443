import type { RoleContext } from '../model/playbook.ts';
import type { Handler, Resource } from '../model/resource.ts';
import { ProvisionError } from '../model/error.ts';
import type { Host } from '../model/host.ts';
import type { SshConnection } from '../model/ssh-connection.ts';
import { file, onlyWhere, packageInstalled, rules, service } from '../resources/index.ts';
import { loaderFile, PREFERS_NFTABLES } from '../resources/rules-shell.ts';
import { iptablesData } from './iptables.ts';
import { natLockout } from './nat-lockout.ts';
import { natRules } from './nat-rules.ts';
import { nftablesData } from './nftables.ts';
import type { HostVariables } from './variables/index.ts';

const NAME = 'nat';
const UNIT = 'provision-nat.service';

const reloadUnits: Handler = { id: 'systemctl daemon-reload', script: 'systemctl daemon-reload' };

const declaresFirewalld = ({ firewall }: HostVariables): boolean =>
  Object.keys(firewall?.zones ?? {}).length > 0;

/** Which tool holds the rules: decided here where the inventory settles it, else by what the host has. */
export function engineOf(vars: HostVariables): 'auto' | 'nftables' | 'iptables' {
  const { nat, egress } = vars;
  if (nat?.engine === 'nftables' || nat?.engine === 'iptables') return nat.engine;
  const beside = declaresFirewalld(vars) || (egress ?? []).some(({ scheme }) => scheme === 'docker');
  return beside ? 'nftables' : 'auto';
}

/** What rules in iptables cannot be is refused, with the place. */
export function refuseUnsafe(vars: HostVariables, host: Host): void {
  if (vars.nat?.engine !== 'iptables' || !declaresFirewalld(vars)) return;
  throw new ProvisionError(
    'inventory',
    `${host.name}: nat.engine iptables does not go with firewall.zones.`,
    {
      place: host.place(['nat', 'engine']),
      hint: 'firewalld before 2.0 deletes all rules of iptables when it reloads: write nftables, or auto.',
    },
  );
}

/** The tool, the rules, and the unit that loads them at boot before the network. */
export function natByRules(vars: HostVariables, absent: boolean, { template }: RoleContext): Resource[] {
  const engine = engineOf(vars);
  const wanted = natRules(vars);
  const tools =
    engine === 'auto'
      ? [
          onlyWhere(PREFERS_NFTABLES, packageInstalled({ name: 'nftables' })),
          onlyWhere(`! { ${PREFERS_NFTABLES}; }`, packageInstalled({ name: 'iptables' })),
        ]
      : [packageInstalled({ name: engine })];
  return [
    ...(absent ? [] : [...tools, packageInstalled({ name: 'conntrack' })]),
    rules({
      name: NAME,
      engine,
      ...(absent ? {} : { lockout: (ssh: SshConnection) => natLockout(wanted, ssh) }),
      nftables: absent || engine === 'iptables' ? null : template('nftables/nat.nft', nftablesData(wanted)),
      iptables: absent || engine === 'nftables' ? null : template('iptables/nat.rules', iptablesData(wanted)),
    }),
    file({
      path: `/etc/systemd/system/${UNIT}`,
      content: absent ? null : template('systemd/provision-nat.service', { loader: loaderFile(NAME) }),
      notify: reloadUnits,
    }),
    service({ name: UNIT, enabled: !absent }),
  ];
}
