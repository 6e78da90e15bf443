import type { Fields, FieldValue, ProbeOutput, Question } from '../model/resource.ts';
import { sh } from '../shell/quote.ts';

const NAME = 'org.fedoraproject.FirewallD1';
const PATH = '/org/fedoraproject/FirewallD1';

/**
 * Shell text that prints firewalld's runtime settings as one line of JSON, empty where it does not run or does not know the name.
 * By D-Bus: about 8 ms, where firewall-cmd takes 200. `--auto-start=no`, or the question itself would start a stopped firewalld
 * (busctl(1)).
 */
export const readRuntime = (kind: 'zone' | 'policy', name: string): string => {
  const method = kind === 'zone' ? 'getZoneSettings2' : 'getPolicySettings';
  return sh`busctl --auto-start=no --timeout=10 --json=short call ${NAME} ${PATH} ${`${NAME}.${kind}`} ${method} s ${name} 2>/dev/null || echo`;
};

/**
 * Two lines, asked of a host once however many resources want them: which zone holds which interfaces and sources now; the default zone
 * (firewalld.conf(5); `public` when it is not said).
 */
const AROUND = `[ -n "\${around-}" ] || around=$(
  busctl --auto-start=no --timeout=10 --json=short call ${NAME} ${PATH} ${NAME}.zone getActiveZones 2>/dev/null || echo
  sed -n 's/^DefaultZone=//p' /etc/firewalld/firewalld.conf 2>/dev/null | tail -n 1 | grep . || echo public
)
printf '%s\\n' "$around"`;

/** Answered by three lines: the runtime settings of a zone or policy, and what stands around it. */
export const readAround = (kind: 'zone' | 'policy', name: string): readonly Question[] => [
  { inline: readRuntime(kind, name) },
  { inline: AROUND },
];

/**
 * The same, where what stands around it is asked only if that file is not there, and else left empty: each call of D-Bus costs a host
 * some 8 ms. null = it is not asked at all.
 */
export const readLive = (kind: 'zone' | 'policy', name: string, file: string | null): readonly Question[] => [
  { inline: readRuntime(kind, name) },
  file === null
    ? { say: '\n\n' }
    : { inline: `if ${sh`[ -e ${file} ]`}; then echo; echo; else\n${AROUND}\nfi` },
];

/** Has what stands around it been asked? */
export const knowsAround = (output: ProbeOutput): boolean => lineOf(output, 2) !== '';

/** What comes after these three lines. */
export const afterLive = ({ stdout }: ProbeOutput): string => stdout.split('\n').slice(3).join('\n');

/** Shell text that prints firewalld's version as JSON on a line of its own, or nothing where it does not run. */
export const readVersion = `busctl --auto-start=no --timeout=10 --json=short get-property ${NAME} ${PATH} ${NAME} version 2>/dev/null || true`;

/**
 * Shell text that waits, up to a minute, until a firewalld that has just been started has loaded its rules. It takes its
 * name on the bus before (`run_server` of firewall/server/server.py), which is all that `systemctl start` waits for
 * (Type=dbus, systemd.service(5)): a connection made in between says nothing about who may connect from then on. Calls
 * are answered only after.
 */
export const AWAIT_FIREWALLD = `busctl --auto-start=no --timeout=60 get-property ${NAME} ${PATH} ${NAME} state >/dev/null || { echo 'firewalld does not answer a minute after its start' >&2; exit 1; }`;

const lineOf = ({ stdout }: ProbeOutput, index: number): string => stdout.split('\n', index + 1)[index] ?? '';

/** The runtime settings, for `runtimeFields`. */
export const runtimeLine = (output: ProbeOutput): string => lineOf(output, 0);

export const defaultZone = (output: ProbeOutput): string => lineOf(output, 2).trim() || 'public';

/** Zones that hold an interface or a source, now; none when firewalld does not run. */
export function activeZones(
  output: ProbeOutput,
): { zone: string; interfaces: readonly string[]; sources: readonly string[] }[] {
  const line = lineOf(output, 1);
  if (!line.startsWith('{')) return [];
  const answer = JSON.parse(line) as { data?: readonly Record<string, Record<string, unknown>>[] };
  return Object.entries(answer.data?.[0] ?? {}).map(([zone, held]) => ({
    zone,
    interfaces: lists(held['interfaces']),
    sources: lists(held['sources']),
  }));
}

type Setting = { readonly data: unknown };

const lists = (value: unknown): string[] => (Array.isArray(value) ? value.map(String).toSorted() : []);

/** Rich rules in the words of firewalld 1 and later: 0.9 (Debian 11) writes a destination's NOT in small letters. */
const richRules = (value: unknown): string[] =>
  lists(value)
    .map((rule) => rule.replace(/( destination) not (address=)/, '$1 NOT $2'))
    .toSorted();

const tuples = (value: unknown, print: (parts: readonly string[]) => string): string[] =>
  Array.isArray(value)
    ? value.map((parts: unknown) => print(Array.isArray(parts) ? parts.map(String) : [])).toSorted()
    : [];

const port = ([number = '', protocol = '']: readonly string[]): string => `${number}/${protocol}`;
const forwardPort = ([number = '', protocol = '', toPort = '', toAddress = '']: readonly string[]): string =>
  `${number}/${protocol} to ${toAddress}:${toPort}`;

const READERS: Readonly<Record<string, (value: unknown) => FieldValue>> = {
  target: (value) => (typeof value === 'string' ? value : ''),
  priority: (value) => (typeof value === 'number' ? value : 0),
  services: lists,
  ports: (value) => tuples(value, port),
  protocols: lists,
  source_ports: (value) => tuples(value, port),
  icmp_blocks: lists,
  masquerade: (value) => value === true,
  forward_ports: (value) => tuples(value, forwardPort),
  rules: richRules,
  forward: (value) => value === true,
  icmp_block_inversion: (value) => value === true,
  interfaces: lists,
  sources: lists,
  ingress_zones: lists,
  egress_zones: lists,
};

/** firewalld's own names where they differ from the fields'. */
const DBUS_NAMES: Readonly<Record<string, string>> = { rules: 'rules_str' };

/**
 * The line that `readRuntime` printed → the same fields as the file has; null when firewalld does not run or does not
 * know the name. Settings at their default are left out of the answer (firewalld.dbus(5)).
 */
export function runtimeFields(
  line: string,
  fields: readonly string[],
  kind: 'zone' | 'policy',
): Fields | null {
  if (!line.startsWith('{')) return null;
  const answer = JSON.parse(line) as { data?: readonly Record<string, Setting>[] };
  const settings = answer.data?.[0] ?? {};
  return Object.fromEntries(
    fields.map((field): [string, FieldValue] => {
      const rich =
        settings[kind === 'policy' && field === 'rules' ? 'rich_rules' : (DBUS_NAMES[field] ?? field)];
      return [field, READERS[field]?.(rich?.data) ?? null];
    }),
  );
}
