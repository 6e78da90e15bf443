import { z } from 'zod';
import { port } from './ports.ts';
import { section } from './text.ts';

/** How the lab builds a host; what it is on real servers does not matter there. */
export const labSection = section('How the lab builds this host.', {
  image: z
    .enum(['bare', 'full'])
    .default('bare')
    .describe('bare = neither firewalld nor Docker; full = with both.'),
  release: z
    .enum(['debian-11', 'debian-12', 'debian-13'])
    .optional()
    .describe('What the host is built of; left out = debian-12, or what --release says.'),
  nic: z
    .enum(['networkd', 'ifupdown'])
    .default('networkd')
    .describe('What configures its NICs: systemd-networkd or ifupdown.'),
  iptables: z
    .enum(['nft', 'legacy'])
    .default('nft')
    .describe('What the command iptables is: iptables-nft or iptables-legacy.'),
  addresses: z
    .enum(['primary', 'all'])
    .optional()
    .describe(
      'Which addresses of its NICs the host has when it boots; left out = all, but only the primary ones for a NAT gateway, whose role adds the others.',
    ),
  default_route: z
    .boolean()
    .optional()
    .describe('With several gateways in one network: this one is where the network’s route table points.'),
  ssh_port: port.optional().describe('The port its sshd listens on; left out = 22.'),
  serve: z
    .array(port)
    .default([])
    .describe('Ports that answer with the name of the host and its caller, for checks.'),
  faults: z
    .array(z.enum(['route-table', 'source-destination-check', 'security-group', 'eip-binding']))
    .default([])
    .describe('Steps on the cloud’s side that were left out for this host, to see what that looks like.'),
}).optional();
