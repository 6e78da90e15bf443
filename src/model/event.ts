import type { CheckResult } from './check.ts';
import type { ProvisionError } from './error.ts';
import type { HostReport } from './report.ts';
import type { ResourceChange } from './resource.ts';

export type Phase = 'compile' | 'probe' | 'plan' | 'apply' | 'verify' | 'confirm' | 'revert' | 'report';

/** Everything the engine tells the world. Reporters draw it; nothing else writes to a screen. */
export type RunEvent =
  | {
      readonly type: 'run-started';
      readonly runId: string;
      readonly playbook: string;
      readonly check: boolean;
      /** With `check`: its checks are the verdict and not only a baseline. */
      readonly prove?: boolean;
      readonly hosts: readonly string[];
      readonly vantages: readonly string[];
    }
  | { readonly type: 'warning'; readonly message: string; readonly host?: string }
  | {
      readonly type: 'play-started';
      readonly play: string;
      readonly hosts: readonly string[];
      readonly batch: number;
      readonly batches: number;
    }
  | { readonly type: 'phase-started'; readonly host: string; readonly phase: Phase }
  | { readonly type: 'host-planned'; readonly host: string; readonly changes: readonly ResourceChange[] }
  | { readonly type: 'step-done'; readonly host: string; readonly resource: string }
  | {
      readonly type: 'step-failed';
      readonly host: string;
      readonly resource: string;
      readonly output: string;
    }
  | { readonly type: 'host-reverting'; readonly host: string; readonly reason: string }
  | { readonly type: 'check-done'; readonly result: CheckResult }
  /** Why it fails was found out: the same result with its hint. */
  | { readonly type: 'check-explained'; readonly result: CheckResult }
  | { readonly type: 'host-failed'; readonly host: string; readonly error: ProvisionError }
  | { readonly type: 'host-finished'; readonly host: string; readonly report: HostReport }
  | { readonly type: 'run-finished'; readonly exitCode: number; readonly hosts: readonly HostReport[] };

export type Emit = (event: RunEvent) => void;
