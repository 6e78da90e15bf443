import { hostOf } from '../model/check.ts';
import { ProvisionError } from '../model/error.ts';
import type { HostView, PlayContext } from '../model/playbook.ts';
import { sh } from '../shell/quote.ts';

export const CONTROLLER = 'controller';

/** The places a check is asked from: a host, every host of a group, a user (`host#user`) or container (`host/name`) of one, the controller. */
export function vantages(from: string, { hosts, groups }: PlayContext, optional: boolean): string[] {
  if (from === CONTROLLER) return [CONTROLLER];
  const members = groups[from] ?? groups[from.replaceAll('-', '_')] ?? groups[from.replaceAll('_', '-')];
  if (members) return [...members];
  if (hostOf(from) in hosts && placeOn(from) !== null) return [from];
  if (optional) return [];
  throw new ProvisionError(
    'playbook',
    `A check is to be asked from "${from}", which is neither a host nor a group of the inventory.`,
    {
      hint: `Name a host or a group of the inventory, a user as "host#user", a container as "host/name", or "${CONTROLLER}".`,
    },
  );
}

/** null = neither: the host itself. */
interface Place {
  readonly user: string | null;
  readonly container: string | null;
}

/** What a vantage names on its host; null = nothing that there could be. */
function placeOn(from: string): Place | null {
  const rest = from.slice(hostOf(from).length);
  if (rest === '') return { user: null, container: null };
  const [, user = null] = /^#([A-Za-z0-9_][A-Za-z0-9_.-]*\$?)$/.exec(rest) ?? [];
  const [, container = null] = /^\/([A-Za-z0-9][A-Za-z0-9_.-]*)$/.exec(rest) ?? [];
  return user === null && container === null ? null : { user, container };
}

/** Sockets belong to the file system user of who opens them (socket(7), SO_PEERCRED aside): ip-rule(8), uidrange. */
const asUser = (user: string, script: string): string => sh`user=${user}
case $user in *[!0-9]*) uid=$(id -u -- "$user" 2>/dev/null) || { echo "there is no user $user"; exit 69; } ;; *) uid=$user ;; esac
[ "$(id -u)" = 0 ] || { echo 'only root can ask as another user'; exit 69; }
command -v setpriv >/dev/null || { echo 'setpriv is not installed'; exit 69; }
exec setpriv --reuid="$uid" --regid=65534 --clear-groups sh -c ${script}`;

/**
 * The host's own tools in the network namespace of a container (nsenter(1)). Docker is not asked while its service is
 * down: systemd would start it for whoever opens its socket.
 */
const inContainer = (name: string, script: string): string => sh`name=${name}
systemctl -q is-active docker.service 2>/dev/null || { echo 'Docker does not run'; exit 69; }
command -v curl >/dev/null || { echo 'curl is not installed'; exit 69; }
answer=$(curl -s -m 3 --unix-socket /run/docker.sock "http://docker/containers/$name/json")
# Docker takes a name for the beginning of an id, too.
case $answer in *'"Name":"/'"$name"'"'*) ;; *) answer= ;; esac
pid=$(printf %s "$answer" | grep -o '"Pid":[1-9][0-9]*' | head -n 1)
[ -n "$pid" ] || { echo "container $name does not run"; exit 69; }
exec nsenter -t "\${pid#*:}" -n sh -c ${script}`;

/** The script of a check as it runs on the host of its vantage. */
export function scriptAt(from: string, script: string): string {
  const { user = null, container = null } = placeOn(from) ?? {};
  if (container !== null) return inContainer(container, script);
  return user === null ? script : asUser(user, script);
}

/** `echo_url` of a vantage: a list of URLs, or the name of a host of `probes` that serves the echo. */
export function echoUrls(from: string, { hosts }: PlayContext): string[] {
  const names = Object.keys(hosts);
  const view = (from === CONTROLLER ? hosts[names[0] ?? ''] : hosts[hostOf(from)]) as HostView | undefined;
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
