import type { Fields, FieldValue } from '../model/resource.ts';
import { swapDots } from './sysctl-live.ts';

export const FORWARDING = 'net.ipv4.ip_forward';

/**
 * What a key becomes when ip_forward changes to that value, undefined = what it was: `forwarding` follows for every
 * NIC and `default`, `all.accept_redirects` is its opposite (inet_forward_change of net/ipv4/devinet.c; measured).
 */
export function resetBy(forwarding: FieldValue, key: string): FieldValue | undefined {
  if (key === 'net.ipv4.conf.all.accept_redirects') return forwarding === '0' ? '1' : '0';
  return /^net\.ipv4\.conf\.(?!all\.)[^.]+\.forwarding$/.test(key) ? forwarding : undefined;
}

/** Prints only those of them that are not what the kernel makes of the present ip_forward: mostly none. */
export const COUPLED = `redirects=/proc/sys/net/ipv4/conf/all/accept_redirects
read -r forwarding </proc/sys/net/ipv4/ip_forward
grep -Hvx "$forwarding" /proc/sys/net/ipv4/conf/*/forwarding
read -r accepts <$redirects
[ "$accepts" != "$forwarding" ] || echo "$redirects:$accepts"`;

export function parseCoupled(lines: readonly string[]): Fields {
  return Object.fromEntries(
    lines.flatMap((line): [string, string][] => {
      const [, path = '', value = ''] =
        /^\/proc\/sys\/(net\/ipv4\/conf\/[^/\s]+\/\w+):(\d+)$/.exec(line) ?? [];
      const key = swapDots(path);
      return resetBy('0', key) === undefined ? [] : [[key, value]];
    }),
  );
}
