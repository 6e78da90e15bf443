import { spawn } from 'node:child_process';
import { ProvisionError } from '../model/error.ts';
import type { ExecOptions, ExecResult, Session, Transport } from '../model/transport.ts';
import { withoutPassphrase } from './keys.ts';
import { runCommand } from './command-run.ts';
import type { CommandRun } from './command-run.ts';

const WHO = 'this machine';

/**
 * Runs commands on the controller itself, each as `[...prefix, 'sh', '-c', command]` without a shell in between; the
 * prefix is for example `['ip', 'netns', 'exec', NAME]`. node:child_process and not zx: zx decodes no better, quotes
 * for bash only, and cannot end a whole process group.
 */
export function localTransport(prefix: readonly string[] = []): Transport {
  return { connect: () => Promise.resolve(localSession(prefix)) };
}

function localSession(prefix: readonly string[]): Session {
  const counts = { execs: 0, jumps: 0, bytesIn: 0, bytesOut: 0 };
  const running = new Map<CommandRun, () => void>();
  const env = withoutPassphrase(process.env);
  let closed = false;

  async function exec(command: string, options: ExecOptions): Promise<ExecResult> {
    if (closed) throw closedError();
    let end = (): void => undefined;
    return runCommand({ who: WHO, options, counts, giveUp: () => end() }, (run) => {
      const [program = 'sh', ...args] = [...prefix, 'sh', '-c', command];
      // A process group of its own: giving up must end what the shell has started too.
      const child = spawn(program, args, { env, detached: true, stdio: 'pipe' });
      end = () => killGroup(child.pid);
      running.set(run, end);
      child.stdout.on('data', (chunk: Buffer) => run.stdout(chunk));
      child.stderr.on('data', (chunk: Buffer) => run.stderr(chunk));
      child.stdin.on('error', () => undefined); // EPIPE: the command has not read all of its input
      child.on('error', (error) => {
        running.delete(run);
        run.fail(startError(program, error));
      });
      child.on('close', (code, signal) => {
        running.delete(run);
        run.finish(code, signal);
      });
      child.stdin.end(options.stdin ?? '');
    });
  }

  function close(): Promise<void> {
    closed = true;
    for (const [run, end] of running) {
      run.fail(closedError());
      end();
    }
    running.clear();
    return Promise.resolve();
  }
  return { exec, close, counts };
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}

const closedError = (): ProvisionError =>
  new ProvisionError('connection-lost', `${WHO}: the session was closed while a command was wanted`);

const startError = (program: string, error: Error): ProvisionError =>
  new ProvisionError('probe-failed', `${WHO}: ${program} cannot be started: ${error.message}`, {
    hint: `Check that ${program} is installed and in PATH.`,
    cause: error,
  });
