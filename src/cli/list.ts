import type { Compiled, CompiledPlay } from '../engine/compile.ts';
import { printable } from '../reporters/printable.ts';
import { load } from './load.ts';
import type { LoadFlags } from './load-inventory.ts';

export interface ListFlags extends LoadFlags {
  readonly listHosts: boolean;
  readonly listTasks: boolean;
  readonly listTags: boolean;
}

const tagsText = (tags: readonly string[]): string => `\tTAGS: [${tags.join(', ')}]`;

/** A resource that only some hosts of the play have says which. */
function resourceLines({ resources }: CompiledPlay, hosts: readonly string[]): string[] {
  const owners = new Map<string, { readonly hosts: string[]; readonly tags: Set<string> }>();
  for (const host of hosts) {
    for (const { id, tags = [] } of resources.get(host) ?? []) {
      const known = owners.get(id) ?? { hosts: [], tags: new Set<string>() };
      known.hosts.push(host);
      tags.forEach((tag) => known.tags.add(tag));
      owners.set(id, known);
    }
  }
  return [...owners].map(([id, { hosts: having, tags }]) => {
    const some = having.length < hosts.length ? ` (${having.join(', ')})` : '';
    return `${printable(id)}${some}${tagsText([...tags])}`;
  });
}

/** Each play in the form that `ansible-playbook --list-…` has, for greps that people have. */
function playLines(play: CompiledPlay, index: number, flags: ListFlags): string[] {
  const hosts = play.batches.flat();
  const things = [...[...play.resources.values()].flat(), ...play.checks];
  const all = [...new Set([...(play.tags ?? []), ...things.flatMap(({ tags = [] }) => tags)])].sort();
  return [
    `  play #${index + 1}: ${play.name}${tagsText(play.tags ?? [])}`,
    ...(flags.listHosts ? [`    hosts (${hosts.length}):`, ...hosts.map((host) => `      ${host}`)] : []),
    ...(flags.listTasks
      ? [
          '    tasks:',
          ...resourceLines(play, hosts).map((line) => `      ${line}`),
          ...play.checks.map(
            ({ name, from, tags = [] }) => `      check from ${from}: ${printable(name)}${tagsText(tags)}`,
          ),
        ]
      : []),
    ...(flags.listTags ? [`    TASK TAGS: [${all.join(', ')}]`] : []),
  ];
}

/** What the flags ask of a compiled playbook, as lines. */
export const listLines = ({ playbook, plays }: Compiled, flags: ListFlags): string[] => [
  `playbook: ${playbook}`,
  ...plays.flatMap((play, index) => ['', ...playLines(play, index, flags)]),
];

/** `provision PLAYBOOK --list-hosts|--list-tasks|--list-tags`: contacts nobody. */
export async function listPlaybook(playbook: string, flags: ListFlags): Promise<number> {
  const { compiled } = await load(playbook, flags);
  listLines(compiled, flags).forEach((line) => process.stdout.write(`${line}\n`));
  return 0;
}
