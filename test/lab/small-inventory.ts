import type { Host, Inventory } from '../../src/model/host.ts';

type Vars = Record<string, unknown>;

/** A host as the loader would make it. */
export const labHost = (name: string, groups: readonly string[], vars: Vars): Host => ({
  name,
  groups: ['all', ...groups],
  vars,
  connection: {
    address: (vars.ansible_host as string | undefined) ?? name,
    port: vars.ansible_port as number | undefined,
    user: 'ops',
    become: true,
    jumps: [],
    hostKeys: [],
    via: 'lab',
  },
  place: () => undefined,
});

/** An inventory made of such hosts. */
export const inventoryOf = (source: string, hosts: readonly Host[]): Inventory => ({
  hosts: new Map(hosts.map((host) => [host.name, host])),
  groups: new Map(),
  sources: [source],
  warnings: [],
});

const networks = { 'vpc-t': { cidr: '10.77.0.0/24', gateway: '10.77.0.1' } };

/** The smallest network with all parts: outside, a gateway, a host behind it. */
export const smallInventory = (source: string, more: Vars = {}): Inventory =>
  inventoryOf(source, [
    labHost('out', ['probes'], { networks, ansible_host: '198.51.100.77' }),
    labHost('gate', ['nat-gateway'], {
      networks,
      ansible_host: '10.77.0.2',
      nics: { eth0: { network: 'vpc-t', address: '10.77.0.2/24', secondary: ['10.77.0.3/24'] } },
      eips: { office: { public: '203.0.113.77', private: '10.77.0.2' } },
      nat: { dnat: [{ eip: 'office', port: 8080, protocol: 'tcp', to: '10.77.0.20', to_port: 80 }] },
    }),
    labHost('inner', [], {
      networks,
      ansible_host: '10.77.0.20',
      nics: { eth0: { network: 'vpc-t', address: '10.77.0.20/24' } },
      ansible_port: 2222,
      lab: { ssh_port: 2222 },
      ...more,
    }),
  ]);
