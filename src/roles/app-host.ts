import { ProvisionError } from '../model/error.ts';
import type { Host } from '../model/host.ts';
import type { RoleContext, RoleResult } from '../model/playbook.ts';
import type { Resource } from '../model/resource.ts';
import { policyRouting, sysctl, toBaseline } from '../resources/index.ts';
import { adopted, adoptedTakenAway } from './adopted.ts';
import { declaredAt, placeOf } from './declared-at.ts';
import { defineRole } from './define.ts';
import { egressBridges } from './egress-bridges.ts';
import { dockerEgress, dockerEgressTakenAway } from './docker-egress.ts';
import { egressProofs } from './egress-proofs.ts';
import { egressRules } from './egress-translation.ts';
import { egressRouting } from './egress-ways.ts';
import { nicAddresses } from './nic-addresses.ts';
import { forwardsBeside, hasAnotherRole } from './other-roles.ts';
import { roleVariables } from './role-variables.ts';
import type { HostVariables } from './variables/index.ts';

/** Names the drop-in of its kernel parameters. */
const NAME = 'app-host';

/**
 * Two NICs in one network would answer ARP for each other's addresses, and ask with each other's (ip-sysctl.rst,
 * arp_ignore and arp_announce). Loose rp_filter takes a packet by any NIC that its source could be reached by: the
 * kernel uses the greater one of `all` and the NIC's own, so 2 holds whatever `all` is.
 */
function kernelParameters({ nics }: HostVariables, forwards: boolean): Record<string, number> {
  const values = { rp_filter: 2, arp_ignore: 1, arp_announce: 2 };
  // First: it sets others anew (ip-sysctl.rst). By file, before dockerd does it, which would close the chain FORWARD too.
  return Object.fromEntries([
    ...(forwards ? [['net.ipv4.ip_forward', 1] as const] : []),
    ...Object.keys(nics ?? {}).flatMap((name) =>
      Object.entries(values).map(
        ([key, value]) =>
          // A dot in an interface's name is written as a slash (sysctl.d(5)).
          [`net.ipv4.conf.${name.replaceAll('.', '/')}.${key}`, value] as const,
      ),
    ),
  ]);
}

const usesDocker = ({ egress = [] }: HostVariables): boolean =>
  egress.some(({ scheme }) => scheme === 'docker');

/** Everything as it was before the role came, the newest first. What has a name of ours was not there before, and goes. */
const takenAway = (vars: HostVariables, context: RoleContext): Resource[] => [
  ...adoptedTakenAway(NAME, context),
  ...dockerEgressTakenAway(vars, context),
  ...egressRules(vars, true, context).toReversed(),
  policyRouting({ nics: [], sources: [], users: [] }),
  ...egressBridges(vars, true, context).toReversed(),
  toBaseline(
    sysctl({
      name: NAME,
      values: kernelParameters(vars, usesDocker(vars) && !forwardsBeside(NAME, context)),
      content: null,
    }),
  ),
  ...nicAddresses(vars, context, !hasAnotherRole(NAME, context)).toReversed(),
];

function refuseWithoutNics({ nics }: HostVariables, host: Host): void {
  if (Object.keys(nics ?? {}).length > 0) return;
  throw new ProvisionError('inventory', `${host.name}: an app host needs nics.`, {
    place: placeOf(host, ['nics']),
    hint: 'Declare nics: with the network and address of each, and the gateway of each under networks:.',
  });
}

/**
 * A host with several NICs (rows D1, D2, D3): what enters by a NIC leaves by that NIC, and each declared app leaves by
 * the NIC it belongs to, with that NIC's public address.
 */
export const appHost = defineRole<HostVariables>(NAME, (context: RoleContext, options) => {
  const vars = roleVariables(context, options);
  if (vars.app_host?.state === 'absent') {
    const message = `${context.host.name}: app_host is absent: what it changed goes back to the baseline, its packages stay`;
    const resources = declaredAt(context.host, ['app_host'], takenAway(vars, context));
    return { resources, warnings: [message] } satisfies RoleResult;
  }
  refuseWithoutNics(vars, context.host);
  const docker = dockerEgress(vars, context);
  const values = kernelParameters(vars, usesDocker(vars));
  const pairs = Object.entries(values).map(([key, value]) => ({ key, value }));
  const content = context.template('sysctl/drop-in.conf', { values: pairs });
  const from = (path: string[], made: Resource[]): Resource[] => declaredAt(context.host, path, made);
  const resources: Resource[] = [
    ...nicAddresses(vars, context, false),
    ...from(['app_host'], [sysctl({ name: NAME, values, content })]),
    ...from(['egress'], egressBridges(vars, false, context)),
    ...from(['egress'], [policyRouting(egressRouting(vars))]),
    ...from(['egress'], egressRules(vars, false, context)),
    // Last: what runs in containers finds its way already there.
    ...docker.resources,
    ...adopted(NAME, vars, context),
  ];
  return { resources, checks: [...egressProofs(vars, context), ...docker.checks] } satisfies RoleResult;
});
