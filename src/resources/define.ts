import { differences, exists } from '../model/difference.ts';
import { ProvisionError } from '../model/error.ts';
import { MASK, masked, maskedData } from '../model/mask.ts';
import { holdsBrokenSecret, openSecrets, secretsIn } from '../model/secret.ts';
import type {
  Baseline,
  Change,
  Declared,
  Facts,
  FieldDifference,
  FieldValue,
  Probe,
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
  /** What is asked of the host. */
  readonly probe: (props: Props) => Probe;
  /** What is asked in its place, by a second exec, of a host that is not as declared: what only a change has to know. */
  readonly probeMore?: (props: Props, output: ProbeOutput) => Probe | null;
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
  /**
   * Its props may hold secrets, but for what its name and its probe are made of: everything else gets their values. Its
   * steps must not hand one to a program as an argument. Any other kind refuses a secret.
   */
  readonly secrets?: true;
  /** Fields whose values are never shown, and with them the text of the file. */
  readonly hidden?: (ends: { readonly from: S; readonly to: S }, props: Props) => readonly string[];
}

/** A secret in a name would be on the screen, in a probe in the host's list of processes. */
function refuseSecrets(id: string, probe: Probe, takesSecrets: boolean): void {
  const shownIn = secretsIn(id).length > 0 ? 'name' : 'probe';
  if (takesSecrets && secretsIn([id, probe]).length === 0) return;
  throw new ProvisionError(
    'playbook',
    takesSecrets ? `${id}: a secret cannot be part of its ${shownIn}.` : `${id} cannot hold a secret.`,
    { hint: 'Write it into a file: file({ path, content }) takes secrets.' },
  );
}

function refuseBrokenSecrets(id: string, declared: string | null): void {
  if (declared === null || !holdsBrokenSecret(declared)) return;
  throw new ProvisionError('playbook', `${id} holds a piece of a secret: it was cut or changed.`, {
    hint: 'Change its value instead: vars.password.map((value) => …).',
  });
}

const shownValue = (value: FieldValue, hide: boolean): FieldValue =>
  hide && value !== null ? MASK : maskedData(value);

function actionOf(from: State, to: State): Change['action'] {
  if (!exists(from)) return 'create';
  return exists(to) ? 'update' : 'delete';
}

/** Makes the function that users call (`sysctl({ … })`) out of a definition. */
export function defineResource<Props, S extends State>(
  definition: ResourceDefinition<Props, S>,
): (props: Props) => Resource {
  const { kind, phase = 'main', warnings, probeMore } = definition;
  return (given) => {
    const id = `${kind}:${definition.name(given)}`;
    const probe = definition.probe(given);
    const declared = Object.values(given as object).some((value) => typeof value === 'function')
      ? null
      : JSON.stringify(given);
    refuseBrokenSecrets(id, declared);
    const secrets = secretsIn(given);
    if (secrets.length > 0) refuseSecrets(id, probe, definition.secrets === true);
    // Only when it is planned: what is secret is read after everything is compiled.
    const open = (): Props => (secrets.length > 0 ? openSecrets(given) : given);
    /** The way from what the host has to a state, with the file that belongs to that. */
    const way = (
      from: S,
      to: S,
      text: FileText | undefined,
      props: Props,
      around: Surroundings,
    ): ResourceChange | null => {
      const action = actionOf(from, to);
      const all = differences(from, to);
      const told = all.filter(({ field }) => action === 'update' || !definition.details?.includes(field));
      const found = told.length > 0 ? told : all;
      if (found.length === 0) return null;
      const hidden = definition.hidden?.({ from, to }, props) ?? [];
      const live = found.filter(({ layer }) => layer === 'live');
      const cuts = live.flatMap((difference) => definition.cuts?.(difference, props) ?? []).map(masked);
      const changes = found.map(({ before, after, ...rest }) => {
        const hide = hidden.includes(rest.field);
        const difference = { ...rest, before: shownValue(before, hide), after: shownValue(after, hide) };
        const sentence = definition.sentence?.(difference, props) ?? describeDifference(id, difference);
        return { ...difference, resource: id, action, sentence: masked(sentence) };
      });
      const secret =
        hidden.length > 0 ? { hidden: true as const, before: text?.before == null ? null : MASK } : {};
      const ends = { from, to, text: text?.after ?? null };
      const destroys = definition.destroys?.(ends, props, around) ?? null;
      return {
        resource: id,
        phase,
        kind,
        changes,
        apply: definition.transition(ends, props),
        revert: definition.transition({ from: to, to: from, text: text?.before ?? null }, props),
        ...(text && text.before !== text.after ? { text: { ...text, ...secret } } : {}),
        ...(destroys === null ? {} : { destroys: masked(destroys) }),
        ...(cuts.length > 0 ? { cuts } : {}),
      };
    };
    return {
      id,
      kind,
      declared,
      props: given,
      probe,
      ...(probeMore
        ? {
            probeMore: (output: ProbeOutput, facts: Facts) => {
              const differs = differences(definition.parse(output, given), definition.desired(given, facts));
              return differs.length > 0 ? probeMore(given, output) : null;
            },
          }
        : {}),
      phase,
      ...(secrets.length > 0 ? { secrets } : {}),
      ...(warnings ? { warnings: (output: ProbeOutput) => warnings(output, given) } : {}),
      plan(output, facts, around = {}) {
        const { others = [] } = around;
        const props = open();
        const to = definition.desired(props, facts);
        const text = definition.text?.(output, props, facts);
        const change = way(definition.parse(output, props), to, text, props, around);
        const lockout = change && definition.lockout?.(to, facts, props, { output, others });
        return lockout ? { ...change, lockout } : change;
      },
      planBack(output, facts, baseline, around = {}) {
        if (definition.unseen?.(output)) return null;
        const now = definition.parse(output, given);
        const before = baseline.state as S;
        const to = definition.recoverable?.(before, now, baseline.text) ?? before;
        // What it was before holds none of the secrets that are declared: they need not be had.
        const text = definition.text?.(output, given, facts);
        const change = way(now, to, text && { ...text, after: baseline.text }, given, around);
        // That text is not of our making either.
        const hidden = change?.text?.hidden ? { text: { ...change.text, after: MASK } } : {};
        return change && { ...change, ...hidden, baseline };
      },
      baseline(output, facts): Baseline | null {
        if (definition.unseen?.(output)) return null;
        const props = open();
        const state = definition.parse(output, props);
        const text = definition.text?.(output, props, facts)?.before ?? null;
        const { paths = [] } = definition.transition({ from: state, to: state, text }, props);
        return { state, text, paths };
      },
    };
  };
}
