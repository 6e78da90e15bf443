import { ProvisionError } from '../model/error.ts';
import type { HostView, PlayContext } from '../model/playbook.ts';

export const CONTROLLER = 'controller';

/** The hosts a check is asked from: a host, every host of a group, or the controller. */
export function vantages(from: string, { hosts, groups }: PlayContext, optional: boolean): string[] {
  if (from === CONTROLLER) return [CONTROLLER];
  const members = groups[from] ?? groups[from.replaceAll('-', '_')] ?? groups[from.replaceAll('_', '-')];
  if (members) return [...members];
  if (from in hosts) return [from];
  if (optional) return [];
  throw new ProvisionError(
    'playbook',
    `A check is to be asked from "${from}", which is neither a host nor a group of the inventory.`,
    {
      hint: `Name a host or a group of the inventory, or "${CONTROLLER}".`,
    },
  );
}

/** `echo_url` of a vantage: a list of URLs, or the name of a host of `probes` that serves the echo. */
export function echoUrls(from: string, { hosts }: PlayContext): string[] {
  const names = Object.keys(hosts);
  const view = (from === CONTROLLER ? hosts[names[0] ?? ''] : hosts[from]) as HostView | undefined;
  const declared: unknown = view?.['echo_url'];
  const urls = Array.isArray(declared)
    ? declared.map(String)
    : typeof declared === 'string'
      ? [declared]
      : [];
  return urls.map((url) => {
    if (url.includes('://') || !(url in hosts)) return url;
    const server = hosts[url] as HostView;
    return `http://${String(server['ansible_host'] ?? url)}/ip`;
  });
}
