import { connect as connectSocket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { ConnectConfig, ServerHostKeyAlgorithm } from 'ssh2';
import { isProvisionError, ProvisionError } from '../model/error.ts';
import type { Session, Target, Transport } from '../model/transport.ts';
import { orAbort } from './abort.ts';
import { codeOf, connectError, forwardError, plain } from './connect-errors.ts';
import type { SshFailure } from './connect-errors.ts';
import { beforeDeadline } from './deadline.ts';
import type { Deadline } from './deadline.ts';
import { hostKeyCheck } from './host-key.ts';
import type { HostKeyChecking } from './host-key.ts';
import { keyReader, PASSPHRASE_VARIABLE, withoutPassphrase } from './keys.ts';
import type { KeyReader } from './keys.ts';
import { openLink } from './link.ts';
import type { Link } from './link.ts';
import { planLogin } from './login.ts';
import { expandProxyCommand, openProxy } from './proxy-command.ts';
import type { ProxyPipe } from './proxy-command.ts';
import { routeTo } from './route.ts';
import { sshConfigReader } from './ssh-config.ts';
import { sshSession } from './ssh-session.ts';
import { startGate } from './start-gate.ts';
import { loginOf } from './stop.ts';
import type { Stop } from './stop.ts';

export interface SshOptions {
  /** Read instead of the user's and the system's ssh_config, as `ssh -F`. */
  readonly configFile?: string | undefined;
  readonly hostKeyChecking: HostKeyChecking;
  /** For the whole way to the host: names, TCP, handshakes and logins of every hop. Default 15000. */
  readonly connectTimeoutMs?: number | undefined;
  /** The host is asked for a sign of life this often; it is lost after three that stay unanswered. Default 5000. */
  readonly keepaliveMs?: number | undefined;
  /** SSH_AUTH_SOCK, PROVISION_KEY_PASSPHRASE, and what `ssh -G` and a ProxyCommand see. Default `process.env`. */
  readonly env?: NodeJS.ProcessEnv | undefined;
}

/** Between the addresses of one name; Node's 250 ms are too short for a far host (node:net, autoSelectFamily). */
const NEXT_ADDRESS_AFTER_MS = 2500;

/** OpenSSH's types, without ssh-rsa: that is RSA with SHA-1, which OpenSSH 8.8 gave up (RFC 8332). */
const HOST_KEY_ALGORITHMS: readonly ServerHostKeyAlgorithm[] = [
  'ssh-ed25519',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  'rsa-sha2-512',
  'rsa-sha2-256',
];

/**
 * Connects over SSH with the settings of ssh_config(5), as `ssh` itself would: jump hosts, ProxyCommand, known_hosts,
 * agent and key files. Not supported, as ssh2 has none of it: certificates of hosts and users, FIDO keys, PKCS#8 key
 * files, GSSAPI (`opensshTransport` has these), passwords. Configuration and key files are read once per transport, connections are never shared.
 */
export function sshTransport(options: SshOptions): Transport {
  const given = options.env ?? process.env;
  const env = withoutPassphrase(given);
  const way: Way = {
    options,
    env,
    keys: keyReader(given[PASSPHRASE_VARIABLE]),
    keepaliveMs: options.keepaliveMs ?? 5000,
  };
  const readConfig = sshConfigReader(options.configFile, env);
  const timeoutMs = options.connectTimeoutMs ?? 15_000;
  const gate = startGate();

  async function login(stops: readonly Stop[], deadline: Deadline): Promise<Session> {
    const links: Link[] = [];
    try {
      return await beforeDeadline(deadline, async (signal, reaching) => {
        for (const [index, stop] of stops.entries()) {
          reaching(stop);
          links.push(await reach(stop, stops[index - 1], links.at(-1), way, signal));
        }
        const [link, last] = [links.pop(), stops.at(-1)];
        if (link === undefined || last === undefined) throw new Error('a way has at least one stop');
        return sshSession(last, link, links);
      });
    } catch (error) {
      links.forEach((link) => link.destroy());
      throw error;
    }
  }

  async function connect(target: Target, interrupt?: AbortSignal): Promise<Session> {
    const deadline = { name: target.name, timeoutMs, interrupt };
    const stops = await beforeDeadline(deadline, (signal) => orAbort(routeTo(target, readConfig), signal));
    return gate.through(stops, () => login(stops, deadline));
  }
  return { connect };
}

interface Way {
  readonly options: SshOptions;
  readonly env: NodeJS.ProcessEnv;
  readonly keys: KeyReader;
  readonly keepaliveMs: number;
}

/** Logs in at one stop, through the link to the stop before it if there is one. */
async function reach(
  stop: Stop,
  hop: Stop | undefined,
  through: Link | undefined,
  way: Way,
  signal: AbortSignal,
): Promise<Link> {
  const login = await orAbort(planLogin(stop, way.keys, way.env), signal);
  const check = hostKeyCheck(stop, way.options.hostKeyChecking);
  let refusal: ProvisionError | undefined;
  const config: ConnectConfig = {
    host: stop.settings.address,
    port: stop.settings.port,
    username: stop.settings.user,
    authHandler: login.authHandler,
    hostVerifier: (key: Buffer) => {
      refusal = check.judge(key);
      return refusal === undefined;
    },
    algorithms: {
      serverHostKey: hostKeyAlgorithms(check.keyTypes),
      // 1.5 s of CPU per connection in ssh2; every server that has it has something better too.
      kex: { append: [], prepend: [], remove: ['diffie-hellman-group-exchange-sha256'] },
    },
    keepaliveInterval: way.keepaliveMs,
    keepaliveCountMax: 3,
  };
  const pipe = await openPipe(stop, hop, through, way, signal);
  try {
    return await openLink(pipe.open, config, signal);
  } catch (error) {
    if (refusal !== undefined) throw refusal;
    if (isProvisionError(error)) throw error;
    const failure = error as SshFailure & Error;
    // Only a stream that ended is the command's doing: a refused login is not.
    const complaint = codeOf(failure) === 'ssh-protocol' ? await pipe.complaint?.() : undefined;
    if (complaint !== undefined) throw proxyError(stop, complaint);
    throw connectError(stop, failure, login);
  }
}

/** A way to a stop that is still to be opened, and what it can say when it failed. */
interface Pipe {
  readonly open: () => Duplex;
  readonly complaint?: () => Promise<string | undefined>;
}

/** Through the hop before, through the user's ProxyCommand, or straight over TCP. */
async function openPipe(
  stop: Stop,
  hop: Stop | undefined,
  through: Link | undefined,
  way: Way,
  signal: AbortSignal,
): Promise<Pipe> {
  const { address, port, addressFamily, proxyCommand, proxyUseFdpass } = stop.settings;
  if (hop !== undefined && through !== undefined) {
    const channel = await orAbort(forward(hop, stop, through), signal);
    return { open: () => channel };
  }
  if (proxyCommand !== undefined && proxyUseFdpass) {
    throw new ProvisionError(
      'ssh-protocol',
      `${stop.who}: ProxyUseFdpass of the ssh_config is not supported`,
      {
        hint: 'Use a ProxyCommand that passes the data itself, or ProxyJump.',
      },
    );
  }
  if (proxyCommand !== undefined) {
    const command = expandProxyCommand(
      proxyCommand,
      { ...stop.settings, name: stop.connection.address },
      stop.who,
    );
    let proxy: ProxyPipe | undefined;
    return {
      open: () => (proxy = openProxy(command, way.env)).stream,
      complaint: async () => proxy?.complaint(),
    };
  }
  const open = (): Duplex =>
    connectSocket({
      host: address,
      port,
      family: addressFamily,
      // Small packets go both ways for every command: waiting to fill them costs a round trip.
      noDelay: true,
      autoSelectFamilyAttemptTimeout: NEXT_ADDRESS_AFTER_MS,
    });
  return { open };
}

function forward(hop: Stop, stop: Stop, through: Link): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    const refused = (error: Error): void => reject(forwardError(hop, stop, error));
    void through.ended.then((reason) => refused(reason ?? new Error('the connection was lost')));
    try {
      through.client.forwardOut(
        '127.0.0.1',
        0,
        stop.settings.address,
        stop.settings.port,
        (error, channel) => {
          if (error === undefined) resolve(channel);
          else refused(error);
        },
      );
    } catch (error) {
      refused(error as Error);
    }
  });
}

/** The known types first, so that a host with several keys shows one that can be compared. */
export function hostKeyAlgorithms(known: readonly string[]): ServerHostKeyAlgorithm[] {
  const isKnown = (algorithm: string): boolean =>
    known.includes(algorithm.startsWith('rsa-sha2-') ? 'ssh-rsa' : algorithm);
  return [
    ...HOST_KEY_ALGORITHMS.filter(isKnown),
    ...HOST_KEY_ALGORITHMS.filter((algorithm) => !isKnown(algorithm)),
  ];
}

const proxyError = (stop: Stop, complaint: string): ProvisionError =>
  new ProvisionError(
    'ssh-protocol',
    `${stop.who}: the ProxyCommand to ${loginOf(stop)} failed: ${plain(complaint)}`,
    {
      hint: `Mend ProxyCommand in the ssh_config; \`ssh -v ${stop.connection.address}\` shows what it runs.`,
    },
  );
