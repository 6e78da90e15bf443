import { quote, sh } from '../shell/quote.ts';

/** What holds rules of ours. */
export type Backend = 'nftables' | 'iptables';
export const BACKENDS: readonly Backend[] = ['nftables', 'iptables'];

/** Our table of nft, and what every chain of ours in iptables begins with. */
export const TABLE = 'provision';
export const CHAIN = 'PROVISION-';

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
 * Our part of `iptables-save`, one line each as "TABLE LINE" in an order that does not depend on history: chains,
 * rules, then the jumps with the position they stand at. Counters are left out.
 */
const OWN = String.raw`
own() {
  awk '
    /^\*/ { table = substr($1, 2) }
    /^:${CHAIN}/ { printf "%s 0 %s %06d %s %s - [0:0]\n", table, $1, ++n, table, $1 }
    /^-A ${CHAIN}/ { printf "%s 1 %s %06d %s %s\n", table, $2, ++n, table, $0 }
    /^-A / && $2 !~ /^${CHAIN}/ {
      at[table, $2]++
      if ($0 ~ / -j ${CHAIN}[^ ]*$/) printf "%s 2 %s %06d %s -I %s %d -j %s\n", table, $2, ++n, table, $2, at[table, $2], $NF
    }' | sort | cut -d " " -f 5-
}`;

/**
 * Reads a file of iptables-save(8) with our chains (":"), rules ("-A") and jumps ("-I") and loads it: per table one
 * atomic restore that replaces our chains whole, takes away our chains that the file does not have, and puts each
 * jump where the file says, once. Nothing else is mentioned, so nothing else is touched (--noflush).
 */
const LOAD_IPTABLES = String.raw`
load_iptables() {
  { iptables-save; echo '#wanted'; cat; } | awk '
    /^#wanted$/ { wanted = 1; next }
    /^\*/ { table = substr($1, 2); next }
    !wanted && /^:${CHAIN}/ { sub(/^:/, "", $1); old[table] = old[table] " " $1; tables[table] = 1 }
    !wanted && /^-A / && $2 !~ /^${CHAIN}/ && / -j ${CHAIN}[^ ]*$/ { sub(/^-A/, "-D"); gone[table] = gone[table] $0 "\n"; tables[table] = 1 }
    wanted && /^:/ { sub(/^:/, "", $1); chain[table] = chain[table] ":" $1 " - [0:0]\n"; has[table, $1] = 1; tables[table] = 1 }
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
${LOAD_IPTABLES.trim()}
if [ -e ${rulesFile(name, 'nftables')} ]; then nft -f ${rulesFile(name, 'nftables')}; fi
if [ -e ${rulesFile(name, 'iptables')} ]; then load_iptables < ${rulesFile(name, 'iptables')}; fi
`;

const LIVE: Readonly<Record<Backend, string>> = {
  nftables: `nft -s list table ip ${TABLE} 2>/dev/null`,
  iptables: 'iptables-save 2>/dev/null | own',
};

/** Loads standard input into a network namespace of its own, and prints how the kernel holds it. */
const SCRATCH: Readonly<Record<Backend, string>> = {
  nftables: `unshare -n sh -c 'nft -f /dev/stdin && nft -s list table ip ${TABLE}'`,
  iptables: `{ loaded=$(unshare -n sh -c 'iptables-restore --noflush && iptables-save') && printf '%s\\n' "$loaded" | own; }`,
};

const tool = (backend: Backend): string => (backend === 'nftables' ? 'nft' : 'iptables-restore');

/** Shell text that loads a whole text live, whatever the files say; null = nothing of ours is left. */
export function setLive(backend: Backend, text: string | null): string {
  if (backend === 'nftables') {
    const clear = `table ip ${TABLE}\ndelete table ip ${TABLE}\n`;
    return text === null
      ? sh`! command -v nft >/dev/null || printf %s ${clear} | nft -f /dev/stdin`
      : sh`printf %s ${clear + text} | nft -f /dev/stdin`;
  }
  return text === null
    ? `${LOAD_IPTABLES}\n! command -v iptables-restore >/dev/null || load_iptables </dev/null`
    : `${LOAD_IPTABLES}\n${sh`printf %s ${text} | load_iptables`}`;
}

/** Shell text that remembers the canonical form of the file that was just loaded. */
export const remember = (name: string, backend: Backend): string => {
  const [file, kept] = [rulesFile(name, backend), canonicalFile(name)];
  return `${OWN}
umask 077
mkdir -p -m 0700 /var/lib/provision /var/lib/provision/canonical
canonical=$(${SCRATCH[backend]} < ${quote(file)})
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
      `live() { ${LIVE[backend]}; }`,
      `other_live() { ${LIVE[other]}; }`,
      `scratch() { ${SCRATCH[backend]}; }`,
      `asks=${text === null && digest !== '' ? 'yes' : ''}`,
    ];
  };
  return [
    OWN,
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
