import { execFileSync, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import ssh2 from 'ssh2';
import type { Connection, ServerChannel } from 'ssh2';

/** A key pair in OpenSSH's format; `public` is one line, `TYPE BASE64`. */
export interface KeyPair {
  readonly private: string;
  readonly public: string;
}

export interface FakeAnswer {
  readonly code?: number;
  /** Without SIG; given, the command ends by this signal instead of a code. */
  readonly signal?: string;
  readonly stdout?: string;
  readonly stderr?: string;
}

export interface FakeHostOptions {
  /** Default: one new ed25519 key. */
  readonly hostKeys?: readonly KeyPair[];
  /** Public keys that may log in; default: only that of `clientKeyFile`. An empty list refuses everybody. */
  readonly authorizedKeys?: readonly string[];
  /** Shown before the login, as `Banner` of sshd_config. */
  readonly banner?: string;
  /** `before-handshake`: takes the TCP connection and says nothing. `after-login`: goes silent once logged in. */
  readonly hang?: 'before-handshake' | 'after-login';
  /** Cuts the connection (TCP RST) during a command, after so much of its output or so long. */
  readonly cut?: { readonly command?: RegExp; readonly afterBytes?: number; readonly afterMs?: number };
  /** Sends output in pieces of this size, whatever characters that splits. */
  readonly chunkBytes?: number;
  /** Answers instead of running the command; undefined = run it. */
  readonly answer?: (command: string, stdin: string) => FakeAnswer | undefined;
  /** False refuses direct-tcpip, as `AllowTcpForwarding no`. Default true. */
  readonly forwarding?: boolean;
  /** What runs a command, the command behind it as one word, as sshd does; default `/bin/sh -c`. */
  readonly loginShell?: readonly [string, ...string[]];
  /** Environment of the commands; default the test's own. */
  readonly env?: NodeJS.ProcessEnv;
}

/** An SSH server on 127.0.0.1 that runs what it is told with its login shell. */
export interface FakeHost {
  readonly port: number;
  /** The first host key, a public line. */
  readonly hostKey: string;
  /** A private key that may log in (mode 0600), its `.pub` beside it. */
  readonly clientKeyFile: string;
  /** TCP connections taken so far. */
  readonly connections: number;
  /** Commands run so far. */
  readonly execs: number;
  /** Channels opened so far: one for each session, and one for each connection forwarded. */
  readonly channels: number;
  /** Bytes on the wire so far, key exchange and padding included, as this host sees them. */
  readonly bytes: { readonly received: number; readonly sent: number };
  readonly commands: readonly string[];
  /** `user` of every successful login. */
  readonly logins: readonly string[];
  /** `host:port` of every direct-tcpip request. */
  readonly forwards: readonly string[];
  /** Connections open now. */
  readonly open: number;
  /** A known_hosts line for this host under `name`; default `[127.0.0.1]:port`. */
  knownHostsLine(name?: string): string;
  /** Cuts every connection with a TCP RST. */
  cut(): void;
  /** Stops reading and writing on every connection, without closing any. */
  freeze(): void;
  close(): Promise<void>;
}

/** By ssh-keygen: of the ed25519 pairs that ssh2 1.17 makes, one in some hundreds cannot be read, not even by ssh2. */
export function newKeyPair(type: 'ed25519' | 'rsa' | 'ecdsa' = 'ed25519'): KeyPair {
  const directory = mkdtempSync(join(tmpdir(), 'fake-key-'));
  const file = join(directory, 'key');
  execFileSync('ssh-keygen', ['-q', '-t', type, '-N', '', '-C', '', '-f', file]);
  const pair = { private: readFileSync(file, 'utf8'), public: readFileSync(`${file}.pub`, 'utf8').trim() };
  rmSync(directory, { recursive: true });
  return pair;
}

/** Starts a host on a free port; close() ends its connections, commands and temporary files. */
export async function startFakeHost(options: FakeHostOptions = {}): Promise<FakeHost> {
  const directory = mkdtempSync(join(tmpdir(), 'fake-host-'));
  const clientKeyFile = join(directory, 'client_key');
  const client = newKeyPair();
  writeFileSync(clientKeyFile, client.private, { mode: 0o600 });
  writeFileSync(`${clientKeyFile}.pub`, `${client.public}\n`);

  const hostKeys = options.hostKeys ?? [newKeyPair()];
  const hostKey = hostKeys[0]?.public ?? '';
  const authorized = (options.authorizedKeys ?? [client.public]).map(blobOf);
  const seen = { connections: 0, commands: [] as string[], logins: [] as string[], forwards: [] as string[] };
  const counted = { channels: 0, received: 0, sent: 0 };
  const sockets = new Set<Socket>();
  const children = new Set<ChildProcess>();

  const ssh = new ssh2.Server({
    hostKeys: hostKeys.map((key) => key.private),
    ...(options.banner === undefined ? {} : { banner: options.banner }),
  });
  const server = createServer({ noDelay: true }, (socket) => {
    seen.connections += 1;
    sockets.add(socket);
    socket
      .on('error', () => undefined)
      .on('close', () => {
        sockets.delete(socket);
        counted.received += socket.bytesRead;
        counted.sent += socket.bytesWritten;
      });
    // Read on, or the end of the connection would go unseen.
    if (options.hang === 'before-handshake') return void socket.resume();
    ssh.injectSocket(socket);
  });

  ssh.on('connection', (connection, { port: clientPort }) => {
    const socket = [...sockets].find(({ remotePort }) => remotePort === clientPort);
    if (socket !== undefined) serve(connection, socket);
  });

  function serve(connection: Connection, socket: Socket): void {
    let user = '';
    connection.on('error', () => undefined);
    connection.on('authentication', (context) => {
      user = context.username;
      if (context.method !== 'publickey') return context.reject(['publickey']);
      const { data } = context.key;
      const key = authorized.some((blob) => blob.equals(data)) ? ssh2.utils.parseKey(data) : undefined;
      if (key === undefined || key instanceof Error) return context.reject(['publickey']);
      const { blob, signature } = context;
      const proven =
        signature === undefined || key.verify(blob ?? Buffer.alloc(0), signature, context.hashAlgo);
      if (proven) context.accept();
      else context.reject(['publickey']);
    });
    connection.on('ready', () => {
      seen.logins.push(user);
      if (options.hang === 'after-login') freeze(socket);
    });
    connection.on('session', (accept) => {
      counted.channels += 1;
      const session = accept();
      session.on('exec', (acceptExec, _reject, { command }) => {
        seen.commands.push(command);
        runCommand(acceptExec(), command, socket);
      });
    });
    connection.on('tcpip', (accept, reject, { destIP, destPort }) => {
      seen.forwards.push(`${destIP}:${String(destPort)}`);
      if (options.forwarding === false) return reject();
      const onward = connect({ port: destPort, host: destIP, noDelay: true });
      onward.once('error', () => reject());
      onward.once('connect', () => {
        const channel = accept();
        counted.channels += 1;
        channel.on('error', () => undefined);
        onward.removeAllListeners('error');
        onward.on('error', () => channel.destroy());
        onward.pipe(channel).pipe(onward);
        channel.on('close', () => onward.destroy());
        socket.on('close', () => onward.destroy());
      });
    });
  }

  function runCommand(channel: ServerChannel, command: string, socket: Socket): void {
    const out = outputTo(channel, command, socket, options);
    channel.on('error', () => undefined);
    if (options.answer === undefined) return start(channel, command, out);
    let stdin = '';
    channel.setEncoding('utf8');
    channel.on('data', (text: string) => (stdin += text));
    channel.on('end', () => {
      const answer = options.answer?.(command, stdin);
      if (answer === undefined) return start(channel, command, out, stdin);
      if (answer.stdout !== undefined) out(Buffer.from(answer.stdout));
      if (answer.stderr !== undefined) channel.stderr.write(answer.stderr);
      finish(channel, answer.code ?? 0, answer.signal ?? null);
    });
  }

  function start(
    channel: ServerChannel,
    command: string,
    out: (chunk: Buffer) => void,
    stdin?: string,
  ): void {
    const [shell, ...words] = options.loginShell ?? ['/bin/sh', '-c'];
    const child = spawn(shell, [...words, command], { env: options.env ?? process.env, detached: true });
    children.add(child);
    child.stdin.on('error', () => undefined);
    if (stdin === undefined) channel.pipe(child.stdin);
    else child.stdin.end(stdin);
    child.stdout.on('data', out);
    child.stderr.on('data', (chunk: Buffer) => channel.stderr.write(chunk));
    child.on('close', (code, signal) => {
      children.delete(child);
      finish(channel, code, signal?.slice(3) ?? null);
    });
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    port,
    hostKey,
    clientKeyFile,
    get connections() {
      return seen.connections;
    },
    get execs() {
      return seen.commands.length;
    },
    get channels() {
      return counted.channels;
    },
    get bytes() {
      const total = (end: 'bytesRead' | 'bytesWritten'): number =>
        [...sockets].reduce((sum, socket) => sum + socket[end], 0);
      return {
        received: counted.received + total('bytesRead'),
        sent: counted.sent + total('bytesWritten'),
      };
    },
    get open() {
      return sockets.size;
    },
    commands: seen.commands,
    logins: seen.logins,
    forwards: seen.forwards,
    knownHostsLine: (name = `[127.0.0.1]:${String(port)}`) => `${name} ${hostKey}\n`,
    cut: () => sockets.forEach((socket) => socket.resetAndDestroy()),
    freeze: () => sockets.forEach(freeze),
    close: async () => {
      children.forEach(endGroup);
      sockets.forEach((socket) => socket.destroy());
      await new Promise((resolve) => server.close(resolve));
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** Writes output as the options ask: in pieces, and with the connection cut in the middle. */
function outputTo(
  channel: ServerChannel,
  command: string,
  socket: Socket,
  { cut, chunkBytes = Infinity }: FakeHostOptions,
): (chunk: Buffer) => void {
  const applies = cut !== undefined && (cut.command ?? /^/).test(command);
  let left = applies ? (cut.afterBytes ?? Infinity) : Infinity;
  if (applies && cut.afterMs !== undefined) setTimeout(() => socket.resetAndDestroy(), cut.afterMs).unref();
  return (chunk) => {
    const kept = chunk.subarray(0, Math.min(left, chunk.length));
    left -= kept.length;
    for (let at = 0; at < kept.length; at += chunkBytes) channel.write(kept.subarray(at, at + chunkBytes));
    // Not at once: some of the output shall arrive.
    if (left <= 0) setTimeout(() => socket.resetAndDestroy(), 20).unref();
  };
}

function finish(channel: ServerChannel, code: number | null, signal: string | null): void {
  if (signal === null) channel.exit(code ?? 0);
  else channel.exit(signal, false, '');
  channel.end();
}

function freeze(socket: Socket): void {
  socket.pause();
  socket.removeAllListeners('data');
  socket.write = () => true;
}

function endGroup(child: ChildProcess): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}

const blobOf = (line: string): Buffer => Buffer.from(line.split(' ')[1] ?? '', 'base64');
