import type { RoleContext, RoleResult } from '../model/playbook.ts';
import type { Facts, Resource } from '../model/resource.ts';
import {
  blanketZones,
  dockerForward,
  firewalldPolicy,
  firewalldZone,
  forwardingNics,
  onlyWhere,
  packageInstalled,
  service,
  sysctl,
  toBaseline,
} from '../resources/index.ts';
import { adopted, adoptedTakenAway } from './adopted.ts';
import { bandwidthResources } from './bandwidth.ts';
import { conntrack, conntrackTakenAway } from './conntrack.ts';
import { declaredAt } from './declared-at.ts';
import { defineRole } from './define.ts';
import { kernelParameters, parametersTakenBack } from './forwarding.ts';
import { nicAddresses } from './nic-addresses.ts';
import { hasAnotherRole } from './other-roles.ts';
import { natByRules, refuseUnsafe } from './nat-by-rules.ts';
import { forwardPorts, ignoredVariables, masqueradeEntries, refuseUnsupported } from './nat-by-firewalld.ts';
import { natProofs } from './nat-proofs.ts';
import { declaredSources, natRules } from './nat-rules.ts';
import { roleVariables } from './role-variables.ts';
import type { HostVariables, Zone } from './variables/index.ts';

const HAS_FIREWALLD = 'command -v firewalld >/dev/null';
/** One that is stopped rejects nothing, and cannot be seen to have taken a policy. */
const RUNS_FIREWALLD = 'systemctl -q is-active firewalld.service 2>/dev/null';
const HAS_DOCKER = 'command -v dockerd >/dev/null';
const FORWARD_POLICY = 'provision-forward';

const byFirewalld = ({ nat }: HostVariables): boolean => nat?.engine === 'firewalld';

/**
 * The zones of the inventory. Where firewalld translates and none is declared, `public` with every NIC, so that no NIC
 * is left in a zone we do not know.
 */
function zonesOf(vars: HostVariables): Record<string, Zone> {
  const { firewall, nics } = vars;
  const declared = firewall?.zones ?? {};
  if (Object.keys(declared).length > 0 || !byFirewalld(vars)) return declared;
  return { public: { interfaces: Object.keys(nics ?? {}), sources: [], services: ['ssh'], ports: [] } };
}

/** The port of the live SSH connection stays open, whatever the zone says (ssh = port 22). */
function openPorts(zone: Zone, { sshPort }: Facts): { port: string; protocol: string }[] {
  const declared = zone.ports.map((text) => {
    const [port = '', protocol = 'tcp'] = text.split('/');
    return { port, protocol };
  });
  const byService = sshPort === 22 && zone.services.includes('ssh');
  const byPort = declared.some(({ port, protocol }) => protocol === 'tcp' && port === String(sshPort));
  return sshPort === null || byService || byPort
    ? declared
    : [...declared, { port: String(sshPort), protocol: 'tcp' }];
}

/** NAT belongs to the zones whose NICs have a way out: those with an EIP; without EIPs, all. */
function isOutside(zone: Zone, { nics, eips }: HostVariables): boolean {
  const mapped = Object.values(eips ?? {}).map((eip) => eip.private);
  if (mapped.length === 0) return true;
  return zone.interfaces.some((name) => {
    const nic = nics?.[name];
    return [nic?.address, ...(nic?.secondary ?? [])].some((address) =>
      mapped.includes(address?.split('/')[0] ?? ''),
    );
  });
}

function zones(vars: HostVariables, { host, template }: RoleContext): Resource[] {
  return Object.entries(zonesOf(vars)).flatMap(([name, zone]) => {
    const outside = byFirewalld(vars) && isOutside(zone, vars);
    const xml = (facts: Facts): string =>
      template('firewalld/zone.xml', {
        name,
        interfaces: zone.interfaces,
        sources: zone.sources,
        services: zone.services,
        ports: openPorts(zone, facts),
        masquerade: outside ? masqueradeEntries(vars) : [],
        forwards: outside ? forwardPorts(vars) : [],
      });
    return declaredAt(host, ['firewall', 'zones', name], [firewalldZone({ name, xml })]);
  });
}

/**
 * firewalld with its zones, where the inventory declares any or lets it translate; where it only happens to run on the
 * host, just the policy without which it would reject what is forwarded.
 */
function firewalld(vars: HostVariables, context: RoleContext): Resource[] {
  const sources = declaredSources(natRules(vars));
  const policy = firewalldPolicy({
    name: FORWARD_POLICY,
    xml:
      sources.length === 0
        ? null
        : () => context.template('firewalld/policy.xml', { name: FORWARD_POLICY, sources }),
  });
  const declared = zones(vars, context);
  const names = Object.keys(zonesOf(vars));
  const zoned = new Set(Object.values(zonesOf(vars)).flatMap(({ interfaces }) => interfaces));
  const nics = Object.keys(vars.nics ?? {}).filter((nic) => !zoned.has(nic));
  const forwarding =
    nics.length === 0 || sources.length === 0 ? [] : [onlyWhere(RUNS_FIREWALLD, forwardingNics({ nics }))];
  if (declared.length === 0) return [...forwarding, onlyWhere(RUNS_FIREWALLD, policy), blanketZones(names)];
  return [
    blanketZones(names),
    packageInstalled({ name: 'firewalld' }),
    ...declared,
    policy,
    service({ name: 'firewalld', running: true, enabled: true }),
    ...forwarding,
  ];
}

/** Beside Docker: what is declared passes the policy DROP that Docker may have set, whatever translates. */
function besideDocker(vars: HostVariables, absent: boolean): Resource {
  const wanted = natRules(vars);
  const backends = [...wanted.ports, ...wanted.whole].map(({ to }) => to);
  return onlyWhere(
    HAS_DOCKER,
    dockerForward(absent ? { sources: null, backends: [] } : { sources: declaredSources(wanted), backends }),
  );
}

/**
 * Everything as it was before the role came, the newest first: forwarding goes off while the translation still stands.
 * Only names count here, and the kernel parameters to read: what they return to is the host's own baseline. What has a
 * name of ours was not there before, and goes.
 */
function takenAway(vars: HostVariables, context: RoleContext): Resource[] {
  const policy = firewalldPolicy({ name: FORWARD_POLICY, xml: null });
  const declared = Object.keys(zonesOf(vars)).map((name) => firewalldZone({ name, xml: null }));
  const made =
    declared.length === 0
      ? [onlyWhere(HAS_FIREWALLD, policy)]
      : [...declared, policy, service({ name: 'firewalld', running: false, enabled: false })];
  const values = parametersTakenBack('nat-gateway', vars, context);
  const zoned = made.toReversed().map(toBaseline);
  const rules = natByRules(vars, true, context).toReversed();
  return [
    ...adoptedTakenAway('nat-gateway', context),
    toBaseline(sysctl({ name: 'nat-gateway', values, content: null })),
    ...bandwidthResources({ ...vars, bandwidth: [], eips: {} }, context).toReversed(),
    ...conntrackTakenAway(vars),
    besideDocker(vars, true),
    ...(byFirewalld(vars) ? [...rules, ...zoned] : [...zoned, ...rules]),
    ...nicAddresses(vars, context, !hasAnotherRole('nat-gateway', context)).toReversed(),
  ];
}

/**
 * A NAT gateway (rows A, B): forwarding on, declared sources leave translated, declared services are reached from
 * outside and inside by their public address, and their backends see their clients. A table of our own translates, or
 * firewalld within what it can say.
 */
export const natGateway = defineRole<HostVariables>('nat-gateway', (context, options) => {
  const vars = roleVariables(context, options);
  if (vars.nat_gateway?.state === 'absent') {
    const message = `${context.host.name}: nat_gateway is absent: what it changed goes back to the baseline, its packages stay`;
    const resources = declaredAt(context.host, ['nat_gateway'], takenAway(vars, context));
    return { resources, warnings: [message] } satisfies RoleResult;
  }
  if (byFirewalld(vars) || !vars.nat) refuseUnsupported(vars, context.host);
  else refuseUnsafe(vars, context.host);
  const values = kernelParameters(vars);
  const pairs = Object.entries(values).map(([key, value]) => ({ key, value }));
  const from = (path: string[], made: Resource[]): Resource[] => declaredAt(context.host, path, made);
  const rules = from(['nat'], natByRules(vars, byFirewalld(vars), context));
  const zoned = from(['firewall'], firewalld(vars, context));
  const resources: Resource[] = [
    ...nicAddresses(vars, context, false),
    // Before firewalld lets through what they translate; where it translates itself, what translated before goes after it.
    ...(byFirewalld(vars) ? [...zoned, ...rules] : [...rules, ...zoned]),
    ...from(['nat'], [besideDocker(vars, false)]),
    ...from(['nat', 'conntrack'], conntrack(vars, context)),
    ...from(['bandwidth'], bandwidthResources(vars, context)),
    // Last: forwarding without translation would let packets leave with an inside source.
    ...from(
      ['nat_gateway'],
      [
        sysctl({
          name: 'nat-gateway',
          values,
          content: context.template('sysctl/drop-in.conf', { values: pairs }),
        }),
      ],
    ),
    ...adopted('nat-gateway', vars, context),
  ];
  return {
    resources,
    checks: natProofs(vars, context),
    warnings: ignoredVariables(vars, context.host.name),
  } satisfies RoleResult;
});
