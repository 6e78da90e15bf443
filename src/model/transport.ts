import type { Place } from './error.ts';
import type { Connection } from './host.ts';

/** Where to connect, resolved from the inventory: a host, and the hops before it. */
export interface Target {
  /** Inventory name (or the hop as written), for messages. */
  readonly name: string;
  readonly connection: Connection;
  /** Where the inventory names it. */
  readonly place?: Place | undefined;
  /** Hops, nearest to the controller first; each is verified like a target of its own. */
  readonly jumps: readonly Target[];
}

export interface ExecOptions {
  /** Written to the command's standard input, which is then closed. */
  readonly stdin?: string;
  /** The command is given up after this time: `command-timeout`. */
  readonly timeoutMs: number;
  /** Called with each whole line of standard output as it arrives. */
  readonly onLine?: (line: string) => void;
  /** The line that is the last of interest: with it the command counts as ended, by 0, and what still comes is nobody's. */
  readonly until?: (line: string) => boolean;
}

export interface ExecResult {
  /** Never null: a command that ended by a signal or a cut link is an error instead. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Session {
  /** Rejects with `connection-lost` or `command-timeout`; a non-zero code is a result. */
  exec(command: string, options: ExecOptions): Promise<ExecResult>;
  close(): Promise<void>;
  /** Counted while the session lives; read after close. */
  readonly counts: { execs: number; jumps: number; bytesIn: number; bytesOut: number };
}

export interface Transport {
  /** Always a new connection on a new socket. Rejects with a ProvisionError whose code leads to exit 4. */
  connect(target: Target, signal?: AbortSignal): Promise<Session>;
}
