import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ProvisionError } from '../model/error.ts';
import type { ExecOptions, ExecResult, Session, Target, Transport } from '../model/transport.ts';
import { orAbort, within } from './abort.ts';
import { runCommand } from './command-run.ts';
import type { CommandRun } from './command-run.ts';
import { plain } from './connect-errors.ts';
import { beforeDeadline } from './deadline.ts';
import type { Deadline } from './deadline.ts';
import { withoutPassphrase } from './keys.ts';
import { parseKnownHosts } from './known-hosts.ts';
import { commandArguments, masterArguments, PINNED } from './openssh-arguments.ts';
import { opensshError } from './openssh-errors.ts';
import { startMaster } from './openssh-master.ts';
import type { Master } from './openssh-master.ts';
import { routeTo } from './route.ts';
import { sshConfigReader } from './ssh-config.ts';
import { lostError, refusedError } from './ssh-session.ts';
import type { SshOptions } from './ssh.ts';
import { startGate } from './start-gate.ts';
import type { Stop } from './stop.ts';

/** ssh's own exit code for "no connection", which a command may have too. */
const NO_CONNECTION = 255;
const NOTICE_MS = 500;

const textOf = (file: string): string => {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
};

/**
 * Connects by the system's ssh, with all that it can do and ssh2 cannot: certificates of hosts and users, security
 * keys, GSSAPI, Match exec. One connection for each session, made by one ssh that takes its commands through a socket
 * only we can reach. Nobody is asked for anything. Not by this way: PROVISION_KEY_PASSPHRASE, keys pinned by fingerprint.
 */
export function opensshTransport(options: SshOptions): Transport {
  // ssh hands a ProxyCommand to this shell (ssh_config(5)); ours is POSIX text, whatever the user's own shell is.
  const env = { ...withoutPassphrase(options.env ?? process.env), SHELL: '/bin/sh' };
  const readConfig = sshConfigReader(options.configFile, env);
  const timeoutMs = options.connectTimeoutMs ?? 15_000;
  const gate = startGate();

  async function login(stops: readonly Stop[], deadline: Deadline): Promise<Session> {
    const directory = mkdtempSync(join(tmpdir(), 'provision-ssh-'));
    const clean = (): void => rmSync(directory, { recursive: true, force: true });
    const socket = join(directory, 's');
    const logs = new Map(stops.map((stop, index) => [stop, join(directory, `${index}.log`)]));
    try {
      const argv = masterArguments(stops, socket, {
        configFile: options.configFile,
        hostKeyChecking: options.hostKeyChecking,
        connectTimeout: Math.ceil(timeoutMs / 1000),
        keepalive: Math.ceil((options.keepaliveMs ?? 5000) / 1000),
        pins: new Map(stops.flatMap((stop, index) => pinsOf(stop, join(directory, `${index}.keys`)))),
        revoked: new Map(
          stops.flatMap((stop, index) => revokedOf(stop, join(directory, `${index}.revoked`))),
        ),
        logs,
      });
      const { master, loggedIn } = await beforeDeadline(deadline, (signal, reaching) => {
        stops.forEach(reaching);
        return startMaster(argv, socket, env, signal);
      });
      if (loggedIn) return session(stops, master, directory, env);
      throw opensshError(stops, [...logs.values()].map(textOf), master.stderr());
    } catch (error) {
      clean();
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

/** Writes the keys that the inventory pins as a known_hosts of its own. */
function pinsOf(stop: Stop, file: string): [Stop, string][] {
  const pins = stop.connection.hostKeys.map((pin) => pin.trim().split(/\s+/));
  if (pins.length === 0) return [];
  if (pins.some(([, key]) => key === undefined)) {
    throw new ProvisionError(
      'host-key-unsupported',
      `${stop.who}: its host key is pinned by a fingerprint, which --transport openssh cannot follow`,
      {
        hint: 'Pin the whole key under `host_keys`, for example "ssh-ed25519 AAAA…", or leave --transport out.',
      },
    );
  }
  const lines = pins.map(([type = '', key = '']) => `${PINNED} ${type} ${key}\n`);
  writeFileSync(file, lines.join(''), { mode: 0o600 });
  return [[stop, file]];
}

/** Writes the `@revoked` keys of known_hosts as a file for RevokedHostKeys, which holds in every mode. */
function revokedOf(stop: Stop, file: string): [Stop, string][] {
  const { userKnownHostsFiles, globalKnownHostsFiles } = stop.settings;
  const lines = [...userKnownHostsFiles, ...globalKnownHostsFiles]
    .flatMap((known) => parseKnownHosts(textOf(known), known))
    .flatMap(({ marker, type, key }) => (marker === 'revoked' ? [`${type} ${key}\n`] : []));
  if (lines.length === 0) return [];
  writeFileSync(file, lines.join(''), { mode: 0o600 });
  return [[stop, file]];
}

function session(stops: readonly Stop[], master: Master, directory: string, env: NodeJS.ProcessEnv): Session {
  const stop = stops.at(-1) as Stop;
  const counts = { execs: 0, jumps: stops.length - 1, bytesIn: 0, bytesOut: 0 };
  const running = new Map<CommandRun, () => void>();
  let over: ProvisionError | undefined;
  const end = (error: ProvisionError): void => {
    over ??= error;
    for (const [run, kill] of running) {
      run.fail(over);
      kill();
    }
    running.clear();
  };
  const lastWords = (): Error => {
    const logs = stops.map((_stop, index) => textOf(join(directory, `${index}.log`)).trim());
    return new Error(
      plain(
        logs
          .findLast((log) => log !== '')
          ?.split('\n')
          .at(-1) ?? 'ssh ended',
      ),
    );
  };
  void master.ended.then(() => {
    end(lostError(stop, lastWords()));
    rmSync(directory, { recursive: true, force: true });
  });
  const socket = join(directory, 's');

  async function exec(command: string, options: ExecOptions): Promise<ExecResult> {
    if (over !== undefined) throw over;
    // A command without a terminal does not end with its channel, so the whole connection goes.
    const giveUp = (): void => {
      end(lostError(stop, new Error('a command was given up')));
      void master.close();
    };
    const log = join(directory, `exec-${String(counts.execs)}.log`);
    return runCommand({ who: stop.who, options, counts, giveUp }, (run) => {
      const child = spawn('ssh', commandArguments(stop, socket, log, command), {
        env,
        detached: true,
        stdio: 'pipe',
      });
      running.set(run, () => child.kill('SIGKILL'));
      child.stdout.on('data', (chunk: Buffer) => run.stdout(chunk));
      child.stderr.on('data', (chunk: Buffer) => run.stderr(chunk));
      child.stdin.on('error', () => undefined); // EPIPE: the command has not read all of its input
      child.on('error', (error) => run.fail(refusedError(stop, error)));
      child.on('close', (code, signal) => {
        const finish = (): void => {
          if (!running.delete(run)) return;
          const said = textOf(log).trim();
          if (code === NO_CONNECTION && said !== '') run.fail(refusedError(stop, new Error(said)));
          else run.finish(code, signal);
        };
        // Its end may be that of the connection, which is told a moment later.
        if (code === NO_CONNECTION) void within(master.ended, NOTICE_MS).then(finish);
        else finish();
      });
      child.stdin.end(options.stdin ?? '');
    });
  }

  let closed: Promise<void> | undefined;
  async function close(): Promise<void> {
    end(lostError(stop, new Error('the session was closed')));
    await master.close();
  }
  return { exec, close: () => (closed ??= close()), counts };
}
