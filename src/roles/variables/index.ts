import { z } from 'zod';
import { adopt } from './adopt.ts';
import { bandwidth } from './bandwidth.ts';
import { connectionVariables } from './connection.ts';
import { egress } from './egress.ts';
import { firewall } from './firewall.ts';
import { listeners } from './listeners.ts';
import { nat } from './nat.ts';
import { echoUrl, eips, networks, nics } from './networks.ts';
import { section } from './text.ts';

const presentOrAbsent = z
  .enum(['present', 'absent'])
  .default('present')
  .describe('absent = what the role changed goes back to what it was before; packages stay.');

const roleState = (what: string) =>
  section(`Whether this host is ${what}.`, { state: presentOrAbsent }).optional();

/** Every variable that provision reads, all optional; any other variable of a host passes untouched. */
export const hostVariables = z.looseObject({
  ...connectionVariables,
  echo_url: echoUrl.optional(),
  networks: networks.optional(),
  nics: nics.optional(),
  eips: eips.optional(),
  firewall: firewall.optional(),
  nat: nat.optional(),
  bandwidth: bandwidth.optional(),
  egress: egress.optional(),
  listeners: listeners.optional(),
  adopt: adopt.optional(),
  nat_gateway: roleState('a NAT gateway'),
  app_host: roleState('a multi-NIC app host'),
  load_balancer: section('Whether this host is a load balancer, and how.', {
    state: presentOrAbsent,
    engine: z
      .enum(['auto', 'nftables', 'iptables'])
      .default('auto')
      .describe(
        'What holds the rules. auto = nftables where a listener needs it or firewalld or Docker is installed, else iptables.',
      ),
  }).optional(),
});

/** A host's variables after validation: defaults are filled in, every key is optional. */
export type HostVariables = z.infer<typeof hostVariables>;

/** One variable that provision reads. */
export type VariableName = keyof (typeof hostVariables)['shape'];

/** All variables that provision reads, as written in an inventory. */
export const VARIABLE_NAMES = Object.keys(hostVariables.shape) as VariableName[];

/** Validated variables as roles read them: throws zod's error, so check what a play overrides first. */
export const readVariables = (vars: Readonly<Record<string, unknown>>): HostVariables =>
  hostVariables.parse(vars);

export { adoptedLine } from './adopt.ts';
export type { Adopt, AdoptedLine } from './adopt.ts';
export type { BandwidthPackage } from './bandwidth.ts';
export type { Conntrack } from './conntrack.ts';
export type { Container, DockerNetwork, EgressEntry } from './egress.ts';
export type { FilterRule, Firewall, Zone } from './firewall.ts';
export type { Affinity, Backend, Health, Listener } from './listeners.ts';
export type { DnatEntry, Nat, SnatEntry } from './nat.ts';
export type { Eip, Network, Nic } from './networks.ts';
