import { ProvisionError } from '../model/error.ts';
import type { Emit } from '../model/event.ts';
import type { Inventory } from '../model/host.ts';
import type { RunResult } from '../engine/run.ts';
import type { Compiled } from '../engine/compile.ts';
import { labReboot, labResetCounters, labWrongSource } from '../lab/index.ts';
import type { Lab } from '../lab/index.ts';
import type { Drift } from './rehearse-drifts.ts';
import { openReports } from './reports.ts';
import { shownArgv } from './shown-argv.ts';

export interface Stage {
  readonly name: string;
  /** Ends with a sentence of what was seen; throws when it is not what it should be. */
  readonly act: () => Promise<string>;
}

export interface PlayOptions {
  /** Plan only. */
  readonly check?: boolean;
  /** Ask every check, whatever its `when`; with `check`. */
  readonly prove?: boolean;
  /** Hears the run besides the screen. */
  readonly listen?: Emit;
}

export interface Rehearsal {
  readonly lab: Lab;
  readonly compiled: Compiled;
  /** One whole run of the playbook in the lab. */
  readonly play: (options?: PlayOptions) => Promise<RunResult>;
  readonly reports: readonly string[];
  readonly inventory: Inventory;
  /** Filled in by the stages. */
  readonly runs: { first?: string };
}

/** Ends the rehearsal with this sentence unless it holds. */
export function demand(holds: boolean, otherwise: string): void {
  if (!holds)
    throw new ProvisionError('check-failed', otherwise, {
      hint: 'Run again with --keep, then look: provision lab shell -i INVENTORY HOST.',
    });
}

export const changedOf = ({ hosts }: RunResult): string[] =>
  hosts.flatMap((host) => host.changes.map((change) => `${host.name}: ${change.sentence}`));

/** Enough to see what it was about; the run above has printed all. */
export const someOf = (sentences: readonly string[], most = 2): string =>
  `${sentences.slice(0, most).join('; ')}${sentences.length > most ? ` and ${sentences.length - most} more` : ''}`;

const allChecks = ({ hosts }: RunResult) => hosts.flatMap((host) => host.checks);

const checksOf = (result: RunResult): string => {
  const all = allChecks(result);
  return `${all.filter((check) => check.status === 'pass').length} of ${all.length} checks pass`;
};

/** Errors of hosts, and every check that does not pass. */
export const broken = (result: RunResult): string =>
  [
    ...result.hosts.flatMap((host) => (host.error ? [`${host.name}: ${host.error.message}`] : [])),
    ...allChecks(result)
      .filter((c) => c.status !== 'pass')
      .map(({ name, expected, got, hint }) =>
        [`${name}: expected ${expected}, got ${got}`, ...(hint ? [`likely ${hint.sentence}`] : [])].join(
          ', ',
        ),
      ),
  ].join('; ');

/** What would keep our own SSH out; the run itself only warns of it, and is taken back. */
export const lockoutsOf = ({ hosts }: RunResult): string[] =>
  hosts.flatMap(({ name, lockouts = [] }) => lockouts.map(({ sentence }) => `${name}: ${sentence}`));

/** A change without its words: what both a plan and the run say of it. */
const keysOf = ({ hosts }: RunResult): Set<string> =>
  new Set(
    hosts.flatMap((host) =>
      host.changes.map(({ resource, layer, field }) => `${host.name}: ${layer} ${resource}: ${field}`),
    ),
  );

const lacking = (of: ReadonlySet<string>, other: ReadonlySet<string>): string[] =>
  [...of].filter((key) => !other.has(key));

/** The dry run and the run: the one says what the other then does, no more and no less. */
export function firstRun({ lab, play, reports: files, inventory, runs }: Rehearsal): Stage[] {
  let predicted: RunResult | undefined;
  return [
    {
      name: 'before: --check',
      act: async () => {
        predicted = await play({ check: true });
        demand(predicted.exitCode === 0, `The dry run ended ${predicted.exitCode}: ${broken(predicted)}`);
        const locked = lockoutsOf(predicted);
        demand(locked.length === 0, `The run would lock us out: ${locked.join('; ')}`);
        return `${changedOf(predicted).length} differences, ${checksOf(predicted)}`;
      },
    },
    {
      name: 'first run',
      act: async () => {
        const reports = openReports({ report: files, annotations: 'off' }, process.env);
        const startedAt = new Date().toISOString();
        // Its checks are asked before anything is changed, too: what a host sends then is its own affair.
        let counted: Promise<void> | undefined;
        const result = await play({
          listen: (event) => {
            reports.emit(event);
            if (event.type === 'phase-started' && event.phase === 'apply') counted ??= labResetCounters(lab);
          },
        });
        await counted;
        const { runId, hosts, exitCode } = result;
        runs.first = runId;
        const argv = shownArgv(process.argv.slice(2));
        await reports.write({ schemaVersion: 1, runId, startedAt, argv, exitCode, hosts }, inventory);
        demand(exitCode === 0, `The first run ended ${exitCode}: ${broken(result)}`);
        const [before, after] = [predicted ? keysOf(predicted) : keysOf(result), keysOf(result)];
        const [only, never] = [lacking(after, before), lacking(before, after)];
        demand(only.length === 0, `The run changed what --check had not said: ${someOf(only, 5)}`);
        demand(never.length === 0, `--check said what the run then did not do: ${someOf(never, 5)}`);
        const opened = allChecks(result).filter((c) => c.status === 'pass' && c.baseline === 'fail');
        return `${changedOf(result).length} differences corrected, as --check had said; ${checksOf(result)}, ${opened.length} of them failed before`;
      },
    },
  ];
}

export function secondRun({ play }: Rehearsal): Stage {
  return {
    name: 'second run',
    act: async () => {
      const result = await play();
      demand(result.exitCode === 0, `The second run ended ${result.exitCode}: ${broken(result)}`);
      demand(
        changedOf(result).length === 0,
        `The second run still changed something: ${changedOf(result).join('; ')}`,
      );
      const dear = result.hosts.find(({ ssh }) => ssh.connections !== 1 || ssh.execs !== 1);
      demand(
        dear === undefined,
        `A run without changes costs one connection and one exec; ${dear?.name ?? ''} cost ${dear?.ssh.connections ?? 0} and ${dear?.ssh.execs ?? 0}.`,
      );
      return `nothing to change, one connection and one exec per host, ${checksOf(result)}`;
    },
  };
}

export function driftStage({ play }: Rehearsal, { host, resource, make }: Drift): Stage {
  return {
    name: `drift: ${resource} of ${host} taken back by hand`,
    act: async () => {
      const refused = await make();
      if (refused !== null) return `not made: it cannot be taken back alone (${refused})`;
      const result = await play();
      demand(result.exitCode === 0, `The run after the drift ended ${result.exitCode}: ${broken(result)}`);
      const seen = changedOf(result);
      demand(
        result.hosts.some(
          ({ name, changes }) => name === host && changes.some((c) => c.resource === resource),
        ),
        `The drift of ${resource} on ${host} was not noticed; the run named: ${someOf(seen, 5) || 'nothing'}.`,
      );
      return `named and corrected: ${someOf(seen)}`;
    },
  };
}

export function rebootStage({ lab, compiled, play }: Rehearsal): Stage {
  return {
    name: `reboot of ${compiled.hosts.join(', ')}`,
    act: async () => {
      for (const host of compiled.hosts) await labReboot(lab, host);
      const result = await play({ check: true, prove: true });
      demand(result.exitCode === 0, `After the reboot: ${broken(result)}`);
      demand(
        changedOf(result).length === 0,
        `After the reboot something is different: ${changedOf(result).join('; ')}`,
      );
      return `without a run: nothing different, ${checksOf(result)}`;
    },
  };
}

/** Every check of the playbook, also those that are only asked after a change. */
export function checksStage({ play }: Rehearsal): Stage {
  return {
    name: 'every check',
    act: async () => {
      const result = await play({ check: true, prove: true });
      demand(result.exitCode === 0, `Not every check passes: ${broken(result)}`);
      return checksOf(result);
    },
  };
}

/** What left in between with a source that is not its NIC's own; drifts made by hand do not count. */
export function wrongSourceStage({ lab }: Rehearsal, during: string): Stage {
  return {
    name: `wrong-source packets during ${during}`,
    act: async () => {
      const counters = await labWrongSource(lab);
      const bad = Object.entries(counters).filter(([, packets]) => packets > 0);
      demand(
        bad.length === 0,
        `Packets left with a source that is not their NIC's: ${bad.map(([nic, packets]) => `${nic} ${packets}`).join(', ')}`,
      );
      await labResetCounters(lab);
      return `0 on ${Object.keys(counters).length} NICs`;
    },
  };
}
