import { namer } from './gateway-names.ts';
import type { HostAddress } from './host-reading.ts';
import type { Notes } from './import-notes.ts';
import { bare, natRules, saysOnly } from './iptables-text.ts';
import type { Rule } from './iptables-text.ts';

interface ImportedBackend {
  readonly address: string;
  readonly port?: number;
  readonly weight?: number;
  /** The router towards it. */
  readonly via?: string;
}

/** An entry of `listeners`. */
export type ImportedListener =
  | {
      readonly name: string;
      readonly address: string;
      readonly port: number;
      readonly protocol: 'tcp' | 'udp';
      readonly algorithm: 'round-robin' | 'random';
      readonly snat: boolean;
      readonly backends: readonly ImportedBackend[];
    }
  | {
      readonly name: string;
      readonly redirect: { readonly port: number; readonly to: string; readonly protocol: 'tcp' | 'udp' };
    };

/** What was recognised, and the rules that said it. */
export interface Recognised<T> {
  readonly found: readonly T[];
  readonly used: readonly Rule[];
  /** Why others that could have said it did not. */
  readonly why?: ReadonlyMap<Rule, string>;
}

const isProtocol = (text: string | undefined): text is 'tcp' | 'udp' => text === 'tcp' || text === 'udp';
const isPort = (text: string | undefined): text is string => /^\d{1,5}$/.test(text ?? '');

/** `10.1.160.14:8080`, or the address alone. */
function destinationOf(rule: Rule): { address: string; port: string } | null {
  const [, address = '', port] =
    /^(\d+\.\d+\.\d+\.\d+)(?::(\d+))?$/.exec(rule.options.get('--to-destination') ?? '') ?? [];
  return address === '' ? null : { address, port: port ?? rule.options.get('--dport') ?? '' };
}

/** Which part of the connections that come to it a rule takes (iptables-extensions(8), statistic). */
function partOf({ options }: Rule): number {
  const mode = options.get('--mode');
  if (mode === 'nth') return 1 / Math.max(1, Number(options.get('--every')));
  return mode === 'random' ? Number(options.get('--probability')) : 1;
}

const MOST_WEIGHT = 256;

/** Whole weights of these shares; null = they have none up to 256 that are right within a hundredth. */
function weightsOf(shares: readonly number[]): number[] | null {
  const least = Math.min(...shares);
  for (let factor = 1; factor <= 20; factor += 1) {
    const exact = shares.map((share) => (share / least) * factor);
    const weights = exact.map(Math.round);
    if (exact.every((weight, index) => Math.abs(weight - (weights[index] ?? 0)) <= 0.01 * weight))
      return Math.max(...weights) <= MOST_WEIGHT ? weights : null;
  }
  return null;
}

/** The rule that hides a client behind the balancer, for this port of one backend and nothing else. */
const backRule = (
  rules: readonly Rule[],
  { address, port }: { readonly address: string; readonly port: string },
  protocol: string | undefined,
  own: readonly string[],
) =>
  [...natRules(rules, 'POSTROUTING', 'SNAT'), ...natRules(rules, 'POSTROUTING', 'MASQUERADE')].find(
    (rule) =>
      saysOnly(rule, ['-d', '-p', '--dport', '-j', '--to-source']) &&
      bare(rule.options.get('-d') ?? '') === address &&
      rule.options.get('-p') === protocol &&
      rule.options.get('--dport') === port &&
      (!rule.options.has('--to-source') || own.includes(rule.options.get('--to-source') ?? '')),
  );

const SPREADING = [
  '-d',
  '-p',
  '--dport',
  '--mode',
  '--every',
  '--packet',
  '--probability',
  '-j',
  '--to-destination',
];

function listenerOf(
  group: readonly Rule[],
  rules: readonly Rule[],
  own: readonly string[],
  notes: Notes,
): { listener: ImportedListener; used: Rule[] } | null {
  const [first] = group;
  const address = bare(first?.options.get('-d') ?? '');
  const [port, protocol] = [first?.options.get('--dport'), first?.options.get('-p')];
  if (!isPort(port) || !isProtocol(protocol) || !own.includes(address)) return null;
  const targets = group.map((rule) => destinationOf(rule));
  let left = 1;
  const shares = group.map((rule) => {
    const share = left * partOf(rule);
    left -= share;
    return share;
  });
  // Rules after one that takes everything are never met.
  const met = shares.filter((share) => share > 0.0001);
  const weights = shares.every(Number.isFinite) && met.length > 0 ? weightsOf(met) : null;
  if (weights === null || targets.slice(0, met.length).includes(null)) return null;
  const where = `${address}:${port}/${protocol}`;
  if (left > 0.001)
    notes.add(where, `${Math.round(left * 100)} % of its connections meet no rule today, and no backend`);
  const equal = new Set(weights).size === 1;
  const backs = targets.map((to) => (to ? backRule(rules, to, protocol, own) : undefined));
  const snat = backs.some((rule) => rule !== undefined);
  if (snat && backs.includes(undefined))
    notes.add(
      where,
      'only some backends see the address of this host today; with snat: true all of them will',
    );
  if (snat)
    notes.add(
      where,
      'today whatever goes to these backends by this port gets the address of this host; then only what the listener spread',
    );
  return {
    listener: {
      ...{ name: '', address, port: Number(port), protocol, snat },
      algorithm: group.some(({ options }) => options.get('--mode') === 'random') ? 'random' : 'round-robin',
      backends: targets.slice(0, met.length).flatMap((to, index) =>
        to === null
          ? []
          : [
              {
                address: to.address,
                ...(to.port === port ? {} : { port: Number(to.port) }),
                ...(equal ? {} : { weight: weights[index] ?? 1 }),
              },
            ],
      ),
    },
    used: [...group, ...backs.flatMap((rule) => rule ?? [])],
  };
}

/** Services that are spread by `statistic`, or that hide their clients from the one backend that they have. */
function spread(
  rules: readonly Rule[],
  own: readonly string[],
  unique: ReturnType<typeof namer>,
  notes: Notes,
): Recognised<ImportedListener> {
  const groups = new Map<string, Rule[]>();
  for (const rule of natRules(rules, 'PREROUTING', 'DNAT')) {
    if (!saysOnly(rule, SPREADING)) continue;
    const key = ['-d', '-p', '--dport'].map((option) => rule.options.get(option)).join(' ');
    groups.set(key, [...(groups.get(key) ?? []), rule]);
  }
  const made = [...groups.values()].flatMap((group) => {
    const to = group[0] && destinationOf(group[0]);
    const isListener =
      group.some(({ options }) => options.has('--mode')) ||
      (to && backRule(rules, to, group[0]?.options.get('-p'), own));
    const [rule] = group;
    const wish = `${rule?.options.get('-p') ?? ''}-${rule?.options.get('--dport') ?? ''}`;
    const found = isListener ? listenerOf(group, rules, own, notes) : null;
    return found ? [{ ...found, listener: { ...found.listener, name: unique(wish, 'listener') } }] : [];
  });
  return { found: made.map(({ listener }) => listener), used: made.flatMap(({ used }) => used) };
}

/** One port that is spread over ports of the host itself. */
function redirected(rules: readonly Rule[], unique: ReturnType<typeof namer>): Recognised<ImportedListener> {
  const used = natRules(rules, 'PREROUTING', 'REDIRECT').filter(
    (rule) =>
      saysOnly(rule, ['-p', '--dport', '-j', '--to-ports', '--random', '--random-fully']) &&
      isProtocol(rule.options.get('-p')) &&
      isPort(rule.options.get('--dport')) &&
      /^\d+(-\d+)?$/.test(rule.options.get('--to-ports') ?? ''),
  );
  const found = used.map(({ options }): ImportedListener => {
    const port = Number(options.get('--dport'));
    const protocol = options.get('-p') === 'udp' ? 'udp' : 'tcp';
    const name = unique(`redirect-${port}`, 'redirect');
    return { name, redirect: { port, to: options.get('--to-ports') ?? '', protocol } };
  });
  return { found, used };
}

/** What a hand-made balancer does, as `listeners`. */
export function importListeners(
  rules: readonly Rule[],
  addresses: readonly HostAddress[],
  notes: Notes,
): Recognised<ImportedListener> {
  const own = addresses.map(({ address }) => address);
  const unique = namer();
  const [services, redirects] = [spread(rules, own, unique, notes), redirected(rules, unique)];
  return {
    found: [...services.found, ...redirects.found],
    used: [...services.used, ...redirects.used],
  };
}
