import { isIPv4 } from 'node:net';
import { contains, parseCidr } from '../../model/ipv4.ts';
import { inDocker } from './host-nat.ts';
import type { HostContainer, HostDockerNetwork } from './host-docker.ts';
import type { HostReading } from './host-reading.ts';
import type { Notes } from './import-notes.ts';
import { targetOf } from './iptables-text.ts';
import type { Rule } from './iptables-text.ts';

const BUILT_IN = ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'];

/** Chains whose makers keep them by themselves: Docker, provision, fail2ban, Kubernetes. */
const KEPT_CHAIN = /^(DOCKER|PROVISION[_-]|f2b-|KUBE-|CNI-)/;

/** Docker's own rules in the built-in chains name one of its bridges, or one container twice (its hairpin). */
function isDockers({ options }: Rule, bridges: readonly string[]): boolean {
  const nics = ['-i', '-o', '! -i', '! -o'].flatMap((name) => options.get(name) ?? []);
  const hairpin = options.get('-j') === 'MASQUERADE' && options.get('-s') === (options.get('-d') ?? '');
  const ours = nics.some((nic) => bridges.includes(nic));
  return hairpin || (ours && options.get('-j') !== 'DNAT' && options.get('-j') !== 'SNAT');
}

/** Why nothing was made of a rule. */
function whyLeft(rule: Rule, networks: readonly HostDockerNetwork[]): string {
  if (rule.table === 'filter') return 'a filter; firewall.filter can say most of them';
  if (targetOf(rule) === 'TCPMSS') return 'nat.clamp_mss does this too';
  const docker = inDocker(rule.options.get('-s'), networks);
  if (docker)
    return `its source is in the Docker network ${docker.name}, and no container of a fixed address has it`;
  return ['ACCEPT', 'RETURN'].includes(targetOf(rule))
    ? 'an exception from the rules after it, and provision’s come before it: say it there (except of nat.snat), or they translate what it spares'
    : 'no entry says this';
}

/** Tells of every rule that nothing was made of. */
function tellRules(
  rules: readonly Rule[],
  ownChains: readonly string[],
  bridges: readonly string[],
  { reloadDeletes, networks }: HostReading,
  known: ReadonlyMap<Rule, string>,
  notes: Notes,
): void {
  const names = ownChains.map((chain) => chain.split(' ')[1] ?? '');
  for (const chain of ownChains) {
    const [table = '', name = ''] = chain.split(' ');
    const count = rules.filter((rule) => rule.table === table && rule.chain === name).length;
    if (!KEPT_CHAIN.test(name) && count > 0)
      notes.add(
        `chain ${name} of ${table} (${count === 1 ? '1 rule' : `${count} rules`})`,
        'is left as it is: a chain of its own is somebody else’s',
      );
  }
  for (const rule of rules) {
    if (!BUILT_IN.includes(rule.chain) || names.includes(targetOf(rule)) || isDockers(rule, bridges))
      continue;
    const why = known.get(rule) ?? whyLeft(rule, networks);
    notes.add(
      `-t ${rule.table} ${rule.line}`,
      reloadDeletes
        ? `${why}. It stays in force until firewalld is reloaded by anybody but a run: before 2.0 that deletes it`
        : `${why}. It stays in force as it is`,
    );
  }
}

/** Why nothing was made of a container. */
function whyNotDeclared({ networks }: HostContainer, known: readonly HostDockerNetwork[]): string {
  const strange = known.find(({ name, subnet }) => {
    const address = networks[name] ?? '';
    return isIPv4(address) && parseCidr(subnet) !== null && !contains(subnet, address);
  });
  return strange
    ? `cannot start: ${networks[strange.name] ?? ''} is not in ${strange.subnet} of ${strange.name}`
    : 'is left as it is; to have it kept, declare it under egress, scheme docker';
}

/** Tells of everything else that a host may have been given by hand. */
export function tellLeftovers(
  reading: HostReading,
  rules: readonly Rule[],
  ownChains: readonly string[],
  known: ReadonlyMap<Rule, string>,
  notes: Notes,
): void {
  const bridges = reading.networks.map(({ bridge }) => bridge);
  tellRules(rules, ownChains, ['docker0', ...bridges], reading, known, notes);
  reading.qdiscs.forEach((line) =>
    notes.add(
      `tc: ${line}`,
      line.startsWith('qdisc ingress ')
        ? 'stays as it is; a run that declares bandwidth for this NIC is refused beside it'
        : 'stays as it is, beside what bandwidth declares',
    ),
  );
  reading.nftTables.forEach((line) => notes.add(`nftables: ${line}`, 'is left as it is'));
  for (const container of reading.containers) {
    const where = Object.entries(container.networks).map(([network, address]) =>
      `${network} ${address}`.trim(),
    );
    notes.add(
      `container ${container.name} of ${container.image} (${where.join(', ')})`,
      whyNotDeclared(container, reading.networks),
    );
  }
}
