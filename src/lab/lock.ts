import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { ProvisionError } from '../model/error.ts';
import type { Process } from './process.ts';
import { isAlive, processOf, waitUntil } from './process.ts';

function holderOf(path: string): Process | null {
  try {
    const holder = JSON.parse(readFileSync(path, 'utf8')) as Process;
    return isAlive(holder) ? holder : null;
  } catch {
    return null;
  }
}

function take(path: string): boolean {
  const mine = `${path}.${process.pid}.${Math.random().toString(36).slice(2)}`;
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  writeFileSync(mine, JSON.stringify(processOf(process.pid)));
  try {
    // link(2) fails when the name exists, and the file is whole the moment it appears.
    linkSync(mine, path);
    return true;
  } catch {
    if (holderOf(path) === null) rmSync(path, { force: true });
    return false;
  } finally {
    rmSync(mine, { force: true });
  }
}

/** One process at a time; a lock whose holder was killed is nobody's. */
export async function withLock<T>(path: string, timeoutMs: number, work: () => Promise<T>): Promise<T> {
  if (!(await waitUntil(() => take(path), timeoutMs, 100))) {
    const holder = holderOf(path);
    throw new ProvisionError(
      'usage',
      `another process (${holder?.pid ?? 'ended just now'}) is working on this lab`,
      {
        hint: 'Wait until it has ended, then run the same command again.',
      },
    );
  }
  try {
    return await work();
  } finally {
    rmSync(path, { force: true });
  }
}
