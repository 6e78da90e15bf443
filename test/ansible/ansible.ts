import { execFileSync, spawnSync } from 'node:child_process';
import path from 'node:path';

const has = (program: string): boolean => spawnSync(program, ['--version']).status === 0;

/** Why tests against the real Ansible are skipped here; undefined = they run. */
export const noAnsible = has('ansible-inventory') ? undefined : 'ansible-core is not installed';

/** A tree that uses everything an inventory of Ansible can have: two directories, for two `-i`. */
export const TREE = ['main', 'second'].map((name) => path.resolve('test/fixtures/ansible-tree', name));

const inputs = (sources: readonly string[]): string[] => sources.flatMap((source) => ['-i', source]);
// An empty configuration: that of this machine is to have no say.
const environment = {
  ...process.env,
  ANSIBLE_CONFIG: path.resolve('test/fixtures/ansible-tree/main/ansible.cfg'),
};

const run = (program: string, words: readonly string[]): string =>
  execFileSync(program, words, {
    encoding: 'utf8',
    env: environment,
    stdio: ['ignore', 'pipe', 'ignore'],
    maxBuffer: 64 * 1024 * 1024,
  });

export interface Listed {
  /** Variables by host. */
  readonly hostvars: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  /** Hosts by group, those of its children included, sorted; groups without hosts are left out. */
  readonly groups: Readonly<Record<string, readonly string[]>>;
}

interface Raw {
  readonly hosts?: readonly string[];
  readonly children?: readonly string[];
}

function listed(text: string): Listed {
  const { _meta: meta, ...raw } = JSON.parse(text) as Record<string, unknown>;
  const groups = raw as Record<string, Raw>;
  const hostsOf = (name: string): string[] => [
    ...(groups[name]?.hosts ?? []),
    ...(groups[name]?.children ?? []).flatMap(hostsOf),
  ];
  const all = Object.keys(groups).map((name) => [name, [...new Set(hostsOf(name))].sort()] as const);
  return {
    hostvars: (meta as Listed & { hostvars: Listed['hostvars'] }).hostvars,
    groups: Object.fromEntries(all.filter(([, hosts]) => hosts.length > 0)),
  };
}

/** What `ansible-inventory --list` says. */
export const ansibleList = (sources: readonly string[], ...words: string[]): Listed =>
  listed(run('ansible-inventory', [...inputs(sources), '--list', ...words]));

/** What `provision inventory list --json` says. */
export const provisionList = (sources: readonly string[], ...words: string[]): Listed =>
  listed(
    run(process.execPath, ['dist/cli/main.js', 'inventory', 'list', ...inputs(sources), '--json', ...words]),
  );

/** What Ansible makes of variables when it evaluates them, by host. No host is contacted. */
export function ansibleValues(
  sources: readonly string[],
  pattern: string,
  names: readonly string[],
  ...words: string[]
): Record<string, Record<string, unknown>> {
  const mapping = names.map((name) => `'${name}': ${name}`).join(', ');
  const output = run('ansible', [
    ...['-o', ...inputs(sources), pattern, '-m', 'ansible.builtin.debug', '-a', `msg={{ {${mapping}} }}`],
    ...words,
  ]);
  return Object.fromEntries(
    output
      .trim()
      .split('\n')
      .map((line) => {
        const [, host = '', json = ''] = /^(\S+) \| SUCCESS => (.*)$/.exec(line) ?? [];
        return [host, (JSON.parse(json) as { msg: Record<string, unknown> }).msg];
      }),
  );
}
