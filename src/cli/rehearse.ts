import { performance } from 'node:perf_hooks';
import { ERROR_EXIT_CODES, problemsOf, ProvisionError } from '../model/error.ts';
import type { Emit } from '../model/event.ts';
import type { Inventory } from '../model/host.ts';
import type { Report } from '../model/report.ts';
import { run } from '../engine/run.ts';
import type { RunResult } from '../engine/run.ts';
import type { Compiled } from '../engine/compile.ts';
import { labDown, labOf, labReboot, labResetCounters, labUp, labWrongSource } from '../lab/index.ts';
import type { Release } from '../lab/image-spec.ts';
import type { Lab } from '../lab/index.ts';
import { coloursFor } from '../reporters/colour.ts';
import { transportsFor } from './connect.ts';
import { fail } from './fail.ts';
import { load } from './load.ts';
import type { LoadFlags } from './load-inventory.ts';
import { driftsFor } from './rehearse-drifts.ts';
import { checkReports, openReports } from './reports.ts';
import { screen } from './screen.ts';
import { shownArgv } from './shown-argv.ts';
import { stopSignal } from './stop-signal.ts';
import { targetsOf } from './targets.ts';

export interface RehearseFlags extends LoadFlags {
  readonly quick: boolean;
  readonly keep: boolean;
  readonly install: boolean;
  readonly release?: Release;
  readonly report: readonly string[];
  readonly verbose: number;
}

interface Stage {
  readonly name: string;
  /** Ends with a sentence of what was seen; throws when it is not what it should be. */
  readonly act: () => Promise<string>;
}

interface Rehearsal {
  readonly lab: Lab;
  readonly compiled: Compiled;
  /** One whole run of the playbook in the lab; `check` = plan only. `listen` hears it besides the screen. */
  readonly play: (check: boolean, listen?: Emit) => Promise<RunResult>;
  readonly reports: readonly string[];
  readonly inventory: Inventory;
}

const colours = coloursFor(process.stderr, process.env);
const say = (line: string): boolean => process.stderr.write(`${line}\n`);

function demand(holds: boolean, otherwise: string): void {
  if (!holds)
    throw new ProvisionError('check-failed', otherwise, {
      hint: 'Run again with --keep, then look: provision lab shell -i INVENTORY HOST.',
    });
}

const changedOf = ({ hosts }: RunResult): string[] =>
  hosts.flatMap((host) => host.changes.map((change) => `${host.name}: ${change.sentence}`));

/** Enough to see what it was about; the run above has printed all. */
const someOf = (sentences: readonly string[], most = 2): string =>
  `${sentences.slice(0, most).join('; ')}${sentences.length > most ? ` and ${sentences.length - most} more` : ''}`;

const checksOf = ({ hosts }: RunResult): string => {
  const all = hosts.flatMap((host) => host.checks);
  return `${all.filter((check) => check.status === 'pass').length} of ${all.length} checks pass`;
};

const broken = ({ hosts }: RunResult): string =>
  [
    ...hosts.flatMap((host) => (host.error ? [`${host.name}: ${host.error.message}`] : [])),
    ...hosts.flatMap((host) =>
      host.checks
        .filter((c) => c.status !== 'pass')
        .map((c) => `${c.name}: expected ${c.expected}, got ${c.got}`),
    ),
  ].join('; ');

function firstRun({ lab, play, reports: files, inventory }: Rehearsal): Stage {
  return {
    name: 'first run',
    act: async () => {
      const reports = openReports({ report: files, annotations: 'off' }, process.env);
      const startedAt = new Date().toISOString();
      // Its checks are asked before anything is changed, too: what a host sends then is its own affair.
      let counted: Promise<void> | undefined;
      const result = await play(false, (event) => {
        reports.emit(event);
        if (event.type === 'phase-started' && event.phase === 'apply') counted ??= labResetCounters(lab);
      });
      await counted;
      const { runId, hosts, exitCode } = result;
      const report: Report = {
        schemaVersion: 1,
        runId,
        startedAt,
        argv: shownArgv(process.argv.slice(2)),
        exitCode,
        hosts,
      };
      await reports.write(report, inventory);
      demand(result.exitCode === 0, `The first run ended ${result.exitCode}: ${broken(result)}`);
      const opened = result.hosts.flatMap((host) =>
        host.checks.filter((c) => c.status === 'pass' && c.baseline === 'fail'),
      );
      return `${changedOf(result).length} differences corrected, ${checksOf(result)}, ${opened.length} of them failed before`;
    },
  };
}

function secondRun({ play }: Rehearsal): Stage {
  return {
    name: 'second run',
    act: async () => {
      const result = await play(false);
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

function driftStages({ lab, compiled, play }: Rehearsal): Stage[] {
  return driftsFor(compiled).map((drift) => ({
    name: `drift: ${drift.name}`,
    act: async () => {
      await drift.make(lab);
      const result = await play(false);
      demand(result.exitCode === 0, `The run after the drift ended ${result.exitCode}: ${broken(result)}`);
      const seen = changedOf(result);
      demand(seen.length > 0, `The drift on ${drift.host} was not noticed.`);
      return `named and corrected: ${someOf(seen)}`;
    },
  }));
}

function rebootStage({ lab, compiled, play }: Rehearsal): Stage {
  return {
    name: `reboot of ${compiled.hosts.join(', ')}`,
    act: async () => {
      for (const host of compiled.hosts) await labReboot(lab, host);
      const result = await play(true);
      const failed = result.hosts.flatMap((host) => host.checks.filter((check) => check.status !== 'pass'));
      demand(result.exitCode === 0 && failed.length === 0, `After the reboot: ${broken(result)}`);
      demand(
        changedOf(result).length === 0,
        `After the reboot something is different: ${changedOf(result).join('; ')}`,
      );
      return `without a run: nothing different, ${checksOf(result)}`;
    },
  };
}

function wrongSourceStage({ lab }: Rehearsal): Stage {
  return {
    name: 'wrong-source packets at the fabric',
    act: async () => {
      const counters = await labWrongSource(lab);
      const bad = Object.entries(counters).filter(([, packets]) => packets > 0);
      demand(
        bad.length === 0,
        `Packets left with a source that is not their NIC's: ${bad.map(([nic, packets]) => `${nic} ${packets}`).join(', ')}`,
      );
      return `0 on ${Object.keys(counters).length} NICs`;
    },
  };
}

async function perform(stages: readonly Stage[], stopped: () => boolean): Promise<void> {
  for (const [index, stage] of stages.entries()) {
    if (stopped()) return;
    const title = `${index + 1}/${stages.length} ${stage.name}`;
    say(`\n${colours.bold(title)}`);
    const start = performance.now();
    const seen = await stage.act();
    process.stdout.write(
      `${colours.green('ok')}  ${stage.name}: ${seen} ${colours.dim(`(${((performance.now() - start) / 1000).toFixed(1)} s)`)}\n`,
    );
  }
}

/** The rehearsal's own lab is always fresh: what an earlier one left behind would be no proof. */
async function freshLab(inventory: Inventory, { install, release }: RehearseFlags): Promise<Lab> {
  if (await labOf(inventory)) {
    say('a lab of this inventory is up: it is taken down first');
    await labDown(inventory);
  }
  return labUp(inventory, {
    install,
    ...(release === undefined ? {} : { release }),
    progress: (line) => say(`  ${line}`),
  });
}

/** Builds the inventory on this machine, runs the playbook there as in earnest, and says what it saw. */
export async function rehearse(playbook: string, flags: RehearseFlags): Promise<number> {
  const stop = stopSignal();
  let inventory: Inventory | null = null;
  let labStarted = false;
  try {
    checkReports(flags.report);
    const loaded = await load(playbook, flags);
    inventory = loaded.inventory;
    say(colours.bold(`rehearsal of ${playbook}`));
    labStarted = true;
    const lab = await freshLab(inventory, flags);
    await labResetCounters(lab);
    const targets = targetsOf(inventory);
    const { compiled } = loaded;
    const rehearsal: Rehearsal = {
      lab,
      compiled,
      play: async (check, listen) => {
        const transports = await transportsFor(
          loaded.inventory,
          { hostKeyChecking: 'strict', timeout: 15 },
          lab,
        );
        const shown = screen({ verbose: flags.verbose, quiet: false, diff: false });
        const emit: Emit = (event) => [shown, listen].forEach((hear) => hear?.(event));
        return run(
          compiled,
          { check, forks: 10, confirmTimeout: 60, rollback: true },
          { ...transports, targets, emit, signal: stop.signal },
        );
      },
      reports: flags.report,
      inventory: loaded.inventory,
    };
    const stages = [
      firstRun(rehearsal),
      secondRun(rehearsal),
      ...driftStages(rehearsal),
      ...(flags.quick ? [] : [rebootStage(rehearsal)]),
      wrongSourceStage(rehearsal),
    ];
    await perform(stages, () => stop.signal.aborted);
    if (!stop.signal.aborted)
      process.stdout.write(`${colours.green('rehearsal passed')}: ${stages.length} stages\n`);
    return stop.exitCode() ?? 0;
  } catch (error) {
    await fail(error);
    process.stdout.write(`${colours.red('rehearsal failed')}\n`);
    const code: number = ERROR_EXIT_CODES[problemsOf(error)[0]?.code ?? 'internal'];
    return stop.exitCode() ?? code;
  } finally {
    if (labStarted && inventory && !flags.keep)
      await labDown(inventory).catch(() => say('the lab could not be taken down whole: provision lab down'));
    else if (labStarted)
      say(`the lab stays up: provision lab status -i ${flags.inventory?.[0] ?? 'INVENTORY'}`);
    stop.release();
  }
}
