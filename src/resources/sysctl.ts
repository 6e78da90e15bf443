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
}

const FORWARDING = 'net.ipv4.ip_forward';

export const sysctlFile = (name: string): string => `/etc/sysctl.d/99-zz-provision-${name}.conf`;

/** In sysctl.d(5) names a dot and a slash change places: `net.ipv4.conf.eth0/1.rp_filter`. */
const procPath = (key: string): string =>
  `/proc/sys/${[...key].map((c) => (c === '.' ? '/' : c === '/' ? '.' : c)).join('')}`;

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
      'echo --',
      readFile(sysctlFile(name)),
    ].join('\n'),
  parse: ({ stdout }, { values }) => {
    const keys = inOrder(Object.keys(values));
    const lines = stdout.split('\n');
    const live = Object.fromEntries(
      keys.map((key, index) => [key, lines[index] === 'absent' ? null : normal(lines[index] ?? '')]),
    );
    const text = parseReadFile(lines.slice(keys.length + 1).join('\n'));
    return { live, saved: text === null ? null : parseDropIn(text) };
  },
  transition: ({ from, to, text }, { name, values }) => {
    const writes: string[] = [];
    const steps: string[] = [];
    if (JSON.stringify(from.saved) !== JSON.stringify(to.saved)) {
      writes.push(
        text === null ? removeFile(sysctlFile(name)) : writeFile(sysctlFile(name), text, { mode: '0644' }),
      );
    }
    for (const key of inOrder(Object.keys(values))) {
      const [before, after] = [from.live[key] ?? null, to.live[key] ?? null];
      if (after !== null && !sameValue(before, after)) steps.push(setLive(key, after));
    }
    return { writes, steps, paths: [sysctlFile(name)] };
  },
  sentence: ({ field, layer, before, after }) =>
    `${field} is ${before === null ? 'not set' : String(before)} ${LAYER_WORDS[layer]}, should be ${after === null ? 'not set' : String(after)}`,
  text: ({ stdout }, { name, content }) => ({
    path: sysctlFile(name),
    before: parseReadFile(stdout.slice(stdout.indexOf('--\n') + 3)),
    after: content,
  }),
});
