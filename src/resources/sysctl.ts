import { sameValue } from '../model/difference.ts';
import type { Fields, FieldValue } from '../model/resource.ts';
import { sh } from '../shell/quote.ts';
import { parseReadFile, readFile, removeFile, writeFile } from '../shell/write-file.ts';
import { defineResource } from './define.ts';
import { LAYER_WORDS } from './describe.ts';

export interface SysctlProps {
  /** Names the drop-in `/etc/sysctl.d/99-zz-provision-NAME.conf`, read last (sysctl.d(5)). */
  readonly name: string;
  readonly values: Readonly<Record<string, string | number>>;
  /** The whole drop-in, rendered from a template; null = the drop-in must not exist. */
  readonly content: string | null;
}

interface SysctlState {
  readonly live: Fields;
  readonly saved: Fields | null;
  /** What the kernel sets along with ip_forward. Nobody declares it: it is only kept, for the way back. */
  readonly coupled?: Fields;
}

const FORWARDING = 'net.ipv4.ip_forward';

export const sysctlFile = (name: string): string => `/etc/sysctl.d/99-zz-provision-${name}.conf`;

const swapDots = (name: string): string =>
  [...name].map((c) => (c === '.' ? '/' : c === '/' ? '.' : c)).join('');

/** In sysctl.d(5) names a dot and a slash change places: `net.ipv4.conf.eth0/1.rp_filter`. */
const procPath = (key: string): string => `/proc/sys/${swapDots(key)}`;

/**
 * What a key becomes when ip_forward changes to that value, undefined = what it was: `forwarding` follows for every
 * NIC and `default`, `all.accept_redirects` is its opposite (inet_forward_change of net/ipv4/devinet.c; measured).
 */
function resetBy(forwarding: FieldValue, key: string): FieldValue | undefined {
  if (key === 'net.ipv4.conf.all.accept_redirects') return forwarding === '0' ? '1' : '0';
  return /^net\.ipv4\.conf\.(?!all\.)[^.]+\.forwarding$/.test(key) ? forwarding : undefined;
}

/** Prints only those of them that are not what the kernel makes of the present ip_forward: mostly none. */
const COUPLED = `forwarding=$(cat /proc/sys/net/ipv4/ip_forward)
grep -Hvx "$forwarding" /proc/sys/net/ipv4/conf/*/forwarding
grep -Hx "$forwarding" /proc/sys/net/ipv4/conf/all/accept_redirects || true`;

function parseCoupled(lines: readonly string[]): Fields {
  return Object.fromEntries(
    lines.flatMap((line): [string, string][] => {
      const [, path = '', value = ''] =
        /^\/proc\/sys\/(net\/ipv4\/conf\/[^/\s]+\/\w+):(\d+)$/.exec(line) ?? [];
      const key = swapDots(path);
      return resetBy('0', key) === undefined ? [] : [[key, value]];
    }),
  );
}

/** Writing ip_forward resets every conf/*\/forwarding (ip-sysctl.rst of the kernel): it goes first. */
const inOrder = (keys: readonly string[]): string[] =>
  keys.toSorted((a, b) => Number(b === FORWARDING) - Number(a === FORWARDING) || (a < b ? -1 : 1));

const normal = (value: string): string => value.trim().replaceAll(/\s+/g, ' ');

/** Characters; sysctl(8) itself reads no more than 4096. */
const LONGEST_LINE = 4096;

function parseDropIn(text: string): Fields {
  const pairs = text.split('\n').flatMap((raw): [string, FieldValue][] => {
    // No pattern over a whole line: what a host says may be made to be slow.
    const line = raw.slice(0, LONGEST_LINE).trim().replace(/^-/, '').trimStart();
    const equals = line.indexOf('=');
    if (equals < 1 || line.startsWith('#') || line.startsWith(';')) return [];
    return [[line.slice(0, equals).trimEnd(), normal(line.slice(equals + 1))]];
  });
  return Object.fromEntries(pairs.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

const setLive = (key: string, value: FieldValue): string =>
  sh`printf '%s\\n' ${String(value)} > ${procPath(key)}`;

/** Parameters go away with their NIC. */
const setLiveIfThere = (key: string, value: FieldValue): string =>
  `${sh`[ ! -e ${procPath(key)} ]`} || ${setLive(key, value)}`;

/** Steps from one set of live values to the other, what the kernel couples to ip_forward put right after it. */
function liveSteps(from: SysctlState, to: SysctlState): string[] {
  const forwarding = to.live[FORWARDING] ?? null;
  const switches = forwarding !== null && !sameValue(from.live[FORWARDING] ?? null, forwarding);
  const wanted = { ...(switches ? to.coupled : {}), ...to.live };
  return inOrder(Object.keys(wanted)).flatMap((key) => {
    const after = wanted[key] ?? null;
    const before = (switches ? resetBy(forwarding, key) : undefined) ?? from.live[key] ?? null;
    if (after === null || sameValue(before, after)) return [];
    return [key in to.live ? setLive(key, after) : setLiveIfThere(key, after)];
  });
}

/** Kernel parameters: live now (/proc/sys), and saved in a drop-in of our own. */
export const sysctl = defineResource<SysctlProps, SysctlState>({
  kind: 'sysctl',
  name: ({ name }) => name,
  desired: ({ values, content }) => ({
    live: Object.fromEntries(inOrder(Object.keys(values)).map((key) => [key, String(values[key])])),
    saved: content === null ? null : parseDropIn(content),
  }),
  probe: ({ name, values }) =>
    [
      ...inOrder(Object.keys(values)).map((key) => sh`cat ${procPath(key)} 2>/dev/null || echo absent`),
      ...(FORWARDING in values ? [COUPLED] : []),
      'echo --',
      readFile(sysctlFile(name)),
    ].join('\n'),
  parse: ({ stdout }, { values }) => {
    const keys = inOrder(Object.keys(values));
    const lines = stdout.split('\n');
    const live = Object.fromEntries(
      keys.map((key, index) => [key, lines[index] === 'absent' ? null : normal(lines[index] ?? '')]),
    );
    const end = lines.indexOf('--', keys.length);
    const text = parseReadFile(lines.slice(end + 1).join('\n'));
    const coupled = parseCoupled(lines.slice(keys.length, end));
    return { live, saved: text === null ? null : parseDropIn(text), coupled };
  },
  transition: ({ from, to, text }, { name }) => {
    const steps: string[] = [];
    if (JSON.stringify(from.saved) !== JSON.stringify(to.saved)) {
      steps.push(
        text === null ? removeFile(sysctlFile(name)) : writeFile(sysctlFile(name), text, { mode: '0644' }),
      );
    }
    return { steps: [...steps, ...liveSteps(from, to)], paths: [sysctlFile(name)] };
  },
  // A key of a NIC that came later has no value to return to.
  recoverable: (before, now) => ({
    ...before,
    live: Object.fromEntries(
      Object.entries(now.live).map(([key, value]) => [key, before.live[key] ?? value]),
    ),
  }),
  sentence: ({ field, layer, before, after }) =>
    `${field} is ${before === null ? 'not set' : String(before)} ${LAYER_WORDS[layer]}, should be ${after === null ? 'not set' : String(after)}`,
  text: ({ stdout }, { name, content }) => ({
    path: sysctlFile(name),
    before: parseReadFile(stdout.slice(stdout.indexOf('--\n') + 3)),
    after: content,
  }),
});
