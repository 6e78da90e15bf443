import type { ClientChannel } from 'ssh2';
import { ProvisionError } from '../model/error.ts';
import type { ExecOptions, ExecResult, Session } from '../model/transport.ts';
import { runCommand } from './command-run.ts';
import type { CommandRun } from './command-run.ts';
import { plain } from './connect-errors.ts';
import type { Link } from './link.ts';
import { loginOf, sshCommandFor } from './stop.ts';
import type { Stop } from './stop.ts';

/** A session over the last link of a way; `hops` are the links it runs through, nearest first. */
export function sshSession(stop: Stop, link: Link, hops: readonly Link[]): Session {
  const running = new Set<CommandRun>();
  const counts = { execs: 0, jumps: hops.length, bytesIn: 0, bytesOut: 0 };
  let over: ProvisionError | undefined;
  const end = (error: ProvisionError): void => {
    over ??= error;
    for (const run of running) run.fail(over);
    running.clear();
  };
  // A closed channel does not stop a command without a terminal, so the whole connection goes.
  const giveUp = (): void => {
    end(lostError(stop, new Error('a command was given up')));
    link.destroy();
    hops.forEach((hop) => hop.destroy());
  };
  for (const each of [link, ...hops]) void each.ended.then((reason) => end(lostError(stop, reason)));

  async function exec(command: string, options: ExecOptions): Promise<ExecResult> {
    if (over !== undefined) throw over;
    return runCommand({ who: stop.who, options, counts, giveUp }, (run) => {
      running.add(run);
      const done = (): void => void running.delete(run);
      try {
        link.client.exec(command, (error, channel) => {
          if (error === undefined || error === null) return attach(channel, run, options.stdin, done);
          // ssh2 reports a lost connection here first, and only then as such.
          setImmediate(() => {
            done();
            run.fail(over ?? refusedError(stop, error));
          });
        });
      } catch (error) {
        // ssh2 throws "Not connected" between the end of the socket and the event that tells of it.
        done();
        run.fail(over ?? lostError(stop, error as Error));
      }
    });
  }

  let closed: Promise<void> | undefined;
  async function close(): Promise<void> {
    end(lostError(stop, new Error('the session was closed')));
    await link.close();
    for (const hop of [...hops].reverse()) await hop.close();
  }
  return { exec, close: () => (closed ??= close()), counts };
}

function attach(channel: ClientChannel, run: CommandRun, stdin: string | undefined, done: () => void): void {
  let code: number | null = null;
  let signal: string | null = null;
  channel.on('data', (chunk: Buffer) => run.stdout(chunk));
  channel.stderr.on('data', (chunk: Buffer) => run.stderr(chunk));
  channel.on('exit', (exitCode: number | null, exitSignal?: string) => {
    code = exitCode;
    signal = exitSignal ?? null;
  });
  channel.on('error', (error: Error) => run.fail(error));
  channel.on('close', () => {
    done();
    run.finish(code, signal);
  });
  channel.end(stdin ?? '');
}

/** The connection is gone, or is given up. */
export const lostError = (stop: Stop, reason: Error | undefined): ProvisionError =>
  new ProvisionError(
    'connection-lost',
    `${stop.who}: the connection to ${loginOf(stop)} was lost${reason === undefined ? '' : `: ${plain(reason.message)}`}`,
    { hint: `Try \`${sshCommandFor(stop)}\`, then run again to see the state of the host.`, cause: reason },
  );

/** The connection stands, and the host does not run a command. */
export const refusedError = (stop: Stop, reason: Error): ProvisionError =>
  new ProvisionError(
    'ssh-protocol',
    `${stop.who}: ${loginOf(stop)} does not run a command: ${plain(reason.message)}`,
    {
      hint: `Try \`${sshCommandFor(stop)} true\`; sshd_config may hold MaxSessions or the key a forced command.`,
      cause: reason,
    },
  );
