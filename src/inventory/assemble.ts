import type { ProvisionError } from '../model/error.ts';
import type { Connection, Host, Inventory } from '../model/host.ts';
import { readAnsibleNames } from './ansible-variables.ts';
import { connectionOf, jumpCircle } from './connection.ts';
import { openConnectionSecrets, withoutClosed } from './connection-secrets.ts';
import { deferredIn } from './deferred.ts';
import { closest } from './did-you-mean.ts';
import { orderGroups } from './group-order.ts';
import { Evaluation } from './evaluate.ts';
import type { WrittenHost } from './evaluate.ts';
import { mergeVariables } from './precedence.ts';
import type { MergedVariables, SourceVariables } from './precedence.ts';
import { errorOf } from './problems.ts';
import type { Problems } from './problems.ts';
import type { Definition, Definitions, Tree } from './tree.ts';
import { createValidator, OWN_VARIABLES } from './validate.ts';
import type { CheckedHost } from './validate.ts';

/** Merges and validates the variables of every host. Throws a ProblemList with all that is wrong. */
export async function assembleInventory(
  tree: Tree,
  files: readonly SourceVariables[],
  sources: readonly string[],
  problems: Problems,
  extra: Definitions = new Map(),
): Promise<Inventory> {
  const validator = createValidator(problems);
  const order = orderGroups(tree, problems);
  const variablesOf = mergeVariables(tree, order, files, OWN_VARIABLES, problems, extra);
  const written = new Map<string, WrittenHost & MergedVariables>();
  for (const entry of tree.hosts.values()) written.set(entry.name, { entry, ...variablesOf(entry) });
  const groups = membersOf(tree, written.values());
  const evaluation = new Evaluation(written, groups);
  const evaluated = [...written.values()].map((host) => ({
    host,
    definitions: evaluation.definitionsOf(host),
  }));
  const closed = await openConnectionSecrets(evaluated.map(({ definitions }) => definitions));
  const hosts = new Map<string, Host>();
  const checked: CheckedHost[] = [];
  for (const { host: each, definitions } of evaluated) {
    const read = readAnsibleNames(definitions);
    const blocked = [...read.blocked, ...each.locked, ...withoutClosed(read.definitions, closed)];
    if (each.locked.length > 0) withoutMissing(read.definitions);
    const host = validator.host(each.entry.name, each.groups, definitions, read.definitions);
    for (const problem of blocked) problems.warn({ ...problem, host: host.name });
    checked.push(host);
    hosts.set(host.name, { ...toHost(each, host, blocked.map(errorOf)), extraVars: [...extra.keys()] });
  }
  validator.across(checked);
  for (const definition of [...allDefinitions(tree, files), ...extra.values()])
    validator.definition(definition);
  checkJumps(hosts, checked, problems);
  warnOfNamesakes(tree, problems);
  problems.throwIfAny();
  return { hosts, groups, sources, warnings: problems.warnings() };
}

/** What is not defined may be so in a file that could not be opened, and that is told. */
function withoutMissing(definitions: Definitions): void {
  for (const [key, { value }] of definitions)
    if (deferredIn(value)?.deferred.missing) definitions.delete(key);
}

function toHost(
  { entry, groups }: WrittenHost,
  { definitions, vars, valid }: CheckedHost,
  blocked: readonly ProvisionError[],
): Host {
  return {
    name: entry.name,
    groups,
    vars,
    connection: connectionOf(entry.name, valid),
    ...(blocked.length > 0 ? { blocked } : {}),
    place(path) {
      const [key, ...rest] = path;
      if (key === undefined) return entry.origin.document.place(entry.origin.path, 'key');
      const origin = definitions.get(String(key))?.origin;
      return origin?.document.place([...origin.path, ...rest]);
    },
  };
}

function* allDefinitions(tree: Tree, files: readonly SourceVariables[]): Generator<Definition> {
  const inTree = [...tree.groups.values(), ...tree.hosts.values()].map(({ vars }) => vars);
  const inFiles = files.flatMap(({ groups, hosts }) =>
    [...groups.values(), ...hosts.values()].map(({ definitions }) => definitions),
  );
  for (const definitions of [...inTree, ...inFiles]) yield* definitions.values();
}

function checkJumps(
  hosts: ReadonlyMap<string, Host>,
  checked: readonly CheckedHost[],
  problems: Problems,
): void {
  const connections = new Map<string, Connection>(
    [...hosts].map(([name, { connection }]) => [name, connection]),
  );
  for (const { name, definitions } of checked) {
    const origin = definitions.get('jump')?.origin;
    if (!origin) continue;
    const circle = jumpCircle(name, connections);
    if (circle)
      problems.add({
        message: `jump: the way to this host leads in a circle: ${circle.join(' > ')}`,
        hint: 'Take one of these jumps out.',
        origin,
        host: name,
      });
    for (const jump of connections.get(name)?.jumps ?? []) {
      const near =
        /[.@:]/.test(jump) || connections.has(jump) ? undefined : closest(jump, connections.keys());
      if (near !== undefined)
        problems.warn({
          message: `jump: ${jump} is no host of this inventory`,
          hint: `Did you mean "${near}"?`,
          origin,
          host: name,
        });
    }
  }
}

function warnOfNamesakes(tree: Tree, problems: Problems): void {
  for (const { name, origin } of tree.hosts.values()) {
    if (tree.groups.has(name))
      problems.warn({
        message: `${name} is a host and a group`,
        hint: 'Rename one: patterns mean both',
        origin,
        at: 'key',
      });
  }
}

/** Group name → host names, in the order of the inventory, children included. */
function membersOf(tree: Tree, hosts: Iterable<WrittenHost>): ReadonlyMap<string, readonly string[]> {
  const members = new Map<string, string[]>([...tree.groups.keys()].map((name) => [name, []]));
  for (const { entry, groups } of hosts) for (const group of groups) members.get(group)?.push(entry.name);
  return members;
}
