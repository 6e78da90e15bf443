import { homedir } from 'node:os';
import { resolve } from 'node:path';
import type { Connection } from '../model/host.ts';
import { ANSIBLE_BOOLEANS, CONNECTIONS } from '../roles/variables/connection.ts';
import type { HostVariables } from '../roles/variables/index.ts';

/**
 * Where and how a host is reached, from its valid variables. A key file may begin with `~` (the home directory of
 * whoever runs provision); a relative one counts from the current directory, as in Ansible.
 */
export function connectionOf(name: string, vars: Readonly<HostVariables>): Connection {
  const { ansible_become: become = false, ansible_port: port, ansible_ssh_private_key_file: keyFile } = vars;
  return {
    address: vars.ansible_host ?? name,
    port: port === undefined ? undefined : Number(port),
    user: vars.ansible_user,
    privateKeyFile: keyFile === undefined ? undefined : resolve(keyFile.replace(/^~(?=\/|$)/, homedir())),
    become: typeof become === 'boolean' ? become : (ANSIBLE_BOOLEANS[become.toLowerCase()] ?? false),
    ...(vars.ansible_become_password === undefined ? {} : { becomePassword: vars.ansible_become_password }),
    jumps: listOf(vars.jump).flatMap((hops) => hops.split(',').map((hop) => hop.trim())),
    hostKeys: listOf(vars.host_keys),
    via: CONNECTIONS[vars.ansible_connection ?? 'ssh'] ?? 'ssh',
  };
}

const listOf = (value: string | string[] | undefined): readonly string[] =>
  value === undefined ? [] : typeof value === 'string' ? [value] : value;

/** The inventory names on the way to a host, itself at the end, if that way leads in a circle. */
export function jumpCircle(
  name: string,
  connections: ReadonlyMap<string, Connection>,
): readonly string[] | undefined {
  const visit = (host: string, above: readonly string[]): readonly string[] | undefined => {
    if (above.includes(host)) return host === name ? [...above, host] : undefined;
    for (const jump of connections.get(host)?.jumps ?? []) {
      const found = connections.has(jump) ? visit(jump, [...above, host]) : undefined;
      if (found) return found;
    }
    return undefined;
  };
  return visit(name, []);
}
