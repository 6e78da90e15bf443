import { BALANCE } from '../model/balance-status.ts';
import type { BalanceRules } from '../model/balance.ts';
import type { RoleContext, RoleResult } from '../model/playbook.ts';
import type { Resource } from '../model/resource.ts';
import type { SshConnection } from '../model/ssh-connection.ts';
import { MOST_TURNS_BY_IPTABLES } from '../model/turns.ts';
import {
  applyBalance,
  balance,
  dockerForward,
  file,
  onlyWhere,
  packageInstalled,
  reloadUnits,
  service,
  sysctl,
  toBaseline,
} from '../resources/index.ts';
import { chainOf, loaderFile, rulesFile, tableOf } from '../resources/rules-shell.ts';
import { adopted, adoptedTakenAway } from './adopted.ts';
import { balanceConf } from './balance-conf.ts';
import { balanceIptables } from './balance-iptables.ts';
import { balanceNftables } from './balance-nftables.ts';
import { balanceProofs } from './balance-proofs.ts';
import { backendRoutes } from './balance-routes.ts';
import { balanceRules } from './balance-rules.ts';
import { declaredAt } from './declared-at.ts';
import { defineRole } from './define.ts';
import { kernelParameters, parametersTakenBack } from './forwarding.ts';
import { nicAddresses } from './nic-addresses.ts';
import { hasAnotherRole } from './other-roles.ts';
import { roleVariables } from './role-variables.ts';
import { rulesAtBoot } from './rules-at-boot.ts';
import type { HostVariables } from './variables/index.ts';

/** Names the set of rules. */
const NAME = 'lb';
const ROLE = 'load-balancer';

/** What fills the chains of the services, whose names begin with S-. */
const FILLED = { prefix: 'S-', by: `bash ${BALANCE.checker} fill`, lock: BALANCE.lock };

/** Decided here where a service or the inventory settles it, else by what the host has. */
function engineOf(vars: HostVariables, { services }: BalanceRules): 'auto' | 'nftables' | 'iptables' {
  const declared = vars.load_balancer?.engine ?? 'auto';
  if (declared !== 'auto') return declared;
  const beyondIptables = services.some(
    ({ by, affinity, turns }) =>
      by === 'source' || affinity !== null || (by === 'turn' && turns.length > MOST_TURNS_BY_IPTABLES),
  );
  const firewalld = Object.keys(vars.firewall?.zones ?? {}).length > 0;
  return beyondIptables || firewalld ? 'nftables' : 'auto';
}

/** Why the SSH connection of a run would not come in any more: a listener has its port. */
function lockout({ services, spreads }: BalanceRules, { address, port }: SshConnection): string | null {
  const taken = services.find(
    (service) =>
      service.addresses.includes(address) &&
      service.protocols.includes('tcp') &&
      service.ports.some(({ from, to }) => from <= port && port <= to),
  );
  const spread = spreads.find((each) => each.protocol === 'tcp' && each.port === port);
  const name = taken?.name ?? spread?.name;
  return name === undefined ? null : `the listener ${name} takes port ${port} of ${address}`;
}

const PARTS = ['chains', 'loading', 'checking', 'status', 'main'];
/** How many backends are asked at once. */
const PARALLEL = 50;

/** One file out of its parts: reading and choosing, loading, and what the words of the command line do. */
const checker = ({ template }: RoleContext): string => {
  const data = {
    ...BALANCE,
    table: tableOf(NAME),
    chain: chainOf(NAME),
    nftFile: rulesFile(NAME, 'nftables'),
    iptablesFile: rulesFile(NAME, 'iptables'),
    loader: loaderFile(NAME),
    parallel: PARALLEL,
  };
  return PARTS.map((part) => template(`lb/${part}.bash`, data)).join('');
};

/** What fills the chains, and the rules around them. Nothing of it where `wanted` is null. */
function balanced(vars: HostVariables, wanted: BalanceRules | null, context: RoleContext): Resource[] {
  const { template } = context;
  const engine = wanted ? engineOf(vars, wanted) : 'auto';
  return [
    file({
      path: BALANCE.checker,
      content: wanted && checker(context),
      mode: '0600',
      notify: applyBalance,
    }),
    balance({ name: NAME, conf: wanted && balanceConf(wanted) }),
    ...rulesAtBoot(
      {
        name: NAME,
        description: 'Load balancing of provision',
        engine,
        filled: FILLED,
        ...(wanted ? { lockout: (ssh: SshConnection) => lockout(wanted, ssh) } : {}),
        nftables:
          wanted && engine !== 'iptables' ? template('nftables/lb.nft', balanceNftables(wanted)) : null,
        iptables:
          wanted && engine !== 'nftables' ? template('iptables/lb.rules', balanceIptables(wanted)) : null,
      },
      context,
    ),
  ];
}

/** What asks the backends: one service, whatever their number; none where no listener has health. */
function healthChecker(wanted: BalanceRules | null, { template }: RoleContext): Resource[] {
  const checks = wanted?.services.flatMap(({ health }) => health ?? []) ?? [];
  const needed = checks.length > 0;
  const unit = template('systemd/provision-lb-checker.service', { checker: BALANCE.checker });
  return [
    ...(checks.some(({ source }) => source !== null) ? [packageInstalled({ name: 'curl' })] : []),
    file({
      path: `/etc/systemd/system/${BALANCE.unit}`,
      content: needed ? unit : null,
      notify: reloadUnits,
    }),
    service({ name: BALANCE.unit, running: needed, enabled: needed }),
  ];
}

const HAS_DOCKER = 'command -v dockerd >/dev/null';

/** Beside Docker: what is balanced passes the policy DROP that Docker may have set, whatever balances it. */
function besideDocker(wanted: BalanceRules | null): Resource {
  const backends = wanted?.services.flatMap((each) => each.backends.map(({ address }) => address)) ?? [];
  return onlyWhere(
    HAS_DOCKER,
    dockerForward({ set: NAME, sources: wanted && [], backends: [...new Set(backends)] }),
  );
}

/** Everything as it was before the role came, the newest first. */
function takenAway(vars: HostVariables, context: RoleContext): Resource[] {
  return [
    ...adoptedTakenAway(ROLE, context),
    toBaseline(sysctl({ name: ROLE, values: parametersTakenBack(ROLE, vars, context), content: null })),
    besideDocker(null),
    ...healthChecker(null, context).toReversed(),
    ...balanced(vars, null, context).toReversed(),
    ...backendRoutes(vars, true),
    ...nicAddresses(vars, context, !hasAnotherRole(ROLE, context)).toReversed(),
  ];
}

/**
 * A load balancer of the kernel's own (rows E1, E2, F): new connections to a listener are spread over its backends by
 * weight, answers find their way back, and a port may be spread over others of the host.
 */
export const loadBalancer = defineRole<HostVariables>('load-balancer', (context, options) => {
  const vars = roleVariables(context, options);
  if (vars.load_balancer?.state === 'absent') {
    const message = `${context.host.name}: load_balancer is absent: what it changed goes back to the baseline, its packages stay`;
    const resources = declaredAt(context.host, ['load_balancer'], takenAway(vars, context));
    return { resources, warnings: [message] } satisfies RoleResult;
  }
  const values = kernelParameters(vars);
  const pairs = Object.entries(values).map(([key, value]) => ({ key, value }));
  const wanted = balanceRules(vars);
  const resources: Resource[] = [
    ...nicAddresses(vars, context, false),
    ...declaredAt(
      context.host,
      ['listeners'],
      [
        ...backendRoutes(vars, false),
        ...balanced(vars, wanted, context),
        ...healthChecker(wanted, context),
        besideDocker(wanted),
        sysctl({ name: ROLE, values, content: context.template('sysctl/drop-in.conf', { values: pairs }) }),
      ],
    ),
    ...adopted(ROLE, vars, context),
  ];
  return { resources, checks: balanceProofs(wanted, context.host.name) } satisfies RoleResult;
});
