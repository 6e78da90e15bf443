import { isIPv4 } from 'node:net';
import { z } from 'zod';
import { complainOfAddress, oneOrMore } from './addresses.ts';
import { labSection } from './lab.ts';
import { port } from './ports.ts';
import { complain, refuse, secretText, shown, text } from './text.ts';
import type { Complaint } from './text.ts';

const OPTION_LIKE = 'must not start with "-": ssh would take it for an option';

/** Why a text cannot be the name or address of a machine to connect to. */
export function complainOfHostAddress(value: string): Complaint | undefined {
  if (value.startsWith('-'))
    return complain(`${shown(value)} ${OPTION_LIKE}`, 'Write a name or an IPv4 address.');
  if (value.includes(':')) return complainOfAddress(value) ?? undefined;
  if (/^[\d.]+$/.test(value) && !isIPv4(value)) return complainOfAddress(value);
  if (/^[A-Za-z0-9_][A-Za-z0-9_.-]*$/.test(value)) return undefined;
  return complain(
    `${shown(value)} is not a host name or an IPv4 address`,
    'Use letters, digits, ".", "-" and "_".',
  );
}

/** Why a text cannot be a login name. */
export function complainOfUser(value: string): Complaint | undefined {
  if (value.startsWith('-')) return complain(`${shown(value)} ${OPTION_LIKE}`, 'Write a login name.');
  // Directory services have names such as DOMAIN\user, which ssh takes; a shell character has no place in any.
  if (/^[A-Za-z0-9_][A-Za-z0-9_.@+\\-]*\$?$/.test(value)) return undefined;
  return complain(`${shown(value)} is not a user name`, 'Use letters, digits, "_", "." and "-".');
}

function complainOfHop(hop: string): Complaint | undefined {
  const match = /^(?:([^@]*)@)?(.*?)(?::(\d{1,5}))?$/.exec(hop);
  const [, user, host = '', hopPort] = match ?? [];
  if (hopPort !== undefined && (Number(hopPort) < 1 || Number(hopPort) > 65535)) {
    return complain(`${shown(hop)} has no port from 1 to 65535 after the colon`, 'Write it as user@host:22.');
  }
  if (host === '') return complain(`${shown(hop)} names no host`, 'Write it as user@host:22.');
  return (user === undefined ? undefined : complainOfUser(user)) ?? complainOfHostAddress(host);
}

const hop = text('A host of the inventory, or [user@]host[:port].', {
  complaint: (value) =>
    value
      .split(',')
      .map((part) => complainOfHop(part.trim()))
      .find(Boolean),
});

const hostKey = text('A pinned host key: "ssh-ed25519 AAAA…" or "SHA256:…".', {
  complaint: (value) =>
    /^(?:(?:ssh|ecdsa|sk-ssh|sk-ecdsa)-[a-z0-9@.-]+ [A-Za-z0-9+/]+={0,3}(?: [^'"`$\\]*)?|SHA256:[A-Za-z0-9+/]{43}=?)$/.test(
      value,
    )
      ? undefined
      : complain(
          `${shown(value)} is not a host key`,
          'Write "ssh-ed25519 AAAA…" as ssh-keyscan prints it, or "SHA256:…".',
        ),
  longest: 4000,
});

/** Words that Ansible takes for true and false besides the two of YAML 1.2. */
export const ANSIBLE_BOOLEANS: Readonly<Record<string, boolean>> = {
  yes: true,
  on: true,
  true: true,
  '1': true,
  no: false,
  off: false,
  false: false,
  '0': false,
};

/** What `ansible_connection` may say, and the way that is meant. */
export const CONNECTIONS: Readonly<Record<string, 'ssh' | 'local' | 'lab'>> = {
  ssh: 'ssh',
  smart: 'ssh',
  paramiko: 'ssh',
  paramiko_ssh: 'ssh',
  local: 'local',
  lab: 'lab',
};

/** Where and how a host is reached. */
export const connectionVariables = {
  ansible_host: text('The name or address to connect to; left out = the name in the inventory.', {
    complaint: complainOfHostAddress,
  }).optional(),
  ansible_user: text('The login name; left out = what ssh_config or the local user says.', {
    complaint: complainOfUser,
    longest: 64,
  }).optional(),
  ansible_port: z
    .union([z.number(), z.string()])
    .superRefine((value, context) => {
      const good = port.safeParse(
        typeof value === 'string' && /^\d{1,5}$/.test(value) ? Number(value) : value,
      ).success;
      if (!good) refuse(context, complain(`${shown(value)} is not a port`, 'Write a port from 1 to 65535.'));
    })
    .optional()
    .describe('The SSH port; left out = what ssh_config or 22 says.'),
  ansible_ssh_private_key_file: text(
    'A private key on this machine; "~" is your home, a relative path counts from the current directory.',
    { longest: 4000 },
  ).optional(),
  ansible_become: z
    .union([z.boolean(), z.string()])
    .superRefine((value, context) => {
      if (typeof value === 'string' && ANSIBLE_BOOLEANS[value.toLowerCase()] === undefined) {
        refuse(context, complain(`${shown(value)} is neither true nor false`, 'Write true or false.'));
      }
    })
    .optional()
    .describe('Become root with sudo.'),
  ansible_become_password: secretText(
    'What sudo asks for; -K and its kin go before it. Write it as a reference to a secret, or into a vault.',
  ).optional(),
  ansible_connection: text('How the host is reached: ssh, local or lab.', {
    complaint: (value) =>
      Object.hasOwn(CONNECTIONS, value)
        ? undefined
        : complain(`connection ${shown(value)} is not supported`, 'Write ssh, local or lab.'),
  }).optional(),
  jump: oneOrMore(hop)
    .optional()
    .describe('Hosts to jump through, nearest to this machine first: inventory names or [user@]host[:port].'),
  host_keys: oneOrMore(hostKey).optional().describe('Pinned host keys; left out = your known_hosts.'),
  lab: labSection,
};
