import { createHash } from 'node:crypto';
import { differences } from '../model/difference.ts';
import { ProvisionError } from '../model/error.ts';
import type {
  Change,
  Facts,
  FieldDifference,
  Fields,
  ProbeOutput,
  Resource,
  ResourceChange,
} from '../model/resource.ts';
import type { SshConnection } from '../model/ssh-connection.ts';
import { fieldsOf } from './rules-canonical.ts';
import { BACKENDS, chainOf, readRules, rulesFile } from './rules-shell.ts';
import type { Backend, Filled, Wanted } from './rules-shell.ts';
import { NOTHING, other, transition } from './rules-transition.ts';
import type { Holding } from './rules-transition.ts';
import { cutsOfRules, describeRules, hasWords } from './rules-words.ts';

export interface RulesProps {
  /** Letters and digits: names the files (/etc/provision/NAME.nft or NAME.rules), the table and the chains. */
  readonly name: string;
  /** `auto` = nftables where firewalld or Docker is installed, else iptables. */
  readonly engine: Backend | 'auto';
  /** The whole text for nft(8), with the table `tableOf(name)`; null = nothing of ours. */
  readonly nftables: string | null;
  /** Why the SSH connection of a run would not come in once these are loaded, naming the rule; null = it would. */
  readonly lockout?: (ssh: SshConnection) => string | null;
  /** The whole text for iptables-restore(8), with chains that begin with `chainOf(name)`; null = nothing of ours. */
  readonly iptables: string | null;
  /** What of them something else on the host fills; the texts only declare it. */
  readonly filled?: Filled;
}

/** Larger texts stay away from a host that has them already. Bytes. */
const TRAVELS = 16 * 1024;

const digestOf = (text: string): string => createHash('sha256').update(text).digest('hex');
const wantedOf = (text: string | null, whole: boolean): Wanted | null =>
  text === null ? null : { digest: digestOf(text), text: whole || text.length <= TRAVELS ? text : null };

const decoded = (line: string | undefined): string | null =>
  line === undefined || line === '-' || line === '' ? null : Buffer.from(line, 'base64').toString('utf8');

function refused(name: string, why: string): ProvisionError {
  return new ProvisionError('rules-refused', `The host does not take the rules ${name}: ${why}`, {
    hint: 'Nothing was changed. Mend the inventory or the template, or choose another nat.engine.',
  });
}

interface Seen {
  readonly backend: Backend;
  readonly holding: Holding;
  /** How the host's own tools hold the wanted text; null = they are not installed yet, or nothing is wanted. */
  readonly canonical: string | null;
}

/** What `readRules` printed; null = all is as wanted. Throws `rules-refused`. */
function parse(stdout: string, { name, engine }: RulesProps): Seen | null {
  // A host that nobody has read: new, with neither firewalld nor Docker.
  if (stdout === '' || stdout === 'absent\n') {
    const backend = engine === 'auto' ? 'iptables' : engine;
    return { backend, holding: { nftables: NOTHING, iptables: NOTHING }, canonical: null };
  }
  const [status = '', ...lines] = stdout.split('\n');
  if (status === 'same') return null;
  if (status === 'refused') throw refused(name, lines.join(' / ').trim().slice(0, 500));
  const backend = BACKENDS.find((known) => status === `states ${known}`);
  const at = lines.indexOf('refused');
  if (backend && at >= 0)
    throw refused(
      name,
      lines
        .slice(at + 1)
        .join(' / ')
        .trim()
        .slice(0, 500),
    );
  if (!backend || lines.length < 5) throw new Error('the rules could not be read');
  const [file, live, wanted, otherFile, otherLive] = lines;
  const holding = {
    [backend]: { file: decoded(file), live: decoded(live) },
    [other(backend)]: { file: decoded(otherFile), live: decoded(otherLive) },
  } as unknown as Holding;
  return { backend, holding, canonical: wanted === 'missing' ? null : decoded(wanted) };
}

/** What is live, but for what something else fills. */
function staticFields({ name, filled }: RulesProps, backend: Backend, live: string): Fields {
  const fields = Object.entries(fieldsOf(backend, live));
  if (!filled) return Object.fromEntries(fields);
  const begins = backend === 'nftables' ? filled.prefix : `${chainOf(name)}${filled.prefix}`;
  return Object.fromEntries(fields.filter(([field]) => !(field.split(' ').at(-1) ?? '').startsWith(begins)));
}

/** One layer of what the host has or should have. */
const liveFields = (props: RulesProps, backend: Backend, live: string | null): Fields | null =>
  live === null ? null : staticFields(props, backend, live);

/** What rules do, without how they do it. */
const wholeFields = (props: RulesProps, backend: Backend, live: string | null): Fields =>
  live === null
    ? { loaded: false }
    : {
        loaded: true,
        ...Object.fromEntries(
          Object.entries(staticFields(props, backend, live)).filter(
            ([field, items]) =>
              Array.isArray(items) && (items as readonly string[]).some((item) => hasWords(field, item)),
          ),
        ),
      };

function differencesOf(
  props: RulesProps,
  backend: Backend,
  actual: Holding,
  wanted: Holding,
): FieldDifference[] {
  const saved = [{ file: actual[backend].file }, { file: wanted[backend].file }] as const;
  const [has, wants] = [actual[backend].live, wanted[backend].live];
  // All or nothing: only what the rules do is told, not how.
  const whole = (has === null) !== (wants === null);
  const fields = whole ? wholeFields : liveFields;
  const found = differences(
    { live: fields(props, backend, has), saved: saved[0] },
    { live: fields(props, backend, wants), saved: saved[1] },
  );
  const rest = other(backend);
  const leftover = actual[rest].file !== null || actual[rest].live !== null;
  return leftover ? [...found, { field: rest, layer: 'live', before: 'rules of ours', after: null }] : found;
}

/** A digest stands for a whole text in what is reported. */
const short = (value: FieldDifference): FieldDifference =>
  value.layer === 'live'
    ? value
    : {
        ...value,
        before: value.before === null ? null : `sha256 ${digestOf(String(value.before)).slice(0, 12)}`,
        after: value.after === null ? null : `sha256 ${digestOf(String(value.after)).slice(0, 12)}`,
      };

function planned(props: RulesProps, { backend, holding, canonical }: Seen): ResourceChange | null {
  const id = `rules:${props.name}`;
  const text = props[backend];
  const wanted = {
    [backend]: text === null ? NOTHING : { file: text, live: canonical ?? text },
    [other(backend)]: NOTHING,
  } as unknown as Holding;
  const found = differencesOf(props, backend, holding, wanted);
  if (found.length === 0) return null;
  const cuts = found.filter(({ layer }) => layer === 'live').flatMap(cutsOfRules);
  const before = holding[backend].live !== null || holding[backend].file !== null;
  const action: Change['action'] = text === null ? 'delete' : before ? 'update' : 'create';
  return {
    resource: id,
    phase: 'main',
    kind: 'rules',
    changes: found.map((difference) => ({
      ...short(difference),
      resource: id,
      action,
      sentence:
        difference.field === other(backend)
          ? `rules of provision in ${difference.field} should not exist: ${backend} holds them`
          : describeRules(difference, rulesFile(props.name, backend)),
    })),
    apply: transition(props, holding, wanted, true),
    revert: transition(props, wanted, holding, false),
    ...(cuts.length > 0 ? { cuts } : {}),
    ...(holding[backend].file === text
      ? {}
      : { text: { path: rulesFile(props.name, backend), before: holding[backend].file, after: text } }),
  };
}

/**
 * A whole rule set of ours, live and saved, held by nftables or iptables: own table or own chains, loaded atomically,
 * compared in the host's own canonical form, which also proves that the host takes it before anything is changed.
 */
export function rules(props: RulesProps): Resource {
  const reading = (whole: boolean): string =>
    readRules(props, props.engine, {
      nftables: wantedOf(props.nftables, whole),
      iptables: wantedOf(props.iptables, whole),
    });
  const plan = ({ stdout }: ProbeOutput, { ssh }: Facts): ResourceChange | null => {
    const seen = parse(stdout, props);
    const change = seen && planned(props, seen);
    const lockout = change && ssh && props.lockout?.(ssh);
    return lockout ? { ...change, lockout } : change;
  };
  return {
    id: `rules:${props.name}`,
    kind: 'rules',
    declared: JSON.stringify({ ...props, lockout: null }),
    phase: 'main',
    probe: reading(false),
    probeMore: ({ stdout }) => (stdout.startsWith('ask') ? reading(true) : null),
    plan,
    // Names of ours: before the first run there was nothing to return to.
    planBack: plan,
    baseline: () => null,
  };
}
