import type { Question } from '../model/resource.ts';
import { parseReadFile, readFile } from '../shell/write-file.ts';
import { sh } from '../shell/quote.ts';
import { parseNic, readNic, wasRead } from './nic-manager.ts';
import type { NicManager } from './nic-manager.ts';
import { parseRouting, readRouting } from './routing-live.ts';
import type { LiveRouting } from './routing-live.ts';
import { ROUTING_DROP_IN } from './routing-networkd.ts';
import type { PolicyRoutingProps } from './routing-plan.ts';
import { ROUTING_SCRIPT, ROUTING_UNIT, UNIT_FILE, UNIT_LINK } from './routing-unit.ts';

/** The main table may be as long as the internet's. Lines. */
const MAIN_LINES = 200;

/** Everything that a host says of its policy routing. */
export interface RoutingReading {
  readonly live: LiveRouting;
  /** Numeric ids by the user that was asked for; null = there is none. */
  readonly uids: ReadonlyMap<string, string | null>;
  /** How answers to the SSH connection of the run leave now: `ip route get`; '' = nobody knows. */
  readonly sshRoute: string;
  /** Routes of the main table but the default ones, as `ip route` prints them. */
  readonly main: readonly string[];
  /** Drop-ins of ours by their path. */
  readonly dropIns: ReadonlyMap<string, string>;
  readonly script: string | null;
  readonly unit: string | null;
  readonly enabled: boolean;
  readonly following: boolean;
  /** Version of systemd; null = it does not say. */
  readonly systemd: number | null;
  /** By NIC; null = the host has no such NIC. */
  readonly managers: ReadonlyMap<string, NicManager | null>;
}

/** Asks for it, each part under a line of its own. */
export const readWholeRouting = ({ nics, users }: PolicyRoutingProps): readonly Question[] => [
  [
    readRouting(nics.map(({ table }) => table)),
    ...users.map(({ user }) => sh`printf 'user %s %s\\n' ${user} "$(id -u -- ${user} 2>/dev/null)"`),
    'set -- ${SSH_CONNECTION:-}',
    `if [ $# -eq 4 ]; then printf 'ssh %s\\n' "$(ip -4 -N route get "$1" from "$3" 2>/dev/null | head -n 1)"; fi`,
    `ip -4 -N route show table main 2>/dev/null | head -n ${MAIN_LINES} | sed 's/^/main /'`,
    `for file in /etc/systemd/network/*.network.d/${ROUTING_DROP_IN}; do`,
    `  if [ -f "$file" ]; then printf 'drop-in %s %s\\n' "$(base64 < "$file" | tr -d '\\n')" "$file"; fi`,
    'done',
    // The library that all of systemd shares has the version in its name: nothing is started to ask.
    'for file in /lib/systemd/libsystemd-shared-*.so /usr/lib/*/systemd/libsystemd-shared-*.so; do',
    `  if [ -f "$file" ]; then printf 'systemd %s\\n' "\${file##*-shared-}"; fi`,
    'done',
    sh`if [ -L ${UNIT_LINK} ]; then echo enabled; fi`,
    sh`if systemctl -q is-active ${ROUTING_UNIT} 2>/dev/null; then echo following; fi`,
    ...[ROUTING_SCRIPT, UNIT_FILE].flatMap((path) => [sh`echo ${`=== file ${path}`}`, readFile(path)]),
  ].join('\n'),
  ...nics.flatMap(({ name }) => [{ say: `=== nic ${name}\n` }, ...readNic(name)]),
];

/** What it printed; null = nobody has read the host. */
export function parseWholeRouting(stdout: string, { nics }: PolicyRoutingProps): RoutingReading | null {
  const [first = '', ...rest] = stdout.split(/^=== /m);
  if (!first.startsWith('rules ')) return null;
  const parts = new Map(
    rest.map((part): [string, string] => {
      const end = part.indexOf('\n');
      return [part.slice(0, end), part.slice(end + 1)];
    }),
  );
  const lines = first.split('\n');
  const words = (name: string): string[] =>
    lines.flatMap((line) => (line.startsWith(`${name} `) ? [line.slice(name.length + 1)] : []));
  const fileOf = (path: string): string | null => parseReadFile(parts.get(`file ${path}`) ?? '');
  return {
    live: parseRouting(first),
    uids: new Map(
      words('user').map((line): [string, string | null] => {
        const [user = '', uid = ''] = line.split(' ');
        return [user, /^\d+$/.test(uid) ? uid : null];
      }),
    ),
    sshRoute: words('ssh')[0] ?? '',
    main: words('main').filter((line) => !line.startsWith('default ')),
    dropIns: new Map(
      words('drop-in').flatMap((line): [string, string][] => {
        const [, text = '', path] = /^(\S*) (\/etc\/systemd\/network\/[^/]+\/[^/]+)$/.exec(line) ?? [];
        return path === undefined ? [] : [[path, Buffer.from(text, 'base64').toString('utf8')]];
      }),
    ),
    systemd: Number(/^\d+/.exec(words('systemd')[0] ?? '')?.[0] ?? Number.NaN) || null,
    script: fileOf(ROUTING_SCRIPT),
    unit: fileOf(UNIT_FILE),
    enabled: lines.includes('enabled'),
    following: lines.includes('following'),
    managers: new Map(
      nics.map(({ name }) => {
        const part = parts.get(`nic ${name}`) ?? '';
        return [name, wasRead(part) ? (parseNic(part, name)?.manager ?? null) : null];
      }),
    ),
  };
}
