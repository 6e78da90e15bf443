import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { within } from './abort.ts';

const LOOK_EVERY_MS = 15;
const FAREWELL_MS = 1000;
const LAST_WORDS_MS = 500;
const STDERR_KEPT = 4096;

/**
 * Runs a program and ends it when standard input does: a controller that is killed leaves no connection behind. The
 * program itself reads nothing.
 */
const TIED =
  'exec 3<&0; "$@" </dev/null 3<&- & pid=$!; { cat <&3 >/dev/null; kill "$pid"; } 2>/dev/null & wait "$pid"';

/** A logged-in ssh that waits for commands at its socket. */
export interface Master {
  /** Resolves when it is gone. Never rejects. */
  readonly ended: Promise<void>;
  readonly hasEnded: () => boolean;
  stderr(): string;
  /** Says goodbye, and cuts what does not end. */
  close(): Promise<void>;
}

/** Starts ssh and waits until it is logged in; undefined = it ended before that. Rejects with the signal's reason. */
export async function startMaster(
  argv: readonly string[],
  socket: string,
  env: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<{ readonly master: Master; readonly loggedIn: boolean }> {
  // A process group of its own: Ctrl-C on the terminal is for us to handle.
  const child = spawn('sh', ['-c', TIED, 'sh', 'ssh', ...argv], {
    env,
    detached: true,
    stdio: ['pipe', 'ignore', 'pipe'],
  });
  let gone = false;
  let stderr = '';
  child.stderr
    .setEncoding('utf8')
    .on('data', (text: string) => (stderr = (stderr + text).slice(-STDERR_KEPT)));
  const said = new Promise<void>((resolve) => void child.stderr.once('close', resolve));
  child.stdin.on('error', () => undefined);
  const ended = new Promise<void>((resolve) => {
    const end = (): void => {
      gone = true;
      child.stdin.destroy();
      resolve();
    };
    // Not 'close': a ProxyCommand that outlives its ssh keeps the pipe open. What was said before is read all the same.
    child.on('exit', () => void within(said, LAST_WORDS_MS).then(end));
    child.on('error', (error) => {
      stderr = error.message;
      end();
    });
  });
  const kill = (): void => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    } catch {
      // It has ended by itself.
    }
  };
  let closed: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    child.stdin.end();
    if (!(await within(ended, FAREWELL_MS))) kill();
    await ended;
  };
  const master: Master = {
    ended,
    hasEnded: () => gone,
    stderr: () => stderr,
    close: () => (closed ??= close()),
  };
  // The socket is made once the login stands (muxserver_listen in OpenSSH's ssh.c).
  while (!gone && !existsSync(socket)) {
    if (signal.aborted) {
      kill();
      await ended;
      signal.throwIfAborted();
    }
    await Promise.race([ended, sleep(LOOK_EVERY_MS)]);
  }
  return { master, loggedIn: !gone };
}
