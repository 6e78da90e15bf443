import type { RoleContext } from '../model/playbook.ts';
import { alsoIs, forwardsBeside } from './other-roles.ts';
import type { HostVariables } from './variables/index.ts';

const FORWARDING = 'net.ipv4.ip_forward';

/**
 * Forwarding, and no ICMP redirects: a one-armed gateway would tell its clients to go around it. Redirects stop only
 * when `all` and the NIC's own value are 0 (ip-sysctl.rst); `default` is for NICs that come later. They also use up
 * the kernel's budget for ICMP errors, so that what is rejected would time out instead of failing at once.
 */
export function kernelParameters({ nics }: HostVariables): Record<string, number> {
  const interfaces = ['all', 'default', ...Object.keys(nics ?? {})];
  // A dot in an interface's name is written as a slash (sysctl.d(5)).
  const quiet = interfaces.map((name) => [`net.ipv4.conf.${name.replaceAll('.', '/')}.send_redirects`, 0]);
  return Object.fromEntries([[FORWARDING, 1], ...quiet]) as Record<string, number>;
}

/** Those that a role takes back when it goes: not what another role of the same host still needs. */
export function parametersTakenBack(
  role: 'nat-gateway' | 'load-balancer',
  vars: HostVariables,
  context: Pick<RoleContext, 'host' | 'vars'>,
): Record<string, number> {
  const { [FORWARDING]: forwarding = 1, ...quiet } = kernelParameters(vars);
  const other = role === 'nat-gateway' ? 'load-balancer' : 'nat-gateway';
  return {
    ...(forwardsBeside(role, context) ? {} : { [FORWARDING]: forwarding }),
    ...(alsoIs(other, context) ? {} : quiet),
  };
}
