import { existsSync, readdirSync, readFileSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Process } from './process.ts';
import { processOf } from './process.ts';

/** Which cgroup names are meant. */
export type NameTest = (name: string) => boolean;

const ROOT = '/sys/fs/cgroup';

const directoriesIn = (path: string): string[] => {
  try {
    return readdirSync(path, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => join(path, entry.name));
  } catch {
    return [];
  }
};

/** Where hierarchies are mounted: one place (v2), or one directory each (v1 and hybrid). */
const hierarchies = (): string[] =>
  existsSync(join(ROOT, 'cgroup.controllers')) ? [ROOT] : directoriesIn(ROOT);

/** Cgroups of a lab: hosts get one each, since two hosts in one would end each other's services. */
const cgroupsOf = (matches: NameTest): string[] =>
  hierarchies().flatMap((hierarchy) =>
    directoriesIn(hierarchy).filter((path) => matches(path.slice(hierarchy.length + 1))),
  );

/** Are there any such cgroups? */
export const hasCgroups = (matches: NameTest): boolean => cgroupsOf(matches).length > 0;

const withChildren = (path: string): string[] => [...directoriesIn(path).flatMap(withChildren), path];

/** Every process inside these cgroups: made by the lab, whoever was killed meanwhile. */
export function processesInCgroups(matches: NameTest): Process[] {
  const pids = new Set<number>();
  for (const path of cgroupsOf(matches).flatMap(withChildren)) {
    try {
      for (const line of readFileSync(join(path, 'cgroup.procs'), 'utf8').split('\n')) {
        if (Number(line) > 1) pids.add(Number(line));
      }
    } catch {
      // It has just gone.
    }
  }
  return [...pids].map(processOf).filter((process) => process !== null);
}

/** Removes emptied cgroups; false while one of them is still in use. */
export function removeCgroups(matches: NameTest): boolean {
  for (const path of cgroupsOf(matches).flatMap(withChildren)) {
    try {
      rmdirSync(path);
    } catch {
      // Busy for some milliseconds after its last process has ended.
    }
  }
  return !hasCgroups(matches);
}

/** Shell function that puts the shell into a cgroup of its own before it becomes something else. */
export const ENTER_CGROUP = `enter_cgroup() {
  name=$1
  if [ -e ${ROOT}/cgroup.controllers ]; then set -- ${ROOT}; else set -- ${ROOT}/*/; fi
  for hierarchy; do
    mkdir -p "$hierarchy/$name" || continue
    # cpuset (v1) accepts nobody before it is told which processors there are.
    if [ -e "$hierarchy/cpuset.cpus" ] && [ -w "$hierarchy/$name/cpuset.cpus" ]; then
      cat "$hierarchy/cpuset.cpus" > "$hierarchy/$name/cpuset.cpus"
      cat "$hierarchy/cpuset.mems" > "$hierarchy/$name/cpuset.mems"
      echo 1 > "$hierarchy/$name/cgroup.clone_children"
    fi
    echo $$ > "$hierarchy/$name/cgroup.procs"
  done
}`;
