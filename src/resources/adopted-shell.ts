import { sh } from '../shell/quote.ts';
import { chainOfLine } from './adopted-places.ts';
import type { LivePlace } from './adopted-places.ts';

/** Files that Debian (netfilter-persistent(8)) and the RHEL family (iptables.service) load at boot. */
export const SAVED_FILES = ['/etc/iptables/rules.v4', '/etc/sysconfig/iptables'];

/** What was taken over, and where it stood: the way back of `state: absent`. */
export const RECORD = '/var/lib/provision/adopted.json';

/** One rule of the inventory. */
export interface NamedRule {
  readonly table: string;
  readonly line: string;
}

/** Defines $tools: all programs that may hold rules there, and `printed TOOL`. A program that looks makes no table. */
const TOOLS = `
tools=
for tool in iptables-nft iptables-legacy; do command -v "$tool" >/dev/null && tools="$tools $tool"; done
[ -n "$tools" ] || ! command -v iptables >/dev/null || tools=iptables
printed() {
  case $1 in iptables-legacy) grep -qs . /proc/net/ip_tables_names || return 0 ;; esac
  "$1-save" 2>/dev/null
}
one_line() { base64 | tr -d '\\n'; echo; }`;

/** Loads standard input into a network namespace of its own, and prints how the kernel holds it. */
const SCRATCH = `scratch() { unshare -n sh -c 'iptables-restore -w 5 && iptables-save' 2>/dev/null | one_line; }`;

const BUILT_IN = ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'];

/** Prints the named rules as a whole text for iptables-restore(8), with all chains that they may need. */
function printNamed(named: readonly NamedRule[]): string {
  const tables = [...new Set(named.map(({ table }) => table))];
  return tables
    .map((table) => {
      const rules = named.filter((rule) => rule.table === table).map(({ line }) => line);
      const chains = [...new Set(rules.map(chainOfLine))].filter((chain) => !BUILT_IN.includes(chain));
      return [
        sh`echo ${`*${table}`}`,
        // Every chain of the host too: rules may jump there. One that is declared twice is refused.
        sh`{ printf '%s\\n' ${chains.map((chain) => `:${chain} - [0:0]`)}; iptables-save -t ${table} 2>/dev/null | awk '/^:/ && $2 == "-" { print $1 " - [0:0]" }'; } | awk 'NF && !seen[$0]++'`,
        sh`printf '%s\\n' ${[...rules, 'COMMIT']}`,
      ].join('\n');
    })
    .join('\n');
}

/** Only of these chains, so that the rules of Docker do not travel with every run. */
const ofChains = (chains: readonly string[]): string =>
  sh`{ printf '%s\\n' ${chains}; echo '#printed'; cat; } | awk '!begun { if (/^#printed$/) begun = 1; else wanted[$0]; next } /^\\*/ || ($1 == "-A" && ($2 in wanted))'`;

/**
 * Shell text that prints one line each: \`tool NAME RULES\`, \`spelled RULES\` (the named ones in the host's own words),
 * \`file PATH MODE OWNER GROUP TEXT SPELLED\` and \`record TEXT\`; texts in base64, nothing where there is none.
 */
export function readAdopted(named: readonly NamedRule[]): string {
  const record = sh`if [ -e ${RECORD} ]; then echo "record $(one_line < ${RECORD})"; fi`;
  const chains = [...new Set(named.map(({ line }) => chainOfLine(line)))];
  return [
    TOOLS.trim(),
    SCRATCH,
    // Without rules that are named, only what was taken over earlier counts.
    ...(named.length === 0 ? [sh`[ -e ${RECORD} ] || exit 0`] : []),
    record,
    `for tool in $tools; do echo "tool $tool $(printed "$tool" | ${named.length === 0 ? 'cat' : ofChains(chains)} | one_line)"; done`,
    ...(named.length === 0 ? [] : [`echo "spelled $({\n${printNamed(named)}\n} | scratch)"`]),
    sh`for file in ${SAVED_FILES}; do`,
    `  [ ! -f "$file" ] || echo "file $file $(stat -L -c '%a %u %g' "$file") $(one_line < "$file") $(scratch < "$file")"`,
    'done',
  ].join('\n');
}

/**
 * Takes the lines "gone TABLE RULE" of standard input away wherever they stand, and puts "back TABLE AT RULE" at that
 * place among the rules that are not provision's: per table one restore, which is loaded whole or not at all. Nothing else
 * is mentioned, so nothing else is touched (--noflush).
 */
const SET_RULES = String.raw`
set_rules() {
  changes=$({ cat; echo '#printed'; "$1-save"; } | awk '
    !begun && /^#printed$/ { begun = 1; next }
    !begun && $1 == "gone" { gone[substr($0, 6)]; next }
    !begun {
      count++; to[count] = $2; at[count] = $3 + 0; chain[count] = $5
      rule[count] = substr($0, length($1 $2 $3) + 4); tables[$2] = 1; next
    }
    /^\*/ { table = substr($1, 2); next }
    /^:/ { known[table, substr($1, 2)]; next }
    /^-A / {
      if ((table " " $0) in gone) { deleted[table] = deleted[table] "-D" substr($0, 3) "\n"; tables[table] = 1; next }
      length_of[table, $2]++
      if ($0 !~ / -j PROVISION[_-][^ ]*$/) place[table, $2, ++others[table, $2]] = length_of[table, $2]
    }
    END {
      for (i = 1; i <= count; i++) {
        t = to[i]; c = chain[i]
        if (at[i] <= others[t, c]) position = place[t, c, at[i]]; else { at[i] = others[t, c] + 1; position = length_of[t, c] + 1 }
        for (k = others[t, c]; k >= at[i]; k--) place[t, c, k + 1] = place[t, c, k] + 1
        place[t, c, at[i]] = position; others[t, c]++; length_of[t, c]++
        put[t] = put[t] "-I " c " " position substr(rule[i], length(c) + 4) "\n"
        if (!((t, c) in known) && c !~ /^(${BUILT_IN.join('|')})$/) { made[t] = made[t] ":" c " - [0:0]\n"; known[t, c] }
      }
      for (table in tables) printf "*%s\n%s%s%sCOMMIT\n", table, made[table], deleted[table], put[table]
    }')
  [ -z "$changes" ] || printf '%s\n' "$changes" | "$1-restore" --noflush -w 10
}`;

/** Shell text after which of these rules those of \`back\` stand in their places, and the others nowhere. */
export function setRules(all: readonly LivePlace[], back: readonly LivePlace[]): string {
  const tools = [...new Set([...all, ...back].map(({ tool }) => tool))];
  const calls = tools.map((tool) => {
    const of = (places: readonly LivePlace[]): LivePlace[] =>
      places.filter((place) => place.tool === tool).toSorted((a, b) => a.at - b.at);
    const lines = new Set([
      ...of([...all, ...back]).map(({ table, line }) => `gone ${table} ${line}`),
      ...of(back).map(({ table, at, line }) => `back ${table} ${at} ${line}`),
    ]);
    return sh`printf '%s\\n' ${[...lines]} | set_rules ${tool}`;
  });
  return [SET_RULES.trim(), ...calls].join('\n');
}
