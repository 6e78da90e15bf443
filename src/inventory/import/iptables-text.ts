/** One rule of iptables, as iptables-save(8) prints it, taken apart. */
export interface Rule {
  readonly table: string;
  readonly chain: string;
  /** `-A CHAIN …`, without counters. */
  readonly line: string;
  /** Options by name (`-s`, `--dport`; `! -i` where negated, `-m NAME` for matches that are unknown here) and their values. */
  readonly options: ReadonlyMap<string, string>;
}

export interface RuleText {
  readonly rules: readonly Rule[];
  /** `TABLE CHAIN` of every chain that is not built in. */
  readonly ownChains: readonly string[];
}

/** Words that say nothing by themselves: their options do. */
const PLAIN_MATCHES = ['tcp', 'udp', 'statistic', 'comment'];

/** Words as iptables-save quotes them: double quotes, with a backslash before what is special inside. */
const wordsOf = (line: string): string[] =>
  [...line.matchAll(/"((?:[^"\\]|\\.)*)"|(\S+)/g)].map(([, quoted, word]) =>
    quoted === undefined ? (word ?? '') : quoted.replaceAll(/\\(.)/g, '$1'),
  );

/** Options with all words up to the next one; a `!` belongs to the option after it. */
function optionsOf(line: string): ReadonlyMap<string, string> {
  const options = new Map<string, string>();
  let name = '';
  let negated = false;
  for (const word of wordsOf(line)) {
    if (word === '!') negated = true;
    else if (/^-{1,2}[a-z]/i.test(word)) {
      name = negated ? `! ${word}` : word;
      negated = false;
      options.set(name, '');
    } else if (name === '-m') {
      options.delete('-m');
      if (!PLAIN_MATCHES.includes(word)) options.set(`-m ${word}`, '');
    } else options.set(name, `${options.get(name) ?? ''} ${word}`.trim());
  }
  options.delete('-A');
  options.delete('--comment');
  return options;
}

/** The rules of a text of iptables-save(8), in order. */
export function readRuleText(text: string): RuleText {
  let table = '';
  const rules: Rule[] = [];
  const ownChains: string[] = [];
  for (const raw of text.split('\n')) {
    const line = raw.replace(/^\[\d+:\d+\] /, '').trim();
    const [, chain, policy] = /^:(\S+) (\S+)/.exec(line) ?? [];
    if (line.startsWith('*')) table = line.slice(1);
    else if (chain !== undefined && policy === '-') ownChains.push(`${table} ${chain}`);
    else if (line.startsWith('-A '))
      rules.push({ table, chain: line.split(' ')[1] ?? '', line, options: optionsOf(line) });
  }
  return { rules, ownChains };
}

/** The target of a rule: `DNAT`, or the name of a chain. */
export const targetOf = ({ options }: Rule): string => options.get('-j') ?? options.get('-g') ?? '';

/** Does it say nothing but these? */
export const saysOnly = ({ options }: Rule, names: readonly string[]): boolean =>
  [...options.keys()].every((name) => names.includes(name));

/** Rules of nat with this target in one built-in chain. */
export const natRules = (rules: readonly Rule[], chain: string, target: string): Rule[] =>
  rules.filter((rule) => rule.table === 'nat' && rule.chain === chain && targetOf(rule) === target);

/** `10.0.0.1/32` → `10.0.0.1`; other blocks stay. */
export const bare = (address: string): string => address.replace(/\/32$/, '');
