import { CONNECTIONS } from '../roles/variables/connection.ts';
import { Deferred } from './deferred.ts';
import { findString } from './document.ts';
import type { Problem } from './problems.ts';
import { unsealed } from './secrets/sealed.ts';
import { readSshArguments } from './ssh-arguments.ts';
import type { SshArguments } from './ssh-arguments.ts';
import type { Definition, Definitions } from './tree.ts';

/** Arguments of ssh: only the way over jump hosts in them is followed. */
const SSH_ARGUMENTS = ['ansible_ssh_args', 'ansible_ssh_common_args', 'ansible_ssh_extra_args'];

/** Ansible runs these on the machine that runs it: an inventory could run anything there. */
const PROGRAMS: Readonly<Record<string, string>> = {
  ansible_ssh_executable: 'ssh',
  ansible_sftp_executable: 'sftp',
  ansible_scp_executable: 'scp',
};

/**
 * Other names of a variable, from ansible/plugins/connection/ssh.py and plugins/become/sudo.py: of those that are set
 * the last counts, the name itself first.
 */
const NAMES: Readonly<Record<string, readonly string[]>> = {
  ansible_host: ['ansible_host', 'ansible_ssh_host'],
  ansible_user: ['ansible_user', 'ansible_ssh_user'],
  ansible_port: ['ansible_port', 'ansible_ssh_port'],
  ansible_ssh_private_key_file: ['ansible_private_key_file', 'ansible_ssh_private_key_file'],
  ansible_become: ['ansible_sudo', 'ansible_become'],
  ansible_become_password: ['ansible_become_password', 'ansible_become_pass', 'ansible_sudo_pass'],
};

const LOGIN_PASSWORDS = new Set(['ansible_password', 'ansible_ssh_pass', 'ansible_ssh_password']);
const HOST_KEY_CHECKING = new Set(['ansible_host_key_checking', 'ansible_ssh_host_key_checking']);
const RUNS_A_COMMAND = /proxycommand|localcommand|knownhostscommand/i;
const JUMP_INSTEAD = 'Use jump: for a host on the way, or your own ~/.ssh/config for anything else.';

const argumentsOf = new WeakMap<Definition, SshArguments>();
function sshArguments(definition: Definition): SshArguments {
  const { key, value } = definition;
  const known = argumentsOf.get(definition) ?? readSshArguments(key, typeof value === 'string' ? value : '');
  argumentsOf.set(definition, known);
  return known;
}

const ALL_NAMES = new Set([...Object.values(NAMES).flat(), ...SSH_ARGUMENTS]);

// The same definition serves many hosts: it is looked at once.
const renamed = new WeakMap<Definition, Definition>();
function underName(definition: Definition, key: string, value = definition.value): Definition {
  if (definition.key === key) return definition;
  const known = renamed.get(definition) ?? { ...definition, key, value };
  renamed.set(definition, known);
  return known;
}

/** A host's variables as provision reads them, and why it cannot be used with it, if so. */
export interface AnsibleReading {
  readonly definitions: Definitions;
  readonly blocked: readonly Problem[];
}

/** What must be known before a host is contacted, and is no password: it may come out of an encrypted file or value. */
export const isConnectionVariable = (key: string): boolean =>
  key === 'ansible_connection' || (isAnsibleName(key) && !isPassword(key));

const openedDefinitions = new WeakMap<Definition, Definition>();
function openedDefinition(definition: Definition): Definition {
  const value = unsealed(definition.value);
  if (value === definition.value) return definition;
  const known = openedDefinitions.get(definition) ?? { ...definition, value };
  openedDefinitions.set(definition, known);
  return known;
}

/** Gives what Ansible knows by several names its one name here, and takes the jump hosts out of arguments of ssh. */
export function readAnsibleNames(definitions: Definitions): AnsibleReading {
  const read = new Map(
    [...definitions].map(([key, definition]) => [
      key,
      isConnectionVariable(key) ? openedDefinition(definition) : definition,
    ]),
  );
  for (const [key, names] of Object.entries(NAMES)) {
    const found = names.findLast((name) => read.has(name));
    const definition = found === undefined ? undefined : read.get(found);
    if (definition) read.set(key, underName(definition, key));
  }
  for (const key of SSH_ARGUMENTS) {
    const definition = read.get(key);
    const jump = definition && sshArguments(definition).jump;
    if (jump !== undefined && !read.has('jump'))
      read.set('jump', underName(definition as Definition, 'jump', jump));
  }
  const connection = read.get('ansible_connection');
  if (typeof connection?.value !== 'string' || Object.hasOwn(CONNECTIONS, connection.value))
    return { definitions: read, blocked: [] };
  read.delete('ansible_connection');
  const { value, origin } = connection;
  const message = `ansible_connection: ${value} is not supported: provision reaches hosts by SSH only`;
  return {
    definitions: read,
    blocked: [{ message, hint: 'Leave the host out, by -l or in the playbook.', origin }],
  };
}

/** Whether a variable of this name is a password, and is shown nowhere however it was written. */
export const isPassword = (key: string): boolean =>
  LOGIN_PASSWORDS.has(key) || NAMES['ansible_become_password']?.includes(key) === true;

/** Whether Ansible and we read a variable of this name. */
export const isAnsibleName = (key: string): boolean => ALL_NAMES.has(key);

/** Why a variable of Ansible cannot be followed, if so. */
export function refuseAnsibleVariable(definition: Definition): Problem | undefined {
  const { key, value, origin } = definition;
  if (!key.startsWith('ansible_')) return undefined;
  const program = PROGRAMS[key];
  if (program !== undefined && value !== program && value !== `/usr/bin/${program}`) {
    const message = `${key} is refused: it would run on the machine that runs provision`;
    return { message, hint: JUMP_INSTEAD, origin, at: 'key' };
  }
  const refused = `${key} is refused: it names a command that would run on the machine that runs provision`;
  if (SSH_ARGUMENTS.includes(key) && value instanceof Deferred) return value.problem;
  if (SSH_ARGUMENTS.includes(key) && typeof value === 'string')
    return sshArguments(definition).refused === undefined
      ? undefined
      : { message: refused, hint: JUMP_INSTEAD, origin };
  const command = findString(value, (text) => RUNS_A_COMMAND.test(text));
  if (!command) return undefined;
  return {
    message: refused,
    hint: JUMP_INSTEAD,
    origin: { ...origin, path: [...origin.path, ...command.path] },
  };
}

/** What is said about variables of Ansible that have no effect here, where a person may rely on one. */
export function warnOfAnsibleVariable(definition: Definition): Problem[] {
  const { key, value, origin } = definition;
  const warn = (message: string, hint: string, at: 'key' | 'value' = 'key'): Problem[] => [
    { message, hint, origin, at },
  ];
  if (SSH_ARGUMENTS.includes(key))
    return sshArguments(definition).warnings.map((warning) => ({ ...warning, origin }));
  if (LOGIN_PASSWORDS.has(key)) return warn(`${key} is not read: login is by key only`, 'Log in with a key');
  if (HOST_KEY_CHECKING.has(key))
    return warn(`${key} is not read`, 'Use --host-key-checking, or pin keys by host_keys');
  const expected = key === 'ansible_become_method' ? 'sudo' : key === 'ansible_become_user' ? 'root' : value;
  if (value === expected) return [];
  return warn(`${key} is not read: provision becomes root with sudo`, 'Take it out', 'value');
}
