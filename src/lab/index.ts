import { realpathSync } from 'node:fs';
import type { Inventory } from '../model/host.ts';
import { ProvisionError } from '../model/error.ts';
import type { CommandResult } from './command.ts';
import { hasTraces, removeEmptyStateRoot, removeLab } from './down.ts';
import { execInside, execOnTerminal } from './exec.ts';
import { withLock } from './lock.ts';
import type { Release } from './image-spec.ts';
import { imageName } from './image-spec.ts';
import { initOf, startMachine, stopMachine } from './machine.ts';
import { isLabId, labIdOf, labNames } from './names.ts';
import { plugHost, unplugHost } from './network.ts';
import type { LabHost } from './plan.ts';
import { labPlan } from './plan.ts';
import { isAlive } from './process.ts';
import { waitForHost } from './ready.ts';
import { requirePackages, requireRoot } from './requirements.ts';
import type { LabState } from './state.ts';
import { planHashOf, readState, writeState } from './state.ts';
import { buildLab } from './up.ts';

export { labResetCounters, labWrongSource } from './wrong-source.ts';
export { labPlan } from './plan.ts';
export { orphanedLabs, pruneImages } from './prune.ts';
export { requireRoot } from './requirements.ts';
export type { LabHost, LabNetwork, LabNic, LabPlan } from './plan.ts';

const LOCK_TIMEOUT_MS = 120_000;

/** A running lab. */
export interface Lab {
  readonly id: string;
  readonly stateDir: string;
  /** An ssh_config that reaches every host of it. */
  readonly sshConfig: string;
  /** Put before a command, this runs it where the operator stands. */
  readonly controllerCommand: readonly string[];
  readonly hosts: readonly LabHost[];
  /** Did this `labUp` find it running as it should be? */
  readonly wasUp: boolean;
}

export interface LabUpOptions {
  /** Install missing packages on this machine. */
  readonly install?: boolean;
  /** What hosts are built of that do not say it themselves. */
  readonly release?: Release;
  readonly progress?: (line: string) => void;
}

export interface LabStatus {
  readonly id: string;
  readonly source: string;
  readonly phase: 'up' | 'starting' | 'leftovers';
  readonly hosts: readonly {
    readonly name: string;
    readonly address: string;
    readonly running: boolean;
    readonly image: string;
  }[];
}

/** The id of the lab that belongs to an inventory: by the real path of its first source. */
export function labIdOfInventory(inventory: Inventory): string {
  const [source] = inventory.sources;
  if (source === undefined) {
    throw new ProvisionError('usage', 'a lab belongs to an inventory, and there is none', {
      hint: 'Name one: -i INVENTORY',
    });
  }
  return labIdOf(realpathSync(source));
}

const isRunning = (state: LabState): boolean =>
  state.phase === 'up' &&
  state.plan.hosts.every((host) => {
    const machine = state.machines[host.name];
    return machine !== undefined && isAlive(machine);
  });

function labFrom(state: LabState, wasUp: boolean): Lab {
  const names = labNames(state.id);
  return {
    id: state.id,
    stateDir: names.stateDir,
    sshConfig: names.sshConfig,
    controllerCommand: ['ip', 'netns', 'exec', names.controller],
    hosts: state.plan.hosts,
    wasUp,
  };
}

/** Builds the lab of an inventory, or finds it as it should be. */
export async function labUp(inventory: Inventory, options: LabUpOptions = {}): Promise<Lab> {
  const progress = options.progress ?? (() => undefined);
  requireRoot('up');
  const plan = labPlan(inventory, options.release);
  await requirePackages(options.install ?? false, progress);
  const id = labIdOfInventory(inventory);
  const names = labNames(id);
  return withLock(names.lock, LOCK_TIMEOUT_MS, async () => {
    const found = readState(id);
    if (found !== null && isRunning(found)) {
      if (found.planHash === planHashOf(plan)) return labFrom(found, true);
      throw new ProvisionError(
        'usage',
        'the lab of this inventory is up, but the inventory says something else now',
        {
          hint: `Type: provision lab down -i ${inventory.sources[0]} && provision lab up -i ${inventory.sources[0]}`,
        },
      );
    }
    if (found !== null || hasTraces(id)) {
      progress('removing what an earlier lab of this inventory left');
      await removeLab(id);
    }
    return labFrom(await buildLab(plan, id, realpathSync(inventory.sources[0] ?? ''), progress), false);
  });
}

/** The running lab of an inventory; null when there is none. */
export async function labOf(inventory: Inventory): Promise<Lab | null> {
  const state = readState(labIdOfInventory(inventory));
  return Promise.resolve(state !== null && isRunning(state) ? labFrom(state, true) : null);
}

/** Removes a lab and everything it made, the image cache excepted. True when there was anything to remove. */
export async function labDown(target: Inventory | string): Promise<boolean> {
  requireRoot('down');
  const id = typeof target === 'string' ? target : labIdOfInventory(target);
  if (!isLabId(id))
    throw new ProvisionError('usage', `${id} is no lab`, { hint: 'Type: provision lab status' });
  const removed = await withLock(labNames(id).lock, LOCK_TIMEOUT_MS, async () => {
    const had = hasTraces(id);
    await removeLab(id);
    return had;
  });
  removeEmptyStateRoot();
  return removed;
}

/** What is there of the lab of an inventory; null = nothing. */
export function labStatus(inventory: Inventory): LabStatus | null {
  const id = labIdOfInventory(inventory);
  const state = readState(id);
  if (state === null)
    return hasTraces(id) ? { id, source: inventory.sources[0] ?? '', phase: 'leftovers', hosts: [] } : null;
  const hosts = state.plan.hosts.map((host) => {
    const machine = state.machines[host.name];
    return {
      name: host.name,
      address: host.address,
      image: imageName(host.image),
      running: machine !== undefined && isAlive(machine),
    };
  });
  return { id, source: state.source, phase: state.phase, hosts };
}

function stateOf(lab: Lab): LabState {
  const state = readState(lab.id);
  if (state !== null) return state;
  throw new ProvisionError('lab-not-up', 'the lab is not up', {
    hint: 'Type: provision lab up -i INVENTORY',
  });
}

function hostOf(lab: Lab, name: string): LabHost {
  const host = lab.hosts.find((known) => known.name === name);
  if (host !== undefined) return host;
  throw new ProvisionError('usage', `the lab has no host ${name}`, {
    hint: `Name one of: ${lab.hosts.map((known) => known.name).join(', ')}`,
  });
}

function initOfHost(lab: Lab, name: string): number {
  const machine = stateOf(lab).machines[hostOf(lab, name).name];
  const init = machine === undefined ? null : initOf(machine);
  if (init !== null) return init;
  throw new ProvisionError('lab-not-up', `${name} is not running`, {
    hint: 'Type: provision lab down -i INVENTORY, then up.',
  });
}

/** Runs a command as root inside a host; a non-zero code is a result. */
export const labExec = async (
  lab: Lab,
  host: string,
  argv: readonly string[],
  options: { readonly stdin?: string } = {},
): Promise<CommandResult> => execInside(initOfHost(lab, host), argv, options.stdin);

/** A login shell (or a command) inside a host on this terminal; resolves to the exit code. */
export const labShell = async (
  lab: Lab,
  host: string,
  argv: readonly string[] = ['bash', '--login'],
): Promise<number> => execOnTerminal(initOfHost(lab, host), argv);

/** Powers a host off and boots it again: same disk, fresh network namespace. */
export async function labReboot(lab: Lab, name: string): Promise<void> {
  requireRoot('reboot');
  const host = hostOf(lab, name);
  const names = labNames(lab.id);
  await withLock(names.lock, LOCK_TIMEOUT_MS, async () => {
    const state = stateOf(lab);
    const machine = state.machines[name];
    if (machine !== undefined) await stopMachine(host, names, machine);
    await unplugHost(host, names);
    await plugHost(state.plan, host, names);
    const started = startMachine(host, names);
    writeState({ ...state, machines: { ...state.machines, [name]: started } });
    await waitForHost(host, names, started);
  });
}
