import type { RoleContext } from '../model/playbook.ts';
import type { Resource } from '../model/resource.ts';
import { file, sysctl, toBaseline } from '../resources/index.ts';
import { durationSeconds } from './variables/amounts.ts';
import { BUCKETS_PER_PAGE } from './variables/conntrack.ts';
import type { Conntrack, HostVariables } from './variables/index.ts';

const MODULE = 'nf_conntrack';

/** Four connections a bucket, the proportion of nf_conntrack-sysctl.rst, in whole pages. */
const bucketsFor = (max: number): number => Math.ceil(max / 4 / BUCKETS_PER_PAGE) * BUCKETS_PER_PAGE;

const inKernelWords = (value: string | number | boolean): number =>
  typeof value === 'string' ? durationSeconds(value) : Number(value);

/** `net.netfilter.nf_conntrack_*` (nf_conntrack-sysctl.rst); the table grows before what may be in it. */
function kernelParameters(declared: Conntrack): Record<string, number> {
  const { max, buckets = max === undefined ? undefined : bucketsFor(max), ...others } = declared;
  const pairs = Object.entries({ buckets, max, ...others }).flatMap(([key, value]) =>
    value === undefined ? [] : [[`net.netfilter.${MODULE}_${key}`, inKernelWords(value)] as const],
  );
  return Object.fromEntries(pairs);
}

const files = (loads: boolean, buckets: number | undefined): Resource[] => [
  file({ path: '/etc/modules-load.d/provision-conntrack.conf', content: loads ? `${MODULE}\n` : null }),
  file({
    path: '/etc/modprobe.d/provision-conntrack.conf',
    content: buckets === undefined ? null : `options ${MODULE} hashsize=${buckets}\n`,
  }),
];

/**
 * The connection table of a gateway, live and after a reboot. Its parameters exist only once the module is loaded: at
 * boot modules-load.d(5) goes before sysctl.d(5), and modprobe.d(5) sizes the table for whoever loads it earlier.
 */
export function conntrack({ nat }: HostVariables, { template }: RoleContext): Resource[] {
  const values = kernelParameters(nat?.conntrack ?? {});
  const declared = Object.keys(values).length > 0;
  // Where one cannot be set, the others still are: `-` before a key, sysctl.d(5).
  const pairs = Object.entries(values).map(([key, value]) => ({ key: `-${key}`, value }));
  return [
    ...files(declared, values[`net.netfilter.${MODULE}_buckets`]),
    sysctl({
      name: 'conntrack',
      values,
      content: declared ? template('sysctl/drop-in.conf', { values: pairs }) : null,
      ...(declared ? { module: MODULE } : {}),
    }),
  ];
}

/** The same as it was before. What has a name of ours goes. */
export function conntrackTakenAway({ nat }: HostVariables): Resource[] {
  const values = kernelParameters(nat?.conntrack ?? {});
  const declared = Object.keys(values).length > 0;
  const parameters = sysctl({
    name: 'conntrack',
    values,
    content: null,
    ...(declared ? { module: MODULE } : {}),
  });
  return [declared ? toBaseline(parameters) : parameters, ...files(false, undefined).toReversed()];
}
