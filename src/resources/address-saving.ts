import { parseReadFile } from '../shell/write-file.ts';
import { dropInName, stanzaFile } from './nic-manager.ts';
import type { NicReading } from './nic-manager.ts';

/** Where further addresses of a NIC are saved, or why they cannot be. */
export type Saving =
  | { readonly file: string; readonly format: 'networkd' | 'ifupdown'; readonly text: string | null }
  | { readonly refused: string; readonly hint: string };

const refuse = (refused: string, hint: string): Saving => ({ refused, hint });

/** Where what manages the NIC will find its addresses; `wanted` is for the advice in a refusal. */
export function addressSaving(nic: string, { manager, part }: NicReading, wanted: readonly string[]): Saving {
  const list = wanted.join(',');
  switch (manager.by) {
    case 'systemd-networkd':
      return {
        file: `/etc/systemd/network/${manager.network}.d/${dropInName(nic)}`,
        format: 'networkd',
        text: parseReadFile(part('drop-in')),
      };
    case 'ifupdown':
      if (manager.cloudInit) break;
      return manager.reads
        ? { file: stanzaFile(nic), format: 'ifupdown', text: parseReadFile(part('stanza')) }
        : refuse(
            '/etc/network/interfaces, which reads no other files',
            'Add the line "source /etc/network/interfaces.d/*" to /etc/network/interfaces.',
          );
    case 'netplan':
      return refuse(
        'netplan',
        `On the host: netplan set --origin-hint 90-${nic}-addresses ethernets.${nic}.addresses=[${list}] && netplan apply`,
      );
    case 'amazon-ec2-net-utils':
      return refuse(
        'amazon-ec2-net-utils',
        `Assign ${list} to the interface in EC2 (aws ec2 assign-private-ip-addresses): it adds them to ${nic} by itself.`,
      );
    case 'shared':
      return refuse(
        `a file that is for other interfaces too, ${manager.file}`,
        `Give ${nic} a .network file of its own whose name comes first (systemd.network(5)), then: networkctl reload`,
      );
    case 'NetworkManager':
      return refuse(
        'NetworkManager',
        `On the host: nmcli connection modify "$(nmcli -g GENERAL.CONNECTION device show ${nic})" +ipv4.addresses ${list} && nmcli device reapply ${nic}`,
      );
    case 'unknown':
      return refuse(
        'something that provision does not know',
        `Add ${list} to ${nic} by what configures it, or let systemd-networkd or ifupdown do it.`,
      );
    case 'cloud-init':
      break;
  }
  return refuse(
    'cloud-init',
    `Write "network: {config: disabled}" into /etc/cloud/cloud.cfg.d/99-disable-network-config.cfg, add ${list} to the configuration of ${nic} that it left, and reboot.`,
  );
}
