import { ProvisionError } from '../model/error.ts';
import type { Host, Inventory } from '../model/host.ts';
import type { Secret } from '../model/secret.ts';
import type { Target } from '../model/transport.ts';

/** A hop that is no inventory host: `[user@]host[:port]`. */
function hop(text: string, host: Host): Target {
  const match = /^(?:([^@:]+)@)?([^@:]+)(?::(\d{1,5}))?$/.exec(text);
  if (!match?.[2]) {
    throw new ProvisionError(
      'inventory',
      `${host.name}: jump "${text}" is neither a host of the inventory nor [user@]host[:port].`,
      {
        hint: 'Name an inventory host, or write user@host:port.',
        place: host.place(['jump']),
      },
    );
  }
  return {
    name: text,
    connection: {
      address: match[2],
      ...(match[1] === undefined ? {} : { user: match[1] }),
      ...(match[3] === undefined ? {} : { port: Number(match[3]) }),
      become: false,
      jumps: [],
      hostKeys: [],
      via: host.connection.via,
    },
    jumps: [],
  };
}

function targetOf(inventory: Inventory, host: Host, path: readonly string[]): Target {
  if (path.includes(host.name)) {
    throw new ProvisionError('inventory', `The jumps go in a circle: ${[...path, host.name].join(' → ')}.`, {
      hint: 'Take one `jump:` out.',
      place: host.place(['jump']),
    });
  }
  const hops = host.connection.jumps.map((name) => {
    const known = inventory.hosts.get(name);
    return known ? targetOf(inventory, known, [...path, host.name]) : hop(name, host);
  });
  // A hop that is itself reached through a hop brings its own way along.
  return {
    name: host.name,
    connection: host.connection,
    // Asked only of hosts of which something is told.
    get place() {
      return host.place(['ansible_host']) ?? host.place([]);
    },
    jumps: hops.flatMap((target) => [...target.jumps, { ...target, jumps: [] }]),
  };
}

/** How to reach every host of the inventory. Throws `inventory` for a jump that leads nowhere or in a circle. */
export function targetsOf(inventory: Inventory, becomePassword?: Secret): Map<string, Target> {
  const withPassword = (target: Target): Target =>
    becomePassword === undefined
      ? target
      : { ...target, connection: { ...target.connection, becomePassword } };
  return new Map(
    [...inventory.hosts.values()].map((host) => [host.name, withPassword(targetOf(inventory, host, []))]),
  );
}
