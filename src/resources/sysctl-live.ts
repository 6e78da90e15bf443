import { sh } from '../shell/quote.ts';
import type { Fields, FieldValue, Question } from '../model/resource.ts';
import { refuseUnknownKeys } from './sysctl-values.ts';

export const swapDots = (name: string): string =>
  [...name].map((c) => (c === '.' ? '/' : c === '/' ? '.' : c)).join('');

/** In sysctl.d(5) names a dot and a slash change places: `net.ipv4.conf.eth0/1.rp_filter`. */
export const procPath = (key: string): string => `/proc/sys/${swapDots(key)}`;

/** One line of text, white space as one blank. */
export const normal = (value: string): string => value.trim().replaceAll(/\s+/g, ' ');

/**
 * The mode of a parameter tells root too what it may write (test_perm() of the kernel's proc_sysctl.c knows no
 * CAP_DAC_OVERRIDE): outside the first network namespace, and below a read-only mount, `[ -w ]` fails without a write.
 */
const readOfModule = (path: string): string =>
  sh`if [ ! -e ${path} ]; then echo absent; elif [ -w ${path} ]; then cat ${path}; else printf 'readonly '; cat ${path}; fi`;

/** `loaded`, `loadable`, or `missing`: no such module for this kernel, or no right to load one (a container). */
const readModule = (module: string): string =>
  [
    sh`if [ -d /sys/module/${module} ] || grep -qs ${`^${module} `} /proc/modules; then echo loaded`,
    `elif [ "$((0x$(sed -n 's/^CapEff:[[:space:]]*//p' /proc/self/status) >> 16 & 1))" = 1 ] && [ "$(cat /proc/sys/kernel/modules_disabled 2>/dev/null)" != 1 ] &&`,
    sh`modprobe -n -q -- ${module} 2>/dev/null; then echo loadable; else echo missing; fi`,
  ].join('\n');

/** Answered by a line for the module, if any, and one for each key. Loads nothing. */
export const readLive = (keys: readonly string[], module: string | undefined): Question[] =>
  module === undefined
    ? keys.map((key) => ({ value: procPath(key) }))
    : [[readModule(module), ...keys.map((key) => readOfModule(procPath(key)))].join('\n')];

export interface LiveValues {
  readonly live: Fields;
  /** Keys that cannot be set on this host, with the value they have; null = the kernel does not have them. */
  readonly skipped: ReadonlyMap<string, string | null>;
  /** How many lines the answers to `readLive` are. */
  readonly lines: number;
}

/** What was answered to `readLive`. A key that cannot be set counts as being as declared. */
export function liveValues(
  lines: readonly string[],
  keys: readonly string[],
  values: Readonly<Record<string, string | number>>,
  module: string | undefined,
): LiveValues {
  const first = module === undefined ? 0 : 1;
  const said = (index: number): string => lines[first + index] ?? '';
  const skipped = new Map<string, string | null>();
  if (module === undefined) refuseUnknownKeys(keys.filter((_key, index) => said(index) === 'unknown'));
  else {
    const mayCome =
      lines[0] !== 'missing' && lines[0] !== 'loaded' && keys.every((_, at) => !isThere(said(at)));
    keys.forEach((key, index) => {
      if (said(index).startsWith('readonly '))
        skipped.set(key, normal(said(index).slice('readonly '.length)));
      else if (!isThere(said(index)) && !mayCome) skipped.set(key, null);
    });
  }
  const valueOf = (key: string, index: number): FieldValue => {
    if (skipped.has(key)) return String(values[key]);
    return isThere(said(index)) || said(index) === '' ? normal(said(index)) : null;
  };
  return {
    live: Object.fromEntries(keys.map((key, index) => [key, valueOf(key, index)])),
    skipped,
    lines: first + keys.length,
  };
}

const isThere = (line: string): boolean => !['absent', 'unknown', ''].includes(line);

/** Sets one key; one of a module is left alone where it cannot be set, as the probe leaves it. */
export function setLive(key: string, value: FieldValue, module: string | undefined): string {
  const path = procPath(key);
  const write = sh`printf '%s\\n' ${String(value)} > ${path}`;
  return module === undefined ? write : `${sh`[ ! -w ${path} ] ||`} ${write}`;
}

export const loadModule = (module: string): string => sh`modprobe -- ${module}`;
