import { z } from 'zod';
import { address, cidr } from './addresses.ts';
import { dockerName, imageName, interfaceName, thingName, userNameOrId } from './names.ts';
import { publishedPort } from './ports.ts';
import { complain, named, refuse, section, shown, text } from './text.ts';

/** environ(7): no "="; what shells take for a name, and dots. */
const variableName = text('The name of an environment variable.', {
  complaint: (name) =>
    /^[A-Za-z_][A-Za-z0-9_.]*$/.test(name) && name !== '__proto__'
      ? undefined
      : complain(`${shown(name)} cannot name an environment variable`, 'Use letters, digits and "_".'),
});

/** Lines and all but NUL; one string of it can be 128 KiB (MAX_ARG_STRLEN, execve(2)). */
const variableValue = z
  .string()
  .max(100_000)
  .superRefine((value, context) => {
    if (!value.includes('\0')) return;
    refuse(context, complain('must not contain a NUL byte', 'No environment can hold it: encode the value.'));
  })
  .describe('A value.');

/** One container. */
export const container = section('A container that this entry runs.', {
  name: dockerName.describe('The name of the container, unique on this host.'),
  image: imageName.describe('The image, present on the host or in a registry that it reaches.'),
  ip: address.describe('Its fixed address inside the Docker network.'),
  publish: z
    .array(publishedPort)
    .default([])
    .describe('Ports published on the address of the NIC, as 8090:8080.'),
  environment: named(
    'Its environment. Values may be secrets: no plan, report or process list shows them.',
    variableName,
    z.union([variableValue, z.number(), z.boolean()]),
  ).default({}),
  restart: z
    .enum(['no', 'always', 'unless-stopped', 'on-failure'])
    .default('always')
    .describe('Docker’s restart policy.'),
  command: z
    .array(text('One word of the command.', { longest: 4000 }))
    .min(1)
    .optional()
    .describe('What it runs, a word each; left out = what the image says.'),
});

/** One Docker network. */
export const dockerNetwork = section('The Docker bridge network of the containers.', {
  name: thingName.describe('Its name in Docker.'),
  subnet: cidr.describe('Its addresses.'),
  gateway: address
    .optional()
    .describe('The host’s own address in it; left out = the first one of the subnet.'),
  bridge: interfaceName.optional().describe('The name of its bridge interface; left out = Docker chooses.'),
  options: named(
    'More options of Docker’s bridge driver, as com.docker.network.driver.mtu: 1400.',
    text('An option.'),
    z.union([text('A value.'), z.number(), z.boolean()]),
  ).default({}),
});

/** One entry: an app, and the NIC it leaves by. */
export const egressEntry = section('An app, and the NIC that it is reached and leaves by.', {
  name: thingName.describe('A name, unique on this host.'),
  nic: interfaceName.describe('The NIC: a key of nics.'),
  eip: thingName
    .optional()
    .describe(
      'Which EIP of the NIC stands for the app, by name; left out = that of the NIC’s primary address.',
    ),
  scheme: z
    .enum(['bind', 'docker', 'bridge'])
    .describe(
      'bind = apps that bind the NIC’s address, or run as a user; docker = containers; bridge = a host bridge with its own address.',
    ),
  users: z
    .array(userNameOrId)
    .optional()
    .describe('bind, bridge: everything these users send leaves by this NIC.'),
  network: dockerNetwork.optional().describe('docker: the network of the containers.'),
  containers: z
    .array(container)
    .optional()
    .describe('docker: containers that are run and kept as declared; left out = others run them.'),
  bridge: interfaceName.optional().describe('bridge: the name of the bridge interface.'),
  address: address.optional().describe('bridge: the address of the bridge that the app listens on.'),
  publish: z
    .array(publishedPort)
    .optional()
    .describe('bridge: ports of the NIC’s address that lead to the app.'),
}).superRefine((entry, context) => {
  const { needed, allowed } = KEYS_OF_SCHEME[entry.scheme];
  for (const key of needed) {
    if (entry[key] === undefined)
      refuse(context, complain(`scheme ${entry.scheme} needs ${key}`, `Add ${key}:.`));
  }
  for (const key of SCHEME_KEYS) {
    if (entry[key] !== undefined && !allowed.includes(key)) {
      refuse(
        context,
        complain(`scheme ${entry.scheme} has no ${key}`, 'Leave it out, or choose another scheme.'),
        [key],
      );
    }
  }
});

const SCHEME_KEYS = ['users', 'network', 'containers', 'bridge', 'address', 'publish'] as const;
type SchemeKey = (typeof SCHEME_KEYS)[number];
const KEYS_OF_SCHEME: Record<'bind' | 'docker' | 'bridge', { needed: SchemeKey[]; allowed: SchemeKey[] }> = {
  bind: { needed: [], allowed: ['users'] },
  docker: { needed: ['network'], allowed: ['network', 'containers'] },
  bridge: { needed: ['bridge', 'address'], allowed: ['bridge', 'address', 'publish', 'users'] },
};

/** Each NIC of an app host takes a place in every band of its priorities, 5200 to 5299 (resources/routing-plan.ts). */
export const MOST_NICS = 20;

/** `egress:` */
export const egress = z.array(egressEntry).describe('Which app leaves by which NIC.');

export type Container = z.infer<typeof container>;
export type DockerNetwork = z.infer<typeof dockerNetwork>;
export type EgressEntry = z.infer<typeof egressEntry>;
