import { ProblemList, problemsOf, ProvisionError } from '../model/error.ts';
import type { Check } from '../model/check.ts';
import type { Host, Inventory } from '../model/host.ts';
import type {
  CheckSpec,
  HostView,
  HostViews,
  Play,
  PlayContext,
  Playbook,
  Serial,
} from '../model/playbook.ts';
import type { Resource } from '../model/resource.ts';
import type { Render } from '../templating.ts';
import { batchesOf, isSerial } from './batches.ts';

export interface CompiledPlay {
  readonly name: string;
  /** Names of its roles. */
  readonly roles: readonly string[];
  readonly batches: readonly (readonly string[])[];
  readonly resources: ReadonlyMap<string, readonly Resource[]>;
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
  /** Hosts of plays that `-l` leaves out. */
  readonly leftOut: readonly string[];
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

function compilePlay(
  play: Play,
  index: number,
  hosts: readonly string[],
  input: CompileInput,
  views: HostViews,
): CompiledPlay {
  const name = play.name ?? play.roles.map((role) => role.name).join(', ') ?? `play ${index + 1}`;
  const context: PlayContext = {
    hosts: views,
    groups: Object.fromEntries(input.inventory.groups),
    play: hosts,
  };
  const specs: CheckSpec[] = [];
  const warnings: string[] = [];
  const resources = new Map<string, readonly Resource[]>();
  // What is wrong with one host hides nothing that is wrong with another; the same mistake is told once.
  const problems = new Map<string, ProvisionError>();
  for (const hostName of hosts) {
    const host = input.inventory.hosts.get(hostName);
    if (!host) continue;
    try {
      if (host.blocked) throw new ProblemList(host.blocked);
      const vars = play.vars ? input.override(host, play.vars) : host.vars;
      const built = play.roles.map((role) => role.build({ ...context, host, vars, template: input.render }));
      const declared = built.flatMap((result) => result.resources);
      resources.set(hostName, withoutTwins(declared, hostName));
      specs.push(...built.flatMap((result) => result.checks ?? []));
      warnings.push(...built.flatMap((result) => result.warnings ?? []));
    } catch (error) {
      problemsOf(error).forEach((problem) => problems.set(`${problem.code} ${problem.message}`, problem));
    }
  }
  if (problems.size > 0) throw new ProblemList([...problems.values()]);
  const checks = unique([...specs, ...(play.checks ?? [])].flatMap((spec) => spec(context)));
  refuseSerial(play.serial, name);
  const roles = play.roles.map((role) => role.name);
  return { name, roles, batches: batchesOf(hosts, input.serial ?? play.serial), resources, checks, warnings };
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
  const plays = playbook.plays.flatMap((play, index) => {
    try {
      const selected = input.select(play.hosts);
      const hosts = selected.filter((host) => limited === null || limited.has(host));
      selected.filter((host) => !hosts.includes(host)).forEach((host) => leftOut.add(host));
      return [compilePlay(play, index, hosts, input, views)];
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
  const inPlays = new Set(plays.flatMap((play) => play.batches.flat()));
  if (inPlays.size === 0) {
    throw new ProvisionError(
      'no-hosts-matched',
      `No host of the playbook is left${input.limit === undefined ? '' : ` by -l ${input.limit}`}.`,
      { hint: 'Look at the names and groups of the inventory file.' },
    );
  }
  const asked = new Set(plays.flatMap((play) => play.checks.map((check) => check.from)));
  const inOrder = [...inventory.hosts.keys()];
  return {
    playbook: playbook.name,
    plays,
    hosts: inOrder.filter((host) => inPlays.has(host)),
    vantages: inOrder.filter((host) => !inPlays.has(host) && asked.has(host)),
    leftOut: inOrder.filter((host) => leftOut.has(host)),
    warnings: [
      ...inventory.warnings.map(({ message, place }) =>
        place ? `${place.file}:${place.line ?? 1}: ${message}` : message,
      ),
      ...new Set(plays.flatMap((play) => play.warnings)),
    ],
  };
}

/** A TypeError in a user's function (`hosts.gw1.eips.offcie.public`) is the playbook's, not ours. */
function brokenPlaybook(problem: ProvisionError, play: Play, index: number): ProvisionError {
  const name = play.name ?? `play ${index + 1}`;
  return new ProvisionError('playbook', `${name} of the playbook failed: ${problem.message}`, {
    hint: 'A value it reads may not be in the inventory; look at the functions of its roles and checks.',
    cause: problem.cause,
  });
}
