import { sameValue } from '../model/difference.ts';
import type { Fields, FieldValue, Resource } from '../model/resource.ts';
import { parseReadFile, removeFile, writeFile } from '../shell/write-file.ts';
import { sh } from '../shell/quote.ts';
import { defineResource } from './define.ts';
import { LAYER_WORDS } from './describe.ts';
import { COUPLED, FORWARDING, parseCoupled, resetBy } from './sysctl-forwarding.ts';
import { liveValues, loadModule, normal, procPath, readLive, setLive } from './sysctl-live.ts';
import { refuseWrongValues } from './sysctl-values.ts';

export interface SysctlProps {
  /** Names the drop-in `/etc/sysctl.d/99-zz-provision-NAME.conf`, read last (sysctl.d(5)). */
  readonly name: string;
  readonly values: Readonly<Record<string, string | number>>;
  /** The whole drop-in, rendered from a template; null = the drop-in must not exist. */
  readonly content: string | null;
  /**
   * The kernel module that brings these keys: it is loaded before they are set. Keys of a module that this host's
   * kernel does not have, or does not let be set (in a container), are skipped with a warning.
   */
  readonly module?: string;
}

interface SysctlState {
  readonly live: Fields;
  readonly saved: Fields | null;
  /** What the kernel sets along with ip_forward. Nobody declares it: it is only kept, for the way back. */
  readonly coupled?: Fields;
}

export const sysctlFile = (name: string): string => `/etc/sysctl.d/99-zz-provision-${name}.conf`;

/** Writing ip_forward resets every conf/*\/forwarding (ip-sysctl.rst of the kernel): it goes first. */
const inOrder = (keys: readonly string[]): string[] =>
  keys.toSorted((a, b) => Number(b === FORWARDING) - Number(a === FORWARDING) || (a < b ? -1 : 1));

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

/** Parameters go away with their NIC. */
const setLiveIfThere = (key: string, value: FieldValue): string =>
  `${sh`[ ! -e ${procPath(key)} ]`} || ${setLive(key, value, undefined)}`;

/** Steps from one set of live values to the other, what the kernel couples to ip_forward put right after it. */
function liveSteps(from: SysctlState, to: SysctlState, module: string | undefined): string[] {
  const forwarding = to.live[FORWARDING] ?? null;
  const switches = forwarding !== null && !sameValue(from.live[FORWARDING] ?? null, forwarding);
  const wanted = { ...(switches ? to.coupled : {}), ...to.live };
  const wrong = inOrder(Object.keys(wanted)).filter((key) => {
    const before = (switches ? resetBy(forwarding, key) : undefined) ?? from.live[key] ?? null;
    return (wanted[key] ?? null) !== null && !sameValue(before, wanted[key] ?? null);
  });
  const comes = module !== undefined && wrong.some((key) => (from.live[key] ?? null) === null);
  return [
    ...(comes ? [loadModule(module)] : []),
    ...wrong.map((key) =>
      key in to.live ? setLive(key, wanted[key] ?? null, module) : setLiveIfThere(key, wanted[key] ?? null),
    ),
  ];
}

const define = defineResource<SysctlProps, SysctlState>({
  kind: 'sysctl',
  name: ({ name }) => name,
  desired: ({ values, content }) => ({
    live: Object.fromEntries(inOrder(Object.keys(values)).map((key) => [key, String(values[key])])),
    saved: content === null ? null : parseDropIn(content),
  }),
  probe: ({ name, values, module }) => [
    ...readLive(inOrder(Object.keys(values)), module),
    ...(FORWARDING in values ? [{ inline: COUPLED }] : []),
    { say: '--\n' },
    { file: sysctlFile(name) },
  ],
  parse: ({ stdout }, { values, module }) => {
    const lines = stdout.split('\n');
    const read = liveValues(lines, inOrder(Object.keys(values)), values, module);
    const end = lines.indexOf('--', read.lines);
    const text = parseReadFile(lines.slice(end + 1).join('\n'));
    const coupled = parseCoupled(lines.slice(read.lines, end));
    return { live: read.live, saved: text === null ? null : parseDropIn(text), coupled };
  },
  warnings: ({ stdout }, { values, module }) => {
    const { skipped } = liveValues(stdout.split('\n'), inOrder(Object.keys(values)), values, module);
    return [...skipped].map(([key, value]) =>
      value === null
        ? `${key} is skipped (unsupported): the kernel does not have it here`
        : `${key} is skipped (unsupported): it is ${value}, and the kernel lets nobody set it here`,
    );
  },
  transition: ({ from, to, text }, { name, module }) => {
    const writes: string[] = [];
    if (JSON.stringify(from.saved) !== JSON.stringify(to.saved)) {
      writes.push(
        text === null ? removeFile(sysctlFile(name)) : writeFile(sysctlFile(name), text, { mode: '0644' }),
      );
    }
    return { writes, steps: liveSteps(from, to, module), paths: [sysctlFile(name)] };
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
  cuts: ({ field, before, after }) =>
    field === FORWARDING && before === '1' && after !== '1' ? ['forwarding between its NICs'] : [],
  text: ({ stdout }, { name, content }) => ({
    path: sysctlFile(name),
    before: parseReadFile(stdout.slice(stdout.indexOf('--\n') + 3)),
    after: content,
  }),
});

/**
 * Kernel parameters: live now (/proc/sys), and saved in a drop-in of our own. Throws `playbook` for a value that a
 * known parameter does not have.
 */
export function sysctl(props: SysctlProps): Resource {
  refuseWrongValues(props.values);
  return define(props);
}
