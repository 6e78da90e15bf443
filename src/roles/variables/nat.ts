import { z } from 'zod';
import { address, addressOrCidr, oneOrMore } from './addresses.ts';
import { conntrack } from './conntrack.ts';
import { thingName } from './names.ts';
import { portCount, portOrRange, portRanges } from './ports.ts';
import { complain, refuse, section } from './text.ts';

/** One entry of the SNAT table. */
export const snatEntry = section('Which public address a source leaves by.', {
  source: addressOrCidr.describe('A host or a network inside.'),
  to: oneOrMore(thingName).describe(
    'An EIP of this host by name, or a list: a pool that sources are spread over.',
  ),
  except: z.array(addressOrCidr).default([]).describe('Destinations that keep the packet’s own source.'),
});

/** One entry of the DNAT table. */
export const dnatEntry = section('A service inside that the outside reaches by a public address.', {
  name: thingName.describe('A name, unique on this host.'),
  eip: thingName.describe('The EIP of this host, by name.'),
  port: portOrRange.optional().describe('Public port or range. Not with protocol: any.'),
  protocol: z.enum(['tcp', 'udp', 'tcp+udp', 'any']).describe('any = a 1:1 mapping of the whole address.'),
  to: address.describe('The private address that serves.'),
  to_port: portOrRange
    .optional()
    .describe('Private port or range of the same length; left out = the public one.'),
  except_ports: z
    .array(portOrRange)
    .default([])
    .describe('With protocol: any, the ports that stay with the gateway, as [22].'),
}).superRefine((entry, context) => {
  if (entry.protocol === 'any') {
    const hint = 'Leave it out, or write protocol: tcp, udp or tcp+udp.';
    if (entry.port !== undefined) refuse(context, complain('protocol any maps every port', hint), ['port']);
    if (entry.to_port !== undefined)
      refuse(context, complain('protocol any maps every port', hint), ['to_port']);
    return;
  }
  if (entry.except_ports.length > 0) {
    refuse(context, complain('except_ports needs protocol: any', 'Leave it out.'), ['except_ports']);
  }
  if (entry.port === undefined) {
    refuse(
      context,
      complain(`protocol ${entry.protocol} needs a port`, 'Add port: 80, or write protocol: any.'),
    );
    return;
  }
  const [outer] = portRanges(entry.port);
  const [inner] = portRanges(entry.to_port ?? entry.port);
  if (outer && inner && portCount(outer) !== portCount(inner)) {
    const message = `${portCount(inner)} private ports for ${portCount(outer)} public ones`;
    refuse(context, complain(message, `Write a range of ${portCount(outer)} ports, or leave it out.`), [
      'to_port',
    ]);
  }
});

/** `nat:` */
export const nat = section('Address translation of a NAT gateway.', {
  engine: z
    .enum(['auto', 'nftables', 'iptables', 'firewalld'])
    .default('auto')
    .describe(
      'What holds the rules. auto = nftables where firewalld or Docker is installed or declared, else iptables.',
    ),
  masquerade: z
    .array(addressOrCidr)
    .default([])
    .describe('Sources that leave by the NIC’s own address where no snat entry matches.'),
  snat: z.array(snatEntry).default([]).describe('Sources that leave by a chosen EIP.'),
  dnat: z.array(dnatEntry).default([]).describe('Services inside that are reached by a public address.'),
  clamp_mss: z
    .boolean()
    .default(true)
    .describe(
      'Lower the MSS of forwarded TCP connections to what their route carries. Not with engine firewalld.',
    ),
  conntrack: conntrack.optional(),
});

export type SnatEntry = z.infer<typeof snatEntry>;
export type DnatEntry = z.infer<typeof dnatEntry>;
export type Nat = z.infer<typeof nat>;
