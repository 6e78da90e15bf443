import { z } from 'zod';
import { addressOrCidr, oneOrMore } from './addresses.ts';
import { interfaceName, serviceName, thingName, zoneName } from './names.ts';
import { ports, zonePort } from './ports.ts';
import { complain, named, refuse, section } from './text.ts';

/** One firewalld zone, owned as a whole. */
export const zone = section('A firewalld zone, owned as a whole: what is not listed is not in it.', {
  interfaces: z.array(interfaceName).default([]).describe('Interfaces whose traffic belongs to this zone.'),
  sources: z
    .array(addressOrCidr)
    .default([])
    .describe('Sources whose traffic belongs to this zone, whatever the interface.'),
  services: z
    .array(serviceName)
    .default([])
    .describe('Services that are open. The port of the live SSH connection always is.'),
  ports: z.array(zonePort).default([]).describe('Ports that are open, as 8080/tcp.'),
});

/** One plain rule. */
export const filterRule = section('A plain packet filter rule.', {
  name: thingName.optional().describe('A name for messages.'),
  action: z.enum(['accept', 'drop', 'reject']).describe('What happens to a packet that matches.'),
  direction: z.enum(['in', 'out', 'forward']).describe('Packets to the host, from it, or through it.'),
  protocol: z
    .enum(['tcp', 'udp', 'tcp+udp', 'icmp', 'any'])
    .default('any')
    .describe('The protocol; ports need tcp, udp or tcp+udp.'),
  ports: ports.optional().describe('Destination ports: a list of any length, of ports and ranges.'),
  source: oneOrMore(addressOrCidr).optional().describe('Only packets from these addresses.'),
  destination: oneOrMore(addressOrCidr).optional().describe('Only packets to these addresses.'),
  interface: interfaceName.optional().describe('Only packets that come in (out: go out) by this interface.'),
}).superRefine((rule, context) => {
  if (rule.ports !== undefined && !['tcp', 'udp', 'tcp+udp'].includes(rule.protocol)) {
    refuse(
      context,
      complain(`protocol ${rule.protocol} has no ports`, 'Write protocol: tcp, udp or tcp+udp.'),
      ['ports'],
    );
  }
});

/** `firewall:` */
export const firewall = section('What may reach the host and pass through it.', {
  zones: named('firewalld zones by name.', zoneName, zone).default({}),
  filter: z.array(filterRule).default([]).describe('Plain rules, in order; the first that matches decides.'),
});

export type Zone = z.infer<typeof zone>;
export type FilterRule = z.infer<typeof filterRule>;
export type Firewall = z.infer<typeof firewall>;
