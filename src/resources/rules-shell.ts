import { createHash } from 'node:crypto';
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

/**
 * Chains (and sets) of a rule set that something else on the host fills, as a balancer's health checker does. They are
 * no drift of the rules, and are loaded together with them.
 */
export interface Filled {
  /** What their names begin with: letters and "-". In iptables it follows `chainOf(name)`. */
  readonly prefix: string;
  /** Shell command that prints their content now; its last word is the backend. It must not wait for the lock. */
  readonly by: string;
  /** File that whoever fills them locks (flock(2)), from reading what they should hold until it is loaded. */
  readonly lock: string;
}

/** A set of rules by its name, and what of it is filled by something else. */
export interface RuleSet {
  readonly name: string;
  readonly filled?: Filled | undefined;
}

/** What the chains of every set begin with, as a pattern of awk(1). */
export const ANY_CHAIN = 'PROVISION(_[A-Z0-9]+)?-';

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

/** Leaves out what is filled by something else, of what \`live\` prints. */
function withoutFilled({ name, filled }: RuleSet, backend: Backend): string {
  if (!filled) return 'cat';
  return backend === 'nftables'
    ? `awk '/^\t(set|map|chain) ${filled.prefix}/ { out = 1 } !out && NF { print } /^\t}/ { out = 0 }'`
    : `awk '$2 !~ /^:${chainOf(name)}${filled.prefix}/ && $3 !~ /^${chainOf(name)}${filled.prefix}/'`;
}

/** All of a set, but for the elements that packets have added. */
const live = ({ name, filled }: RuleSet, backend: Backend): string => {
  if (backend === 'iptables') return 'iptables-save 2>/dev/null | own';
  const list = `nft -s list table ip ${tableOf(name)} 2>/dev/null`;
  return filled
    ? `${list} | awk '/^\t(set|map) ${filled.prefix}/ { filled = 1 } filled && /^\t\telements = / { out = 1 } !out { print } out && /}/ { out = 0 } /^\t}/ { filled = 0 }'`
    : list;
};

/** Loads standard input into a network namespace of its own, and prints how the kernel holds it. */
const scratch = (name: string, backend: Backend): string =>
  backend === 'nftables'
    ? `unshare -n sh -c 'nft -f /dev/stdin && nft -s list table ip ${tableOf(name)}'`
    : `{ loaded=$(unshare -n sh -c 'iptables-restore --noflush && iptables-save') && printf '%s\\n' "$loaded" | own; }`;

const tool = (backend: Backend): string => (backend === 'nftables' ? 'nft' : 'iptables-restore');

/** What a set is loaded from, and how this host's kernel holds that; null = nobody has asked it yet. */
export interface Loaded {
  readonly file: string;
  readonly canonical: string | null;
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/**
 * Shell text that remembers the canonical form of the file that was just loaded. It is known if the host had the tools when it
 * was read, but for a set that something else fills: what was read of that holds more than the file.
 */
export const remember = (set: RuleSet, backend: Backend, { file, canonical }: Loaded): string => {
  const { name } = set;
  const [path, kept] = [rulesFile(name, backend), canonicalFile(name)];
  const digests =
    set.filled || canonical === null
      ? `${own(chainOf(name))}
canonical=$(${scratch(name, backend)} < ${quote(path)})
canonical=$(printf '%s\\n' "$canonical" | ${withoutFilled(set, backend)})
digests="$(sha256sum < ${quote(path)} | cut -c 1-64) $(printf %s "$canonical" | sha256sum | cut -c 1-64)"`
      : `digests='${sha256(file)} ${sha256(canonical.replace(/\n+$/, ''))}'`;
  return `${digests}
umask 077
mkdir -p -m 0700 /var/lib/provision /var/lib/provision/canonical
printf '%s\\n' "$digests" > ${quote(`${kept}.new`)}
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
  set: RuleSet,
  engine: Backend | 'auto',
  wanted: Readonly<Record<Backend, Wanted | null>>,
): string {
  const { name } = set;
  const of = (backend: Backend): string[] => {
    const { digest = '', text = null } = wanted[backend] ?? {};
    const other = backend === 'nftables' ? 'iptables' : 'nftables';
    return [
      sh`digest=${digest} file=${rulesFile(name, backend)} tool=${tool(backend)} other=${rulesFile(name, other)}`,
      `want() { ${text === null ? ':' : sh`printf %s ${text}`}; }`,
      `live() { ${live(set, backend)}; }`,
      `other_live() { ${live(set, other)}; }`,
      `static() { ${set.filled ? `printf %s "$(printf '%s\\n' "$live" | ${withoutFilled(set, backend)})"` : `printf %s "$live"`}; }`,
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
    // One process for both: of the file, where there is one, and of what is live.
    `sums=$(static | sha256sum "$file" - 2>/dev/null)`,
    `case $sums in *"  $file"*) saved=\${sums%% *} ;; *) saved= ;; esac`,
    sh`{ read -r key canonical < ${canonicalFile(name)}; } 2>/dev/null || key= canonical=`,
    `if [ "$saved" = "$digest" ] && [ ! -e "$other" ]; then
  if [ -z "$digest" ] && [ -z "$live" ]; then echo same; exit 0; fi
  if [ "$key" = "$digest" ] && [ "$canonical  -" = "\${sums##*\n}" ]; then echo same; exit 0; fi
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
