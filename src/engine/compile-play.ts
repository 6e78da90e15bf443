import { ProblemList, problemsOf, ProvisionError } from '../model/error.ts';
import type { Check } from '../model/check.ts';
import type { CheckSpec, HostViews, Play, PlayContext, Role, Serial } from '../model/playbook.ts';
import type { Resource } from '../model/resource.ts';
import { batchesOf, isSerial } from './batches.ts';
import type { CompiledPlay, CompileInput } from './compile.ts';
import { EVERYTHING, isChosen, isTag, tagsOf } from './tags.ts';

function refuseSerial(serial: Serial | undefined, play: string): void {
  if (serial === undefined || isSerial(serial)) return;
  throw new ProvisionError('playbook', `serial of ${play} is ${JSON.stringify(serial)}.`, {
    hint: 'Give whole numbers or percentages from 1% to 100%, for example serial: 1, "25%" or [1, 5, "30%"].',
  });
}

/** The same resource declared twice counts once; two different ones of one name cannot both hold. */
function withoutTwins(resources: readonly Resource[], host: string): Resource[] {
  const byId = new Map<string, Resource>();
  for (const resource of resources) {
    const twin = byId.get(resource.id);
    if (!twin) byId.set(resource.id, resource);
    else if (twin.declared === null || twin.declared !== resource.declared) {
      throw new ProvisionError('playbook', `${resource.id} is declared twice for ${host}, and differently.`, {
        hint: 'Let one role declare it.',
      });
    }
  }
  return [...byId.values()];
}

/** Checks of several hosts often are the same question: each is asked once. */
function unique(checks: readonly Check[]): Check[] {
  const seen = new Map(
    checks.map((check) => [
      JSON.stringify([check.name, check.from, check.kind, check.to, check.expect]),
      check,
    ]),
  );
  return [...seen.values()];
}

/** Everything that is declared in a play, chosen or not. */
interface Declared {
  readonly resources: ReadonlyMap<string, readonly Resource[]>;
  readonly checks: readonly Check[];
  readonly warnings: readonly string[];
}

const withTags = <Thing extends Resource | Check>(thing: Thing, above: readonly string[]): Thing => ({
  ...thing,
  tags: tagsOf(thing.tags, above),
});

/** The name of a role is a tag where it can be typed as one. */
const tagsOfRole = ({ name, tags }: Role): string[] => tagsOf(isTag(name) ? [name] : [], tags);

/** Builds the roles of a play for each of its hosts. Throws a `ProblemList` with all that is wrong. */
function declaredIn(play: Play, context: PlayContext, input: CompileInput): Declared {
  const specs: { readonly spec: CheckSpec; readonly tags: readonly string[] }[] = [];
  const warnings: string[] = [];
  const resources = new Map<string, readonly Resource[]>();
  // What is wrong with one host hides nothing that is wrong with another; the same mistake is told once.
  const problems = new Map<string, ProvisionError>();
  for (const hostName of context.play) {
    const host = input.inventory.hosts.get(hostName);
    if (!host) continue;
    try {
      if (host.blocked) throw new ProblemList(host.blocked);
      const vars = play.vars ? input.override(host, play.vars) : host.vars;
      const built = play.roles.map((role) => ({
        tags: tagsOf(tagsOfRole(role), play.tags),
        result: role.build({ ...context, host, vars, template: input.render }),
      }));
      resources.set(
        hostName,
        built.flatMap(({ tags, result }) => result.resources.map((resource) => withTags(resource, tags))),
      );
      for (const { tags, result } of built) {
        specs.push(...(result.checks ?? []).map((spec) => ({ spec, tags })));
        warnings.push(...(result.warnings ?? []));
      }
    } catch (error) {
      problemsOf(error).forEach((problem) => problems.set(`${problem.code} ${problem.message}`, problem));
    }
  }
  if (problems.size > 0) throw new ProblemList([...problems.values()]);
  const own = (play.checks ?? []).map((spec) => ({ spec, tags: tagsOf(play.tags) }));
  const checks = [...specs, ...own].flatMap(({ spec, tags }) =>
    spec(context).map((check) => withTags(check, tags)),
  );
  return { resources, checks, warnings };
}

/** Every tag that something in a play has. */
function knownTags({ tags, roles }: Play, { resources, checks }: Declared): Set<string> {
  const things = [...[...resources.values()].flat(), ...checks];
  return new Set([
    ...tagsOf(tags),
    ...roles.flatMap(tagsOfRole),
    ...things.flatMap((thing) => thing.tags ?? []),
  ]);
}

/** One play for these hosts, with what tags leave of it, and the tags that it knows. Throws a `ProblemList`. */
export function compilePlay(
  play: Play,
  index: number,
  hosts: readonly string[],
  input: CompileInput,
  views: HostViews,
): { readonly compiled: CompiledPlay; readonly tags: ReadonlySet<string> } {
  const name = play.name ?? play.roles.map((role) => role.name).join(', ') ?? `play ${index + 1}`;
  const context: PlayContext = {
    hosts: views,
    groups: Object.fromEntries(input.inventory.groups),
    play: hosts,
  };
  const all = declaredIn(play, context, input);
  refuseSerial(play.serial, name);
  const { tags: choice = EVERYTHING } = input;
  const chosen = (thing: Resource | Check): boolean => isChosen(thing.tags ?? [], choice);
  const declared = new Map([...all.resources].map(([host, list]) => [host, withoutTwins(list, host)]));
  const resources = new Map(
    [...all.resources].map(([host, list]) => [host, withoutTwins(list.filter(chosen), host)]),
  );
  const leftOut = (host: string): boolean =>
    resources.get(host)?.length === 0 && declared.get(host)?.length !== 0;
  const compiled: CompiledPlay = {
    name,
    roles: play.roles.map((role) => role.name),
    tags: tagsOf(play.tags),
    batches: batchesOf(
      hosts.filter((host) => !leftOut(host)),
      input.serial ?? play.serial,
    ),
    resources,
    declared,
    checks: unique(all.checks.filter(chosen)),
    warnings: all.warnings,
  };
  return { compiled, tags: knownTags(play, all) };
}
