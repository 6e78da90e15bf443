import { egress, reach } from '../checks/index.ts';
import type { CheckSpec, RoleContext, RoleResult } from '../model/playbook.ts';
import type { Facts, Resource } from '../model/resource.ts';
import {
  firewalldPolicy,
  firewalldZone,
  packageInstalled,
  secondaryAddresses,
  service,
  sysctl,
} from '../resources/index.ts';
import { contains } from '../model/ipv4.ts';
import { bandwidthResources } from './bandwidth.ts';
import { defineRole } from './define.ts';
import { forwardPorts, ignoredVariables, masqueradeEntries, refuseUnsupported } from './nat-by-firewalld.ts';
import { roleVariables } from './role-variables.ts';
import type { HostVariables, Zone } from './variables/index.ts';

/**
 * Forwarding, and no ICMP redirects: a one-armed gateway would tell its clients to go around it. Redirects stop only
 * when `all` and the NIC's own value are 0 (ip-sysctl.rst); `default` is for NICs that come later. They also use up
 * the kernel's budget for ICMP errors, so that what is rejected would time out instead of failing at once.
 */
function kernelParameters({ nics }: HostVariables): Record<string, number> {
  const interfaces = ['all', 'default', ...Object.keys(nics ?? {})];
  // A dot in an interface's name is written as a slash (sysctl.d(5)).
  const quiet = interfaces.map((name) => [`net.ipv4.conf.${name.replaceAll('.', '/')}.send_redirects`, 0]);
  return Object.fromEntries([['net.ipv4.ip_forward', 1], ...quiet]) as Record<string, number>;
}

const FORWARD_POLICY = 'provision-forward';

/** The zones of the inventory; without any, `public` with every NIC, so that no NIC is left in a zone we do not know. */
function zonesOf({ firewall, nics }: HostVariables): Record<string, Zone> {
  const declared = firewall?.zones ?? {};
  if (Object.keys(declared).length > 0) return declared;
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

function zones(vars: HostVariables, absent: boolean, { template }: RoleContext): Resource[] {
  return Object.entries(zonesOf(vars)).map(([name, zone]) => {
    const outside = !absent && isOutside(zone, vars);
    return firewalldZone({
      name,
      xml: (facts) =>
        template('firewalld/zone.xml', {
          name,
          interfaces: zone.interfaces,
          sources: zone.sources,
          services: zone.services,
          ports: openPorts(zone, facts),
          masquerade: outside ? masqueradeEntries(vars) : [],
          forwards: outside ? forwardPorts(vars) : [],
        }),
    });
  });
}

/** The NICs as declared: the primary address asserted, the others added. */
const addresses = ({ nics }: HostVariables, absent: boolean): Resource[] =>
  Object.entries(nics ?? {}).map(([nic, { address, secondary, mac }]) =>
    absent
      ? secondaryAddresses({ nic, primary: null, addresses: [] })
      : secondaryAddresses({ nic, primary: address, addresses: secondary, mac }),
  );

/** The address that the outside sees for masqueraded sources: the EIP of the first mapped primary address. */
function publicAddress({ nics, eips }: HostVariables): string | undefined {
  const primaries = Object.values(nics ?? {}).map((nic) => nic.address.split('/')[0]);
  return Object.values(eips ?? {}).find((eip) => primaries.includes(eip.private))?.public ?? primaries[0];
}

/** Every known host with a declared source leaves by the gateway; every TCP entry answers from the outside. */
function proofs(vars: HostVariables, context: RoleContext): CheckSpec[] {
  const expect = publicAddress(vars);
  const views = Object.entries(context.hosts) as [string, HostVariables][];
  const behind = views.filter(
    ([name, view]) =>
      name !== context.host.name &&
      Object.keys(view.eips ?? {}).length === 0 &&
      Object.values(view.nics ?? {}).some((nic) =>
        (vars.nat?.masquerade ?? []).some((source) => contains(source, nic.address.split('/')[0] ?? '')),
      ),
  );
  const inward = forwardPorts(vars).filter((entry) => entry.protocol === 'tcp');
  return [
    ...(expect === undefined ? [] : behind.map(([from]) => egress({ from, expect }))),
    ...inward.map((entry) =>
      reach({
        name: `${entry.name} answers from outside`,
        from: 'probes',
        to: `${entry.public}:${entry.port.split('-')[0] ?? ''}`,
        expect: 'open',
        optional: true,
      }),
    ),
  ];
}

/**
 * A NAT gateway (row A): firewalld enabled and running, forwarding on, declared sources masqueraded towards the
 * outside only, so that the backends of DNATed traffic still see their clients.
 */
export const natGateway = defineRole<HostVariables>('nat-gateway', (context, options) => {
  const vars = roleVariables(context, options);
  const absent = vars.nat_gateway?.state === 'absent';
  refuseUnsupported(vars, context.host);
  const sources = absent ? [] : (vars.nat?.masquerade ?? []);
  const values = absent ? {} : kernelParameters(vars);
  const pairs = Object.entries(values).map(([key, value]) => ({ key, value }));
  const resources: Resource[] = [
    packageInstalled({ name: 'firewalld' }),
    ...addresses(vars, absent),
    ...zones(vars, absent, context),
    firewalldPolicy({
      name: FORWARD_POLICY,
      xml:
        sources.length === 0
          ? null
          : () => context.template('firewalld/policy.xml', { name: FORWARD_POLICY, sources }),
    }),
    service({ name: 'firewalld', running: true, enabled: true }),
    ...bandwidthResources(absent ? { ...vars, bandwidth: [], eips: {} } : vars, context),
    // Last: forwarding without translation would let packets leave with an inside source.
    sysctl({
      name: 'nat-gateway',
      values,
      content: absent ? null : context.template('sysctl/drop-in.conf', { values: pairs }),
    }),
  ];
  return {
    resources,
    checks: absent ? [] : proofs(vars, context),
    warnings: ignoredVariables(vars, context.host.name),
  } satisfies RoleResult;
});
