import { sameValue } from '../model/difference.ts';
import type { FieldDifference, Fields, FieldValue } from '../model/resource.ts';
import { sh } from '../shell/quote.ts';
import { parseReadFile, removeFile, writeFile } from '../shell/write-file.ts';
import { defineResource } from './define.ts';
import { LAYER_WORDS, listDifference } from './describe.ts';
import { liveFields, readShaping } from './shaping-live.ts';
import {
  burstOf,
  classField,
  DEVICES,
  DIRECTIONS,
  EXEMPT_PRIORITY,
  plannedFields,
  QUANTUM,
  ratesOf,
  REDIRECT_PRIORITY,
} from './shaping-plan.ts';
import type { Direction, ShapingPlan } from './shaping-plan.ts';

export interface ShapingProps {
  /** null = nothing is shaped. */
  readonly plan: ShapingPlan | null;
  /** The whole script that builds it; null = there must be none. */
  readonly script: string | null;
}

interface ShapingState {
  readonly live: Fields | null;
  readonly saved: Fields | null;
}

export const SHAPING_SCRIPT = '/etc/provision/shape.sh';
export const SHAPING_UNIT = 'provision-net.service';
const UNIT_LINK = `/etc/systemd/system/multi-user.target.wants/${SHAPING_UNIT}`;

const isRate = (field: string): boolean => /^(cap|share|peak) /.test(field);

const differingFields = (from: Fields | null, to: Fields | null): string[] =>
  Object.keys({ ...from, ...to }).filter((field) => !sameValue(from?.[field] ?? null, to?.[field] ?? null));

/** The NICs that carry filters of ours. */
const nicsIn = (fields: Fields | null): string[] => [
  ...new Set(
    Object.keys(fields ?? {}).flatMap((field) => /^(?:redirect|exempt) (\S+) /.exec(field)?.[1] ?? []),
  ),
];

/** Takes our filters off a NIC, and the clsact qdisc when nobody else has a filter there. */
const clearNic = (nic: string): string =>
  [
    'for way in egress ingress; do',
    `  for priority in ${EXEMPT_PRIORITY} ${REDIRECT_PRIORITY}; do`,
    sh`    tc filter del dev ${nic} "$way" prio "$priority" 2>/dev/null || true`,
    '  done',
    'done',
    sh`if [ -z "$(tc filter show dev ${nic} egress; tc filter show dev ${nic} ingress)" ]; then tc qdisc del dev ${nic} clsact 2>/dev/null || true; fi`,
  ].join('\n');

const clear = (fields: Fields | null): string =>
  [
    ...nicsIn(fields).map(clearNic),
    ...DIRECTIONS.map((direction) => sh`ip link del dev ${DEVICES[direction]} 2>/dev/null || true`),
  ].join('\n');

/** Other rates in the same classes: changed in place, without a packet lost; null when more than rates differ. */
function newRates(from: Fields, to: Fields, plan: ShapingPlan | null): string[] | null {
  const differing = differingFields(from, to);
  if (!plan || differing.some((field) => !isRate(field) || !(field in from) || !(field in to))) return null;
  const all = DIRECTIONS.flatMap((direction) => plan.classes[direction].map((one) => ({ direction, one })));
  return differing.flatMap((field) => {
    const found = all.find(({ direction, one }) => classField(one, direction) === field);
    if (!found) return [];
    const { rate, ceil } = ratesOf(String(to[field]));
    const { id, parent } = found.one;
    const burst = burstOf(ceil);
    return [
      sh`tc class replace dev ${DEVICES[found.direction]} parent ${parent} classid ${id} htb rate ${rate} ceil ${ceil} burst ${burst} cburst ${burst} quantum ${QUANTUM}`,
    ];
  });
}

function liveSteps(
  from: Fields | null,
  to: Fields | null,
  script: string | null,
  plan: ShapingPlan | null,
): string[] {
  if (differingFields(from, to).length === 0) return [];
  // Without its script a half-built state cannot be made again: nothing of ours is the state to go back to then.
  if (to === null || script === null) return [clear({ ...from, ...to })];
  const rates = from === null ? null : newRates(from, to, plan);
  if (rates !== null) return rates;
  const gone = nicsIn(from).filter((nic) => !nicsIn(to).includes(nic));
  return [...gone.map(clearNic), sh`sh ${SHAPING_SCRIPT}`];
}

const wayOf: Readonly<Record<Direction, string>> = { egress: 'out', ingress: 'in' };

/** "bandwidth shared: cap is 40mbit live, should be 50mbit (out)". */
function describe({ field, layer, before, after }: FieldDifference): string {
  const said = (value: FieldValue): string => (value === null ? 'absent' : String(value));
  const is = `is ${said(before)} ${LAYER_WORDS[layer]}, should be ${said(after)}`;
  if (field === 'enabled')
    return `bandwidth: ${SHAPING_UNIT} ${after === true ? 'is not' : 'is'} enabled at boot`;
  if (field === 'script') {
    if (before === null) return `bandwidth: ${SHAPING_SCRIPT} is missing`;
    return `bandwidth: ${SHAPING_SCRIPT} ${after === null ? 'should not exist' : `differs ${LAYER_WORDS[layer]}`}`;
  }
  const words = field.split(' ');
  const [what = '', name = '', member = ''] = words;
  const way = wayOf[words.at(-1) === 'ingress' ? 'ingress' : 'egress'];
  if (what === 'cap') return `bandwidth ${name}: cap ${is} (${way})`;
  if (what === 'share') return `bandwidth ${name}: share of ${member} ${is} (${way})`;
  if (what === 'peak') return `bandwidth of ${name}: peak ${is} (${way})`;
  if (what === 'device') return `bandwidth: device ${DEVICES[words.at(-1) as Direction]} ${is}`;
  const { extra, missing } = listDifference(before, after);
  const items: Readonly<Record<string, (item: string) => string>> = {
    redirect: (item) => `${item} on ${name}`,
    exempt: (item) => `${item} free on ${name}`,
  };
  const named = (list: readonly string[]): string => list.map(items[what] ?? String).join(', ');
  return `bandwidth (${way}): ${[
    ...(missing.length > 0 ? [`missing ${LAYER_WORDS[layer]}: ${named(missing)}`] : []),
    ...(extra.length > 0 ? [`not declared but present ${LAYER_WORDS[layer]}: ${named(extra)}`] : []),
  ].join('; ')}`;
}

const END = '== script\n';
const scriptIn = (stdout: string): string | null => {
  const at = stdout.lastIndexOf(`\n${END}`);
  return at < 0 ? null : parseReadFile(stdout.slice(at + 1 + END.length));
};

/**
 * Shared bandwidth, live (tc classes and filters on devices of our own) and saved (the script that builds them, run at
 * boot by `provision-net.service`, whose file is a resource of its own). Planning throws `host-unsupported` where
 * somebody else has what a NIC has only once.
 */
export const shaping = defineResource<ShapingProps, ShapingState>({
  kind: 'shaping',
  name: () => 'bandwidth',
  desired: ({ plan, script }) => ({
    live: plan && plannedFields(plan),
    saved: script === null ? null : { script, enabled: true },
  }),
  probe: () => [
    [readShaping, 'echo', sh`if [ -L ${UNIT_LINK} ]; then echo '== enabled'; fi`].join('\n'),
    { say: END },
    { file: SHAPING_SCRIPT },
  ],
  parse: ({ stdout }, { plan }) => {
    const end = stdout.lastIndexOf(`\n${END}`);
    const said = end < 0 ? stdout : stdout.slice(0, end + 1);
    const script = scriptIn(stdout);
    const enabled = /^== enabled$/m.test(said);
    return {
      live: liveFields(said, plan),
      saved: script === null && !enabled ? null : { script, enabled },
    };
  },
  transition: ({ from, to, text }, { plan }) => {
    const steps: string[] = [];
    if (text !== null && !sameValue(from.saved?.['script'] ?? null, text))
      steps.push(writeFile(SHAPING_SCRIPT, text, { mode: '0755' }));
    steps.push(...liveSteps(from.live, to.live, text, plan));
    if (text === null && from.saved?.['script'] != null) {
      steps.push(
        `systemctl stop ${SHAPING_UNIT} 2>/dev/null || true`,
        `${removeFile(SHAPING_SCRIPT)}\nrmdir /etc/provision 2>/dev/null || true`,
      );
    }
    if (from.saved?.['enabled'] !== to.saved?.['enabled']) {
      steps.push(
        to.saved?.['enabled'] === true
          ? sh`mkdir -p ${UNIT_LINK.slice(0, UNIT_LINK.lastIndexOf('/'))}; ln -sfn ${`../${SHAPING_UNIT}`} ${UNIT_LINK}`
          : removeFile(UNIT_LINK),
      );
    }
    return { steps, paths: [SHAPING_SCRIPT, UNIT_LINK] };
  },
  sentence: (difference) => describe(difference),
  text: ({ stdout }, { script }) => ({
    path: SHAPING_SCRIPT,
    before: scriptIn(stdout),
    after: script,
  }),
});
