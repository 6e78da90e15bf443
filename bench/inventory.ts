import { mkdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const BACKENDS = [21, 22, 31, 32, 33, 34];

/** The variables of one gateway of the job: a zone, a masquerade, 6 sources, 7 DNAT entries. Each has a network of its own. */
function gateway(index: number): Record<string, unknown> {
  const net = `10.80.${index}`;
  const dnat = (name: string, port: number, protocol: string, host: number, to_port: number) => ({
    ...{ name, eip: 'office', port, protocol, to: `${net}.${host}`, to_port },
  });
  return {
    ansible_host: `${net}.2`,
    nics: { eth0: { network: `net${index}`, address: `${net}.2/24` } },
    eips: { office: { public: `203.0.113.${index}`, private: `${net}.2` } },
    firewall: { zones: { public: { interfaces: ['eth0'], services: ['ssh', 'http', 'https'], ports: [] } } },
    nat: {
      masquerade: [`${net}.128/25`],
      snat: BACKENDS.map((host) => ({ source: `${net}.${host}`, to: 'office' })),
      dnat: [
        dnat('web', 8080, 'tcp', 21, 80),
        dnat('tls', 8443, 'tcp', 21, 443),
        dnat('dns', 5353, 'udp', 22, 53),
        ...[7001, 7002, 7003, 7004].map((port) => dnat(`app${port}`, port, 'tcp', 31, port)),
      ],
    },
  };
}

export interface BenchInventory {
  readonly directory: string;
  readonly file: string;
  readonly names: readonly string[];
}

/** Writes an inventory of so many gateways. Always the same place, so that a lab that is up is found again. */
export function writeInventory(count: number): BenchInventory {
  const directory = path.join(tmpdir(), `provision-bench-${count}`);
  const file = path.join(directory, 'hosts.yml');
  const numbers = Array.from({ length: count }, (_none, index) => index + 1);
  const names = numbers.map((index) => `gw${index}`);
  mkdirSync(directory, { recursive: true });
  const vars = {
    ansible_user: 'root',
    ansible_become: false,
    ansible_connection: 'lab',
    lab: { release: 'debian-12', image: 'full' },
    networks: Object.fromEntries(
      numbers.map((index) => [`net${index}`, { cidr: `10.80.${index}.0/24`, gateway: `10.80.${index}.1` }]),
    ),
  };
  const hosts = Object.fromEntries(numbers.map((index) => [`gw${index}`, gateway(index)]));
  // JSON is YAML.
  const inventory = { all: { vars, children: { 'nat-gateway': { hosts } } } };
  writeFileSync(file, `${JSON.stringify(inventory, null, 2)}\n`);
  return { directory, file, names };
}
