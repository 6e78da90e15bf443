import { ProvisionError } from '../model/error.ts';
import type { NicManager } from './nic-manager.ts';
import { FIRST_OF_OURS, routesBy, lastRoute } from './routing-plan.ts';
import type { RoutedNic } from './routing-plan.ts';

/** `table 5201: default via G dev D src A` → `0.0.0.0/0 G src=A table=5201` (nm-settings-nmcli(5), ipv4.routes). */
function nmRoute(route: string): string {
  const [, table = '', words = ''] = /^table (\d+): (.*)$/.exec(route) ?? [];
  const word = (name: string): string | undefined => new RegExp(`(?:^| )${name} (\\S+)`).exec(words)?.[1];
  const destination = /^\d\S*/.exec(words)?.[0] ?? '0.0.0.0/0';
  const [via, src, metric] = [word('via'), word('src'), word('metric')];
  return [
    destination,
    ...(via === undefined ? [] : [via]),
    ...(metric === undefined ? [] : [metric]),
    ...(words.startsWith('unreachable') ? ['type=unreachable'] : []),
    ...(src === undefined ? [] : [`src=${src}`]),
    `table=${table}`,
  ].join(' ');
}

/** `5201: from A to B lookup T` → `priority 5201 from A to B table T`. */
const nmRule = (rule: string): string =>
  `priority ${rule.replace(':', '').replace('from all', 'from 0.0.0.0/0').replace('lookup main', 'table 254').replace('lookup', 'table')}`;

const byHand = (nic: string, file: string): string =>
  `Let systemd-networkd itself own ${nic}, on the host: sed '/^#/d' ${file} > /etc/systemd/network/05-${nic}.network && networkctl reload`;

/** Why nothing can be saved for a NIC with this manager, and what to type; null = it can. */
function refusalOf(
  nic: RoutedNic,
  manager: NicManager,
  all: readonly RoutedNic[],
  rules: readonly string[],
): readonly [by: string, hint: string] | null {
  switch (manager.by) {
    case 'systemd-networkd':
    case 'ifupdown':
    case 'unknown':
      return null;
    case 'shared':
      return [
        `a file that is for other interfaces too, ${manager.file}`,
        `Give ${nic.name} a .network file of its own whose name comes first (systemd.network(5)), then: networkctl reload`,
      ];
    case 'NetworkManager': {
      const routes = [...routesBy(nic), ...all.map(lastRoute)].map(nmRoute).join(', ');
      return [
        'NetworkManager',
        `On the host: nmcli connection modify "$(nmcli -g GENERAL.CONNECTION device show ${nic.name})" +ipv4.routes '${routes}' +ipv4.routing-rules '${rules.map(nmRule).join(', ')}' && nmcli device reapply ${nic.name}`,
      ];
    }
    case 'netplan':
    case 'cloud-init':
    case 'amazon-ec2-net-utils':
      return [manager.by, byHand(nic.name, manager.file)];
  }
}

/** Throws `host-unsupported` for the first NIC whose manager would take away what we make, unless it is all there. */
export function refuseManagers(
  nics: readonly RoutedNic[],
  managers: ReadonlyMap<string, NicManager | null>,
  rules: readonly string[],
  isWhole: boolean,
): void {
  for (const nic of nics) {
    const manager = managers.get(nic.name) ?? null;
    if (manager === null)
      throw new ProvisionError('host-unsupported', `the host has no interface ${nic.name}.`, {
        hint: 'Look at `ip link` there, and correct nics.',
      });
    const refusal = isWhole ? null : refusalOf(nic, manager, nics, rules);
    if (refusal === null) continue;
    throw new ProvisionError(
      'host-unsupported',
      `${nic.name} is configured by ${refusal[0]}: rules and tables from ${FIRST_OF_OURS} on cannot be saved there by provision.`,
      { hint: refusal[1] },
    );
  }
}
