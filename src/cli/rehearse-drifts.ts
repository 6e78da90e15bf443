import type { Compiled } from '../engine/compile.ts';
import { labExec } from '../lab/index.ts';
import type { Lab } from '../lab/index.ts';

export interface Drift {
  readonly name: string;
  readonly host: string;
  readonly make: (lab: Lab) => Promise<void>;
}

/**
 * What somebody might do to a host by hand, for each kind of resource that the playbook declares there. None of it
 * lets untranslated packets out, so that the fabric's counter speaks of the runs alone.
 */
const BY_RESOURCE: readonly (readonly [RegExp, string, readonly string[]])[] = [
  [/^sysctl:(?!app-host$)/, 'forwarding switched off live', ['sysctl', '-qw', 'net.ipv4.ip_forward=0']],
  [/^service:firewalld$/, 'firewalld disabled at boot', ['systemctl', 'disable', 'firewalld.service']],
  [/^service:docker$/, 'Docker disabled at boot', ['systemctl', '-q', 'disable', 'docker.service']],
  [
    /^firewalld-policy:/,
    'the forwarding policy removed, permanently and live',
    ['sh', '-c', 'rm -f /etc/firewalld/policies/provision-*.xml && firewall-cmd --reload'],
  ],
  // Of the first NIC, which the default route leads to anyway.
  [/^policy-routing:/, 'a policy rule deleted', ['ip', 'rule', 'del', 'priority', '5250']],
  [/^policy-routing:/, 'a routing table emptied', ['ip', 'route', 'flush', 'table', '5200']],
];

async function mustExec(lab: Lab, host: string, argv: readonly string[]): Promise<void> {
  const { code, stderr } = await labExec(lab, host, argv);
  if (code !== 0) throw new Error(`the drift could not be made on ${host}: ${stderr}`);
}

/** The drifts that apply to the first host of the playbook. */
export function driftsFor(compiled: Compiled): Drift[] {
  const host = compiled.hosts[0] ?? '';
  const ids = compiled.plays.flatMap((play) => play.resources.get(host) ?? []).map((resource) => resource.id);
  return BY_RESOURCE.flatMap(([pattern, name, argv]) =>
    ids.some((id) => pattern.test(id)) ? [{ name, host, make: (lab: Lab) => mustExec(lab, host, argv) }] : [],
  );
}
