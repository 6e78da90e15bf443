import path from 'node:path';
import { changedIn, ansibleCommand, ansibleVariants } from './ansible.ts';
import type { Road } from './road.ts';

const CLI = path.resolve('dist/cli/main.js');
export const PLAYBOOK = path.resolve('bench/job/gateway.ts');

/** Somebody who is timed. */
export interface Contestant {
  readonly name: string;
  readonly argv: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  /** How much it changed, by what it printed; null = it changes nothing by nature. */
  readonly changed: ((stdout: string) => number) | null;
}

export interface Course {
  readonly road: Road;
  readonly inventory: string;
  readonly names: readonly string[];
  /** The probe of provision, in a file. */
  readonly probeFile: string;
  readonly directory: string;
}

export const provision = ({ road, inventory, names }: Course): Contestant => ({
  name: 'provision',
  argv: [
    ...[process.execPath, CLI, PLAYBOOK, '-i', inventory, '-l', names.join(',')],
    ...['-e', 'ansible_connection=ssh', '-F', road.sshConfig, '-f', String(Math.max(5, names.length))],
  ],
  changed: changedIn,
});

/** What no tool of its kind can be faster than. */
export const floors = ({ road, names, probeFile }: Course): Contestant[] => [
  {
    name: 'floor: ssh HOST true',
    argv: [
      '/bin/sh',
      '-c',
      `config=$1; shift; for host; do ssh -F "$config" "$host" true & done; wait`,
      'sh',
      road.sshConfig,
      ...names,
    ],
    changed: null,
  },
  {
    name: 'floor: node-ssh and our probe',
    argv: [
      process.execPath,
      path.resolve('bench/floor.mjs'),
      road.keyFile,
      probeFile,
      ...names.map((name) => String(road.portOf.get(name))),
    ],
    changed: null,
  },
];

export const ansible = ({ road, names, directory }: Course): Contestant[] =>
  ansibleVariants().map((variant) => ({
    name: variant.name,
    ...ansibleCommand(variant, road, names, directory),
    changed: changedIn,
  }));
