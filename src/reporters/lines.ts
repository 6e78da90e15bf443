import type { CheckResult } from '../model/check.ts';
import type { Emit, RunEvent } from '../model/event.ts';
import type { Change, ResourceChange } from '../model/resource.ts';
import type { Colours } from './colour.ts';
import { unifiedDiff } from './diff.ts';
import { printable } from './printable.ts';
import { problemLines } from './problem.ts';
import { recapLine } from './recap.ts';

export interface LinesOptions {
  /** 0 = only what matters; 1 adds phases and steps; 2 what a failed step printed; 3 all. */
  readonly verbosity: number;
  readonly quiet: boolean;
  readonly diff: boolean;
  /** Results: changes, diffs, recap. */
  readonly out: (line: string) => void;
  /** Progress. */
  readonly err: (line: string) => void;
  readonly colours: Colours;
}

const SIGNS: Readonly<Record<Change['action'], string>> = { create: '+', update: '~', delete: '-' };

function checkLine(result: CheckResult, colours: Colours): string {
  const colour = { pass: colours.green, fail: colours.red, unproven: colours.yellow }[result.status];
  const before = result.baseline === null ? '' : colours.dim(` (before: ${result.baseline})`);
  const what =
    result.status === 'pass'
      ? printable(result.got)
      : `expected ${printable(result.expected)}, got ${printable(result.got)}`;
  return `check ${colour(result.status)}: ${printable(result.name)}: ${what}${before}`;
}

/** One line per event, each naming its host: for logs, pipelines, and terminals that nobody watches. */
export function linesReporter(options: LinesOptions): Emit {
  const { out, err, colours, verbosity } = options;
  let width = 0;
  let check = false;
  const progress = (host: string, text: string): void => {
    if (!options.quiet) err(`${host.padEnd(width)}  ${text}`);
  };

  const planned = (host: string, changes: readonly ResourceChange[]): void => {
    if (changes.length === 0) return progress(host, colours.green('nothing to change'));
    for (const change of changes) {
      for (const { action, sentence } of change.changes) {
        const sign = colours.yellow(SIGNS[action]);
        out(`${host.padEnd(width)}  ${sign} ${printable(sentence)}`);
      }
      if (options.diff)
        unifiedDiff(change, colours).forEach((line) => out(`${host.padEnd(width)}    ${line}`));
    }
  };

  const finished = (event: Extract<RunEvent, { type: 'run-finished' }>): void => {
    if (options.quiet) return;
    const total = new Set(
      event.hosts.flatMap((host) => host.changes.map((change) => `${host.name} ${change.resource}`)),
    ).size;
    if (check) out(`\n${total} ${total === 1 ? 'change' : 'changes'} to make; nothing was changed (--check)`);
    out(`\n${colours.bold('RECAP')}`);
    event.hosts.forEach((host) => out(recapLine(host, width, check, colours)));
  };

  return (event) => {
    switch (event.type) {
      case 'run-started': {
        check = event.check;
        width = Math.max(...[...event.hosts, ...event.vantages].map((name) => name.length));
        if (!options.quiet)
          err(
            `${colours.bold(event.playbook)}  run ${event.runId}${check ? '  (check: nothing will be changed)' : ''}`,
          );
        return;
      }
      case 'warning':
        return err(
          `${event.host ? `${event.host}  ` : ''}${colours.yellow('warning')}: ${printable(event.message)}`,
        );
      case 'play-started':
        if (!options.quiet && event.hosts.length > 0)
          err(
            `play ${event.play}${event.batches > 1 ? `, batch ${event.batch} of ${event.batches}` : ''}: ${event.hosts.join(', ')}`,
          );
        return;
      case 'phase-started':
        if (verbosity >= 1 || event.phase === 'apply' || event.phase === 'verify')
          progress(event.host, event.phase);
        return;
      case 'host-planned':
        return planned(event.host, event.changes);
      case 'step-done':
        return progress(event.host, `done ${event.resource}`);
      case 'step-failed':
        progress(event.host, colours.red(`failed ${event.resource}`));
        if (verbosity >= 2)
          printable(event.output)
            .split('\n')
            .forEach((line) => progress(event.host, `  ${line}`));
        return;
      case 'host-reverting':
        return progress(event.host, colours.yellow(`reverting: ${printable(event.reason)}`));
      case 'check-done':
        return progress(event.result.from, checkLine(event.result, colours));
      case 'host-failed':
        return problemLines(event.error, colours).forEach((line) => err(line));
      case 'host-finished':
        return;
      case 'run-finished':
        return finished(event);
    }
  };
}
