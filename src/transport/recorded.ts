import type { ExecOptions, ExecResult, Session, Target, Transport } from '../model/transport.ts';
import { ProvisionError } from '../model/error.ts';
import { runCommand } from './command-run.ts';

/** What a host of a test answers to a command; an Error is thrown as it stands. */
export type Answer = (
  target: Target,
  command: string,
  stdin: string,
) => ExecResult | Error | Promise<ExecResult | Error>;

export interface RecordedCall {
  readonly host: string;
  readonly command: string;
  readonly stdin: string;
}

export interface RecordedTransport extends Transport {
  /** Every command, in the order it was given. */
  readonly calls: readonly RecordedCall[];
  /** The names of the hosts connected to, once per connection. */
  readonly connections: readonly string[];
  /** Sessions that were not closed. */
  readonly open: number;
}

/**
 * A transport for tests, without any host: commands are answered by a function, with the same limits, line reports
 * and counts as over SSH. `refuse` makes connecting fail.
 */
export function recordedTransport(
  answer: Answer,
  refuse: (target: Target) => Error | undefined = () => undefined,
): RecordedTransport {
  const calls: RecordedCall[] = [];
  const connections: string[] = [];
  let open = 0;

  function connect(target: Target, signal?: AbortSignal): Promise<Session> {
    const counts = { execs: 0, jumps: target.jumps.length, bytesIn: 0, bytesOut: 0 };
    const refusal = refuse(target) ?? (signal?.aborted === true ? interrupted(target) : undefined);
    if (refusal !== undefined) return Promise.reject(refusal);
    connections.push(target.name);
    open += 1;
    let closed = false;
    let lost = false;
    async function exec(command: string, options: ExecOptions): Promise<ExecResult> {
      if (closed || lost)
        throw new ProvisionError('connection-lost', `${target.name}: the session was closed`);
      const stdin = options.stdin ?? '';
      calls.push({ host: target.name, command, stdin });
      return runCommand({ who: target.name, options, counts, giveUp: () => (lost = true) }, (run) => {
        const reply = (result: ExecResult | Error): void => {
          if (result instanceof Error) return run.fail(result);
          run.stdout(Buffer.from(result.stdout));
          run.stderr(Buffer.from(result.stderr));
          run.finish(result.code);
        };
        Promise.resolve()
          .then(() => answer(target, command, stdin))
          .then(reply, (error: unknown) => run.fail(error as Error));
      });
    }
    function close(): Promise<void> {
      if (!closed) open -= 1;
      closed = true;
      return Promise.resolve();
    }
    return Promise.resolve({ exec, close, counts });
  }
  return {
    connect,
    calls,
    connections,
    get open() {
      return open;
    },
  };
}

const interrupted = (target: Target): ProvisionError =>
  new ProvisionError(
    'connection-timeout',
    `${target.name}: the connection was given up because the run was interrupted`,
  );
