import { sameValue } from '../model/difference.ts';
import { ProvisionError } from '../model/error.ts';
import type { Fields, FieldValue } from '../model/resource.ts';
import { sh } from '../shell/quote.ts';
import { parseReadFile, removeFile, writeFile } from '../shell/write-file.ts';
import { defineResource } from './define.ts';
import { LAYER_WORDS } from './describe.ts';

export interface Bridge {
  readonly name: string;
  /** One address, which the bridge has as a /32: two bridges with the network of it would have two routes to it. */
  readonly address: string;
}

export interface BridgesProps {
  readonly bridges: readonly Bridge[];
}

interface BridgesState {
  /** By name: `up`, and its address in CIDR form; null = no such interface. */
  readonly live: Fields | null;
  readonly saved: Fields | null;
}

export const BRIDGES_SCRIPT = '/etc/provision/bridges.sh';

const CALL = /^bridge '([^']+)' '([^']+)'$/;

/** Makes what is missing; run at boot before the network, and by a change. null = nothing to make. */
const scriptOf = (bridges: readonly Bridge[]): string | null =>
  bridges.length === 0
    ? null
    : `#!/bin/sh
# Written by provision. Changes made here are put back by the next run.
set -e
LC_ALL=C; export LC_ALL
PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"; export PATH
bridge() {
  [ -d "/sys/class/net/$1/bridge" ] || ip link add "$1" type bridge
  ip link set "$1" up
  ip addr replace "$2/32" dev "$1"
}
${bridges.map(({ name, address }) => sh`bridge ${name} ${address}`).join('\n')}
`;

/** The bridges that a script of ours makes: those that are no longer declared are still ours. */
const bridgesIn = (script: string | null): Bridge[] =>
  (script ?? '').split('\n').flatMap((line) => {
    const [, name, address] = CALL.exec(line) ?? [];
    return name === undefined || address === undefined ? [] : [{ name, address }];
  });

const END = '== script\n';
const scriptIn = (stdout: string): string | null => {
  const at = stdout.lastIndexOf(END);
  return at < 0 ? null : parseReadFile(stdout.slice(at + END.length));
};

/** Every interface that is a bridge, and the declared ones that are something else. */
const READ = [
  'for directory in /sys/class/net/*/bridge; do',
  '  [ -d "$directory" ] || continue',
  '  name=${directory%/bridge}; name=${name##*/}',
  '  read -r flags < "/sys/class/net/$name/flags"',
  `  printf 'bridge %s %s %s\\n' "$name" "$((flags & 1))" "$(ip -4 -o addr show dev "$name" | awk '{print $4}' | tr '\\n' ' ')"`,
  'done',
].join('\n');

const readOther = ({ name }: Bridge): string =>
  sh`if [ -e ${`/sys/class/net/${name}`} ] && [ ! -d ${`/sys/class/net/${name}/bridge`} ]; then echo ${`other ${name}`}; fi`;

function parse(stdout: string, { bridges }: BridgesProps): BridgesState {
  const script = scriptIn(stdout);
  const lines = stdout.slice(0, Math.max(0, stdout.lastIndexOf(END))).split('\n');
  const other = lines.find((line) => line.startsWith('other '));
  if (other !== undefined) {
    throw new ProvisionError(
      'host-unsupported',
      `${other.slice('other '.length)} is there and is no bridge.`,
      {
        hint: 'Choose another name for the bridge in egress.',
      },
    );
  }
  const found = new Map(
    lines.flatMap((line): [string, string[]][] => {
      const [, name, up, blocks = ''] = /^bridge (\S+) ([01]) (.*)$/.exec(line) ?? [];
      return name === undefined ? [] : [[name, [...(up === '1' ? ['up'] : []), ...blocks.split(' ')]]];
    }),
  );
  const ours = new Map([...bridgesIn(script), ...bridges].map(({ name, address }) => [name, address]));
  const live = [...ours].flatMap(([name, address]): [string, FieldValue][] => {
    const items = found.get(name)?.filter((item) => item === 'up' || item === `${address}/32`);
    return items === undefined ? [] : [[name, items.toSorted()]];
  });
  return {
    live: live.length === 0 ? null : Object.fromEntries(live),
    saved: script === null ? null : { script },
  };
}

/** A bridge that somebody has plugged something into, or given an address, stays. */
const removeBridge = (name: string): string =>
  sh`name=${name}
if [ -z "$(ls "/sys/class/net/$name/brif" 2>/dev/null; ip -4 -o addr show dev "$name" 2>/dev/null)" ]; then ip link del "$name" 2>/dev/null || true; fi`;

const itemsOf = (fields: Fields | null, name: string): readonly string[] | null => {
  const value = fields?.[name] ?? null;
  return Array.isArray(value) ? (value as readonly string[]) : null;
};

function liveSteps(from: Fields | null, to: Fields | null): string[] {
  return Object.keys({ ...from, ...to }).flatMap((name) => {
    const [has, wants] = [itemsOf(from, name), itemsOf(to, name)];
    const extra = (has ?? []).filter((item) => item !== 'up' && !wants?.includes(item));
    const missing = (wants ?? []).filter((item) => !has?.includes(item));
    return [
      ...(has === null && wants !== null ? [sh`ip link add ${name} type bridge`] : []),
      ...extra.map((block) => sh`ip addr del ${block} dev ${name} 2>/dev/null || true`),
      ...missing.map((item) =>
        item === 'up' ? sh`ip link set ${name} up` : sh`ip addr replace ${item} dev ${name}`,
      ),
      ...(has !== null && wants === null ? [removeBridge(name)] : []),
    ];
  });
}

/**
 * Host bridges that apps listen on, each with one address: live, and saved in a script that a unit of the role runs at
 * boot. No manager of NICs is asked for them: none takes away a bridge that it does not know. Planning throws
 * `host-unsupported` where an interface of that name is no bridge.
 */
export const bridges = defineResource<BridgesProps, BridgesState>({
  kind: 'bridges',
  name: () => 'egress',
  desired: ({ bridges: wanted }) => {
    const script = scriptOf(wanted);
    return {
      live:
        wanted.length === 0
          ? null
          : Object.fromEntries(wanted.map(({ name, address }) => [name, [`${address}/32`, 'up']])),
      saved: script === null ? null : { script },
    };
  },
  probe: ({ bridges: wanted }) => [
    [READ, ...wanted.map(readOther)].join('\n'),
    { say: END },
    { file: BRIDGES_SCRIPT },
  ],
  parse: ({ stdout }, props) => parse(stdout, props),
  transition: ({ from, to, text }) => ({
    writes: sameValue(from.saved?.['script'] ?? null, to.saved?.['script'] ?? null)
      ? []
      : [text === null ? removeFile(BRIDGES_SCRIPT) : writeFile(BRIDGES_SCRIPT, text, { mode: '0755' })],
    steps: liveSteps(from.live, to.live),
    paths: [BRIDGES_SCRIPT],
  }),
  sentence: ({ field, layer, before, after }) => {
    if (field === 'script') {
      if (before === null) return `${BRIDGES_SCRIPT} is missing`;
      return `${BRIDGES_SCRIPT} ${after === null ? 'should not exist' : `differs ${LAYER_WORDS[layer]}`}`;
    }
    if (before === null) return `bridge ${field} is missing`;
    if (after === null) return `bridge ${field} should not exist`;
    const shown = (value: FieldValue): string =>
      (Array.isArray(value) ? value.join(', ') : '') || 'down, without its address';
    return `bridge ${field} is ${shown(before)} ${LAYER_WORDS[layer]}, should be ${shown(after)}`;
  },
  text: ({ stdout }, { bridges: wanted }) => ({
    path: BRIDGES_SCRIPT,
    before: scriptIn(stdout),
    after: scriptOf(wanted),
  }),
});
