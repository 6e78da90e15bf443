import { ProvisionError } from '../model/error.ts';
import type { Connection } from '../model/host.ts';
import type { Target } from '../model/transport.ts';
import { checkAddress, checkPort, checkUser } from './address.ts';
import type { ReadSshConfig } from './ssh-config.ts';
import type { Stop } from './stop.ts';

const MOST_HOPS = 8;

/**
 * The stops on the way to a target, the target last. `jumps` of the inventory win over ProxyJump and ProxyCommand;
 * like ssh, only the first hop goes its own configured way, the others are reached from the hop before them.
 * Rejects with ProvisionError `inventory` (an address, a user or a port that cannot be used) or `usage` (ssh_config).
 */
export async function routeTo(target: Target, readConfig: ReadSshConfig): Promise<Stop[]> {
  const stops: Stop[] = [];
  let first: Target | undefined = target;
  while (first !== undefined) {
    const stop = await stopAt(first, target, readConfig);
    stops.unshift(stop);
    const hops: readonly Target[] = first.jumps.length > 0 ? first.jumps : configuredHops(stop);
    stops.unshift(...(await Promise.all(hops.slice(1).map((hop) => stopAt(hop, target, readConfig)))));
    if (stops.length > MOST_HOPS) throw loopError(target);
    first = hops[0];
  }
  return stops;
}

async function stopAt(at: Target, target: Target, readConfig: ReadSshConfig): Promise<Stop> {
  const who = at === target ? target.name : `jump host ${at.name} (for ${target.name})`;
  const { address, port, user } = at.connection;
  checkAddress(address, who);
  if (user !== undefined) checkUser(user, who);
  if (port !== undefined) checkPort(port, who);
  const settings = await readConfig({ address, port, user });
  checkAddress(settings.address, who);
  checkUser(settings.user, who);
  return { who, connection: at.connection, settings };
}

/** The hops that ProxyJump of the ssh_config names; they have no variables of the inventory. */
function configuredHops({ settings, who }: Stop): Target[] {
  return (settings.proxyJump?.split(',') ?? []).map((text) => parseHop(text, who));
}

/** `[user@]host[:port]` or `ssh://[user@]host[:port]`, IPv6 addresses in brackets (ssh_config(5) ProxyJump). */
export function parseHop(text: string, who: string): Target {
  const match = /^(?:ssh:\/\/)?(?:(.+)@)?(?:\[([^\]]+)\]|([^:@]+))(?::(\d+))?$/.exec(text.trim());
  const address = match?.[2] ?? match?.[3];
  if (match === null || address === undefined) {
    throw new ProvisionError(
      'usage',
      `${who}: ProxyJump of the ssh_config names ${JSON.stringify(text)}, which is no host`,
      {
        hint: 'ssh_config(5) wants [user@]host[:port] there.',
      },
    );
  }
  const connection: Connection = {
    address,
    port: match[4] === undefined ? undefined : Number(match[4]),
    user: match[1],
    become: false,
    jumps: [],
    hostKeys: [],
    via: 'ssh',
  };
  return { name: address, connection, jumps: [] };
}

const loopError = (target: Target): ProvisionError =>
  new ProvisionError('inventory', `${target.name}: more than ${String(MOST_HOPS)} jump hosts lie before it`, {
    hint: 'A jump host is its own jump host, directly or through others: check `jump` in the inventory and ProxyJump in the ssh_config.',
  });
