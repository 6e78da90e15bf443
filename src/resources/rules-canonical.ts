import type { Fields } from '../model/resource.ts';
import { chainOf } from './rules-shell.ts';
import type { Backend } from './rules-shell.ts';

/** Elements of a set as nft lists them, in an order of our own: the kernel's depends on its hash. */
const elementsIn = (text: string): string[] =>
  text
    .split(',')
    .map((element) => element.trim())
    .filter((element) => element !== '')
    .toSorted();

const rulesIn = (lines: readonly string[]): string[] =>
  lines.map((line) => line.trim()).filter((line) => line !== '');

/** What stands between the first `open` and the `close` after it; empty without both. */
function between(text: string, open: string, close: string): string {
  const from = text.indexOf(open);
  const to = from < 0 ? -1 : text.indexOf(close, from);
  return to < 0 ? '' : text.slice(from + open.length, to);
}

/**
 * `nft -s list table` (or a text for nft) → one field per set and map with its elements, one per chain with its rules
 * in order.
 */
export function nftFields(text: string): Fields {
  const fields: Record<string, string[]> = {};
  // Line by line: a pattern over blocks that never end would cost a hostile host nothing, and us hours.
  let kind = '';
  let name = '';
  let body: string[] = [];
  for (const line of text.split('\n')) {
    if (kind === '') {
      [, kind = '', name = ''] = /^\t(set|map|chain) (\S+) \{$/.exec(line) ?? [];
      body = [];
    } else if (line === '\t}') {
      if (kind === 'chain') fields[`chain ${name}`] = rulesIn(body);
      else fields[name] = elementsIn(between(body.join('\n'), 'elements = {', '}'));
      kind = '';
    } else body.push(line);
  }
  return fields;
}

/** Lines of "TABLE LINE" as hosts print them, or a file of iptables-save(8) → one field per chain, and the jumps. */
export function iptablesFields(text: string): Fields {
  const fields: Record<string, string[]> = {};
  for (const line of ownLines(text)) {
    const [, table = '', command = '', rest = ''] = /^(\S+) (:|-A |-I )(.*)$/.exec(line) ?? [];
    if (command === ':') fields[`${table} ${rest.split(' ')[0] ?? ''}`] ??= [];
    else if (command === '-I ') (fields['jumps'] ??= []).push(`${table} ${rest}`);
    else if (command === '-A ') {
      const [chain = ''] = rest.split(' ');
      (fields[`${table} ${chain}`] ??= []).push(rest.slice(chain.length + 1));
    }
  }
  return { ...fields, ...(fields['jumps'] ? { jumps: fields['jumps'].toSorted() } : {}) };
}

/** A file of iptables-save → lines as hosts print them; lines of hosts pass unchanged. */
function ownLines(text: string): string[] {
  let table = '';
  return text.split('\n').flatMap((line) => {
    if (line.startsWith('*')) table = line.slice(1).trim();
    if (/^(filter|nat|mangle|raw) (:|-[AI] )/.test(line)) return [line];
    return /^(:|-[AI] )/.test(line) ? [`${table} ${line}`] : [];
  });
}

/** Lines of a host → a text that `load_iptables` reads. */
export function asSaveFile(lines: string): string {
  const tables = new Map<string, string[]>();
  for (const line of ownLines(lines)) {
    const [table = ''] = line.split(' ');
    const list = tables.get(table) ?? [];
    list.push(line.slice(table.length + 1));
    tables.set(table, list);
  }
  return [...tables].map(([table, list]) => [`*${table}`, ...list, 'COMMIT', ''].join('\n')).join('');
}

export const fieldsOf = (backend: Backend, text: string): Fields =>
  backend === 'nftables' ? nftFields(text) : iptablesFields(text);

export interface Translated {
  readonly address: string;
  /** Empty = every protocol. */
  readonly protocol: string;
  /** `80`, `9000-9003`; empty = every port. */
  readonly ports: string;
  readonly target: string;
}

/** `dnat_port` is what earlier versions loaded. */
const DNAT_MAPS = ['dnat_port', 'dnat_range', 'dnat_any'];
const DNAT_PROTOCOLS: Readonly<Record<string, string>> = { dnat_tcp: 'tcp', dnat_udp: 'udp' };

/** What stands before the first separator, and what after it. With thousands of entries a `split` is felt. */
function cut(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + separator.length)];
}

/** An element of a DNAT map of ours, taken apart; null for anything else. */
function fromElement(field: string, element: string): Translated | null {
  const [key, value] = cut(element, ' : ');
  const target = value.replace(' . ', ':');
  const [address, rest] = cut(key, ' . ');
  const own = DNAT_PROTOCOLS[field];
  if (own !== undefined) return { address, protocol: own, ports: rest, target };
  if (!DNAT_MAPS.includes(field)) return null;
  const [protocol, ports] = cut(rest, ' . ');
  return { address, protocol, ports, target };
}

/** A rule of the chain PROVISION-DNAT, taken apart; null for anything else. */
function fromRule(field: string, rule: string): Translated | null {
  if (field !== `nat ${chainOf('nat')}DNAT`) return null;
  const value = (pattern: RegExp): string => pattern.exec(rule)?.[1] ?? '';
  const target = value(/--to-destination (\S+)/);
  if (target === '') return null;
  return {
    address: value(/(?:^| )-d (\S+)/).replace(/\/32$/, ''),
    protocol: value(/(?:^| )-p (\S+)/),
    ports: value(/--dport (\S+)/).replace(':', '-'),
    target,
  };
}

/** What a DNAT entry translates; null where the item of this field is no DNAT entry. */
export const translated = (field: string, item: string): Translated | null =>
  fromElement(field, item) ?? fromRule(field, item);
