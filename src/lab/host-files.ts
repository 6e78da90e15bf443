import { randomBytes } from 'node:crypto';
import type { ImageFile } from './image-recipe.ts';
import { contains } from '../model/ipv4.ts';
import type { LabHost, LabNic } from './plan.ts';

const isOnLink = (nic: LabNic): boolean => nic.atBoot.some((cidr) => contains(cidr, nic.router));

/** What ifupdown reads, interfaces(5): a stanza for each address. */
function interfacesFile(nics: readonly LabNic[]): ImageFile {
  const stanzas = nics.flatMap((nic, index) =>
    nic.atBoot.map((address, at) =>
      [
        `iface ${nic.name} inet static`,
        `  address ${address}`,
        ...(index > 0 || at > 0
          ? []
          : isOnLink(nic)
            ? [`  gateway ${nic.router}`]
            : [`  up ip route add default via ${nic.router} dev ${nic.name} onlink`]),
      ].join('\n'),
    ),
  );
  const text = [
    'source /etc/network/interfaces.d/*',
    'auto lo\niface lo inet loopback',
    `auto ${nics.map((nic) => nic.name).join(' ')}`,
    ...stanzas,
  ];
  return { path: '/etc/network/interfaces', text: `${text.join('\n\n')}\n`, mode: 0o644 };
}

/** What networkd reads; only the first NIC leads out, as on a cloud's server. */
function networkFile(nic: LabNic, isFirst: boolean): ImageFile {
  const lines = [
    '[Match]',
    `Name=${nic.name}`,
    '',
    '[Network]',
    'DHCP=no',
    'IPv6AcceptRA=no',
    ...nic.atBoot.map((address) => `Address=${address}`),
    ...(isFirst ? ['', '[Route]', `Gateway=${nic.router}`, 'GatewayOnLink=yes'] : []),
  ];
  return { path: `/etc/systemd/network/10-${nic.name}.network`, text: `${lines.join('\n')}\n`, mode: 0o644 };
}

/** Files that make a copy of the image this host. Every value in them was checked by the plan. */
export function hostFiles(
  host: LabHost,
  key: { readonly private: string; readonly public: string },
): ImageFile[] {
  const file = (path: string, text: string, mode = 0o644): ImageFile => ({ path, text, mode });
  return [
    file('/etc/hostname', `${host.hostname}\n`),
    // Without its own name here every sudo waits for DNS.
    file('/etc/hosts', `127.0.0.1\tlocalhost\n127.0.1.1\t${host.hostname}\n::1\tlocalhost ip6-localhost\n`),
    file('/etc/machine-id', `${randomBytes(16).toString('hex')}\n`, 0o444),
    file('/etc/ssh/ssh_host_ed25519_key', key.private, 0o600),
    file('/etc/ssh/ssh_host_ed25519_key.pub', key.public),
    ...(host.standIn ? [file('/etc/lab-stand-in', '')] : []),
    ...(host.sshPort === 22 ? [] : [file('/etc/ssh/sshd_config.d/lab.conf', `Port ${host.sshPort}\n`)]),
    ...(host.user === 'root'
      ? []
      : [file('/etc/sudoers.d/lab', `${host.user} ALL=(ALL:ALL) NOPASSWD: ALL\n`, 0o440)]),
    ...(host.image.nic === 'ifupdown'
      ? [interfacesFile(host.nics)]
      : host.nics.map((nic, index) => networkFile(nic, index === 0))),
  ];
}
