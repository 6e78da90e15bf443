import { performance } from 'node:perf_hooks';
import { ERROR_EXIT_CODES, problemsOf } from '../model/error.ts';
import type { Emit } from '../model/event.ts';
import type { Inventory } from '../model/host.ts';
import { run } from '../engine/run.ts';
import { labDown, labOf, labResetCounters, labUp } from '../lab/index.ts';
import type { Release } from '../lab/image-spec.ts';
import type { Lab } from '../lab/index.ts';
import { coloursFor } from '../reporters/colour.ts';
import { transportsFor } from './connect.ts';
import { fail } from './fail.ts';
import { load } from './load.ts';
import type { LoadFlags } from './load-inventory.ts';
import { driftsFor } from './rehearse-drifts.ts';
import type { Drift } from './rehearse-drifts.ts';
import { faultStage } from './rehearse-fault.ts';
import {
  checksStage,
  driftStage,
  firstRun,
  rebootStage,
  secondRun,
  wrongSourceStage,
} from './rehearse-stages.ts';
import type { Rehearsal, Stage } from './rehearse-stages.ts';
import { checkReports } from './reports.ts';
import { screen } from './screen.ts';
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

const colours = coloursFor(process.stderr, process.env);
const say = (line: string): boolean => process.stderr.write(`${line}\n`);

/** One stage after the other until one throws; a part of them is known only when those before it are done. */
async function perform(
  parts: readonly (() => Promise<readonly Stage[]>)[],
  stopped: () => boolean,
): Promise<number> {
  let number = 0;
  for (const part of parts) {
    for (const stage of stopped() ? [] : await part()) {
      if (stopped()) return number;
      number += 1;
      say(`\n${colours.bold(`${number} ${stage.name}`)}`);
      const start = performance.now();
      const seen = await stage.act();
      const seconds = ((performance.now() - start) / 1000).toFixed(1);
      process.stdout.write(
        `${colours.green('ok')}  ${stage.name}: ${seen} ${colours.dim(`(${seconds} s)`)}\n`,
      );
    }
  }
  return number;
}

/** What was typed for the run itself, for a run in a process of its own. */
const typedFor = (
  playbook: string,
  { inventory = [], extraVars = [], templates }: RehearseFlags,
): string[] => [
  playbook,
  ...inventory.flatMap((source) => ['-i', source]),
  ...extraVars.flatMap((vars) => ['-e', vars]),
  ...(templates === undefined ? [] : ['--templates', templates]),
];

/** The whole of it. What a host can drift in is known once the first run has changed it. */
function partsOf(rehearsal: Rehearsal, { quick }: RehearseFlags, typed: readonly string[]) {
  const { lab, compiled, runs } = rehearsal;
  const part =
    (...stages: Stage[]) =>
    () =>
      Promise.resolve(stages);
  let drifts: readonly Drift[] = [];
  return [
    part(...firstRun(rehearsal), secondRun(rehearsal), wrongSourceStage(rehearsal, 'both runs')),
    async () => {
      drifts = await driftsFor(lab, compiled.hosts, runs.first ?? '');
      return drifts.map((drift) => driftStage(rehearsal, drift));
    },
    async () => {
      await labResetCounters(lab);
      const [drift] = drifts;
      if (quick) return [checksStage(rehearsal)];
      return [
        rebootStage(rehearsal),
        wrongSourceStage(rehearsal, 'the reboot'),
        ...(drift === undefined ? [] : [faultStage(rehearsal, drift, typed)]),
      ];
    },
  ];
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
      runs: {},
      play: async ({ check = false, prove = false, listen } = {}) => {
        const transports = await transportsFor(
          loaded.inventory,
          { hostKeyChecking: 'strict', timeout: 15 },
          lab,
        );
        const shown = screen({ verbose: flags.verbose, quiet: false, diff: false });
        const emit: Emit = (event) => [shown, listen].forEach((hear) => hear?.(event));
        return run(
          compiled,
          { check, prove, forks: 10, confirmTimeout: 60, rollback: true },
          { ...transports, targets, emit, signal: stop.signal },
        );
      },
      reports: flags.report,
      inventory: loaded.inventory,
    };
    const parts = partsOf(rehearsal, flags, typedFor(playbook, flags));
    const stages = await perform(parts, () => stop.signal.aborted);
    if (!stop.signal.aborted)
      process.stdout.write(`${colours.green('rehearsal passed')}: ${stages} stages\n`);
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
