import { sameValue } from '../model/difference.ts';
import type { Ports } from '../model/nat-rules.ts';
import type { Transition } from '../model/resource.ts';
import { sh } from '../shell/quote.ts';
import { removeFile, writeFile } from '../shell/write-file.ts';
import { asSaveFile, fieldsOf, translated } from './rules-canonical.ts';
import type { Translated } from './rules-canonical.ts';
import { loader, setLive } from './rules-loader.ts';
import { BACKENDS, chainOf, loaderFile, remember, rulesFile } from './rules-shell.ts';
import type { Backend, RuleSet } from './rules-shell.ts';

/** Above so many ports of an address, its UDP flows are found by the address alone: each is a process of its own. */
const PORTS_ONE_BY_ONE = 64;

/** How many processes forget flows at the same time. */
const FORGET_AT_ONCE = 8;

/** What a host has of one backend; null = nothing. */
export interface Held {
  readonly file: string | null;
  readonly live: string | null;
}
export type Holding = Readonly<Record<Backend, Held>>;

export const NOTHING: Held = { file: null, live: null };
export const other = (backend: Backend): Backend => (backend === 'nftables' ? 'iptables' : 'nftables');
/** DNAT entries of other protocols than TCP, by what they translate. */
function entriesButTcp(live: string | null, backend: Backend): Map<string, Translated> {
  const entries = new Map<string, Translated>();
  for (const [field, items] of Object.entries(live === null ? {} : fieldsOf(backend, live))) {
    for (const item of Array.isArray(items) ? (items as readonly string[]) : []) {
      const entry = translated(field, item);
      if (entry !== null && entry.protocol !== 'tcp') entries.set(JSON.stringify(entry), entry);
    }
  }
  return entries;
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
  const [had, has] = [entriesButTcp(before, backend), entriesButTcp(after, backend)];
  const changed = [...had, ...has].filter(([key]) => had.has(key) !== has.has(key)).map(([, entry]) => entry);
  const byAddress = new Map<string, Translated[]>();
  for (const entry of changed)
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
      // Nothing found is no failure: conntrack ends 1 then. Some at a time: each waits for the kernel to list all flows.
      'forget() { conntrack -D -p udp "$@" >/dev/null 2>&1 & }',
      ...forget.flatMap((line, index) => (index % FORGET_AT_ONCE === 0 ? ['wait', line] : [line])),
      'wait',
    ].join('\n'),
  ];
}

const PRIVATE = { mode: '0600' };

/** Files and live rules from one holding to the other. What is new is loaded before what is old goes. */
export function transition(set: RuleSet, from: Holding, to: Holding, byFile: boolean): Transition {
  const { name } = set;
  const moved = BACKENDS.filter((backend) => !sameValue(from[backend].live, to[backend].live) || byFile);
  const incoming = moved.filter((backend) => to[backend].live !== null);
  const outgoing = moved.filter((backend) => to[backend].live === null && from[backend].live !== null);
  const files = BACKENDS.filter((backend) => from[backend].file !== to[backend].file);
  const written = files.flatMap((backend) => {
    const { file } = to[backend];
    return file === null ? [] : [writeFile(rulesFile(name, backend), file, PRIVATE)];
  });
  const nothing = BACKENDS.every((backend) => to[backend].file === null);
  const removed = files.filter((backend) => to[backend].file === null);
  return {
    steps: [
      ...(byFile && written.length > 0 ? [writeFile(loaderFile(name), loader(set), PRIVATE)] : []),
      ...(byFile ? written : []),
      ...(byFile ? removed.map((backend) => removeFile(rulesFile(name, backend))) : []),
      ...(byFile && nothing ? [removeFile(loaderFile(name))] : []),
      ...incoming.map((backend) =>
        byFile
          ? sh`sh ${loaderFile(name)}`
          : setLive(set, backend, liveText(set, backend, to[backend].live ?? '')),
      ),
      ...outgoing.map((backend) => setLive(set, backend, null)),
      ...(byFile
        ? incoming.map((backend) => {
            const { file, live } = to[backend];
            return remember(set, backend, { file: file ?? '', canonical: live === file ? null : live });
          })
        : []),
      ...BACKENDS.flatMap((backend) => forgetFlows(backend, from[backend].live, to[backend].live)),
    ],
    paths: [...BACKENDS.map((backend) => rulesFile(name, backend)), loaderFile(name)],
  };
}

/** nft empties the chains that are filled before it fills them; in iptables they would be filled twice. */
function liveText({ name, filled }: RuleSet, backend: Backend, live: string): string {
  if (backend === 'nftables') return live;
  const rule = ` -A ${chainOf(name)}${filled?.prefix ?? ''}`;
  const lines = filled ? live.split('\n').filter((line) => !line.includes(rule)) : [live];
  return asSaveFile(lines.join('\n'));
}
