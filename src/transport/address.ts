import { ProvisionError } from '../model/error.ts';

/** What a host name, an IPv4 or IPv6 address (with its %zone) or an ssh_config alias is made of. */
const ADDRESS = /^[\p{L}\p{N}_.:[][\p{L}\p{N}_.:%[\]-]*$/u;

/** Letters, digits and what directory services add; nothing that a shell or an option parser reads. */
const USER = /^[\p{L}\p{N}_.][\p{L}\p{N}_.@+\\-]*$/u;

/**
 * Refuses an address that ssh could read as an option or a ProxyCommand could hand to a shell.
 * @throws ProvisionError `inventory`
 */
export function checkAddress(address: string, who: string): void {
  if (ADDRESS.test(address)) return;
  throw new ProvisionError('inventory', `${who}: ${shown(address)} is not a host name or an address`, {
    hint: 'Give `ansible_host` a name or an address only; the user and the port go into `ansible_user` and `ansible_port`.',
  });
}

/**
 * Refuses a user name that ssh could read as an option or a ProxyCommand could hand to a shell.
 * @throws ProvisionError `inventory`
 */
export function checkUser(user: string, who: string): void {
  if (USER.test(user)) return;
  throw new ProvisionError('inventory', `${who}: ${shown(user)} is not a user name`, {
    hint: 'Mend `ansible_user` in the inventory, or `User` in the ssh_config.',
  });
}

/** @throws ProvisionError `inventory` for anything but a whole number from 1 to 65535 */
export function checkPort(port: number, who: string): void {
  if (Number.isInteger(port) && port >= 1 && port <= 65535) return;
  throw new ProvisionError('inventory', `${who}: ${String(port)} is not a TCP port`, {
    hint: 'Give `ansible_port` a number from 1 to 65535.',
  });
}

/** `address:port` as people write it; an IPv6 address gets its brackets. */
export const endpoint = (address: string, port: number): string =>
  address.includes(':') ? `[${address}]:${String(port)}` : `${address}:${String(port)}`;

/** Control characters would let a value draw on the terminal: they are printed as escapes. */
const shown = (value: string): string => JSON.stringify(value.slice(0, 100));
