import { sameValue } from '../model/difference.ts';
import { ProvisionError } from '../model/error.ts';
import type { Fields, ProbeOutput, Resource } from '../model/resource.ts';
import { defineResource } from './define.ts';
import type { LiveRouting } from './routing-live.ts';
import { routingLockout, strayRoutes } from './routing-lockout.ts';
import { dropInText, parseDropIn, routingDropIn } from './routing-networkd.ts';
import { lastRoute, routesBy, wantedRoutes, wantedRules } from './routing-plan.ts';
import type { PolicyRoutingProps } from './routing-plan.ts';
import { parseWholeRouting, readWholeRouting } from './routing-reading.ts';
import type { RoutingReading } from './routing-reading.ts';
import { refuseManagers } from './routing-refusals.ts';
import { routingTransition } from './routing-transition.ts';
import type { RoutingState } from './routing-transition.ts';
import { ROUTING_SCRIPT, ROUTING_UNIT_TEXT, routingScript, UNIT_FILE } from './routing-unit.ts';
import { describeRouting } from './routing-words.ts';

/** A resource of one host, whose users and managers are known. */
interface Placed {
  readonly props: PolicyRoutingProps;
  readonly found: RoutingReading | null;
  readonly wanted: LiveRouting;
  /** Drop-ins by their path, with their NIC and whole text. */
  readonly dropIns: ReadonlyMap<string, { readonly nic: string; readonly text: string }>;
  /** For NICs that networkd does not configure, or not well enough; null = there are none. */
  readonly script: string | null;
}

/** The id of a user of the host. Where nobody has read it, the name stands for it. */
function uidOf(user: string, found: RoutingReading | null): string {
  const uid = found ? (found.uids.get(user) ?? null) : user;
  if (uid !== null) return uid;
  throw new ProvisionError('host-unsupported', `the host has no user ${user}.`, {
    hint: `Create it first (useradd --system ${user}), or correct users in egress.`,
  });
}

/**
 * networkd before 248 does not know its own rules again that have `uidrange` or `suppress_prefixlength`: adding them once more fails
 * ("Could not add rule: File exists"), and the NIC is left without its routes, the default one too. Seen with 247 of Debian
 * 11, not with 252 and 257; what others add it leaves alone.
 */
const KEEPS_RULES = 248;

function place(props: PolicyRoutingProps, { stdout }: ProbeOutput): Placed {
  const { nics } = props;
  const found = parseWholeRouting(stdout, props);
  const rules = wantedRules(props, (user) => uidOf(user, found));
  const keeps = (found?.systemd ?? KEEPS_RULES) >= KEEPS_RULES;
  const byNetworkd = nics.flatMap((nic) => {
    const manager = found ? found.managers.get(nic.name) : undefined;
    if (found === null) return [{ nic, network: `10-${nic.name}.network` }];
    return manager?.by === 'systemd-networkd' && keeps ? [{ nic, network: manager.network }] : [];
  });
  const by = ['ifupdown', 'unknown', ...(keeps ? [] : ['systemd-networkd'])];
  const others = nics.filter(({ name }) => by.includes(found?.managers.get(name)?.by ?? ''));
  return {
    props,
    found,
    wanted: { rules, routes: wantedRoutes(props) },
    dropIns: new Map(
      byNetworkd.map(({ nic, network }) => [
        routingDropIn(network),
        { nic: nic.name, text: dropInText(nic, nics, rules) },
      ]),
    ),
    script:
      others.length === 0
        ? null
        : routingScript(
            others.map(({ name }) => name),
            rules,
            [...nics.map(lastRoute), ...others.flatMap(routesBy)],
          ),
  };
}

const fieldsOrNull = (fields: Fields): Fields | null =>
  Object.values(fields).every((value) => !value || (Array.isArray(value) && value.length === 0))
    ? null
    : fields;

const liveFields = ({ rules, routes }: LiveRouting, following: boolean | null): Fields | null =>
  fieldsOrNull({ rules, routes, ...(following === null ? {} : { following }) });

function desired({ wanted, dropIns, script }: Placed): RoutingState {
  const unit = script === null ? {} : { script, unit: ROUTING_UNIT_TEXT, enabled: true };
  return {
    live: liveFields(wanted, script === null ? null : true),
    saved: fieldsOrNull({
      ...Object.fromEntries([...dropIns].map(([path, { nic, text }]) => [path, parseDropIn(text, nic)])),
      ...unit,
    }),
  };
}

function actual({ found, script, dropIns }: Placed): RoutingState {
  if (found === null) return { live: null, saved: null };
  const hasUnit = found.script !== null || found.unit !== null || found.enabled || script !== null;
  const unit = { script: found.script, unit: found.unit, enabled: found.enabled };
  return {
    live: liveFields(found.live, script === null && !found.following ? null : found.following),
    saved: fieldsOrNull({
      ...Object.fromEntries(
        [...found.dropIns].map(([path, text]) => [path, parseDropIn(text, dropIns.get(path)?.nic ?? '')]),
      ),
      ...(hasUnit ? unit : {}),
    }),
  };
}

/** The files that are wanted, by path. */
function textsOf({ dropIns, script }: Placed): Map<string, string> {
  const texts = new Map([...dropIns].map(([path, { text }]): [string, string] => [path, text]));
  return script === null ? texts : texts.set(ROUTING_SCRIPT, script).set(UNIT_FILE, ROUTING_UNIT_TEXT);
}

const routing = defineResource<Placed, RoutingState>({
  kind: 'policy-routing',
  name: () => 'egress',
  desired,
  probe: ({ props }) => readWholeRouting(props),
  parse: (_output, placed) => actual(placed),
  transition: ({ from, to }, placed) => routingTransition(from, to, textsOf(placed)),
  sentence: describeRouting,
  lockout: (_to, { ssh }, { props, found }) => (ssh && found ? routingLockout(props, found, ssh) : null),
});

/**
 * Policy routing of a host with several NICs, live (`ip rule`, `ip route`) and saved where what manages each NIC keeps
 * it: what has the source of a NIC leaves by that NIC. Ours are rules of priority 5200 to 5299 that lead to tables of
 * these numbers; everything else is left alone. Planning throws `host-unsupported` for a user that is not there, and
 * for a NIC whose manager cannot be worked with, unless all is as it should be.
 */
export function policyRouting(props: PolicyRoutingProps): Resource {
  const { id, kind, probe, phase } = routing(place(props, { stdout: '', code: 0 }));
  const plan: Resource['plan'] = (output, facts, around) => {
    const placed = place(props, output);
    const { found, wanted } = placed;
    if (found !== null)
      refuseManagers(
        props.nics,
        found.managers,
        wanted.rules,
        sameValue(found.live.rules, wanted.rules) && sameValue(found.live.routes, wanted.routes),
      );
    return routing(placed).plan(output, facts, around);
  };
  return {
    ...{ id, kind, probe, phase, plan, declared: JSON.stringify(props) },
    // Names and numbers of ours: before the first run there was nothing to return to.
    planBack: (output, facts) => plan(output, facts),
    baseline: () => null,
    warnings: ({ stdout }) => {
      const found = parseWholeRouting(stdout, props);
      return (found ? strayRoutes(props, found) : []).map(
        (route) => `the main table leads packets of every NIC by one: ${route.trim()}`,
      );
    },
  };
}
