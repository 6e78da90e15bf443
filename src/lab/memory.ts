import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

const namespaceOf = (pid: string): string => {
  try {
    return readlinkSync(`/proc/${pid}/ns/net`);
  } catch {
    return '';
  }
};

/** Pss of proc_pid_smaps(5), which counts in kB: what is shared counts by share. */
export const pssOf = (rollup: string): number => Number(/^Pss:\s+(\d+) kB$/m.exec(rollup)?.[1] ?? 0);

const memoryOfProcess = (pid: string): number => {
  try {
    return pssOf(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'));
  } catch {
    return 0;
  }
};

/** Megabytes that the processes of each host take, by the number of its init: all of a host share its network namespace. */
export function memoryOfHosts(inits: readonly number[]): ReadonlyMap<number, number> {
  const hostOf = new Map(inits.map((init) => [namespaceOf(String(init)), init]));
  hostOf.delete('');
  const kilobytes = new Map(inits.map((init) => [init, 0]));
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    const init = hostOf.get(namespaceOf(pid));
    if (init !== undefined) kilobytes.set(init, (kilobytes.get(init) ?? 0) + memoryOfProcess(pid));
  }
  return new Map([...kilobytes].map(([init, sum]) => [init, Math.round(sum / 1024)]));
}
