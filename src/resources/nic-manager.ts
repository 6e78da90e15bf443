import type { Question } from '../model/resource.ts';
import { readFile } from '../shell/write-file.ts';
import { sh } from '../shell/quote.ts';

/** What configures a NIC. */
export type NicManager =
  /** `network` is the name of its .network file, to which drop-ins belong. */
  | { readonly by: 'systemd-networkd'; readonly network: string }
  /** `reads` = /etc/network/interfaces reads interfaces.d; `cloudInit` = cloud-init writes there. */
  | { readonly by: 'ifupdown'; readonly reads: boolean; readonly cloudInit: boolean }
  /** Tools that write the .network file of networkd themselves: a drop-in of ours would hang on what they rewrite. */
  | { readonly by: 'netplan' | 'cloud-init' | 'amazon-ec2-net-utils'; readonly file: string }
  /** One .network file for several NICs: what is for one of them has no place. */
  | { readonly by: 'shared'; readonly file: string }
  | { readonly by: 'NetworkManager' }
  | { readonly by: 'unknown' };

/** What a host says of one NIC. */
export interface NicReading {
  readonly mac: string;
  /** `a.b.c.d/nn` in the kernel's order. */
  readonly addresses: readonly { readonly block: string; readonly behindAnother: boolean }[];
  readonly manager: NicManager;
  /** What was read of the file of ours in the format of its manager (`parseReadFile`). */
  readonly part: (name: 'drop-in' | 'stanza') => string;
}

/** Two NICs may share one .network file: the directory alone would not keep them apart. */
export const dropInName = (nic: string): string => `provision-${nic}.conf`;
/** source-directory of interfaces(5) reads only names of letters, digits, "_" and "-". */
export const stanzaFile = (nic: string): string =>
  `/etc/network/interfaces.d/provision-${nic.replaceAll(/[^A-Za-z0-9_-]/g, '_')}`;

/**
 * Asks all that tells who manages a NIC: its MAC, addresses and number, networkd's and NetworkManager's notes about it, ifupdown's
 * configuration, and the files that are ours. `more` is shell text that runs for a NIC that is there; $file is its .network file.
 */
export const readNic = (nic: string, more: readonly string[] = []): readonly Question[] => [
  { value: `/sys/class/net/${nic}/address` },
  { addresses: nic },
  { inline: readManager(nic, more) },
];

const readManager = (nic: string, more: readonly string[]): string =>
  [
    sh`nic=${nic} name=${dropInName(nic)}`,
    'if read -r number </sys/class/net/"$nic"/ifindex; then',
    '  echo "== number $number"',
    '  echo "== networkd"',
    "  grep -H -e '^NETWORK_FILE=' -e '^ADMIN_STATE=' /run/systemd/netif/links/*",
    '  echo "== NetworkManager"',
    '  if [ -e /run/NetworkManager/devices/"$number" ]; then cat /run/NetworkManager/devices/"$number"; fi',
    '  echo "== interfaces"',
    '  set --; for file in /etc/network/interfaces /run/network/ifstate; do [ ! -e "$file" ] || set -- "$@" "$file"; done',
    '  [ $# -eq 0 ] || cat "$@"',
    '  for file in /etc/network/interfaces.d/*; do',
    `    if [ -e "$file" ]; then grep -H -e '^iface' -e cloud-init /etc/network/interfaces.d/*; break; fi`,
    '  done',
    '  echo "== header"',
    '  file=',
    '  { while read -r line; do case $line in NETWORK_FILE=*) file=${line#*=} ;; esac; done; } 2>/dev/null </run/systemd/netif/links/"$number"',
    '  if [ -f "$file" ]; then for _ in 1 2 3 4 5; do IFS= read -r line && printf "%s\\n" "$line"; done <"$file"; fi',
    '  echo "== drop-in"',
    '  drop_in=/etc/systemd/network/"${file##*/}".d/"$name"',
    '  if [ -n "$file" ] && [ -f "$drop_in" ]; then echo present; cat "$drop_in"; else echo absent; fi',
    '  echo "== stanza"',
    readFile(stanzaFile(nic)),
    ...more,
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

function renderer(file: string, header: string): 'netplan' | 'cloud-init' | 'amazon-ec2-net-utils' | null {
  const said = `${file}\n${header}`;
  if (said.includes('netplan')) return 'netplan';
  if (said.includes('cloud-init')) return 'cloud-init';
  return /ec2-net-utils|policy-routes/.test(said) ? 'amazon-ec2-net-utils' : null;
}

/** Is a NIC configured in what ifupdown reads (interfaces(5)), or up by it now (ifstate)? */
const byIfupdown = (nic: string, interfaces: string): boolean =>
  interfaces.split('\n').some((line) => {
    // grep -H puts the file in front.
    const [word, name, family] = line
      .replace(/^\/[^:]*:/, '')
      .trim()
      .split(/\s+/);
    return line === `${nic}=${nic}` || (word === 'iface' && name === nic && family === 'inet');
  });

function managerOf(nic: string, part: (name: string) => string, number: string): NicManager {
  const files = networkFiles(part('networkd'));
  const file = files.get(number);
  if (file !== undefined) {
    const by = renderer(file, part('header'));
    if (by !== null) return { by, file };
    if ([...files.values()].filter((other) => other === file).length > 1) return { by: 'shared', file };
    return { by: 'systemd-networkd', network: file.slice(file.lastIndexOf('/') + 1) };
  }
  if (/^(managed=true|connection-uuid=)/m.test(part('NetworkManager'))) return { by: 'NetworkManager' };
  const interfaces = part('interfaces');
  if (!byIfupdown(nic, interfaces)) return { by: 'unknown' };
  return {
    by: 'ifupdown',
    reads: /^[ \t]*source(-directory)?[ \t]+(\/etc\/network\/)?interfaces\.d\b/m.test(interfaces),
    cloudInit: /interfaces\.d\/[^:]*cloud-init[^:]*:/.test(interfaces),
  };
}

/** False for what a host did not say: `render` plans for hosts that nobody asks. */
export const wasRead = (stdout: string): boolean => /^(missing$|== number )/m.test(stdout);

/** What `readNic` printed; null when the host has no such NIC. */
export function parseNic(stdout: string, nic: string): NicReading | null {
  const parts = sections(stdout);
  if (/^missing$/m.test(stdout) || !wasRead(stdout)) return null;
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
    manager: managerOf(nic, (name) => parts.get(name) ?? '', number),
    part: (name) => parts.get(name) ?? '',
  };
}
