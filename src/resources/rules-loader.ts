import { sh } from '../shell/quote.ts';
import { ANY_CHAIN, BACKENDS, chainOf, rulesFile, tableOf } from './rules-shell.ts';
import type { Backend, Filled, RuleSet } from './rules-shell.ts';

/**
 * Reads a file of iptables-save(8) with the chains (":"), rules ("-A") and jumps ("-I") of a set and loads it: per
 * table one atomic restore that replaces its chains whole, takes away those that the file does not have, and puts each
 * jump where the file says, once, counting what is not ours. Nothing else is mentioned, so nothing else is touched
 * (--noflush).
 */
const loadIptables = (chain: string): string => String.raw`
load_iptables() {
  { iptables-save; echo '#wanted'; cat; } | awk '
    /^#wanted$/ { wanted = 1; next }
    /^\*/ { table = substr($1, 2); next }
    !wanted && /^:${chain}/ { sub(/^:/, "", $1); old[table] = old[table] " " $1; tables[table] = 1 }
    !wanted && /^-A / && $2 !~ /^${chain}/ {
      if (/ -j ${chain}[^ ]*$/) { sub(/^-A/, "-D"); gone[table] = gone[table] $0 "\n"; tables[table] = 1; next }
      last[table, $2]++
      if (!/ -j ${ANY_CHAIN}[^ ]*$/) place[table, $2, ++others[table, $2]] = last[table, $2]
    }
    wanted && /^:/ { sub(/^:/, "", $1); if (!((table, $1) in has)) chain[table] = chain[table] ":" $1 " - [0:0]\n"; has[table, $1] = 1; tables[table] = 1 }
    wanted && /^-I / {
      at = ((table, $2, $3) in place) ? place[table, $2, $3] : last[table, $2] + 1
      sub(/^-I [^ ]+ [0-9]+/, "-I " $2 " " at)
    }
    wanted && /^-[AI] / { rules[table] = rules[table] $0 "\n" }
    END {
      for (table in tables) {
        printf "*%s\n%s", table, chain[table]
        count = split(old[table], names, " ")
        for (i = 1; i <= count; i++) if (!((table, names[i]) in has)) printf ":%s - [0:0]\n", names[i]
        printf "%s%s", gone[table], rules[table]
        for (i = 1; i <= count; i++) if (!((table, names[i]) in has)) printf "-X %s\n", names[i]
        print "COMMIT"
      }
    }' | iptables-restore --noflush -w 10
}`;

/** Shell text that loads what `text` prints, and what else fills in the same transaction and under its lock. */
const loadFilled = (text: string, backend: Backend, filled: Filled, otherwise: string): string =>
  [
    sh`umask 077; mkdir -p ${filled.lock.slice(0, filled.lock.lastIndexOf('/'))}; exec 7>>${filled.lock}; flock 7`,
    `filled=$(${filled.by} ${backend})${otherwise}`,
    `{ ${text}; printf '%s\\n' "$filled"; } | ${backend === 'nftables' ? 'nft -f /dev/stdin' : 'load_iptables'}`,
  ].join('\n');

function loadFile({ name, filled }: RuleSet, backend: Backend): string {
  const file = rulesFile(name, backend);
  if (filled) return `if [ -e ${file} ]; then\n${loadFilled(`cat ${file}`, backend, filled, '')}\nfi`;
  return `if [ -e ${file} ]; then ${backend === 'nftables' ? `nft -f ${file}` : `load_iptables < ${file}`}; fi`;
}

/** At boot and after a change: loads whichever file there is. */
export const loader = (set: RuleSet): string => `#!/bin/sh
# Written by provision. Loads the rules of provision that lie beside it: at boot, and when they change.
set -eu
LC_ALL=C; export LC_ALL
PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"; export PATH
${loadIptables(chainOf(set.name)).trim()}
${BACKENDS.map((backend) => loadFile(set, backend)).join('\n')}
`;

/** Shell text that loads a whole text live, whatever the files say; null = nothing of ours is left. */
export function setLive({ name, filled }: RuleSet, backend: Backend, text: string | null): string {
  const functions = backend === 'nftables' ? '' : `${loadIptables(chainOf(name))}\n`;
  const clear = backend === 'nftables' ? `table ip ${tableOf(name)}\ndelete table ip ${tableOf(name)}\n` : '';
  if (text === null)
    return backend === 'nftables'
      ? sh`! command -v nft >/dev/null || printf %s ${clear} | nft -f /dev/stdin`
      : `${functions}! command -v iptables-restore >/dev/null || load_iptables </dev/null`;
  const print = sh`printf %s ${clear + text}`;
  // What fills may be gone with the rest that is taken back: then without.
  if (filled) return `${functions}${loadFilled(print, backend, filled, ' || filled=')}`;
  return `${functions}${print} | ${backend === 'nftables' ? 'nft -f /dev/stdin' : 'load_iptables'}`;
}
