import { quote } from '../shell/quote.ts';
import type { HostKeyChecking } from './host-key.ts';
import type { Stop } from './stop.ts';

export interface SshWay {
  /** `ssh -F`. */
  readonly configFile: string | undefined;
  readonly hostKeyChecking: HostKeyChecking;
  /** Seconds for one TCP connection. */
  readonly connectTimeout: number;
  /** Seconds between signs of life. */
  readonly keepalive: number;
  /** known_hosts of each stop whose keys the inventory pins; its line is for `PINNED`. */
  readonly pins: ReadonlyMap<Stop, string>;
  /** Keys that are refused whatever else is said, one file of public keys for each stop that has any. */
  readonly revoked: ReadonlyMap<Stop, string>;
  /** Where each stop's ssh writes what it has to say. */
  readonly logs: ReadonlyMap<Stop, string>;
}

/** The name that pinned keys are kept under. */
export const PINNED = 'provision-pinned';

const option = (name: string, value: string): string[] => ['-o', `${name}=${value}`];

/** Tokens of ssh_config(5) begin with `%`. */
const literal = (path: string): string => path.replaceAll('%', '%%');

/** A path of ours, in a list of ssh_config(5). */
const quoted = (path: string): string => `"${path}"`;

/**
 * Which host keys are good. First come first served: what stands on the command line wins over the user's ssh_config,
 * so that `StrictHostKeyChecking no` there does not count.
 */
function hostKeyOptions(stop: Stop, { hostKeyChecking, pins }: SshWay): string[] {
  const pinned = pins.get(stop);
  if (pinned !== undefined) {
    return [
      ...option('StrictHostKeyChecking', 'yes'),
      ...option('HostKeyAlias', PINNED),
      ...option('UserKnownHostsFile', quoted(literal(pinned))),
      ...option('GlobalKnownHostsFile', '/dev/null'),
      ...option('VerifyHostKeyDNS', 'no'),
      // Not known before OpenSSH 8.5.
      ...option('IgnoreUnknown', 'KnownHostsCommand'),
      ...option('KnownHostsCommand', 'none'),
    ];
  }
  if (hostKeyChecking !== 'off')
    return option('StrictHostKeyChecking', hostKeyChecking === 'strict' ? 'yes' : 'accept-new');
  // Nothing is looked up and nothing is kept; `no` alone would let @revoked keys pass.
  return [
    ...option('StrictHostKeyChecking', 'no'),
    ...option('UserKnownHostsFile', '/dev/null'),
    ...option('GlobalKnownHostsFile', '/dev/null'),
  ];
}

/** Options of one ssh on the way, without the host. */
function stopOptions(stop: Stop, way: SshWay): string[] {
  const { port, user, privateKeyFile } = stop.connection;
  const [log, revoked] = [way.logs.get(stop), way.revoked.get(stop)];
  return [
    ...(way.configFile === undefined ? [] : ['-F', way.configFile]),
    ...(log === undefined ? [] : ['-E', log]),
    ...(port === undefined ? [] : ['-p', String(port)]),
    ...(user === undefined ? [] : ['-l', user]),
    ...(privateKeyFile === undefined
      ? []
      : [...option('IdentitiesOnly', 'yes'), '-i', literal(privateKeyFile)]),
    ...option('BatchMode', 'yes'),
    ...option('LogLevel', 'INFO'),
    ...option('ConnectTimeout', String(way.connectTimeout)),
    ...option('ServerAliveInterval', String(way.keepalive)),
    ...option('ServerAliveCountMax', '3'),
    ...option('PermitLocalCommand', 'no'),
    ...option('RemoteCommand', 'none'),
    ...option('ForwardAgent', 'no'),
    ...option('ForwardX11', 'no'),
    ...hostKeyOptions(stop, way),
    ...(revoked === undefined ? [] : option('RevokedHostKeys', revoked)),
    '-T',
  ];
}

/** An address for `-W`; IPv6 in brackets. */
const destination = ({ settings: { address, port } }: Stop): string =>
  address.includes(':') ? `[${address}]:${String(port)}` : `${address}:${String(port)}`;

/**
 * Options that lead through the stops before: ssh runs another ssh as its ProxyCommand, and so on. Not `-J`, which would
 * give the hops none of our options. Each level takes its `%%` for `%`.
 */
function wayOptions(before: readonly Stop[], to: Stop, way: SshWay): string[] {
  const hop = before.at(-1);
  if (hop === undefined) return [];
  const argv = [
    'ssh',
    ...stopOptions(hop, way),
    ...option('ControlPath', 'none'),
    ...wayOptions(before.slice(0, -1), hop, way),
    '-W',
    destination(to),
    '--',
    hop.connection.address,
  ];
  return [
    ...option('ProxyJump', 'none'),
    ...option('ProxyCommand', literal(argv.map((word) => quote(word)).join(' '))),
  ];
}

/** Arguments of the ssh that logs in at the last stop, and takes commands at `socket` until it ends. */
export function masterArguments(stops: readonly Stop[], socket: string, way: SshWay): string[] {
  const last = stops.at(-1);
  if (last === undefined) throw new Error('a way has at least one stop');
  return [
    ...stopOptions(last, way),
    ...option('ControlMaster', 'yes'),
    ...option('ControlPath', literal(socket)),
    ...option('ControlPersist', 'no'),
    ...option('ClearAllForwardings', 'yes'),
    ...wayOptions(stops.slice(0, -1), last, way),
    '-N',
    '--',
    last.connection.address,
  ];
}

/** Arguments of an ssh that runs one command through that socket, and nowhere else: it cannot connect by itself. */
export const commandArguments = (stop: Stop, socket: string, log: string, command: string): string[] => [
  '-F',
  '/dev/null',
  '-E',
  log,
  ...option('BatchMode', 'yes'),
  ...option('ControlMaster', 'no'),
  ...option('ControlPath', literal(socket)),
  ...option('ProxyCommand', 'false'),
  '-T',
  '--',
  stop.connection.address,
  command,
];
