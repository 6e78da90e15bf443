import { quote, sh } from '../shell/quote.ts';

/** What holds rules of ours. */
export type Backend = 'nftables' | 'iptables';
export const BACKENDS: readonly Backend[] = ['nftables', 'iptables'];

/** The first set of rules that there was; the others carry their name in their table and chains. */
const FIRST = 'nat';

/** The table of nft(8) that holds a set of rules: several sets stand side by side, each loaded by itself. */
export const tableOf = (name: string): string => (name === FIRST ? 'provision' : `provision_${name}`);

/** What every chain of a set begins with in iptables, where 28 characters are all a name may have. */
export const chainOf = (name: string): string =>
  name === FIRST ? 'PROVISION-' : `PROVISION_${name.toUpperCase()}-`;

/** What the chains of every set begin with, as a pattern of awk(1). */
const ANY_CHAIN = 'PROVISION(_[A-Z0-9]+)?-';

const DIRECTORY = '/etc/provision';
export const rulesFile = (name: string, backend: Backend): string =>
  `${DIRECTORY}/${name}.${backend === 'nftables' ? 'nft' : 'rules'}`;
export const loaderFile = (name: string): string => `${DIRECTORY}/load-${name}`;

/**
 * The canonical form of what was loaded last, by its digest: reading a host that is as it should be costs no scratch
 * namespace, and needs no rule text.
 */
export const canonicalFile = (name: string): string => `/var/lib/provision/canonical/${name}`;

/** `auto`: beside firewalld and Docker only a table of our own survives what they do to iptables (docs/roles.md). */
export const PREFERS_NFTABLES = 'command -v firewalld >/dev/null || command -v dockerd >/dev/null';

/**
 * The part of a set in `iptables-save`, one line each as "TABLE LINE" in an order that does not depend on history:
 * chains, rules, then the jumps with the position they stand at among what is not ours. Counters are left out.
 */
const own = (chain: string): string => String.raw`
own() {
  awk '
    /^\*/ { table = substr($1, 2) }
    /^:${chain}/ { printf "%s 0 %s %06d %s %s - [0:0]\n", table, $1, ++n, table, $1 }
    /^-A ${chain}/ { printf "%s 1 %s %06d %s %s\n", table, $2, ++n, table, $0 }
    /^-A / && $2 !~ /^${chain}/ {
      if ($0 ~ / -j ${chain}[^ ]*$/) printf "%s 2 %s %06d %s -I %s %d -j %s\n", table, $2, ++n, table, $2, others[table, $2] + 1, $NF
      else if ($0 !~ / -j ${ANY_CHAIN}[^ ]*$/) others[table, $2]++
    }' | sort | cut -d " " -f 5-
}`;

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
    wanted && /^:/ { sub(/^:/, "", $1); chain[table] = chain[table] ":" $1 " - [0:0]\n"; has[table, $1] = 1; tables[table] = 1 }
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

/** At boot and after a change: loads whichever file there is. */
export const loader = (name: string): string => `#!/bin/sh
# Written by provision. Loads the rules of provision that lie beside it: at boot, and when they change.
set -eu
LC_ALL=C; export LC_ALL
PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"; export PATH
${loadIptables(chainOf(name)).trim()}
if [ -e ${rulesFile(name, 'nftables')} ]; then nft -f ${rulesFile(name, 'nftables')}; fi
if [ -e ${rulesFile(name, 'iptables')} ]; then load_iptables < ${rulesFile(name, 'iptables')}; fi
`;

const live = (name: string, backend: Backend): string =>
  backend === 'nftables'
    ? `nft -s list table ip ${tableOf(name)} 2>/dev/null`
    : 'iptables-save 2>/dev/null | own';

/** Loads standard input into a network namespace of its own, and prints how the kernel holds it. */
const scratch = (name: string, backend: Backend): string =>
  backend === 'nftables'
    ? `unshare -n sh -c 'nft -f /dev/stdin && nft -s list table ip ${tableOf(name)}'`
    : `{ loaded=$(unshare -n sh -c 'iptables-restore --noflush && iptables-save') && printf '%s\\n' "$loaded" | own; }`;

const tool = (backend: Backend): string => (backend === 'nftables' ? 'nft' : 'iptables-restore');

/** Shell text that loads a whole text live, whatever the files say; null = nothing of ours is left. */
export function setLive(name: string, backend: Backend, text: string | null): string {
  if (backend === 'nftables') {
    const clear = `table ip ${tableOf(name)}\ndelete table ip ${tableOf(name)}\n`;
    return text === null
      ? sh`! command -v nft >/dev/null || printf %s ${clear} | nft -f /dev/stdin`
      : sh`printf %s ${clear + text} | nft -f /dev/stdin`;
  }
  const load = loadIptables(chainOf(name));
  return text === null
    ? `${load}\n! command -v iptables-restore >/dev/null || load_iptables </dev/null`
    : `${load}\n${sh`printf %s ${text} | load_iptables`}`;
}

/** Shell text that remembers the canonical form of the file that was just loaded. */
export const remember = (name: string, backend: Backend): string => {
  const [file, kept] = [rulesFile(name, backend), canonicalFile(name)];
  return `${own(chainOf(name))}
umask 077
mkdir -p -m 0700 /var/lib/provision /var/lib/provision/canonical
canonical=$(${scratch(name, backend)} < ${quote(file)})
printf '%s %s\\n' "$(sha256sum < ${quote(file)} | cut -c 1-64)" "$(printf %s "$canonical" | sha256sum | cut -c 1-64)" > ${quote(`${kept}.new`)}
mv -fT ${quote(`${kept}.new`)} ${quote(kept)}`;
};

export interface Wanted {
  /** Of the whole text, as sha256 in hex. */
  readonly digest: string;
  /** Null = too large to travel with every run; the host asks for it when it must. */
  readonly text: string | null;
}

/** Why this host cannot hold rules in iptables, if so: words for a person, printed after "refused". */
const REFUSE_IPTABLES = `
refuse() { printf 'refused\\n%s\\n' "$1"; exit 0; }
held() { "$1" 2>/dev/null | grep -q '^-A'; }
if systemctl -q is-active firewalld.service 2>/dev/null; then
  version=$(busctl --auto-start=no --timeout=5 get-property org.fedoraproject.FirewallD1 /org/fedoraproject/FirewallD1 org.fedoraproject.FirewallD1 version 2>/dev/null)
  case $version in *'"0.'* | *'"1.'* | '') refuse 'firewalld before 2.0 runs there, and each of its reloads deletes all rules of iptables' ;; esac
fi
if grep -qs . /proc/net/ip_tables_names && held iptables-legacy-save && held iptables-nft-save; then
  refuse 'iptables-legacy and iptables-nft both hold rules there, and each packet passes both'
fi`;

/**
 * Shell text that prints, in this order of lines: \`same\`; or \`ask\` when the text is needed; or \`refused\` and why;
 * or \`states BACKEND\` and then what is saved, live and wanted, each as one line of base64 ("-" = absent).
 */
export function readRules(
  name: string,
  engine: Backend | 'auto',
  wanted: Readonly<Record<Backend, Wanted | null>>,
): string {
  const of = (backend: Backend): string[] => {
    const { digest = '', text = null } = wanted[backend] ?? {};
    const other = backend === 'nftables' ? 'iptables' : 'nftables';
    return [
      sh`digest=${digest} file=${rulesFile(name, backend)} tool=${tool(backend)} other=${rulesFile(name, other)}`,
      `want() { ${text === null ? ':' : sh`printf %s ${text}`}; }`,
      `live() { ${live(name, backend)}; }`,
      `other_live() { ${live(name, other)}; }`,
      `scratch() { ${scratch(name, backend)}; }`,
      `asks=${text === null && digest !== '' ? 'yes' : ''}`,
    ];
  };
  return [
    own(chainOf(name)),
    `one_line() { if [ -n "$1" ]; then printf '%s\\n' "$1" | base64 | tr -d '\\n'; echo; else echo -; fi; }`,
    sh`engine=${engine}`,
    `[ "$engine" != auto ] || if ${PREFERS_NFTABLES}; then engine=nftables; else engine=iptables; fi`,
    'if [ "$engine" = nftables ]; then',
    ...of('nftables'),
    'else',
    ...of('iptables'),
    ...(wanted.iptables === null ? [] : [REFUSE_IPTABLES]),
    'fi',
    'live=$(live)',
    `if [ -e "$file" ]; then saved=$(sha256sum < "$file" | cut -c 1-64); else saved=; fi`,
    sh`{ read -r key canonical < ${canonicalFile(name)}; } 2>/dev/null || key= canonical=`,
    `if [ "$saved" = "$digest" ] && [ ! -e "$other" ]; then
  if [ -z "$digest" ] && [ -z "$live" ]; then echo same; exit 0; fi
  if [ "$key" = "$digest" ] && [ "$canonical" = "$(printf %s "$live" | sha256sum | cut -c 1-64)" ]; then echo same; exit 0; fi
fi`,
    'if [ -n "$asks" ]; then echo ask; exit 0; fi',
    'echo "states $engine"',
    'if [ -e "$file" ]; then one_line "$(cat "$file")"; else echo -; fi',
    'one_line "$live"',
    `if [ -z "$digest" ]; then echo -
elif command -v "$tool" >/dev/null; then
  wanted=$(want | scratch 2>/dev/null) || { echo refused; want | scratch 2>&1 >/dev/null | head -n 5; exit 0; }
  one_line "$wanted"
else echo missing; fi`,
    'if [ -e "$other" ]; then one_line "$(cat "$other")"; one_line "$(other_live)"; else echo -; echo -; fi',
  ].join('\n');
}
