import type { Check } from '../model/check.ts';
import { ProvisionError } from '../model/error.ts';
import type { Baseline, Facts, ProbeOutput, Resource } from '../model/resource.ts';
import { parseBaseline, parseBaselineNames, readBaseline } from './baseline.ts';
import { parseSshConnection } from '../model/ssh-connection.ts';
import {
  decode,
  decodeBytes,
  frameFunctions,
  framedLines,
  longFrame,
  partsOf,
  textAndCode,
  textOf,
} from './frame.ts';
import { ADDRESSES, answering, questionCalls, questionFunctions, questionsIn } from './questions.ts';
import type { Printed } from './frame.ts';
import { PLACES, transactionsProbe } from './transaction-shell.ts';
import type { Places } from './transaction-shell.ts';

export interface CheckOutput {
  readonly output: string;
  readonly code: number;
}

export interface ProbeResult {
  readonly facts: Facts;
  readonly outputs: ReadonlyMap<string, ProbeOutput>;
  /** Of the resources that return to theirs; null = the host has none. */
  readonly baselines: ReadonlyMap<string, Baseline | null>;
  readonly checks: readonly CheckOutput[];
  readonly transactions: KnownTransactions;
}

/** What the host remembers of earlier runs; null = nothing, or not for our eyes. */
export interface KnownTransactions {
  /** Names of the baselines it has. */
  readonly baselines: ReadonlySet<string>;
  /** The record of a change that is neither confirmed nor taken back. */
  readonly pending: string | null;
  /** The record of one that was taken back only in part, and that nobody has looked at. */
  readonly stuck: string | null;
  /** The last line of the journal. */
  readonly last: {
    readonly ending: string;
    readonly reason: string;
    readonly endedAt: string;
    readonly record: Readonly<Record<string, unknown>>;
  } | null;
}

const FACTS = `
for f in /proc/sys/kernel/hostname /proc/sys/kernel/osrelease /proc/1/comm; do
  line=; read -r line <"$f"; printf '%s\\n' "$line"
done
printf '%s\\n' "\${SSH_CONNECTION:-}"
case $(ip -6 route show default 2>/dev/null) in '') echo 0 ;; *) echo 1 ;; esac
while read -r line || [ "$line" ]; do printf '%s\\n' "$line"; done </etc/os-release`;

/** Asks again after a failure that may pass; 0 and 69 are final. */
const ASK = `
ask() {
  tries=0
  while :; do
    said=$( ( "$1" ) 2>/dev/null ); code=$?; tries=$((tries + 1))
    case $code in 0 | 69) break ;; esac
    [ "$tries" -gt "$2" ] && break
    sleep 1
  done
  printf '%sx%s' "$said" "$code" | encode
}`;

const returning = (resources: readonly Resource[]): Resource[] =>
  resources.filter((resource) => resource.toBaseline);

const questionsOf = (resources: readonly Resource[]) => questionsIn(resources.map(({ probe }) => probe));

/**
 * One script that reads everything of a host in one exec: facts, what the probes of all resources ask (equal things once),
 * and the checks asked from this host, which run beside it. All in functions, called by the last line: a script cut off
 * on its way runs nothing. `retry` is for checks after a change; before one, TCP's own second SYN is enough.
 */
export function probeScript(
  resources: readonly Resource[],
  checks: readonly Check[],
  nonce: string,
  retry: boolean,
  places: Places = PLACES,
): string {
  const questions = questionsOf(resources);
  return [
    'LC_ALL=C; export LC_ALL',
    'PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"; export PATH',
    frameFunctions(nonce),
    ASK,
    `facts() {${FACTS}\n}`,
    `${ADDRESSES}() { ip -4 -o addr; }`,
    `transactions() {${transactionsProbe(places)}\n}`,
    ...questionFunctions(questions),
    ...returning(resources).map(
      ({ id }, index) => `baseline_${index}() {${readBaseline(places.state, id)}\n}`,
    ),
    ...checks.map((check, index) => `check_${index}() {\n${check.script}\n}`),
    'parts() {',
    'part_here facts',
    `part_here ${ADDRESSES}`,
    'part transactions transactions',
    ...questionCalls(questions),
    ...returning(resources).map((_resource, index) => `part baseline_${index} baseline_${index}`),
    '}',
    'main() {',
    'umask 077',
    'mark begin',
    ...(checks.length > 0 ? ['answers=$(mktemp -d) || exit 1', `trap 'rm -rf "$answers"' EXIT`] : []),
    ...checks.map(
      (check, index) => `ask check_${index} ${retry ? check.retries : 0} > "$answers/${index}" &`,
    ),
    'frame parts "$(parts | base64)"',
    ...(checks.length > 0 ? ['wait'] : []),
    ...checks.map((_check, index) => `frame check_${index} "$(cat "$answers/${index}")"`),
    'mark end',
    '}',
    'main </dev/null',
    '',
  ].join('\n');
}

function parseFacts(text: string, addresses: string): Facts {
  const [hostname = '', kernel = '', init = '', ssh = '', ipv6 = '0', ...release] = text.split('\n');
  const os = Object.fromEntries(
    release.flatMap((line): [string, string][] => {
      const match = /^([A-Z_]+)="?([^"]*)"?$/.exec(line);
      return match?.[1] ? [[match[1], match[2] ?? '']] : [];
    }),
  );
  const connection = parseSshConnection(ssh, addresses.split('\n'));
  return {
    hostname,
    kernel,
    init,
    os: {
      id: os['ID'] ?? '',
      like: (os['ID_LIKE'] ?? '').split(' ').filter(Boolean),
      version: os['VERSION_ID'] ?? '',
    },
    sshPort: connection?.port ?? null,
    sshClient: connection?.client ?? null,
    ssh: connection,
    ipv6Route: ipv6 !== '0',
  };
}

/** One line each: baselines, one pending, one stuck, the last of the journal. Any may be empty; a cut-off line is none. */
function parseTransactions(text: string): KnownTransactions {
  const [names = '', pending = '', stuck = '', last = ''] = text.split('\n');
  const open = { baselines: parseBaselineNames(names), pending: pending || null, stuck: stuck || null };
  try {
    return {
      ...open,
      last: last === '' ? null : (JSON.parse(last) as KnownTransactions['last']),
    };
  } catch {
    return { ...open, last: null };
  }
}

/** What `probeScript` printed → facts, outputs per resource id, answers per check. Throws `probe-failed`. */
export function parseProbe(
  stdout: string,
  resources: readonly Resource[],
  checks: readonly Check[],
  nonce: string,
): ProbeResult {
  const lines = framedLines(stdout, nonce);
  if (!lines.some(([word]) => word === 'end')) {
    throw new ProvisionError('probe-failed', 'The host stopped in the middle of being read.', {
      hint: 'Run again with -vvv to see what it printed.',
    });
  }
  const frames = new Map(lines.map(([name = '', length, payload]) => [name, { length, payload }]));
  const frame = (name: string) => [frames.get(name)?.length, frames.get(name)?.payload] as const;
  const parts = partsOf(decodeBytes(...longFrame(stdout, nonce, 'parts')), nonce);
  const read = (name: string): Printed => parts.get(name) ?? { bytes: decode(undefined, undefined), code: 0 };
  const said = (name: string): string => textOf(read(name).bytes);
  const answer = answering(questionsOf(resources), read);
  return {
    facts: parseFacts(said('facts'), said(ADDRESSES)),
    transactions: parseTransactions(said('transactions')),
    outputs: new Map(resources.map(({ id, probe }) => [id, answer(probe)])),
    baselines: new Map(
      returning(resources).map(({ id }, index) => [id, parseBaseline(id, said(`baseline_${index}`))]),
    ),
    checks: checks.map((_check, index) => {
      const { stdout: output, code } = textAndCode(decode(...frame(`check_${index}`)));
      return { output, code };
    }),
  };
}
