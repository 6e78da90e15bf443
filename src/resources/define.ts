import { differences, exists } from '../model/difference.ts';
import type {
  Change,
  Declared,
  Facts,
  FieldDifference,
  ProbeOutput,
  Resource,
  State,
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
export interface Surroundings {
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
  readonly sentence?: (difference: FieldDifference, props: Props) => string | undefined;
  /** The file behind the resource as it is and as it should be. */
  readonly text?: (output: ProbeOutput, props: Props, facts: Facts) => FileText;
  /**
   * Why the SSH connection of the run (`facts.ssh`) would be dropped or misrouted once the host is `to`: a sentence
   * that names the rule or zone. Null = it would not, or nobody can tell.
   */
  readonly lockout?: (to: S, facts: Facts, props: Props, around: Surroundings) => string | null;
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
  const { kind } = definition;
  return (props) => {
    const id = `${kind}:${definition.name(props)}`;
    return {
      id,
      kind,
      declared: Object.values(props as object).some((value) => typeof value === 'function')
        ? null
        : JSON.stringify(props),
      props,
      probe: definition.probe(props),
      phase: definition.phase ?? 'main',
      plan(output, facts, others = []) {
        const from = definition.parse(output, props);
        const to = definition.desired(props, facts);
        const found = differences(from, to);
        if (found.length === 0) return null;
        const action = actionOf(from, to);
        const changes = found.map((difference) => ({
          ...difference,
          resource: id,
          action,
          sentence: definition.sentence?.(difference, props) ?? describeDifference(id, difference),
        }));
        const text = definition.text?.(output, props, facts);
        const lockout = definition.lockout?.(to, facts, props, { output, others }) ?? null;
        return {
          resource: id,
          phase: definition.phase ?? 'main',
          kind,
          changes,
          apply: definition.transition({ from, to, text: text?.after ?? null }, props),
          revert: definition.transition({ from: to, to: from, text: text?.before ?? null }, props),
          ...(lockout === null ? {} : { lockout }),
          ...(text && text.before !== text.after ? { text } : {}),
        };
      },
    };
  };
}
