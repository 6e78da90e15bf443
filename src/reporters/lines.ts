import type { Emit } from '../model/event.ts';
import type { HostReport } from '../model/report.ts';
import type { ResourceChange } from '../model/resource.ts';
import { forewarningsOf, sentencesOf, SIGNS } from './change-sentences.ts';
import { checkLine, checksOf, hintLine } from './checks.ts';
import type { Colours } from './colour.ts';
import { unifiedDiff } from './diff.ts';
import { printable } from './printable.ts';
import { problemLines } from './problem.ts';
import { recapSection, toMake } from './recap.ts';

export interface ProgressLinesOptions {
  /** 0 = only what matters; 1 adds phases and checks as they end; 2 what a failed step printed. */
  readonly verbosity: number;
  readonly quiet: boolean;
  readonly err: (line: string) => void;
  readonly colours: Colours;
}

export interface ResultLinesOptions {
  readonly quiet: boolean;
  readonly diff: boolean;
  readonly out: (line: string) => void;
  readonly colours: Colours;
}

/** The width that names are filled up to, known once the run has started. */
const nameWidth = (names: readonly string[]): number => Math.max(0, ...names.map((name) => name.length));

/** Progress, one line per event, each naming its host: for logs, pipelines, and terminals that nobody watches. */
export function progressLines({ verbosity, quiet, err, colours }: ProgressLinesOptions): Emit {
  let width = 0;
  const always = (host: string, text: string): void => err(`${host.padEnd(width)}  ${text}`);
  const progress = (host: string, text: string): void => {
    if (!quiet) always(host, text);
  };
  return (event) => {
    switch (event.type) {
      case 'run-started':
        width = nameWidth([...event.hosts, ...event.vantages]);
        if (quiet) return;
        return err(
          `${colours.bold(event.playbook)}  run ${event.runId}${event.check ? '  (check: nothing will be changed)' : ''}`,
        );
      case 'warning': {
        const text = `${colours.yellow('warning')}: ${printable(event.message)}`;
        return event.host === undefined ? err(text) : always(event.host, text);
      }
      case 'play-started': {
        if (quiet || event.hosts.length === 0) return;
        const batch = event.batches > 1 ? `, batch ${event.batch} of ${event.batches}` : '';
        return err(`play ${event.play}${batch}: ${event.hosts.join(', ')}`);
      }
      case 'phase-started':
        if (verbosity >= 1 || event.phase === 'apply' || event.phase === 'verify')
          progress(event.host, event.phase);
        return;
      case 'host-planned':
        if (event.changes.length === 0) progress(event.host, colours.green('nothing to change'));
        return;
      case 'step-done':
        return progress(event.host, `done ${printable(event.resource)}`);
      case 'step-failed':
        progress(event.host, colours.red(`failed ${printable(event.resource)}`));
        if (verbosity >= 2)
          printable(event.output)
            .trimEnd()
            .split('\n')
            .forEach((line) => progress(event.host, `  ${line}`));
        return;
      case 'host-reverting':
        return progress(event.host, colours.yellow(`reverting: ${printable(event.reason)}`));
      case 'check-done':
        if (verbosity >= 1) progress(event.result.from, checkLine(event.result, colours));
        return;
      // Said with the check, at the end.
      case 'check-explained':
        return;
      case 'host-failed':
        return problemLines(event.error, colours).forEach((line) => err(line));
      case 'host-finished':
      case 'run-finished':
        return;
    }
  };
}

/** Results, one line each that stands alone and names its host: changes, diffs, checks, recap. */
export function resultLines({ quiet, diff, out, colours }: ResultLinesOptions): Emit {
  let width = 0;
  let check = false;
  let prove = false;
  const result = (host: string, text: string): void => out(`${host.padEnd(width)}  ${text}`);

  const planned = (host: string, change: ResourceChange): void => {
    const sign = change.changes[0] ? SIGNS[change.changes[0].action] : ' ';
    sentencesOf(change).forEach((sentence) => result(host, `${colours.yellow(sign)} ${sentence}`));
    forewarningsOf(change).forEach((text) => result(host, `${colours.red('!')} ${text}`));
    if (diff) unifiedDiff(change, colours).forEach((line) => result(host, `  ${line}`));
  };

  const finished = (hosts: readonly HostReport[]): void => {
    const checks = checksOf(hosts).filter(({ status }) => !quiet || status !== 'pass');
    checks.forEach((one) => {
      result(one.from, checkLine(one, colours));
      const reason = hintLine(one);
      if (reason !== null) result(one.from, `  ${colours.yellow(reason)}`);
    });
    if (quiet) return;
    if (check) out(`\n${toMake(hosts)}`);
    out('');
    recapSection(hosts, { check: check && !prove, all: true, colours }).forEach(out);
  };

  return (event) => {
    if (event.type === 'run-started') {
      check = event.check;
      prove = event.prove ?? false;
      width = nameWidth([...event.hosts, ...event.vantages]);
    } else if (event.type === 'host-planned') event.changes.forEach((change) => planned(event.host, change));
    else if (event.type === 'run-finished') finished(event.hosts);
  };
}
