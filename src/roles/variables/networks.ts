import { z } from 'zod';
import { address, addressWithPrefix, cidr, macAddress, oneOrMore, urlOrHost } from './addresses.ts';
import { rate } from './amounts.ts';
import { interfaceName, thingName } from './names.ts';
import { named, section } from './text.ts';

/** One network that hosts stand in. */
export const network = section('A network: its addresses, and what routes out of it.', {
  cidr: cidr.describe('The addresses of this network, as 172.31.0.0/24.'),
  region: thingName
    .optional()
    .describe(
      'Where it lies. Networks of one region route to each other, others meet by public addresses only; left out = all lie in one. The lab reads it.',
    ),
  gateway: address.optional().describe('The router of this network, as the cloud or the rack provides it.'),
});

/** `networks:` */
export const networks = named(
  'Every network of the inventory by name: lints, checks and the lab read it.',
  thingName,
  network,
);

/** One network interface. */
export const nic = section('A network interface of the host.', {
  network: thingName.optional().describe('The network it stands in: a key of networks.'),
  address: addressWithPrefix.describe('Its primary address with the prefix length. Asserted, never changed.'),
  secondary: z
    .array(addressWithPrefix)
    .default([])
    .describe('Further addresses with their prefix length. Added where they are missing, live and saved.'),
  mac: macAddress
    .optional()
    .describe('Its Ethernet address, where the name alone does not tell which NIC is meant.'),
});

/** `nics:` */
export const nics = named('The network interfaces of the host, by interface name.', interfaceName, nic);

/** One public address. */
export const eip = section('A public address, and the address of the host that the cloud maps it to.', {
  public: address.describe('The public address, as the outside sees it.'),
  private: address.describe('The address of a NIC of this host that the cloud maps the public one to.'),
  peak: rate
    .optional()
    .describe('What this address may use alone, as 200mbit. Does not count inside a shared package.'),
});

/** `eips:` */
export const eips = named('The public addresses (elastic IPs) of the host, by name.', thingName, eip);

/** `echo_url:` */
export const echoUrl = oneOrMore(urlOrHost).describe(
  'What answers with its caller’s address: one URL or several (tried in order), or the name of a host of the group probes.',
);

export type Network = z.infer<typeof network>;
export type Nic = z.infer<typeof nic>;
export type Eip = z.infer<typeof eip>;
