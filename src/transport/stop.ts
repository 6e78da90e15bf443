import type { Connection } from '../model/host.ts';
import { endpoint } from './address.ts';
import type { SshSettings } from './ssh-config.ts';

/** One connection on the way: the host itself, or a jump host before it. */
export interface Stop {
  /** Begins every message: `db1`, or `jump host gw1 (for db1)`. */
  readonly who: string;
  readonly connection: Connection;
  readonly settings: SshSettings;
}

/** `user@address:port` */
export const loginOf = ({ settings }: Stop): string =>
  `${settings.user}@${endpoint(settings.address, settings.port)}`;

/** The ssh command a person would try by hand; its values have been checked, so that it can be typed as it stands. */
export function sshCommandFor({ settings, connection }: Stop): string {
  const port = settings.port === 22 ? '' : `-p ${String(settings.port)} `;
  return `ssh ${port}${settings.user}@${connection.address}`;
}
