import { spawn } from 'node:child_process';
import { Duplex } from 'node:stream';
import { ProvisionError } from '../model/error.ts';
import { within } from './abort.ts';
import { checkAddress, checkUser } from './address.ts';
import type { TokenValues } from './ssh-config.ts';

const KILL_AFTER_MS = 500;
const LAST_WORDS_MS = 300;
const STDERR_KEPT = 4096;

/** A socket made of a running program, and what that program last complained about. */
export interface ProxyPipe {
  readonly stream: Duplex;
  /** Undefined when it still runs. Waits a moment for its last words. */
  complaint(): Promise<string | undefined>;
}

/**
 * The ProxyCommand with its tokens (`%%`, `%h`, `%n`, `%p`, `%r`; ssh_config(5) TOKENS) filled in.
 * @throws ProvisionError `inventory` for a value that a shell would read as more than a word, `usage` for another token
 */
export function expandProxyCommand(command: string, values: TokenValues, who: string): string {
  checkAddress(values.address, who);
  checkAddress(values.name, who);
  checkUser(values.user, who);
  if (values.user.includes('\\') && command.includes('%r')) {
    throw new ProvisionError(
      'inventory',
      `${who}: a user name with a backslash cannot be given to a ProxyCommand`,
      {
        hint: 'Write the user into the ProxyCommand itself instead of %r.',
      },
    );
  }
  const tokens: Record<string, string> = {
    '%%': '%',
    '%h': values.address,
    '%n': values.name,
    '%p': String(values.port),
    '%r': values.user,
  };
  return command.replace(/%.?/g, (token) => {
    const value = tokens[token];
    if (value !== undefined) return value;
    throw new ProvisionError(
      'usage',
      `${who}: the ProxyCommand of the ssh_config has an unknown token ${token}`,
      {
        hint: 'ssh_config(5) allows %h, %n, %p, %r and %% there.',
      },
    );
  });
}

/**
 * Runs the user's own ProxyCommand, expanded; only a command from ssh_config may come here, never one from the inventory.
 * Destroying the stream ends the program and whatever it started.
 */
export function openProxy(command: string, env: NodeJS.ProcessEnv): ProxyPipe {
  // Its own process group, so that a pipeline in the command is ended as a whole.
  const child = spawn('/bin/sh', ['-c', `exec ${command}`], { env, detached: true, stdio: 'pipe' });
  let stderr = '';
  let ended: string | undefined;
  child.stderr
    .setEncoding('utf8')
    .on('data', (text: string) => (stderr = (stderr + text).slice(-STDERR_KEPT)));
  child.stdin.on('error', () => undefined);

  const stream = new Duplex({
    read: () => void child.stdout.resume(),
    write: (chunk: Buffer, _encoding, done) => {
      if (child.stdin.writable) child.stdin.write(chunk, () => done());
      else done();
    },
    final: (done) => {
      child.stdin.end();
      done();
    },
    destroy: (error, done) => {
      // A program that has ended its output is about to say why, and to end by itself.
      const grace = child.stdout.readableEnded ? LAST_WORDS_MS : 0;
      setTimeout(() => endGroup(child.pid), grace).unref();
      child.stdin.destroy();
      child.stdout.destroy();
      done(error);
    },
  });
  child.stdout.on('data', (chunk: Buffer) => {
    if (!stream.push(chunk)) child.stdout.pause();
  });
  child.stdout.on('end', () => stream.push(null));
  child.on('error', (error) => stream.destroy(error));
  // The child itself keeps the process alive until it has ended, hence none of the timers has to.
  const ending = new Promise<void>((resolve) => {
    child.on('close', (code, signal) => {
      ended = `it ended ${code === null ? `by ${String(signal)}` : `with code ${String(code)}`}`;
      resolve();
    });
  });
  const complaint = async (): Promise<string | undefined> => {
    await within(ending, LAST_WORDS_MS);
    const last = stderr.trim().split('\n').at(-1);
    return ended === undefined || last === '' ? ended : last;
  };
  return { stream, complaint };
}

function endGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  signalGroup(pid, 'SIGTERM');
  setTimeout(() => signalGroup(pid, 'SIGKILL'), KILL_AFTER_MS).unref();
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // The group is gone already, which is what is wanted.
  }
}
