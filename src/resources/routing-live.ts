import { sh } from '../shell/quote.ts';
import { listDifference } from './describe.ts';
import { FIRST_OF_OURS, ipWords, LAST_OF_OURS, MAIN_RULE } from './routing-plan.ts';

/** An object as iproute2 prints it; what is no plain value there is nothing we ask for. */
type Json = Readonly<Record<string, string | number | undefined>>;

const isOurs = (number: number): boolean => number >= FIRST_OF_OURS && number <= LAST_OF_OURS;

/** What of a rule our own may have. Another key, and it is somebody else's. */
const RULE_KEYS = [
  ...['priority', 'src', 'srclen', 'dst', 'dstlen', 'uid_start', 'uid_end'],
  ...['table', 'suppress_prefixlen', 'protocol'],
];

const block = (address: Json[string], length: Json[string]): string =>
  length === undefined ? String(address) : `${String(address)}/${String(length)}`;

/** One rule of `ip -j rule` as `ip rule` prints it; null = not one of ours. */
function ruleLine(rule: Json): string | null {
  const [priority, table] = [Number(rule['priority']), String(rule['table'])];
  if (!isOurs(priority) || Object.keys(rule).some((key) => !RULE_KEYS.includes(key))) return null;
  const line = [
    `${priority}: from ${block(rule['src'], rule['srclen'])}`,
    ...(rule['dst'] === undefined ? [] : [`to ${block(rule['dst'], rule['dstlen'])}`]),
    ...(rule['uid_start'] === undefined
      ? []
      : [`uidrange ${String(rule['uid_start'])}-${String(rule['uid_end'])}`]),
    `lookup ${table === '254' ? 'main' : table}`,
    ...(rule['suppress_prefixlen'] === undefined
      ? []
      : [`suppress_prefixlength ${String(rule['suppress_prefixlen'])}`]),
  ].join(' ');
  return line === MAIN_RULE || isOurs(Number(table)) ? line : null;
}

/** What of a route we give; the kernel's flags (linkdown, onlink) and scope say nothing of what was asked for. */
const ROUTE_KEYS = ['type', 'dst', 'gateway', 'dev', 'prefsrc', 'metric', 'protocol', 'scope', 'flags'];

/** One route of `ip -j route show table N` as `ip route` prints it. */
function routeLine(table: string, route: Json): string {
  const word = (name: string, key: string): string[] =>
    route[key] === undefined ? [] : [`${name} ${String(route[key])}`];
  const words = [
    ...(route['type'] === undefined ? [] : [String(route['type'])]),
    String(route['dst']),
    ...word('via', 'gateway'),
    ...word('dev', 'dev'),
    ...word('src', 'prefsrc'),
    ...word('metric', 'metric'),
    ...Object.keys(route).filter((key) => !ROUTE_KEYS.includes(key)),
  ];
  return `table ${table}: ${words.join(' ')}`;
}

/** A host's text becomes words of a command: nothing but what names and numbers are made of. */
const isPlain = (line: string): boolean => /^[\w .:/@-]+$/.test(line);

function parsed(text: string): readonly Json[] {
  if (text.trim() === '') return [];
  const list: unknown = JSON.parse(text);
  if (!Array.isArray(list)) throw new Error('not a list');
  return list as Json[];
}

/** Shell text that prints our rules, and the routes of our tables: of `tables`, and of those that rules lead to. */
export const readRouting = (tables: readonly number[]): string =>
  [
    'rules=$(ip -4 -N -j rule show)',
    `printf 'rules %s\\n' "$(printf %s "$rules" | tr -d '\\n')"`,
    sh`for table in $(printf '%s\\n' ${tables} $(printf %s "$rules" | grep -oE '"table": ?"52[0-9][0-9]"' | tr -dc '0-9\\n') | sort -u); do`,
    // A table that nobody has filled is an error to ip, after half a list; to us it is an empty one.
    `  routes=$(ip -4 -j route show table "$table" 2>/dev/null) || routes=`,
    `  printf 'routes %s %s\\n' "$table" "$(printf %s "$routes" | tr -d '\\n')"`,
    'done',
  ].join('\n');

export interface LiveRouting {
  readonly rules: readonly string[];
  readonly routes: readonly string[];
}

/** What `readRouting` printed, sorted, each line once. */
export function parseRouting(stdout: string): LiveRouting {
  const lines = stdout.split('\n');
  const rules = lines.find((line) => line.startsWith('rules '))?.slice('rules '.length) ?? '';
  const routes = lines.flatMap((line) => {
    const [, table = '', text = ''] = /^routes (\d+) (.*)$/.exec(line) ?? [];
    return parsed(text).map((route) => routeLine(table, route));
  });
  const sorted = (found: readonly string[]): string[] => [...new Set(found)].filter(isPlain).toSorted();
  return { rules: sorted(parsed(rules).flatMap((rule) => ruleLine(rule) ?? [])), routes: sorted(routes) };
}

const tableOf = (route: string): string => route.slice(0, route.indexOf(':'));

/** networkd marks its own as static: what it finds again it takes for its own, instead of adding a second. */
const BY = ['protocol', 'static'];

const addRoute = (route: string): string => sh`ip -4 route replace ${[...ipWords(route), ...BY]}`;
/** One that has gone meanwhile, with its NIC, is as wanted; what is left is seen when the host is read again. */
const deleteRoute = (route: string): string => sh`ip -4 route del ${ipWords(route)} 2>/dev/null || true`;
const addRule = (rule: string): string => sh`ip -4 rule add ${[...ipWords(rule), ...BY]}`;
/** The kernel may hold a rule twice, by two makers. */
const deleteRule = (rule: string): string =>
  sh`while ip -4 rule del ${ipWords(rule)} 2>/dev/null; do :; done`;

/**
 * Steps from one to the other: tables are filled before rules lead to them, and emptied after the rules went. What a
 * route replaces goes first, for a deletion may match the new one too; the table's last route answers meanwhile.
 */
export function routingSteps(from: LiveRouting, to: LiveRouting): string[] {
  const rules = listDifference(from.rules, to.rules);
  const routes = listDifference(from.routes, to.routes);
  const kept = new Set(to.routes.map(tableOf));
  return [
    ...routes.extra.filter((route) => kept.has(tableOf(route))).map(deleteRoute),
    ...routes.missing.map(addRoute),
    ...rules.missing.map(addRule),
    ...rules.extra.map(deleteRule),
    ...routes.extra.filter((route) => !kept.has(tableOf(route))).map(deleteRoute),
  ];
}
