import { existsSync, readdirSync, readFileSync, rmdirSync, rmSync, statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { NameTest } from './cgroup.ts';
import { hasCgroups } from './cgroup.ts';
import { attempt, markOf } from './command.ts';
import { endMachines } from './machine.ts';
import { DISK_ROOT, labNames, STATE_ROOT } from './names.ts';
import { namespacesOf, removeNamespaces } from './network.ts';
import type { Process } from './process.ts';
import { endProcess, isAlive, processesMarked, waitUntil } from './process.ts';
import { readState } from './state.ts';
import { ProvisionError } from '../model/error.ts';

/** Mount points below a directory, the deepest first. */
export function mountsBelow(directory: string): string[] {
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => (line.split(' ')[4] ?? '').replaceAll('\\040', ' '))
    .filter((path) => path.startsWith(`${directory}/`))
    .sort((a, b) => b.length - a.length);
}

async function unmountBelow(directory: string): Promise<void> {
  for (let attempts = 0; mountsBelow(directory).length > 0; attempts += 1) {
    // Lazily at last: somebody's shell may stand in there, and the lab goes all the same.
    for (const path of mountsBelow(directory))
      await attempt(['umount', ...(attempts > 20 ? ['-l'] : []), path]);
    if (attempts > 40) {
      throw new ProvisionError('internal', `${directory} cannot be unmounted`, {
        hint: 'Close what uses it, then run `provision lab down` again.',
      });
    }
    if (mountsBelow(directory).length > 0) await sleep(100);
  }
}

function removeIfEmpty(directory: string): void {
  try {
    rmdirSync(directory);
  } catch {
    // Another lab lives there.
  }
}

const namesIn = (directory: string): string[] => {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
};

/** systemd-nspawn locks a tree by the inode of its root, and a killed one leaves the file. */
export function nspawnLocksOf(diskDir: string): string[] {
  return mountsBelow(diskDir).map((path) => {
    const { dev, ino } = statSync(path);
    return `/run/systemd/nspawn/locks/inode-${dev}:${ino}`;
  });
}

/** What systemd-nspawn keeps per machine. */
function removeNspawnLeftovers(id: string, locks: readonly string[]): void {
  for (const lock of locks) rmSync(lock, { force: true });
  for (const directory of ['propagate', 'unix-export'].map((name) => `/run/systemd/nspawn/${name}`)) {
    for (const name of namesIn(directory)) {
      if (name.startsWith(`${id}-`)) rmSync(`${directory}/${name}`, { recursive: true, force: true });
    }
  }
}

/** Is anything left that carries the lab's name? */
export function hasTraces(id: string): boolean {
  const names = labNames(id);
  const isOurs: NameTest = (name) => name.startsWith(`${id}-`);
  return (
    existsSync(names.stateDir) ||
    existsSync(names.diskDir) ||
    namespacesOf(id).length > 0 ||
    mountsBelow(names.diskDir).length > 0 ||
    hasCgroups(isOurs)
  );
}

/** Commands of a killed `up` that still run would go on making things. */
async function endCommands(id: string): Promise<void> {
  // One that is ending has lost its environment, and with it the mark, before it has left its namespaces (do_exit of kernel/exit.c).
  const ending: Process[] = [];
  const isOver = (): boolean => {
    const left = processesMarked(markOf(id));
    for (const process of left) endProcess(process);
    ending.push(...left);
    return left.length === 0 && !ending.some(isAlive);
  };
  await waitUntil(isOver, 20_000);
}

async function removeOnce(id: string): Promise<void> {
  const names = labNames(id);
  await endCommands(id);
  for (const machine of Object.values(readState(id)?.machines ?? {})) endProcess(machine);
  await endMachines((name) => name.startsWith(`${id}-`));
  await removeNamespaces(id);
  const locks = nspawnLocksOf(names.diskDir);
  await unmountBelow(names.diskDir);
  removeNspawnLeftovers(id, locks);
  rmSync(names.diskDir, { recursive: true, force: true });
  rmSync(names.stateDir, { recursive: true, force: true });
  removeIfEmpty(DISK_ROOT);
}

/** Removes everything of a lab by its names, so that it does not matter how far an `up` came. Needs the lab's lock. */
export async function removeLab(id: string): Promise<void> {
  // Commands of a killed `up` may finish while its things are removed, hence a second look.
  for (let rounds = 0; rounds < 5; rounds += 1) {
    await removeOnce(id);
    if (!hasTraces(id)) return;
  }
  throw new ProvisionError('internal', `something of lab ${id} comes back as soon as it is removed`, {
    hint: 'Is a `lab up` of this inventory still running? End it, then run `provision lab down` again.',
  });
}

/** After the lock is given back. */
export const removeEmptyStateRoot = (): void => removeIfEmpty(STATE_ROOT);
