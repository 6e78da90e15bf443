import { BUCKETS_PER_PAGE } from '../../roles/variables/conntrack.ts';
import type { Notes } from './import-notes.ts';

/** A kernel parameter that a file of sysctl.d(5) sets. */
export interface HostSysctl {
  readonly key: string;
  readonly value: string;
  readonly file: string;
}

/** What sysctl.d(5) makes of a name: `/` and `.` change places where a `/` comes first. */
const dotted = (name: string): string =>
  /^[^./]*\//.test(name) ? name.replaceAll(/[./]/g, (sign) => (sign === '/' ? '.' : '/')) : name;

/** `FILE:-net.core.somaxconn = 1024` of each line; of those for one key the last counts. */
export function sysctlsOf(text: string): HostSysctl[] {
  const found = new Map<string, HostSysctl>();
  for (const line of text.split('\n')) {
    const [, file = '', name = '', value = ''] = /^([^:]+):\s*-?\s*([\w./*-]+)\s*=(.*)$/.exec(line) ?? [];
    if (name === '') continue;
    const key = dotted(name);
    found.delete(key);
    found.set(key, { key, value: value.trim().split(/\s+/).join(' '), file });
  }
  return [...found.values()];
}

const CONNTRACK = /^net\.netfilter\.nf_conntrack_(.+)$/;
const TIMEOUTS = [
  ...['established', 'syn_recv', 'fin_wait', 'close_wait', 'time_wait'].map(
    (state) => `tcp_timeout_${state}`,
  ),
  ...['udp_timeout', 'udp_timeout_stream', 'icmp_timeout', 'generic_timeout'],
];
const FLAGS = ['tcp_loose', 'tcp_be_liberal'];

/** `nat.conntrack`; undefined = it has no word for it. */
function conntrackValue(key: string, value: string): number | string | boolean | undefined {
  const number = /^\d{1,9}$/.test(value) ? Number(value) : NaN;
  if (key === 'max') return number > 0 ? number : undefined;
  if (key === 'buckets') return number > 0 && number % BUCKETS_PER_PAGE === 0 ? number : undefined;
  if (TIMEOUTS.includes(key)) return number > 0 ? `${number}s` : undefined;
  return FLAGS.includes(key) && number <= 1 ? number === 1 : undefined;
}

/** What the roles set by themselves, to which values. */
const ROLES_SET: readonly (readonly [key: RegExp, value: RegExp, why: string])[] = [
  [/^net\.ipv4\.(ip_forward|conf\.all\.forwarding)$/, /^1$/, 'a run sets it to 1'],
  [/^net\.ipv4\.conf\..*\.send_redirects$/, /^0$/, 'a gateway and a balancer set it to 0'],
  [/^net\.ipv4\.conf\..*\.rp_filter$/, /^2$/, 'an app host sets it to 2 for each of its NICs'],
  [/^net\.ipv4\.conf\..*\.arp_ignore$/, /^1$/, 'an app host sets it to 1 for each of its NICs'],
  [/^net\.ipv4\.conf\..*\.arp_announce$/, /^2$/, 'an app host sets it to 2 for each of its NICs'],
];

/**
 * Kernel parameters of the network that files set: those of the connection table are `nat.conntrack`, with the value
 * that the kernel has now; the roles set some by themselves; every other one is told.
 */
export function importSysctls(
  { sysctls, conntrack: live }: { sysctls: readonly HostSysctl[]; conntrack: ReadonlyMap<string, string> },
  isGateway: boolean,
  notes: Notes,
): Readonly<Record<string, number | string | boolean>> {
  const conntrack: Record<string, number | string | boolean> = {};
  for (const { key, value, file } of sysctls) {
    const title = `sysctl ${key} = ${value} (${file})`;
    const name = CONNTRACK.exec(key)?.[1] ?? '';
    const now = live.get(name) ?? value;
    const said = isGateway ? conntrackValue(name, now) : undefined;
    const byRole = ROLES_SET.find(([pattern]) => pattern.test(key));
    if (said !== undefined) {
      conntrack[name] = said;
      if (now !== value) notes.add(title, `the kernel has ${now} now, and that is taken`);
    } else if (byRole) {
      if (!byRole[1].test(value)) notes.add(title, `${byRole[2]}, from a file that is read later`);
    } else if (key.startsWith('net.')) notes.add(title, 'stays as it is: no variable says it');
  }
  const buckets = conntrackValue('buckets', live.get('buckets') ?? '');
  // A run would size the hash table anew for a new limit; it has its size already.
  return 'max' in conntrack && !('buckets' in conntrack) && buckets !== undefined
    ? { ...conntrack, buckets }
    : conntrack;
}
