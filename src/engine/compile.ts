import { ProblemList, problemsOf, ProvisionError } from '../model/error.ts';
import { hostOf } from '../model/check.ts';
import type { Check } from '../model/check.ts';
import type { Host, Inventory } from '../model/host.ts';
import type { HostView, HostViews, Play, Playbook, Serial } from '../model/playbook.ts';
import type { Resource } from '../model/resource.ts';
import type { Render } from '../templating.ts';
import { compilePlay } from './compile-play.ts';
import { isIn } from './shards.ts';
import type { Shard } from './shards.ts';
import { EVERYTHING, unknownTags } from './tags.ts';
import type { TagChoice } from './tags.ts';

export interface CompiledPlay {
  readonly name: string;
  /** Names of its roles. */
  readonly roles: readonly string[];
  /** Of the play itself. */
  readonly tags?: readonly string[];
  readonly batches: readonly (readonly string[])[];
  /** What is to be had there, by host; tags may leave some of it out. */
  readonly resources: ReadonlyMap<string, readonly Resource[]>;
  /** All that is declared, what tags leave out as well. Default: `resources`. */
  readonly declared?: ReadonlyMap<string, readonly Resource[]>;
  readonly checks: readonly Check[];
  readonly warnings: readonly string[];
}

export interface Compiled {
  readonly playbook: string;
  readonly plays: readonly CompiledPlay[];
  /** Hosts that plays change, in inventory order. */
  readonly hosts: readonly string[];
  /** Hosts that are contacted only because a check is asked from them. */
  readonly vantages: readonly string[];
  /** Hosts of plays that `-l` or tags leave out, that are in another shard, or that are not to be run again. */
  readonly leftOut: readonly string[];
  /** With a shard: the hosts of all shards. */
  readonly ofAllShards?: readonly string[];
  readonly warnings: readonly string[];
}

export interface CompileInput {
  readonly playbook: Playbook;
  readonly inventory: Inventory;
  readonly render: Render;
  /** Hosts that a play's `hosts:` or `-l` selects. Throws `no-hosts-matched`. */
  readonly select: (pattern: string) => readonly string[];
  readonly limit: string | undefined;
  /** `--serial`: before what the plays say. */
  readonly serial?: Serial | undefined;
  /** Only these hosts of the plays (`--rerun`). */
  readonly again?: ReadonlySet<string> | undefined;
  /** Only this part of the hosts; it may be empty. */
  readonly shard?: Shard | undefined;
  /** `-t` and `--skip-tags`; default: everything but what is tagged `never`. */
  readonly tags?: TagChoice | undefined;
  /** A host's variables with a play's own laid over them, checked. Throws `playbook` errors. */
  readonly override: (
    host: Host,
    vars: Readonly<Record<string, unknown>>,
  ) => Readonly<Record<string, unknown>>;
}

/** By descriptors and not by values: reading a variable that cannot be evaluated throws. */
const viewOf = (host: Host): HostView =>
  Object.defineProperties(
    { ansible_host: host.connection.address },
    {
      ...Object.getOwnPropertyDescriptors(host.vars),
      ...Object.getOwnPropertyDescriptors({ inventory_hostname: host.name, group_names: host.groups }),
    },
  );

/** `hosts.gw9` of an inventory without gw9 is an error with the names there are, not `undefined`. */
function hostViews(inventory: Inventory): HostViews {
  const views = Object.fromEntries([...inventory.hosts.values()].map((host) => [host.name, viewOf(host)]));
  return new Proxy(views, {
    get: (target, name) => {
      if (typeof name !== 'string' || name in target) return Reflect.get(target, name) as unknown;
      throw new ProvisionError(
        'playbook',
        `The playbook asks for host ${name}, which is not in the inventory.`,
        {
          hint: `Its hosts are: ${Object.keys(target).slice(0, 20).join(', ')}.`,
        },
      );
    },
  });
}

/**
 * Playbook and inventory → what each host should have and what will be asked to prove it. Local and pure but for
 * reading templates. Throws a `ProblemList` with everything that is wrong.
 */
export function compile(input: CompileInput): Compiled {
  const { playbook, inventory } = input;
  const limited = input.limit === undefined ? null : new Set(input.select(input.limit));
  const views = hostViews(inventory);
  const problems: ProvisionError[] = [];
  const leftOut = new Set<string>();
  const ofAllShards = new Set<string>();
  const tags = new Set<string>();
  const plays = playbook.plays.flatMap((play, index) => {
    try {
      const selected = input.select(play.hosts);
      const whole = selected.filter(
        (host) => (limited === null || limited.has(host)) && (input.again?.has(host) ?? true),
      );
      whole.forEach((host) => ofAllShards.add(host));
      const { shard } = input;
      const hosts = shard ? whole.filter((host) => isIn(shard, host)) : whole;
      const chosen = new Set(hosts);
      selected.filter((host) => !chosen.has(host)).forEach((host) => leftOut.add(host));
      // Where a shard changes nothing there is nothing for it to prove.
      if (shard && hosts.length === 0) return [];
      const { compiled, tags: known } = compilePlay(play, index, hosts, input, views);
      known.forEach((tag) => tags.add(tag));
      const kept = new Set(compiled.batches.flat());
      hosts.filter((host) => !kept.has(host)).forEach((host) => leftOut.add(host));
      return kept.size > 0 || compiled.checks.length > 0 ? [compiled] : [];
    } catch (error) {
      const found = problemsOf(error);
      problems.push(
        ...found.map((problem) =>
          problem.code === 'internal' ? brokenPlaybook(problem, play, index) : problem,
        ),
      );
      return [];
    }
  });
  if (problems.length > 0) throw new ProblemList(problems);
  if (ofAllShards.size === 0) throw nothingLeft(input);
  // Only the hosts of another shard may have a tag.
  if (input.shard && unknownTags(input.tags ?? EVERYTHING, tags).length > 0)
    compile({ ...input, shard: undefined });
  else refuseUnknownTags(input.tags ?? EVERYTHING, tags);
  if (plays.length === 0 && !input.shard) throw nothingLeft(input);
  const inPlays = new Set(plays.flatMap((play) => play.batches.flat()));
  const asked = new Set(plays.flatMap((play) => play.checks.map((check) => hostOf(check.from))));
  const inOrder = [...inventory.hosts.keys()];
  return {
    playbook: playbook.name,
    plays,
    hosts: inOrder.filter((host) => inPlays.has(host)),
    vantages: inOrder.filter((host) => !inPlays.has(host) && asked.has(host)),
    leftOut: inOrder.filter((host) => leftOut.has(host)),
    ...(input.shard ? { ofAllShards: inOrder.filter((host) => ofAllShards.has(host)) } : {}),
    warnings: [
      ...serialWarnings(input),
      ...inventory.warnings.map(({ message, place }) =>
        place ? `${place.file}:${place.line ?? 1}: ${message}` : message,
      ),
      ...new Set(plays.flatMap((play) => play.warnings)),
    ],
  };
}

/** Shards know nothing of each other: two hosts that must not change together may be in two of them. */
function serialWarnings({ playbook, shard, serial }: CompileInput): string[] {
  const some = serial !== undefined || playbook.plays.some((play) => play.serial !== undefined);
  if (!shard || shard.of === 1 || !some) return [];
  return [`serial holds within a shard only: ${shard.of} shards may each change a batch at the same time`];
}

/** A tag that nothing has would leave out everything, or nothing of what was meant. */
function refuseUnknownTags(choice: TagChoice, known: ReadonlySet<string>): void {
  const [unknown] = unknownTags(choice, known);
  if (unknown === undefined) return;
  throw new ProvisionError('no-hosts-matched', `Nothing that is selected has the tag ${unknown}.`, {
    hint: `Its tags are: ${[...known].slice(0, 20).join(', ')}. See: provision PLAYBOOK --list-tags`,
  });
}

function nothingLeft({ limit, again, tags = EVERYTHING }: CompileInput): ProvisionError {
  const words = [
    ...(again ? ['--rerun'] : []),
    ...(limit === undefined ? [] : [`-l ${limit}`]),
    ...(tags.only.length > 0 ? [`-t ${tags.only.join(',')}`] : []),
    ...(tags.skip.length > 0 ? [`--skip-tags ${tags.skip.join(',')}`] : []),
  ];
  return new ProvisionError(
    'no-hosts-matched',
    `No host of the playbook is left${words.length > 0 ? ` by ${words.join(' ')}` : ''}.`,
    { hint: 'Look at the names and groups of the inventory file.' },
  );
}

/** A TypeError in a user's function (`hosts.gw1.eips.offcie.public`) is the playbook's, not ours. */
function brokenPlaybook(problem: ProvisionError, play: Play, index: number): ProvisionError {
  const name = play.name ?? `play ${index + 1}`;
  return new ProvisionError('playbook', `${name} of the playbook failed: ${problem.message}`, {
    hint: 'A value it reads may not be in the inventory; look at the functions of its roles and checks.',
    cause: problem.cause,
  });
}
