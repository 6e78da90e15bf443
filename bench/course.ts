import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { labExec } from '../src/lab/index.ts';
import type { Lab } from '../src/lab/index.ts';
import { ansible, floors, PLAYBOOK, provision } from './contestants.ts';
import type { Contestant, Course } from './contestants.ts';
import { hostsCpu } from './hosts-cpu.ts';
import type { HostsCpu } from './hosts-cpu.ts';
import { probeText } from './probe-text.ts';
import { timed } from './timed.ts';
import type { Timing } from './timed.ts';

/** One run: what it cost here, and on the hosts. */
export interface Cost extends Omit<Timing, 'stdout'> {
  /** Seconds of CPU of all hosts of the run together, less what they use by themselves. */
  readonly hostsCpu: number;
}

/** All runs of one contestant under one condition. */
export interface Series {
  readonly contestant: string;
  readonly run: 'no change' | 'first';
  readonly hosts: number;
  readonly roundTripMs: number;
  readonly timings: readonly Cost[];
}

export interface Rounds {
  readonly rounds: number;
  /** Of what takes more than some seconds. */
  readonly slowRounds: number;
  readonly progress: (line: string) => void;
}

const RESET = readFileSync('bench/job/reset.sh', 'utf8');

/** Writes the script that provision would read a host with. */
export async function writeProbe(inventory: string, host: string, directory: string): Promise<string> {
  const file = path.join(directory, 'probe.sh');
  writeFileSync(file, await probeText(PLAYBOOK, inventory, host));
  return file;
}

/** A run that changes where nothing may change, or nothing where something must, times something else. */
async function timedAs(contestant: Contestant, changes: boolean, hosts: HostsCpu): Promise<Cost> {
  const { result, hostsCpu: cost } = await hosts.during(() => timed(contestant.argv, contestant.env));
  const { stdout, ...timing } = result;
  const changed = contestant.changed?.(stdout) ?? 0;
  if (changed > 0 !== changes)
    throw new Error(
      `${contestant.name} changed ${changed} where it should ${changes ? '' : 'not '}:\n${stdout}`,
    );
  return { ...timing, hostsCpu: cost };
}

const keyOf = (course: Course) => ({ hosts: course.names.length, roundTripMs: course.road.roundTripMs });

/** Makes the hosts what both sides want, so that nothing is left to do: all variants of Ansible want the same. */
export async function settle(course: Course, only: RegExp): Promise<void> {
  const theirs = ansible(course).filter(({ name }) => only.test(name));
  // Theirs reloads firewalld, which takes from ours what it has beside Docker.
  for (const contestant of [...theirs.slice(-1), provision(course)])
    await timed(contestant.argv, contestant.env);
}

/** Everybody in turn, round by round, so that a load that comes and goes meets all alike. */
export async function noChange(course: Course, lab: Lab, rounds: Rounds, only: RegExp): Promise<Series[]> {
  const hosts = await hostsCpu(lab, course.names);
  const all = [provision(course), ...floors(course), ...ansible(course)].filter(({ name }) =>
    only.test(name),
  );
  const timings = new Map(all.map(({ name }): [string, Cost[]] => [name, []]));
  for (let round = 0; round < rounds.rounds; round += 1) {
    for (const contestant of all) {
      if (contestant.name.startsWith('Ansible') && round >= rounds.slowRounds) continue;
      const timing = await timedAs(contestant, false, hosts);
      timings.get(contestant.name)?.push(timing);
      rounds.progress(`${contestant.name}, ${course.names.length} hosts: ${timing.seconds} s`);
    }
  }
  return [...timings].map(([contestant, list]) => ({
    ...{ contestant, run: 'no change', ...keyOf(course), timings: list },
  }));
}

/** First runs: before each one its own work is undone, which is not timed. */
export async function first(course: Course, lab: Lab, rounds: Rounds, only: RegExp): Promise<Series[]> {
  const hosts = await hostsCpu(lab, course.names);
  const own = provision(course);
  const theirs = ansible(course).filter(({ name }) => only.test(name));
  const timings = new Map([own, ...theirs].map(({ name }): [string, Cost[]] => [name, []]));
  for (let round = 0; round < rounds.slowRounds; round += 1) {
    for (const contestant of [own, ...theirs]) {
      for (const name of course.names) await labExec(lab, name, ['sh'], { stdin: RESET });
      // Docker and firewalld go on for a while after their start: that is nobody's, and would be the fastest one's.
      await sleep(3000);
      const timing = await timedAs(contestant, true, hosts);
      timings.get(contestant.name)?.push(timing);
      rounds.progress(`${contestant.name}, first run, ${course.names.length} hosts: ${timing.seconds} s`);
    }
  }
  return [...timings].map(([contestant, list]) => ({
    ...{ contestant, run: 'first', ...keyOf(course), timings: list },
  }));
}
