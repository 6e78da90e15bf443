/**
 * What starts, stops, restarts or reloads firewalld. Docker makes its own rules again after all of these but a stop
 * (`OnReloaded` of its libnetwork/iptables/firewalld.go), in its own time.
 */
export interface FirewalldChange {
  readonly script: string;
  /** Whether Docker is waited for. */
  readonly dockerAnswers: boolean;
}

/** These texts travel several times in a transaction: without what only people read. */
const compact = (text: string): string => text.replaceAll(/^\s+/gm, '').replaceAll(/^#.*\n/gm, '');

/** Defines $tools: all programs that hold rules of iptables there. `saved TOOL` prints them; looking makes no table. */
export const RULE_TOOLS = String.raw`
tools=
for tool in iptables-nft ip6tables-nft iptables-legacy ip6tables-legacy; do
  ! command -v "$tool-save" >/dev/null || tools="$tools $tool"
done
[ -n "$tools" ] || for tool in iptables ip6tables; do ! command -v "$tool-save" >/dev/null || tools="$tools $tool"; done
saved() {
  case $1 in
    iptables-legacy) read -r _ 2>/dev/null </proc/net/ip_tables_names || return 0 ;;
    ip6tables-legacy) read -r _ 2>/dev/null </proc/net/ip6_tables_names || return 0 ;;
  esac
  "$1-save" 2>/dev/null
}`;

/**
 * awk(1) functions about rules as iptables-save(8) prints them: `by_firewalld` those that its backend iptables makes
 * (`build_default_rules` and `build_policy_chain_rules` of firewall/core/ipXtables.py), `by_docker` those that Docker
 * makes again. They are told by `chains[table, chain]`, which must hold all, and `bridges`, from `note_bridge`.
 */
export const WHOSE = String.raw`
  function firewalld_chain(t, c,   base) {
    if (!(("filter", "INPUT_direct") in chains) || !(("filter", "INPUT_ZONES") in chains)) return 0
    if (c ~ /^(PREROUTING|INPUT|FORWARD|OUTPUT|POSTROUTING)_(direct|POLICIES_pre|POLICIES_post|ZONES|ZONES_SOURCE)$/ || c == "RFC3964_IPv4") return 1
    base = c
    if (!((t, base "_allow") in chains)) sub(/_(log|deny|allow|pre|post)$/, "", base)
    return base ~ /^(IN|OUT|PRE|POST|FWD|FWDI|FWDO)_/ && (t, base "_allow") in chains && (t, base "_deny") in chains && (t, base "_log") in chains
  }
  function target(rule) {
    if (!match(rule, / -[jg] [^ ]+/)) return ""
    return substr(rule, RSTART + 4, RLENGTH - 4)
  }
  function by_firewalld(t, c, rule) { return firewalld_chain(t, c) || firewalld_chain(t, target(rule)) }
  # What its backend iptables has in the chains of all, once: a second one is that of others.
  function standard(t, c, rule) {
    if (!(("filter", "INPUT_ZONES") in chains) || used[t, rule]++) return 0
    if (rule ~ / -m rpfilter / || rule ~ /--icmpv6-type (134|135) -j ACCEPT$/ || rule ~ / "(STATE_INVALID_DROP|FINAL_REJECT): "/) return 1
    return t == "filter" && rule ~ /^-A (INPUT|FORWARD|OUTPUT) (-[io] lo -j ACCEPT|-m conntrack --ctstate (RELATED,ESTABLISHED(,DNAT)?|DNAT|INVALID) -j (ACCEPT|DROP)|-j REJECT --reject-with icmp6?-[a-z-]+)$/
  }
  function note_bridge(rule) {
    if (rule ~ / -j DOCKER/ && match(rule, / -[io] [^ ]+/)) bridges[substr(rule, RSTART + 4, RLENGTH - 4)]
  }
  function by_docker(c, rule,   words, count, i, from, to) {
    if (c == "DOCKER-USER") return rule ~ /^-A DOCKER-USER -j RETURN$/
    if (c ~ /^DOCKER/ || target(rule) ~ /^DOCKER/) return 1
    count = split(rule, words, " ")
    for (i = 1; i < count; i++) {
      if (words[i] ~ /^-[io]$/ && words[i + 1] in bridges) return 1
      if (words[i] == "-s") from = words[i + 1]
      if (words[i] == "-d") to = words[i + 1]
    }
    return from != "" && from == to && target(rule) == "MASQUERADE"
  }`;

/**
 * Reads what was there, a line "#now", and what is there; prints for iptables-restore(8) what brings back the rules,
 * chains and policies that are gone. `which` = "early": what Docker does not make again, at the end of its chain; "all":
 * everything, in the order that it had, Docker's too: it makes its own in another one, with its RETURN before what
 * people wrote in DOCKER-USER. A rule that is new stays behind the one that it stands behind. "each": one by one, with its table. Last
 * comes "#gone N", how many of Docker's are gone. A chain is made by -N: by a line ":CHAIN" one that somebody made meanwhile would be
 * emptied (iptables-restore(8), --noflush). A rule to be moved is deleted by its text, not its number, which may be
 * another's by then.
 */
const MISSING = String.raw`
missing() {
  # The kernel is without this kind.
  [ -e "$kept/$1" ] || { echo '#gone 0'; return 0; }
  now=$(saved "$1") || return 1
  { cat "$kept/$1"; printf '#now\n%s\n' "$now"; } | awk -v which="$2" '${WHOSE}
  # When firewalld has stopped, those are gone with it.
  function stopped_with(t, c, rule) { return !(("filter", "INPUT_ZONES") in policies) && standard(t, c, rule) }
  # One line of what comes out; nothing is gathered, since a host may have tens of thousands of rules.
  function emit(line) {
    if (which == "each") { print table, line; return }
    if (!opened) print "*" table
    opened = 1
    print line
  }
  # What makes the chain hold wanted[1] to wanted[total], with what is new in it where it stands.
  function ordered(c, total,   length_now, number, k, n, i, rule, line, last, first, end, double, place, count_of, behind, new) {
    length_now = lengths[table, c] + 0; line[0] = ""; number = 0; last = 0
    split("", place); split("", count_of); split("", behind)
    for (k = 1; k <= total; k++) place[wanted[k], ++count_of[wanted[k]]] = k
    split("", count_of); double = 0
    for (k = 1; k <= length_now; k++) {
      rule = present[table, c, k]
      if (++count_of[rule] > 1) double = 1
      if ((rule, count_of[rule]) in place) last = place[rule, count_of[rule]]
      else behind[last] = behind[last] k " "
    }
    for (k = 0; k <= total; k++) {
      if (k > 0) line[++number] = wanted[k]
      n = split(behind[k], new, " ")
      for (i = 1; i <= n; i++) line[++number] = present[table, c, new[i]]
    }
    # The longest beginning and end that stay as they are; the same rule twice would be deleted in another place.
    first = 1; end = 0
    while (first <= length_now && first <= number && present[table, c, first] == line[first]) first++
    while (!double && length_now - end >= first && number - end >= first && present[table, c, length_now - end] == line[number - end]) end++
    if (first > length_now && first > number) return
    if (double && first <= length_now) { first = 1; end = 0 }
    for (k = first; k <= length_now - end; k++) emit("-D" substr(present[table, c, k], 3))
    for (k = first; k <= number - end; k++) emit(end == 0 ? line[k] : "-I " c " " k substr(line[k], length(c) + 4))
  }
  /^#now$/ { now = 1; next }
  /^\*/ { table = substr($1, 2); if (!now) tables[++count] = table; next }
  /^:/ && now { policies[table, substr($1, 2)] = $2; next }
  /^:/ { chains[table, substr($1, 2)] = $2; names[table, ++chain_count[table]] = substr($1, 2); next }
  /^-A / && now { present[table, $2, ++lengths[table, $2]] = $0; held[table, $2, $0]++; next }
  /^-A / { rules[table, $2, ++rule_count[table, $2]] = $0; note_bridge($0) }
  END {
    for (i = 1; i <= count; i++) {
      table = tables[i]; opened = 0
      for (j = 1; j <= chain_count[table]; j++) {
        c = names[table, j]
        if (firewalld_chain(table, c)) continue
        if (!((table, c) in policies)) {
          if (which != "early" || c !~ /^DOCKER/) emit("-N " c)
        } else if (chains[table, c] != "-" && chains[table, c] != policies[table, c]) emit("-P " c " " chains[table, c])
      }
      for (j = 1; j <= chain_count[table]; j++) {
        c = names[table, j]
        if (firewalld_chain(table, c)) continue
        total = 0
        for (k = 1; k <= rule_count[table, c]; k++) {
          rule = rules[table, c, k]
          if (++seen[table, c, rule] <= held[table, c, rule]) { wanted[++total] = rule; continue }
          if (by_firewalld(table, c, rule) || stopped_with(table, c, rule)) continue
          wanted[++total] = rule
          # Docker 20.10 makes these at its own start only.
          gone += by_docker(c, rule) && c !~ /^DOCKER-ISOLATION/
          if (which == "each" || (which == "early" && !by_docker(c, rule) && (c !~ /^DOCKER/ || (table, c) in policies))) emit(rule)
        }
        if (which == "all") ordered(c, total)
      }
      if (opened) print "COMMIT"
    }
    if (which != "each") print "#gone " gone + 0
  }'
}
# Somebody else may change the same chains at this moment (Docker does): then it is counted anew. A rule that the host
# does not take any more keeps no other from coming back.
put_back() {
  for try in 1 2 3 4 5; do
    gone=$(missing "$1" "$2") || return 1
    # Nothing but the number.
    case $gone in '#gone '*) return 0 ;; esac
    ! said=$(printf '%s\n' "$gone" | "$1-restore" --noflush -w 10 2>&1) || return 0
    sleep 0.2
  done
  printf 'rules of others could not all be put back by %s: %s\n' "$1" "$said" >&2
  missing "$1" each | while IFS=' ' read -r table line; do
    printf '*%s\n%s\nCOMMIT\n' "$table" "$line" | "$1-restore" --noflush -w 10 2>/dev/null || printf '%s: %s\n' "$table" "$line" >&2
  done
  return 1
}
# Sets $dockers: how many of Docker's were gone.
put_all_back() {
  bad=0 dockers=0
  for tool in $tools; do
    if put_back "$tool" "$1"; then dockers=$((dockers + ${'${gone##*#gone }'})); else bad=1; fi
  done
  return "$bad"
}
# 5 seconds at most, and half a second when it does nothing any more: it makes again what it knows, and no more. Each look
# costs a few programs, and a busy machine takes ten times as long: the next one is when half of what is left should be
# there, as fast as it went so far, and never later than after a third of the time waited already.
await_docker() {
  [ "$dockers" -gt 0 ] && systemctl -q is-active docker.service || return 0
  same=0 waited=0 ms=40
  while [ "$waited" -lt 5000 ] && [ "$same" -lt 500 ]; do
    before=$dockers
    if [ "$ms" -lt 100 ]; then sleep "0.0$ms"; else sleep "0.$ms"; fi
    put_all_back early || return 1
    [ "$dockers" -gt 0 ] || return 0
    waited=$((waited + ms)) made=$((before - dockers))
    if [ "$made" -le 0 ]; then same=$((same + ms)); else same=0 ms=$((dockers * ms / made / 2)); fi
    [ "$ms" -le $((waited / 3)) ] || ms=$((waited / 3))
    [ "$ms" -ge 15 ] || ms=15
    [ "$ms" -le 250 ] || ms=250
  done
}`;

/**
 * Shell text around a change of firewalld that deletes every rule of iptables, whoever made it: what is not firewalld's own
 * is put back, in its place, in the same step. What was there is kept in /run until then: a run that is killed in between
 * leaves it to its own way back.
 */
export const keepForeignRules = ({ script, dockerAnswers }: FirewalldChange): string =>
  `${compact(`${RULE_TOOLS}${MISSING}`)}
kept=/run/provision/iptables-$PROVISION_TRANSACTION
failed=0 usable=
[ ! -d "$kept" ] || { put_all_back all && rm -rf "$kept"; } || failed=1
if [ "$failed" -eq 0 ]; then
  ( umask 077; mkdir -p "$kept.new" )
  for tool in $tools; do
    # A kernel without this kind holds nothing of it, and most hosts have nothing in three of four.
    if saved "$tool" > "$kept.new/$tool"; then
      [ ! -s "$kept.new/$tool" ] || usable="$usable $tool"
    else rm -f "$kept.new/$tool"; fi
  done
  # All at once: a run that was killed before has changed nothing yet.
  mv -T "$kept.new" "$kept"
  tools=$usable
fi
set +e
( set -e
${script}
)
code=$?
put_all_back early 2>/dev/null
${dockerAnswers ? 'await_docker\n' : ''}failed=0
put_all_back all || failed=1
[ "$failed" -ne 0 ] || rm -rf "$kept"
set -e
[ "$code" -eq 0 ] || exit "$code"
exit "$failed"`;
