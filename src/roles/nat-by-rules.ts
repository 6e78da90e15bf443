import type { RoleContext } from '../model/playbook.ts';
import type { Resource } from '../model/resource.ts';
import { ProvisionError } from '../model/error.ts';
import type { Host } from '../model/host.ts';
import type { SshConnection } from '../model/ssh-connection.ts';
import { iptablesData } from './iptables.ts';
import { natLockout } from './nat-lockout.ts';
import { natRules } from './nat-rules.ts';
import { nftablesData } from './nftables.ts';
import { rulesAtBoot } from './rules-at-boot.ts';
import type { HostVariables } from './variables/index.ts';

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

/** What translates, by rules of our own. */
export function natByRules(vars: HostVariables, absent: boolean, context: RoleContext): Resource[] {
  const engine = engineOf(vars);
  const wanted = natRules(vars);
  const { template } = context;
  return rulesAtBoot(
    {
      name: 'nat',
      description: 'Address translation of provision',
      engine,
      ...(absent ? {} : { lockout: (ssh: SshConnection) => natLockout(wanted, ssh) }),
      nftables: absent || engine === 'iptables' ? null : template('nftables/nat.nft', nftablesData(wanted)),
      iptables: absent || engine === 'nftables' ? null : template('iptables/nat.rules', iptablesData(wanted)),
    },
    context,
  );
}
