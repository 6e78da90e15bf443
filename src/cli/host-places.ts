import path from 'node:path';
import type { Places } from '../engine/transaction-shell.ts';
import { ProvisionError } from '../model/error.ts';

/**
 * PROVISION_HOST_STATE: another directory than /var/lib/provision for what hosts keep of transactions; `{host}` in it
 * becomes the host's inventory name. For hosts whose /var cannot be written, and for several hosts on one machine.
 */
export function placesOnHosts(env: NodeJS.ProcessEnv): { places?: (host: string) => Places } {
  const directory = env['PROVISION_HOST_STATE'];
  if (directory === undefined || directory === '') return {};
  if (!path.posix.isAbsolute(directory)) {
    throw new ProvisionError('usage', `PROVISION_HOST_STATE ${directory} is not absolute.`, {
      hint: 'Give a path that starts with a slash.',
    });
  }
  const of = (host: string): string => directory.replaceAll('{host}', host);
  return { places: (host) => ({ state: of(host), run: `${of(host)}.run` }) };
}
