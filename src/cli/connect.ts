import { labOf } from '../lab/index.ts';
import type { Lab } from '../lab/index.ts';
import { ProvisionError } from '../model/error.ts';
import type { Inventory } from '../model/host.ts';
import type { Target, Transport } from '../model/transport.ts';
import { localTransport, opensshTransport, retrying, sshTransport } from '../transport/index.ts';
import type { HostKeyChecking } from '../transport/index.ts';

export interface ConnectFlags {
  readonly sshConfig?: string;
  readonly hostKeyChecking: HostKeyChecking;
  /** Seconds. */
  readonly timeout: number;
  readonly transport?: 'ssh2' | 'openssh';
  readonly connectRetries?: number;
}

export interface Transports {
  readonly transport: Transport;
  readonly controller: Transport;
}

/**
 * The same host as the lab has it: its address, user, port and keys there. A hop that the inventory does not describe is
 * not there, nor needed.
 */
function inLab(target: Target, lab: Lab): Target {
  const host = lab.hosts.find(({ name }) => name === target.name);
  if (host === undefined) return target;
  const { address, user, sshPort: port } = host;
  const keys = { privateKeyFile: undefined, hostKeys: [] };
  const hops = target.jumps.filter((hop) => lab.hosts.some(({ name }) => name === hop.name));
  return {
    ...target,
    connection: { ...target.connection, address, user, port, ...keys },
    jumps: hops.map((hop) => inLab(hop, lab)),
  };
}

/** ssh, this machine, or the lab of the inventory: each host says which by `ansible_connection`. */
export async function transportsFor(
  inventory: Inventory,
  flags: ConnectFlags,
  given?: Lab,
): Promise<Transports> {
  const wantsLab = [...inventory.hosts.values()].some((host) => host.connection.via === 'lab');
  const lab = given ?? (wantsLab ? await labOf(inventory) : null);
  const make = flags.transport === 'openssh' ? opensshTransport : sshTransport;
  const ssh = (configFile: string | undefined): Transport =>
    retrying(
      make({
        configFile,
        hostKeyChecking: flags.hostKeyChecking,
        connectTimeoutMs: flags.timeout * 1000,
      }),
      flags.connectRetries ?? 1,
    );
  const overSsh = ssh(flags.sshConfig);
  const local = localTransport();
  const overLab = lab ? ssh(lab.sshConfig) : null;
  const transport: Transport = {
    connect: (target, signal) => {
      const { via } = target.connection;
      if (lab && overLab && (given || via === 'lab')) return overLab.connect(inLab(target, lab), signal);
      if (via === 'local') return local.connect(target, signal);
      if (via === 'ssh') return overSsh.connect(target, signal);
      throw new ProvisionError(
        'lab-not-up',
        `${target.name} lives in the lab of this inventory, and that is not up.`,
        {
          hint: `Type: provision lab up -i ${inventory.sources[0] ?? 'INVENTORY'}`,
        },
      );
    },
  };
  return { transport, controller: lab ? localTransport(lab.controllerCommand) : local };
}
