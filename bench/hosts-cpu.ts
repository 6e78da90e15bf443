import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Lab } from '../src/lab/index.ts';
import { labNames } from '../src/lab/names.ts';

/** How long hosts are watched to learn what they do by themselves. Milliseconds. */
const IDLE_MS = 5000;

/** What a host has used so far: every process of its cgroup and those below it. Seconds. */
function usedBy(cgroup: string): number {
  const v2 = `/sys/fs/cgroup/${cgroup}/cpu.stat`;
  // cgroup-v2.rst: usage_usec; cgroup-v1/cpuacct.rst: nanoseconds, with the groups below.
  if (existsSync(v2)) return Number(/^usage_usec (\d+)$/m.exec(readFileSync(v2, 'utf8'))?.[1]) / 1e6;
  return Number(readFileSync(`/sys/fs/cgroup/cpuacct/${cgroup}/cpuacct.usage`, 'utf8')) / 1e9;
}

/** The CPU time of some hosts of a lab, less what they use without us. */
export interface HostsCpu {
  /** Does something; answers what it gave, and the seconds of CPU of all hosts together. */
  during<T>(work: () => Promise<T>): Promise<{ result: T; hostsCpu: number }>;
}

export async function hostsCpu(lab: Lab, names: readonly string[]): Promise<HostsCpu> {
  const { machine } = labNames(lab.id);
  const cgroups = lab.hosts.filter(({ name }) => names.includes(name)).map(({ index }) => machine(index));
  const used = (): number => cgroups.reduce((sum, cgroup) => sum + usedBy(cgroup), 0);
  const watch = async <T>(work: () => Promise<T>) => {
    const [began, before] = [performance.now(), used()];
    const result = await work();
    return { result, seconds: used() - before, lasted: (performance.now() - began) / 1000 };
  };
  const idle = await watch(() => sleep(IDLE_MS));
  return {
    during: async (work) => {
      const { result, seconds, lasted } = await watch(work);
      return { result, hostsCpu: Math.max(0, seconds - (idle.seconds / idle.lasted) * lasted) };
    },
  };
}
