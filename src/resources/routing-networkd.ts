import { LAST_METRIC, lastRoute, routesBy } from './routing-plan.ts';
import type { RoutedNic } from './routing-plan.ts';

/** Its name in the directory of each NIC's .network file. */
export const ROUTING_DROP_IN = 'provision-routing.conf';

export const routingDropIn = (network: string): string =>
  `/etc/systemd/network/${network}.d/${ROUTING_DROP_IN}`;

const HEAD = '# Written by provision. Changes made here are put back by the next run.';
const MAIN_NUMBER = '254';

type Pair = readonly [key: string, value: string];

/** `5201: from A to B uidrange 1-1 lookup T suppress_prefixlength 0` → keys of [RoutingPolicyRule]. */
function rulePairs(rule: string): Pair[] {
  const word = (name: string): string | undefined => new RegExp(`[ :]${name} (\\S+)`).exec(rule)?.[1];
  const pair = (key: string, value: string | undefined): Pair[] =>
    value === undefined || value === 'all' ? [] : [[key, value]];
  const uid = word('uidrange')?.split('-')[0];
  return [
    ['Priority', rule.slice(0, rule.indexOf(':'))],
    // Without an address nothing tells networkd which family is meant.
    ['Family', 'ipv4'],
    ...pair('From', word('from')),
    ...pair('To', word('to')),
    ...pair('User', uid),
    ...pair('Table', word('lookup')?.replace(/^main$/, MAIN_NUMBER)),
    ...pair('SuppressPrefixLength', word('suppress_prefixlength')),
  ];
}

/** `table T: default via G dev D src A` → keys of [Route]. */
function routePairs(route: string): Pair[] {
  const [, table = '', words = ''] = /^table (\d+): (.*)$/.exec(route) ?? [];
  if (words.startsWith('unreachable'))
    return [
      ['Type', 'unreachable'],
      ['Destination', '0.0.0.0/0'],
      ['Metric', String(LAST_METRIC)],
      ['Table', table],
    ];
  const [destination = '', ...rest] = words.split(' ');
  const word = (name: string): string => rest[rest.indexOf(name) + 1] ?? '';
  return [
    ...(destination === 'default'
      ? ([
          ['Gateway', word('via')],
          ['GatewayOnLink', 'yes'],
        ] satisfies Pair[])
      : ([
          ['Destination', destination],
          ['Scope', 'link'],
        ] satisfies Pair[])),
    ['PreferredSource', word('src')],
    ['Table', table],
  ];
}

const section = (name: string, pairs: readonly Pair[]): string =>
  [`[${name}]`, ...pairs.map(([key, value]) => `${key}=${value}`)].join('\n');

const RULE_KEYS = ['Priority', 'Family', 'From', 'To', 'User', 'Table', 'SuppressPrefixLength'];
const ROUTE_KEYS = [
  'Destination',
  'Scope',
  'Gateway',
  'GatewayOnLink',
  'PreferredSource',
  'Table',
  'Type',
  'Metric',
];

/** A section in the words of `ip rule` or `ip route` where it says no more than ours do, else as it is, in one line. */
function lineOf(name: string, pairs: readonly Pair[], nic: string): string {
  const keys = new Map(pairs);
  const only = (known: readonly string[]): boolean =>
    keys.size === pairs.length && pairs.every(([key]) => known.includes(key));
  const words = (word: string, key: string, text = keys.get(key)): string[] =>
    text === undefined ? [] : [`${word} ${text}`];
  if (name === 'RoutingPolicyRule' && only(RULE_KEYS)) {
    const uid = keys.get('User');
    return [
      `${keys.get('Priority') ?? ''}: from ${keys.get('From') ?? 'all'}`,
      ...words('to', 'To'),
      ...words('uidrange', 'User', uid && `${uid}-${uid}`),
      ...words('lookup', 'Table', keys.get('Table')?.replace(new RegExp(`^${MAIN_NUMBER}$`), 'main')),
      ...words('suppress_prefixlength', 'SuppressPrefixLength'),
    ].join(' ');
  }
  if (name === 'Route' && only(ROUTE_KEYS)) {
    const type = keys.get('Type');
    const destination = keys.get('Destination')?.replace('0.0.0.0/0', 'default') ?? 'default';
    return [
      `table ${keys.get('Table') ?? 'main'}: ${type === undefined ? '' : `${type} `}${destination}`,
      ...words('via', 'Gateway'),
      ...(type === undefined ? [`dev ${nic}`] : []),
      ...words('src', 'PreferredSource'),
      ...words('metric', 'Metric'),
    ].join(' ');
  }
  return `[${name}] ${pairs.map(([key, value]) => `${key}=${value}`).join(' ')}`;
}

/**
 * The drop-in of one NIC: its own routes, and the rules and last routes of all. networkd takes away what no link that
 * is up asks for: a NIC that is unplugged must not take the rules with it that keep its traffic off the others.
 */
export const dropInText = (nic: RoutedNic, all: readonly RoutedNic[], rules: readonly string[]): string =>
  `${[
    HEAD,
    ...rules.map((rule) => section('RoutingPolicyRule', rulePairs(rule))),
    ...[...all.map(lastRoute), ...routesBy(nic)].map((route) => section('Route', routePairs(route))),
  ].join('\n\n')}\n`;

/** What a drop-in of a NIC says, in the words of `ip`, sorted; a line outside of any section stands alone. */
export function parseDropIn(text: string, nic: string): string[] {
  const sections: { name: string; pairs: Pair[] }[] = [];
  const loose: string[] = [];
  for (const raw of text.split('\n')) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#') || line.startsWith(';')) continue;
    const name = /^\[([^\]]*)\]$/.exec(line)?.[1];
    const current = sections.at(-1);
    const equals = line.indexOf('=');
    if (name !== undefined) sections.push({ name, pairs: [] });
    else if (current && equals > 0)
      current.pairs.push([line.slice(0, equals).trimEnd(), line.slice(equals + 1).trimStart()]);
    else loose.push(line);
  }
  const lines = sections
    .filter(({ pairs }) => pairs.length > 0)
    .map(({ name, pairs }) => lineOf(name, pairs, nic));
  return [...new Set([...lines, ...loose])].toSorted();
}
