import { spawn } from 'node:child_process';
import { ProvisionError } from '../model/error.ts';
import { sh } from '../shell/quote.ts';

/** What `ssh` prints for these arguments; an empty text when there is no ssh program. Rejects with ProvisionError `usage`. */
export type SshProgram = (args: readonly string[]) => Promise<string>;

interface Asked {
  readonly args: readonly string[];
  readonly resolve: (text: string | Promise<string>) => void;
}

/** `Match exec` may run anything; `ssh -G` itself takes some 6 ms. */
const ANSWER_WITHIN_MS = 15_000;
/** So long may one of many take before those behind it are asked beside it. */
const WAIT_FOR_ONE_MS = 100;
/** A shell's text is one argument, of 128 KiB at most (MAX_ARG_STRLEN of linux/binfmts.h), and each may name a file of 4 KiB. */
const MOST_TOGETHER = 20;

/**
 * Runs `ssh`, for all that is asked at the same moment by one shell, one after the other: to start a process from here holds up
 * everything else for some 6 ms, which ten hosts would wait for ten times.
 */
export function sshProgram(env: NodeJS.ProcessEnv, waitMs = WAIT_FOR_ONE_MS): SshProgram {
  let waiting: Asked[] = [];
  const start = (): void => {
    const all = waiting;
    waiting = [];
    for (let at = 0; at < all.length; at += MOST_TOGETHER)
      together(all.slice(at, at + MOST_TOGETHER), env, waitMs);
  };
  return (args) =>
    new Promise((resolve) => {
      if (waiting.length === 0) setImmediate(start);
      waiting.push({ args, resolve });
    });
}

/** Whatever goes wrong is asked again, alone: that tells why. */
function together(asked: readonly Asked[], env: NodeJS.ProcessEnv, waitMs: number): void {
  const left = [...asked];
  const alone = (): void => left.splice(0).forEach(({ args, resolve }) => resolve(runSsh(args, env)));
  if (asked.length === 1) return alone();
  // NUL stands in nothing that ssh prints.
  const script = asked.map(({ args }) => `${sh`command ssh ${args}`}; printf '\\000%s\\000' "$?"`).join('\n');
  const child = spawn('sh', ['-c', script], { env, stdio: ['ignore', 'pipe', 'ignore'] });
  // What still runs there goes on until it ends, and must not keep us from ending.
  const giveUp = (): void => {
    alone();
    child.kill();
    child.stdout.destroy();
  };
  // When it was we who were busy, the answers are there: they are read first.
  const timer = setTimeout(() => {
    const open = left.length;
    setImmediate(() => (left.length === open ? giveUp() : undefined));
  }, waitMs);
  let rest = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    timer.refresh();
    const pieces = `${rest}${chunk}`.split('\0');
    while (pieces.length > 2) {
      const [text = '', code] = pieces.splice(0, 2);
      const next = left.shift();
      next?.resolve(code === '0' ? text : runSsh(next.args, env));
    }
    rest = pieces.join('\0');
  });
  child.on('error', alone).on('close', () => {
    clearTimeout(timer);
    alone();
  });
}

function runSsh(args: readonly string[], env: NodeJS.ProcessEnv): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn('ssh', args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    // Not spawn's own `timeout`: its timer outlives a program that could not be started.
    const timer = setTimeout(() => child.kill(), ANSWER_WITHIN_MS);
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
    child.on('error', (error: NodeJS.ErrnoException) => {
      clearTimeout(timer);
      if (error.code === 'ENOENT') resolve('');
      else reject(error);
    });
    child.on('close', (code) => {
      clearTimeout(timer);
      if (code === 0) resolve(Buffer.concat(stdout).toString('utf8'));
      else reject(configError(Buffer.concat(stderr).toString('utf8')));
    });
  });
}

function configError(stderr: string): ProvisionError {
  const reason = stderr.split('\n').find((line) => line.trim() !== '') ?? 'ssh -G failed';
  return new ProvisionError('usage', `the ssh configuration cannot be used: ${reason.trim()}`, {
    hint: 'Mend the file it names; `ssh -G HOST` shows whether it can be read.',
  });
}
