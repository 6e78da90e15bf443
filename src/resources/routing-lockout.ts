import { contains } from '../model/ipv4.ts';
import type { SshConnection } from '../model/ssh-connection.ts';
import type { RoutingReading } from './routing-reading.ts';
import type { PolicyRoutingProps } from './routing-plan.ts';

const word = (line: string, name: string): string | undefined =>
  new RegExp(`(?:^| )${name} (\\S+)`).exec(line)?.[1];

/** The destination of a line of `ip route`; null = none that we can read. */
const destination = (line: string): string | null =>
  /^(?:[a-z]+ )?(\d+\.\d+\.\d+\.\d+(?:\/\d+)?)(?: |$)/.exec(line)?.[1] ?? null;

const holds = (block: string | null, address: string): boolean => {
  try {
    return block !== null && contains(block, address);
  } catch {
    return false;
  }
};

/** Why answers to the SSH connection of the run would take a way that leads nowhere; null = they would not, or nobody knows. */
export function routingLockout(
  { nics, sources }: PolicyRoutingProps,
  { sshRoute, main }: Pick<RoutingReading, 'sshRoute' | 'main'>,
  { client, address }: SshConnection,
): string | null {
  const source = sources.find(({ block }) => holds(block, address));
  const nic = nics.find(({ name }) => name === source?.nic);
  if (nic === undefined) return null;
  if (nics.some(({ networks }) => networks.some(({ cidr }) => holds(cidr, client)))) return null;
  // The main table decides first where it knows better than by default.
  if (main.some((line) => holds(destination(line), client))) return null;
  const answers = `answers from ${address} to ${client}`;
  if (nic.gateway === null)
    return `${answers} would find no way out of ${nic.name}, whose network has no gateway`;
  const [via, by] = [word(sshRoute, 'via'), word(sshRoute, 'dev')];
  return by === nic.name && via !== undefined && via !== nic.gateway
    ? `${answers} leave ${nic.name} by ${via} now, and would leave it by ${nic.gateway}`
    : null;
}

/** Routes of the main table by which packets of one NIC's address would leave another NIC. */
export const strayRoutes = (
  { nics }: PolicyRoutingProps,
  { main }: Pick<RoutingReading, 'main'>,
): string[] =>
  nics.length < 2
    ? []
    : main.filter(
        (line) => word(line, 'via') !== undefined && nics.some(({ name }) => name === word(line, 'dev')),
      );
