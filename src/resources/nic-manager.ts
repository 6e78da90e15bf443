import { parseReadFile, readFile } from '../shell/write-file.ts';
import { sh } from '../shell/quote.ts';

/** Where further addresses of a NIC are saved, or why they cannot be. */
export type Saving =
  | { readonly file: string; readonly format: 'networkd' | 'ifupdown'; readonly text: string | null }
  | { readonly refused: string; readonly hint: string };

/** What a host says of one NIC. */
export interface NicReading {
  readonly mac: string;
  /** `a.b.c.d/nn` in the kernel's order. */
  readonly addresses: readonly { readonly block: string; readonly behindAnother: boolean }[];
  /** One argument: the addresses that are wanted, for the advice in a refusal. */
  readonly saving: (wanted: readonly string[]) => Saving;
}

// Two NICs may share one .network file: the drop-in's own name is not enough to keep them apart.
const dropInName = (nic: string): string => `provision-${nic}.conf`;
// source-directory of interfaces(5) reads only names of letters, digits, "_" and "-".
const stanzaFile = (nic: string): string =>
  `/etc/network/interfaces.d/provision-${nic.replaceAll(/[^A-Za-z0-9_-]/g, '_')}`;

/**
 * Shell text that prints all that tells who manages a NIC: its number, MAC and addresses, networkd's and
 * NetworkManager's notes about it, ifupdown's configuration, and the files that are ours.
 */
export const readNic = (nic: string): string =>
  [
    sh`nic=${nic} name=${dropInName(nic)}`,
    'if read -r number </sys/class/net/"$nic"/ifindex; then',
    '  cat /sys/class/net/"$nic"/address',
    '  ip -4 -o addr show dev "$nic"',
    '  echo "== number $number"',
    '  echo "== networkd"',
    "  grep -H -e '^NETWORK_FILE=' -e '^ADMIN_STATE=' /run/systemd/netif/links/*",
    '  echo "== NetworkManager"',
    '  cat /run/NetworkManager/devices/"$number"',
    '  echo "== interfaces"',
    '  cat /etc/network/interfaces /run/network/ifstate',
    "  grep -H -e '^iface' -e cloud-init /etc/network/interfaces.d/*",
    '  echo "== header"',
    `  file=$(sed -n 's/^NETWORK_FILE=//p' /run/systemd/netif/links/"$number")`,
    '  if [ -n "$file" ]; then head -n 5 "$file"; fi',
    '  echo "== drop-in"',
    '  drop_in=/etc/systemd/network/"${file##*/}".d/"$name"',
    '  if [ -n "$file" ] && [ -f "$drop_in" ]; then echo present; cat "$drop_in"; else echo absent; fi',
    '  echo "== stanza"',
    readFile(stanzaFile(nic)),
    'else echo missing',
    'fi',
  ].join('\n');

function sections(stdout: string): Map<string, string> {
  const parts = `== nic\n${stdout}`.split(/^== /m).slice(1);
  return new Map(
    parts.map((part): [string, string] => {
      const end = part.indexOf('\n');
      return [part.slice(0, end), part.slice(end + 1)];
    }),
  );
}

/** `/run/systemd/netif/links/2:NETWORK_FILE=…` → the file of each link that networkd has configured. */
function networkFiles(text: string): Map<string, string> {
  const value = (key: string): Map<string, string> =>
    new Map(
      [...text.matchAll(new RegExp(`^/run/systemd/netif/links/(\\d+):${key}=(.*)$`, 'gm'))].map(
        ([, number = '', found = '']) => [number, found],
      ),
    );
  const states = value('ADMIN_STATE');
  return new Map([...value('NETWORK_FILE')].filter(([number]) => states.get(number) !== 'unmanaged'));
}

const list = (wanted: readonly string[]): string => wanted.join(',');

/** Tools that write the .network file of networkd themselves: a drop-in of ours would hang on what they rewrite. */
function renderer(file: string, header: string): 'netplan' | 'cloud-init' | 'amazon-ec2-net-utils' | null {
  const said = `${file}\n${header}`;
  if (said.includes('netplan')) return 'netplan';
  if (said.includes('cloud-init')) return 'cloud-init';
  return /ec2-net-utils|policy-routes/.test(said) ? 'amazon-ec2-net-utils' : null;
}

const refusals = {
  netplan: (nic: string, wanted: readonly string[]) => ({
    refused: 'netplan',
    hint: `On the host: netplan set --origin-hint 90-${nic}-addresses ethernets.${nic}.addresses=[${list(wanted)}] && netplan apply`,
  }),
  'cloud-init': (nic: string, wanted: readonly string[]) => ({
    refused: 'cloud-init',
    hint: `Write "network: {config: disabled}" into /etc/cloud/cloud.cfg.d/99-disable-network-config.cfg, add ${list(wanted)} to the configuration of ${nic} that it left, and reboot.`,
  }),
  'amazon-ec2-net-utils': (nic: string, wanted: readonly string[]) => ({
    refused: 'amazon-ec2-net-utils',
    hint: `Assign ${list(wanted)} to the interface in EC2 (aws ec2 assign-private-ip-addresses): it adds them to ${nic} by itself.`,
  }),
  NetworkManager: (nic: string, wanted: readonly string[]) => ({
    refused: 'NetworkManager',
    hint: `On the host: nmcli connection modify "$(nmcli -g GENERAL.CONNECTION device show ${nic})" +ipv4.addresses ${list(wanted)} && nmcli device reapply ${nic}`,
  }),
};

function savingOf(nic: string, part: (name: string) => string, number: string) {
  const files = networkFiles(part('networkd'));
  const file = files.get(number);
  const interfaces = part('interfaces');
  // interfaces(5); ifstate: what is up now.
  const byIfupdown = interfaces.split('\n').some((line) => {
    // grep -H puts the file in front.
    const [word, name, family] = line
      .replace(/^\/[^:]*:/, '')
      .trim()
      .split(/\s+/);
    return line === `${nic}=${nic}` || (word === 'iface' && name === nic && family === 'inet');
  });
  return (wanted: readonly string[]): Saving => {
    if (file !== undefined) {
      const by = renderer(file, part('header'));
      if (by !== null) return refusals[by](nic, wanted);
      if ([...files.values()].filter((other) => other === file).length > 1)
        return {
          refused: `a file that is for other interfaces too, ${file}`,
          hint: `Give ${nic} a .network file of its own whose name comes first (systemd.network(5)), then: networkctl reload`,
        };
      return {
        file: `/etc/systemd/network/${file.slice(file.lastIndexOf('/') + 1)}.d/${dropInName(nic)}`,
        format: 'networkd',
        text: parseReadFile(part('drop-in')),
      };
    }
    if (/^(managed=true|connection-uuid=)/m.test(part('NetworkManager')))
      return refusals.NetworkManager(nic, wanted);
    if (byIfupdown) {
      if (/interfaces\.d\/[^:]*cloud-init[^:]*:/.test(interfaces)) return refusals['cloud-init'](nic, wanted);
      if (!/^[ \t]*source(-directory)?[ \t]+(\/etc\/network\/)?interfaces\.d\b/m.test(interfaces))
        return {
          refused: '/etc/network/interfaces, which reads no other files',
          hint: 'Add the line "source /etc/network/interfaces.d/*" to /etc/network/interfaces.',
        };
      return { file: stanzaFile(nic), format: 'ifupdown', text: parseReadFile(part('stanza')) };
    }
    return {
      refused: 'something that provision does not know',
      hint: `Add ${list(wanted)} to ${nic} by what configures it, or let systemd-networkd or ifupdown do it.`,
    };
  };
}

/** False for what a host did not say: `render` plans for hosts that nobody asks. */
export const wasRead = (stdout: string): boolean => /^(missing$|== number )/m.test(stdout);

/** What `readNic` printed; null when the host has no such NIC. */
export function parseNic(stdout: string, nic: string): NicReading | null {
  const parts = sections(stdout);
  if (stdout.startsWith('missing') || !wasRead(stdout)) return null;
  const [mac = '', ...lines] = (parts.get('nic') ?? '').trimEnd().split('\n');
  const number = [...parts.keys()].find((name) => name.startsWith('number '))?.slice('number '.length) ?? '';
  return {
    mac,
    addresses: lines.flatMap((line) => {
      const block = / inet (\S+)(?: peer \S+)?( |$)/.exec(line)?.[1];
      if (block === undefined) return [];
      return [
        { block: block.includes('/') ? block : `${block}/32`, behindAnother: / secondary /.test(line) },
      ];
    }),
    saving: savingOf(nic, (name) => parts.get(name) ?? '', number),
  };
}
