import { contains } from '../model/ipv4.ts';
import type { NatRules, PacketFilter, Ports } from '../model/nat-rules.ts';
import type { SshConnection } from '../model/ssh-connection.ts';

const holds = (ports: readonly Ports[], port: number): boolean =>
  ports.some(({ from, to }) => from <= port && port <= to);

const within = (blocks: readonly string[], address: string): boolean =>
  blocks.length === 0 || blocks.some((block) => contains(block, address));

/** Where DNAT would take a packet of this connection; null = it stays with the gateway. */
function takenBy({ ports, whole }: NatRules, { address, port }: SshConnection): string | null {
  const forward = ports.find(
    (entry) =>
      entry.addresses.includes(address) && entry.protocols.includes('tcp') && holds([entry.ports], port),
  );
  if (forward) return `the DNAT entry ${forward.name} takes ${address}:${port} to ${forward.to}`;
  const all = whole.find((entry) => entry.addresses.includes(address));
  if (!all || holds(all.keep, port)) return null;
  return `the DNAT entry ${all.name} takes all of ${address} to ${all.to}, port ${port} included`;
}

const isTcp = ({ protocols }: PacketFilter): boolean => protocols.length === 0 || protocols.includes('tcp');

/** The first rule that decides about packets of the connection, one way. */
function decides(filter: readonly PacketFilter[], ssh: SshConnection, direction: 'in' | 'out'): number {
  const [from, to, port] =
    direction === 'in' ? [ssh.client, ssh.address, ssh.port] : [ssh.address, ssh.client, ssh.clientPort];
  return filter.findIndex(
    (rule) =>
      rule.direction === direction &&
      isTcp(rule) &&
      // An answer goes to another port each time: a list of ports there decides about none in particular.
      (rule.ports.length === 0 || (direction === 'in' && holds(rule.ports, port))) &&
      within(rule.sources, from) &&
      within(rule.destinations, to) &&
      (rule.nic === '' || ssh.nic === null || rule.nic === ssh.nic),
  );
}

/** Why the SSH connection of a run would not come in once these rules are loaded; null = it would. */
export function natLockout(rules: NatRules, ssh: SshConnection): string | null {
  const taken = takenBy(rules, ssh);
  if (taken !== null) return taken;
  for (const direction of ['in', 'out'] as const) {
    const at = decides(rules.filter, ssh, direction);
    const rule = rules.filter[at];
    if (!rule || rule.action === 'accept') continue;
    const what = direction === 'in' ? `tcp port ${ssh.port} from ${ssh.client}` : `answers to ${ssh.client}`;
    return `rule ${at + 1} of firewall.filter would ${rule.action} ${what}`;
  }
  return null;
}
