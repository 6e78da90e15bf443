import { performance } from 'node:perf_hooks';
import { problemsOf } from '../model/error.ts';
import type { ProvisionError } from '../model/error.ts';
import type { CheckResult } from '../model/check.ts';
import type { Phase } from '../model/event.ts';
import type { HostReport, HostStatus } from '../model/report.ts';
import { reported, reportedChanges, reportedCuts } from '../model/reported.ts';
import type { ResourceChange } from '../model/resource.ts';
import type { Session, Target, Transport } from '../model/transport.ts';
import type { ProbeResult } from './probe-script.ts';
import type { Transaction } from './transaction-script.ts';

/** Everything one run knows about one host. The only mutable thing of the engine; one owner: the run. */
export class HostRun {
  readonly target: Target;
  status: HostStatus = 'ok';
  cause: string | undefined;
  error: ProvisionError | undefined;
  /** What the host was when last read; null = it could not be read. */
  probe: ProbeResult | null = null;
  /** The newest connection that works; later scripts go over it. */
  session: Session | null = null;
  /** Applied and armed, neither confirmed nor taken back. */
  transaction: Transaction | null = null;
  /** How many this run has begun there. */
  transactions = 0;
  /** When its window ends, in milliseconds of our clock. */
  windowEnds: number | undefined;
  /** Set when something changed since `probe`. */
  stale = false;
  readonly changes: ResourceChange[] = [];
  /** How many resources are declared for it. */
  resources = 0;
  readonly checks = new Map<string, CheckResult>();
  readonly timings: Record<string, number> = {};
  private readonly sessions: Session[] = [];

  constructor(target: Target) {
    this.target = target;
  }

  get name(): string {
    return this.target.name;
  }

  /** Always a new connection; the one before stays open until this one stands: it may still be the way to undo. */
  async connect(transport: Transport, signal: AbortSignal | undefined): Promise<Session> {
    const before = this.session;
    const session = await this.connectBeside(transport, signal);
    // Nobody waits for its end but `closeAll`.
    void before?.close().catch(() => undefined);
    return session;
  }

  /** The same, and the one before stays open for what is asked over it. */
  async connectBeside(transport: Transport, signal: AbortSignal | undefined): Promise<Session> {
    const session = await transport.connect(this.target, signal);
    this.sessions.push(session);
    this.session = session;
    return session;
  }

  /** Nothing more is to be done there for now. */
  async release(): Promise<void> {
    await this.session?.close();
    this.session = null;
  }

  async closeAll(): Promise<void> {
    await Promise.allSettled(this.sessions.map((session) => session.close()));
  }

  fail(status: HostStatus, thrown: unknown): void {
    this.status = status;
    this.error = problemsOf(thrown)[0];
  }

  async timed<T>(phase: Phase, work: () => Promise<T>): Promise<T> {
    const start = performance.now();
    try {
      return await work();
    } finally {
      this.timings[phase] = Math.round((this.timings[phase] ?? 0) + performance.now() - start);
    }
  }

  report(): HostReport {
    const sum = (key: 'execs' | 'jumps' | 'bytesIn' | 'bytesOut'): number =>
      this.sessions.reduce((total, session) => total + session.counts[key], 0);
    const lockouts = this.changes.flatMap(({ resource, lockout: sentence }) =>
      sentence === undefined ? [] : [{ resource, sentence }],
    );
    const cuts = this.changes.flatMap(reportedCuts);
    return {
      name: this.name,
      status: this.status,
      resources: this.resources,
      ...(this.cause === undefined ? {} : { cause: { host: this.cause } }),
      changes: this.changes.flatMap((change) => reportedChanges(change, this.target.place)),
      ...(lockouts.length > 0 ? { lockouts } : {}),
      ...(cuts.length > 0 ? { cuts } : {}),
      checks: [...this.checks.values()],
      ssh: {
        connections: this.sessions.length,
        execs: sum('execs'),
        jumps: sum('jumps'),
        bytesIn: sum('bytesIn'),
        bytesOut: sum('bytesOut'),
      },
      timings: this.timings,
      ...(this.error ? { error: reported(this.error, this.target.place) } : {}),
    };
  }
}
