import { prefixLength } from '../model/ipv4.ts';
import type { Facts, Fields } from '../model/resource.ts';
import type { SshConnection } from '../model/ssh-connection.ts';
import type { ForecastInput } from './define.ts';
import type { FirewalldProps } from './firewalld.ts';
import { activeZones, defaultZone } from './firewalld-dbus.ts';
import { inBlock, judge, list } from './firewalld-verdict.ts';
import { policyFromXml, zoneFromXml } from './firewalld-xml.ts';

interface Bound {
  readonly zone: string;
  readonly interfaces: readonly string[];
  readonly sources: readonly string[];
}

const propsOf = ({ others }: ForecastInput, kind: string): FirewalldProps[] =>
  others.filter((other) => other.kind === kind).map(({ props }) => props as FirewalldProps);

/** Which zone holds what after the run: those declared as declared, others as they are now. */
function bindings(own: readonly Bound[], facts: Facts, around: ForecastInput): Bound[] {
  const declared = propsOf(around, 'firewalld-zone').map(({ name, xml }): Bound => {
    const fields: Fields = xml === null ? {} : zoneFromXml(xml(facts));
    return { zone: name, interfaces: list(fields['interfaces']), sources: list(fields['sources']) };
  });
  const known = [...own, ...declared];
  const live = activeZones(around.output).filter(({ zone }) => known.every((one) => one.zone !== zone));
  return [...known, ...live];
}

/** The zone that the connection arrives in, and by what: sources go before interfaces (firewalld.zones(5)). */
function zoneOf(ssh: SshConnection, bound: readonly Bound[], fallback: string): { zone: string; by: string } {
  const sources = bound.flatMap(({ zone, sources: blocks }) =>
    blocks.filter((block) => inBlock(block, ssh.client)).map((block) => ({ zone, block })),
  );
  const [nearest] = sources.toSorted((a, b) => prefixLength(b.block) - prefixLength(a.block));
  if (nearest) return { zone: nearest.zone, by: `source ${nearest.block}` };
  const holder = bound.find(({ interfaces }) => ssh.nic !== null && interfaces.includes(ssh.nic));
  return holder
    ? { zone: holder.zone, by: `interface ${ssh.nic ?? ''}` }
    : { zone: fallback, by: 'the default zone' };
}

const connectionWords = ({ client, address, port }: SshConnection): string =>
  `SSH from ${client} to ${address}:${port}`;

/** Policies that stand before the zones; what goes to the host itself has HOST as its egress zone (firewalld.policies(5)). */
const comesFirst = ({ ingress_zones: from, egress_zones: to, priority }: Fields, zone: string): boolean =>
  Number(priority) < 0 &&
  list(to).includes('HOST') &&
  list(from).some((name) => name === 'ANY' || name === zone);

/** Why our own SSH would not come in by a zone that is to be `fields`; null = it would, or does not come by it. */
export function zoneLockout(
  fields: Fields | null,
  facts: Facts,
  { name }: FirewalldProps,
  around: ForecastInput,
): string | null {
  const { ssh } = facts;
  if (ssh === null || fields === null) return null;
  const own: Bound = { zone: name, interfaces: list(fields['interfaces']), sources: list(fields['sources']) };
  const { zone, by } = zoneOf(ssh, bindings([own], facts, around), defaultZone(around.output));
  if (zone !== name) return null;
  const { lets, why } = judge(fields, ssh);
  if (lets === 'in') return null;
  const admitted = propsOf(around, 'firewalld-policy').some(({ xml }) => {
    const policy = xml === null ? null : policyFromXml(xml(facts));
    return policy !== null && comesFirst(policy, name) && judge(policy, ssh).lets === 'in';
  });
  return admitted ? null : `zone ${name}, where ${connectionWords(ssh)} arrives (${by}): ${why}`;
}

/** The same for a policy. */
export function policyLockout(
  fields: Fields | null,
  facts: Facts,
  { name }: FirewalldProps,
  around: ForecastInput,
): string | null {
  const { ssh } = facts;
  if (ssh === null || fields === null) return null;
  const { zone } = zoneOf(ssh, bindings([], facts, around), defaultZone(around.output));
  if (!comesFirst(fields, zone)) return null;
  const { lets, why } = judge(fields, ssh);
  return lets === 'out'
    ? `policy ${name}, which ${connectionWords(ssh)} passes before zone ${zone}: ${why}`
    : null;
}
