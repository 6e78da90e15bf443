import type { Host } from '../model/host.ts';
import { inRange, parseCidr, blockRange } from '../model/ipv4.ts';
import type { LabNetwork } from './plan.ts';
import { addressAt, cidrAt, recordAt, refuse } from './plan-values.ts';

/** The networks of the inventory, as the first host that carries them says. */
export function readNetworks(hosts: readonly Host[]): LabNetwork[] {
  const networks = new Map<string, LabNetwork>();
  for (const host of hosts) {
    for (const [name, value] of Object.entries(recordAt(host, ['networks'], host.vars.networks))) {
      if (networks.has(name)) continue;
      const entry = recordAt(host, ['networks', name], value);
      const cidr = cidrAt(host, ['networks', name, 'cidr'], entry.cidr);
      const gateway = addressAt(host, ['networks', name, 'gateway'], entry.gateway);
      const { address, prefix } = parseCidr(cidr) ?? { address: '', prefix: 32 };
      if (!inRange(gateway, blockRange(`${address}/${prefix}`))) {
        throw refuse(
          host,
          ['networks', name, 'gateway'],
          `\`networks.${name}.gateway\` ${gateway} is not in ${cidr}`,
          `Write \`networks.${name}.gateway\` as an address of ${cidr}.`,
        );
      }
      networks.set(name, { name, cidr, gateway, gatewayHost: null });
    }
  }
  return [...networks.values()];
}
