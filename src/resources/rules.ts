import { createHash } from 'node:crypto';
import { differences, sameValue } from '../model/difference.ts';
import { ProvisionError } from '../model/error.ts';
import type {
  Change,
  FieldDifference,
  Fields,
  Resource,
  ResourceChange,
  Transition,
  ProbeOutput,
  Facts,
} from '../model/resource.ts';
import type { Ports } from '../model/nat-rules.ts';
import type { SshConnection } from '../model/ssh-connection.ts';
import { sh } from '../shell/quote.ts';
import { removeFile, writeFile } from '../shell/write-file.ts';
import { asSaveFile, fieldsOf, translated } from './rules-canonical.ts';
import type { Translated } from './rules-canonical.ts';
import { BACKENDS, loader, loaderFile, readRules, remember, rulesFile, setLive } from './rules-shell.ts';
import type { Backend, Wanted } from './rules-shell.ts';
import { describeRules, hasWords } from './rules-words.ts';

export interface RulesProps {
  /** Names the files: /etc/provision/NAME.nft or NAME.rules. */
  readonly name: string;
  /** `auto` = nftables where firewalld or Docker is installed, else iptables. */
  readonly engine: Backend | 'auto';
  /** The whole text for nft(8), with the table `ip provision`; null = nothing of ours. */
  readonly nftables: string | null;
  /** Why the SSH connection of a run would not come in once these are loaded, naming the rule; null = it would. */
  readonly lockout?: (ssh: SshConnection) => string | null;
  /** The whole text for iptables-restore(8), with chains PROVISION-*; null = nothing of ours. */
  readonly iptables: string | null;
}

/** Larger texts stay away from a host that has them already. Bytes. */
const TRAVELS = 16 * 1024;

/** Above so many ports of an address, its UDP flows are found by the address alone: each is a process of its own. */
const PORTS_ONE_BY_ONE = 64;

/** What a host has of one backend; null = nothing. */
interface Held {
  readonly file: string | null;
  readonly live: string | null;
}
type Holding = Readonly<Record<Backend, Held>>;

const NOTHING: Held = { file: null, live: null };
const other = (backend: Backend): Backend => (backend === 'nftables' ? 'iptables' : 'nftables');
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

/** DNAT entries by what they translate. */
function entries(live: string | null, backend: Backend): Map<string, Translated> {
  const fields = live === null ? {} : fieldsOf(backend, live);
  const all = Object.entries(fields).flatMap(([field, items]) =>
    Array.isArray(items) ? (items as readonly string[]).flatMap((item) => translated(field, item) ?? []) : [],
  );
  return new Map(all.map((entry) => [JSON.stringify(entry), entry]));
}

/** `80`, `9000-9003`; null = every port, or no ports at all: a host's text is not to say how often we count. */
function portsOf(span: string): Ports | null {
  const [, first = '', last = first] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(span) ?? [];
  const [from, to] = [Number(first), Number(last)];
  return first !== '' && from <= to && to <= 65_535 ? { from, to } : null;
}

/**
 * UDP flows that are under way keep their old target as long as they last: those of changed entries are forgotten, so
 * that their next packet follows. TCP connections drain. conntrack(8); never more than the entry's own address.
 */
function forgetFlows(backend: Backend, before: string | null, after: string | null): string[] {
  const [had, has] = [entries(before, backend), entries(after, backend)];
  const changed = [...had, ...has].filter(([key]) => had.has(key) !== has.has(key)).map(([, entry]) => entry);
  const byAddress = new Map<string, Translated[]>();
  for (const entry of changed.filter(({ protocol }) => protocol !== 'tcp'))
    (byAddress.get(entry.address) ?? byAddress.set(entry.address, []).get(entry.address))?.push(entry);
  const forget = [...byAddress].flatMap(([address, all]) => {
    // Once for the old target and the new one.
    const spans = [...new Set(all.map((entry) => entry.ports))];
    const ports = spans.map(portsOf);
    const count = ports.reduce((sum, range) => sum + (range ? range.to - range.from + 1 : Infinity), 0);
    if (count > PORTS_ONE_BY_ONE) return [sh`forget -d ${address}`];
    return ports.flatMap((range) => {
      const { from, to } = range ?? { from: 0, to: -1 };
      return Array.from(
        { length: to - from + 1 },
        (_none, at) => sh`forget -d ${address} --orig-port-dst ${from + at}`,
      );
    });
  });
  if (forget.length === 0) return [];
  return [
    [
      'command -v conntrack >/dev/null || exit 0',
      // Nothing found is no failure: conntrack ends 1 then.
      'forget() { conntrack -D -p udp "$@" >/dev/null 2>&1 || true; }',
      ...forget,
    ].join('\n'),
  ];
}

const PRIVATE = { mode: '0600' };

/** Files and live rules from one holding to the other. What is new is loaded before what is old goes. */
function transition(name: string, from: Holding, to: Holding, byFile: boolean): Transition {
  const moved = BACKENDS.filter((backend) => !sameValue(from[backend].live, to[backend].live) || byFile);
  const incoming = moved.filter((backend) => to[backend].live !== null);
  const outgoing = moved.filter((backend) => to[backend].live === null && from[backend].live !== null);
  const files = BACKENDS.filter((backend) => from[backend].file !== to[backend].file);
  const written = files.flatMap((backend) => {
    const { file } = to[backend];
    return file === null ? [] : [writeFile(rulesFile(name, backend), file, PRIVATE)];
  });
  const removed = files.filter((backend) => to[backend].file === null);
  return {
    steps: [
      ...(byFile && written.length > 0 ? [writeFile(loaderFile(name), loader(name), PRIVATE)] : []),
      ...(byFile ? written : []),
      ...(byFile ? removed.map((backend) => removeFile(rulesFile(name, backend))) : []),
      ...(byFile && BACKENDS.every((backend) => to[backend].file === null)
        ? [removeFile(loaderFile(name))]
        : []),
      ...incoming.map((backend) =>
        byFile ? sh`sh ${loaderFile(name)}` : setLive(backend, liveText(backend, to[backend].live ?? '')),
      ),
      ...outgoing.map((backend) => setLive(backend, null)),
      ...(byFile ? incoming.map((backend) => remember(name, backend)) : []),
      ...BACKENDS.flatMap((backend) => forgetFlows(backend, from[backend].live, to[backend].live)),
    ],
    paths: [...BACKENDS.map((backend) => rulesFile(name, backend)), loaderFile(name)],
  };
}

const liveText = (backend: Backend, live: string): string =>
  backend === 'nftables' ? live : asSaveFile(live);

/** One layer of what the host has or should have. */
const liveFields = (backend: Backend, live: string | null): Fields | null =>
  live === null ? null : fieldsOf(backend, live);

/** Of rules that are not there at all only what they do is told, not how. */
const newFields = (backend: Backend, live: string): Fields => ({
  loaded: true,
  ...Object.fromEntries(
    Object.entries(fieldsOf(backend, live)).filter(
      ([field, items]) =>
        Array.isArray(items) && (items as readonly string[]).some((item) => hasWords(field, item)),
    ),
  ),
});

function differencesOf(backend: Backend, actual: Holding, wanted: Holding): FieldDifference[] {
  const saved = [{ file: actual[backend].file }, { file: wanted[backend].file }] as const;
  const [has, wants] = [actual[backend].live, wanted[backend].live];
  const whole = has === null && wants !== null;
  const found = differences(
    { live: whole ? { loaded: false } : liveFields(backend, has), saved: saved[0] },
    { live: whole ? newFields(backend, wants) : liveFields(backend, wants), saved: saved[1] },
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
  const found = differencesOf(backend, holding, wanted);
  if (found.length === 0) return null;
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
    apply: transition(props.name, holding, wanted, true),
    revert: transition(props.name, wanted, holding, false),
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
    readRules(props.name, props.engine, {
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
