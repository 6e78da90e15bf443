import { ProvisionError } from '../model/error.ts';

/** Smallest and largest value that means something (ip-sysctl.rst of the kernel, which takes any number without a word). */
const RANGES: readonly (readonly [RegExp, number, number])[] = [
  [/^net\.ipv4\.ip_forward$/, 0, 1],
  [
    /^net\.ipv4\.conf\.[^.]+\.(forwarding|(send|accept|secure)_redirects|accept_source_route|log_martians|src_valid_mark|route_localnet|accept_local|arp_filter|proxy_arp)$/,
    0,
    1,
  ],
  [/^net\.ipv4\.conf\.[^.]+\.(rp_filter|arp_announce)$/, 0, 2],
  [/^net\.ipv4\.conf\.[^.]+\.arp_ignore$/, 0, 8],
];

/** Throws `playbook` for a value that the kernel would take and that means nothing. */
export function refuseWrongValues(values: Readonly<Record<string, string | number>>): void {
  for (const [key, value] of Object.entries(values)) {
    const [, least, most] = RANGES.find(([pattern]) => pattern.test(key)) ?? [];
    if (least === undefined || most === undefined) continue;
    const number = Number(value);
    if (/^\d+$/.test(String(value)) && number >= least && number <= most) continue;
    throw new ProvisionError('playbook', `${key} = ${String(value)}: it takes ${least} to ${most}.`, {
      hint: `Write a whole number from ${least} to ${most}; the kernel would take this one, and act as it likes.`,
    });
  }
}

/**
 * Keys that the steps before may still bring: those of an interface, a bridge module, or connection tracking. Any
 * other key whose directory is there is a slip of the fingers.
 */
const MAY_COME = /^net\.(ipv4\.(conf|neigh)\.|bridge\.|netfilter\.|nf_conntrack_max$)/;

/** Throws `host-unsupported` for a parameter that this host's kernel does not have. */
export function refuseUnknownKeys(unknown: readonly string[]): void {
  const key = unknown.find((each) => !MAY_COME.test(each));
  if (key === undefined) return;
  const directory = key.slice(0, key.lastIndexOf('.')).replaceAll('.', '/');
  throw new ProvisionError('host-unsupported', `the kernel there has no parameter ${key}.`, {
    hint: `Correct its name; \`ls /proc/sys/${directory}\` there shows what there is.`,
  });
}
