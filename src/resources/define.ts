import { differences, exists } from '../model/difference.ts';
import type {
  Baseline,
  Change,
  Declared,
  Facts,
  FieldDifference,
  ProbeOutput,
  Resource,
  ResourceChange,
  State,
  Surroundings,
  Transition,
} from '../model/resource.ts';
import { describeDifference } from './describe.ts';

export interface FileText {
  readonly path: string;
  readonly before: string | null;
  readonly after: string | null;
}

export interface Ends<S extends State> {
  readonly from: S;
  readonly to: S;
  /** The whole file that belongs to `to`, for kinds that have one; null = no file. */
  readonly text: string | null;
}

/** What else is known when a forecast is made. */
export interface ForecastInput {
  /** What the resource's own probe printed. */
  readonly output: ProbeOutput;
  /** What else is declared for the host. */
  readonly others: readonly Declared[];
}

/** What one kind of resource has to say; everything else is generic. All of it is pure. */
export interface ResourceDefinition<Props, S extends State> {
  readonly kind: string;
  readonly name: (props: Props) => string;
  /** What the host should have. Lists without order are sorted. */
  readonly desired: (props: Props, facts: Facts) => S;
  /** Shell text that reads the host and writes nothing. */
  readonly probe: (props: Props) => string;
  readonly parse: (output: ProbeOutput, props: Props) => S;
  /** The way from one state to the other; with its ends swapped it is the way back. */
  readonly transition: (ends: Ends<S>, props: Props) => Transition;
  /** Fields that go without saying where the whole thing is made or removed: a new file's owner. */
  readonly details?: readonly string[];
  readonly sentence?: (difference: FieldDifference, props: Props) => string | undefined;
  /** The file behind the resource as it is and as it should be. */
  readonly text?: (output: ProbeOutput, props: Props, facts: Facts) => FileText;
  /** What a person should know of this host, in sentences: what cannot be had there, `parse` shows as declared. */
  readonly warnings?: (output: ProbeOutput, props: Props) => readonly string[];
  /**
   * What of a baseline can be had again on a host that is `now` like that, where it is not all of it. `text` is that
   * of the baseline's file.
   */
  readonly recoverable?: (baseline: S, now: S, text: string | null) => S;
  /**
   * Why the SSH connection of the run (`facts.ssh`) would be dropped or misrouted once the host is `to`: a sentence
   * that names the rule or zone. Null = it would not, or nobody can tell.
   */
  readonly lockout?: (to: S, facts: Facts, props: Props, around: ForecastInput) => string | null;
  /** What others lose by this way, in a sentence that names each; null = nothing. */
  readonly destroys?: (ends: Ends<S>, props: Props, around: Surroundings) => string | null;
  /** Nobody can tell now what the host has: `parse` shows what is declared, and there is nothing to keep or to return from. */
  readonly unseen?: (output: ProbeOutput) => boolean;
  /** What works now and not after this difference of the live state is gone, as noun phrases: "DNAT A:80/tcp to B". */
  readonly cuts?: (difference: FieldDifference, props: Props) => readonly string[];
  readonly phase?: 'package' | 'main';
}

function actionOf(from: State, to: State): Change['action'] {
  if (!exists(from)) return 'create';
  return exists(to) ? 'update' : 'delete';
}

/** Makes the function that users call (`sysctl({ … })`) out of a definition. */
export function defineResource<Props, S extends State>(
  definition: ResourceDefinition<Props, S>,
): (props: Props) => Resource {
  const { kind, phase = 'main', warnings } = definition;
  return (props) => {
    const id = `${kind}:${definition.name(props)}`;
    const textOf = (output: ProbeOutput, facts: Facts): FileText | undefined =>
      definition.text?.(output, props, facts);
    /** The way from what the host has to a state, with the file that belongs to that. */
    const way = (from: S, to: S, text: FileText | undefined, around: Surroundings): ResourceChange | null => {
      const action = actionOf(from, to);
      const all = differences(from, to);
      const told = all.filter(({ field }) => action === 'update' || !definition.details?.includes(field));
      const found = told.length > 0 ? told : all;
      if (found.length === 0) return null;
      const live = found.filter(({ layer }) => layer === 'live');
      const cuts = live.flatMap((difference) => definition.cuts?.(difference, props) ?? []);
      const changes = found.map((difference) => ({
        ...difference,
        resource: id,
        action,
        sentence: definition.sentence?.(difference, props) ?? describeDifference(id, difference),
      }));
      const ends = { from, to, text: text?.after ?? null };
      const destroys = definition.destroys?.(ends, props, around) ?? null;
      return {
        resource: id,
        phase,
        kind,
        changes,
        apply: definition.transition(ends, props),
        revert: definition.transition({ from: to, to: from, text: text?.before ?? null }, props),
        ...(text && text.before !== text.after ? { text } : {}),
        ...(destroys === null ? {} : { destroys }),
        ...(cuts.length > 0 ? { cuts } : {}),
      };
    };
    return {
      id,
      kind,
      declared: Object.values(props as object).some((value) => typeof value === 'function')
        ? null
        : JSON.stringify(props),
      props,
      probe: definition.probe(props),
      phase,
      ...(warnings ? { warnings: (output: ProbeOutput) => warnings(output, props) } : {}),
      plan(output, facts, around = {}) {
        const { others = [] } = around;
        const to = definition.desired(props, facts);
        const change = way(definition.parse(output, props), to, textOf(output, facts), around);
        const lockout = change && definition.lockout?.(to, facts, props, { output, others });
        return lockout ? { ...change, lockout } : change;
      },
      planBack(output, facts, baseline, around = {}) {
        if (definition.unseen?.(output)) return null;
        const now = definition.parse(output, props);
        const before = baseline.state as S;
        const to = definition.recoverable?.(before, now, baseline.text) ?? before;
        const text = textOf(output, facts);
        const change = way(now, to, text && { ...text, after: baseline.text }, around);
        return change && { ...change, baseline };
      },
      baseline(output, facts): Baseline | null {
        if (definition.unseen?.(output)) return null;
        const state = definition.parse(output, props);
        const text = textOf(output, facts)?.before ?? null;
        const { paths = [] } = definition.transition({ from: state, to: state, text }, props);
        return { state, text, paths };
      },
    };
  };
}
