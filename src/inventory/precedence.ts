import { isDeepStrictEqual } from 'node:util';
import type { GroupOrder } from './group-order.ts';
import type { Definition, Definitions, HostEntry, Tree } from './tree.ts';
import type { Problem, Problems } from './problems.ts';
import type { VariableFiles } from './variable-files.ts';

/** The variable files beside one source. */
export interface SourceVariables {
  readonly groups: VariableFiles;
  readonly hosts: VariableFiles;
}

/** Two groups of equal rank that say different things. */
interface Disagreement {
  readonly winner: Definition;
  readonly other: Definition;
}

/** What a host has of all sources. */
export interface MergedVariables {
  readonly groups: readonly string[];
  readonly definitions: Definitions;
  /** Files that would have a say, and cannot be opened. */
  readonly locked: readonly Problem[];
}

interface GroupResult {
  readonly merged: Definitions;
  readonly locked: readonly Problem[];
  readonly disagreements: readonly Disagreement[];
}

/**
 * Ansible's order, the last wins (variable precedence in its documentation, VARIABLE_PRECEDENCE in its
 * configuration): vars of `all` in inventory files; of other groups there, parents before children; group_vars/all;
 * other group_vars; the host in inventory files; host_vars; `extra` (-e). Whole values replace whole values.
 */
export function mergeVariables(
  tree: Tree,
  order: GroupOrder,
  files: readonly SourceVariables[],
  mustAgree: ReadonlySet<string>,
  problems: Problems,
  extra: Definitions = new Map(),
): (host: HostEntry) => MergedVariables {
  // Thousands of hosts share few sets of groups.
  const results = new Map<string, GroupResult>();
  return (host) => {
    const groups = order.sorted(host.groups);
    const key = groups.join('\0');
    let result = results.get(key);
    if (!result) {
      const merged = mergeGroups(tree, groups, files);
      result = {
        merged,
        locked: files.flatMap((source) => groups.flatMap((name) => source.groups.get(name)?.locked ?? [])),
        disagreements: findDisagreements(tree, order, groups, files, merged, mustAgree),
      };
      results.set(key, result);
    }
    const own = mergeHost(host, files);
    extra.forEach((definition, key) => own.set(key, definition));
    for (const disagreement of result.disagreements) {
      if (!own.has(disagreement.winner.key)) tellDisagreement(disagreement, host.name, problems);
    }
    const locked = files.flatMap((source) => source.hosts.get(host.name)?.locked ?? []);
    return {
      groups,
      definitions: new Map([...result.merged, ...own]),
      locked: [...result.locked, ...locked],
    };
  };
}

function mergeGroups(tree: Tree, groups: readonly string[], files: readonly SourceVariables[]): Definitions {
  const merged: Definitions = new Map();
  const lay = (definitions: Definitions | undefined): void =>
    definitions?.forEach((value, key) => merged.set(key, value));
  const others = groups.filter((name) => name !== 'all');
  for (const name of ['all', ...others]) lay(tree.groups.get(name)?.vars);
  for (const source of files) lay(source.groups.get('all')?.definitions);
  for (const source of files) for (const name of others) lay(source.groups.get(name)?.definitions);
  return merged;
}

function mergeHost(host: HostEntry, files: readonly SourceVariables[]): Definitions {
  const merged: Definitions = new Map(host.vars);
  for (const source of files)
    source.hosts.get(host.name)?.definitions.forEach((value, key) => merged.set(key, value));
  return merged;
}

/** What one group says about a variable, wherever it says so. */
function saidBy(
  tree: Tree,
  files: readonly SourceVariables[],
  group: string,
  key: string,
): Definition | undefined {
  const inFiles = files.findLast((source) => source.groups.get(group)?.definitions.has(key));
  return inFiles?.groups.get(group)?.definitions.get(key) ?? tree.groups.get(group)?.vars.get(key);
}

function findDisagreements(
  tree: Tree,
  order: GroupOrder,
  groups: readonly string[],
  files: readonly SourceVariables[],
  merged: Definitions,
  mustAgree: ReadonlySet<string>,
): Disagreement[] {
  const found: Disagreement[] = [];
  for (const [key, winner] of merged) {
    if (!mustAgree.has(key)) continue;
    const says = groups.map((name) => ({ name, definition: saidBy(tree, files, name, key) }));
    const first = says.find(({ definition }) => definition === winner);
    if (!first) continue;
    const rank = (name: string): string => `${order.depth(name)}/${order.priority(name)}`;
    const other = says.find(
      ({ name, definition }) =>
        definition !== undefined &&
        name !== first.name &&
        rank(name) === rank(first.name) &&
        !isDeepStrictEqual(definition.value, winner.value),
    )?.definition;
    if (other) found.push({ winner, other });
  }
  return found;
}

function tellDisagreement({ winner, other }: Disagreement, host: string, problems: Problems): void {
  const { file, line, column } = other.origin.document.place(other.origin.path, 'key');
  const there = line === undefined ? file : `${file}:${line}:${column}`;
  problems.add({
    message: `${winner.key} is not the same in the ${winner.owner} (here) and the ${other.owner} (${there}), which rank alike`,
    hint: `Set ${winner.key} in one of them, for the host itself, or give one ansible_group_priority.`,
    origin: winner.origin,
    at: 'key',
    host,
  });
}
