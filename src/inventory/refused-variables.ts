import { findString } from './document.ts';
import type { Definition } from './groups.ts';
import type { Problem } from './problems.ts';

/** Ansible hands these to a shell or to ssh on the machine that runs it: an inventory could run anything there. */
const RUN_HERE = new Set([
  'ansible_ssh_common_args',
  'ansible_ssh_extra_args',
  'ansible_ssh_args',
  'ansible_sftp_extra_args',
  'ansible_scp_extra_args',
  'ansible_ssh_executable',
  'ansible_sftp_executable',
  'ansible_scp_executable',
]);

/** Names that Ansible takes as well; one name for one thing here. */
const OTHER_NAMES: Readonly<Record<string, string>> = {
  ansible_ssh_host: 'ansible_host',
  ansible_ssh_user: 'ansible_user',
  ansible_ssh_port: 'ansible_port',
  ansible_private_key_file: 'ansible_ssh_private_key_file',
  ansible_sudo: 'ansible_become',
};

const PASSWORDS = new Set([
  'ansible_password',
  'ansible_ssh_pass',
  'ansible_ssh_password',
  'ansible_become_password',
  'ansible_become_pass',
  'ansible_sudo_pass',
]);
const RUNS_A_COMMAND = /proxycommand|localcommand|knownhostscommand/i;
const JUMP_INSTEAD = 'Use jump: for a host on the way, or your own ~/.ssh/config for anything else.';

/** Why a variable of Ansible cannot be followed, if so. */
export function refuseAnsibleVariable({ key, value, origin }: Definition): Problem | undefined {
  if (!key.startsWith('ansible_')) return undefined;
  if (RUN_HERE.has(key)) {
    const message = `${key} is refused: it would run on the machine that runs provision`;
    return { message, hint: JUMP_INSTEAD, origin, at: 'key' };
  }
  const command = findString(value, (text) => RUNS_A_COMMAND.test(text));
  if (command) {
    const message = `${key} is refused: it names a command that would run on the machine that runs provision`;
    return { message, hint: JUMP_INSTEAD, origin: { ...origin, path: [...origin.path, ...command.path] } };
  }
  const name = OTHER_NAMES[key];
  if (name !== undefined)
    return { message: `${key} is not understood`, hint: `Write ${name}.`, origin, at: 'key' };
  return undefined;
}

/** What is said about a variable of Ansible that has no effect here, where a person may rely on it. */
export function warnOfAnsibleVariable({ key, value, origin }: Definition): Problem | undefined {
  if (PASSWORDS.has(key)) {
    return {
      message: `${key} is not read`,
      hint: 'Log in with a key; keep passwords out of the inventory',
      origin,
      at: 'key',
    };
  }
  const expected = key === 'ansible_become_method' ? 'sudo' : key === 'ansible_become_user' ? 'root' : value;
  if (value === expected) return undefined;
  return { message: `${key} is not read: provision becomes root with sudo`, hint: 'Take it out', origin };
}
