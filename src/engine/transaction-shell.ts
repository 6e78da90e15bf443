import { quote, sh } from '../shell/quote.ts';
import { ADOPT_BASELINES, KEEP_BASELINE, listBaselines } from './baseline.ts';

/** Where a host keeps what belongs to transactions. Both are root's alone: nobody else can hold or forge anything. */
export interface Places {
  /** Survives a reboot: transactions, their snapshots, the journal, the baselines. */
  readonly state: string;
  /** Gone at a reboot: locks. */
  readonly run: string;
}

export const PLACES: Places = { state: '/var/lib/provision', run: '/run/provision' };

/** Variables and commands that all of the shell below uses. `armed` = a timer of systemd takes the change back. */
export interface Setting {
  readonly id: string;
  readonly places: Places;
  readonly armed: boolean;
}

/** How many transactions and journal lines a host keeps. */
const KEPT_TRANSACTIONS = 10;
const KEPT_LINES = 200;

/** Longer than any run without a timer can take. */
const UNARMED_MINUTES = 30;

const BOOT_FILE = '/etc/systemd/system/provision-rollback-boot.service';
const BOOT_WANTS = '/etc/systemd/system/sysinit.target.wants';
const BOOT_LINK = `${BOOT_WANTS}/provision-rollback-boot.service`;

/** Takes back what a reboot cut off, before anything reads the files: sysctl, firewall, network. */
const bootUnit = ({ state }: Places): string => `[Unit]
Description=Take back the change of provision that was not confirmed before the reboot
DefaultDependencies=no
ConditionPathExistsGlob=|${state}/txn/*/pending
ConditionPathExistsGlob=|${state}/txn/*/rolling-back
RequiresMountsFor=${state} /etc
After=local-fs.target
Before=systemd-sysctl.service network-pre.target firewalld.service sysinit.target shutdown.target
Wants=network-pre.target
Conflicts=shutdown.target

[Service]
Type=oneshot
ExecStart=/bin/sh -c 'for p in ${state}/txn/*/pending ${state}/txn/*/rolling-back; do [ ! -e "$$p" ] || /bin/sh "$\${p%%/*}/rollback.sh" boot; done'
`;

const ARMED = `
# Fires within 100 ms (systemd's own default is a minute), counts on the monotonic clock, outlives every session.
arm() {
  read -r now </proc/uptime
  printf '%s\\n%s\\n' "$now" "$2" > "$T/due"
  systemd-run -q --collect --on-active="$2" --timer-property=AccuracySec=100ms --unit="$1" /bin/sh "$T/rollback.sh" timeout || return 1
  systemctl is-active -q "$1.timer"
}
# A new window stands before \`close_old_window\` ends the old one: there is no moment without one.
open_window() {
  read -r old <"$T/timer"
  read -r now _ </proc/uptime
  new="provision-window-$ID-\${now%.*}\${now#*.}"
  arm "$new" "$1" || return 1
  printf '%s\\n' "$new" > "$T/timer"
}
close_old_window() { [ -z "$old" ] || systemctl stop "$old.timer" 2>/dev/null; }
# By name: one that is being started may not have been noted yet.
disarm() {
  systemctl stop "provision-rollback-$ID.timer" "provision-window-$ID-*.timer" 2>/dev/null
  for p in "$STATE"/txn/*/pending "$STATE"/txn/*/rolling-back; do [ ! -e "$p" ] || return 0; done
  rm -f ${BOOT_LINK} ${BOOT_FILE}
}
stop_apply() { systemctl stop "provision-apply-$ID.service" 2>/dev/null; }`;

/** Seconds that a way back waits for the step that is under way, where nothing can end that. */
export const STEP_SECONDS = 60;

/** With --no-rollback nothing waits on the host: a failed step is still taken back at once. */
const UNARMED = `
arm() { :; }
open_window() { :; }
close_old_window() { :; }
disarm() { :; }
# What makes the change holds the lock until its step has ended, and begins no other once the way back has: going back
# beside it would leave what it does last. Unless the lock is ours, who looked whether anybody is at work.
stop_apply() { flock -n 8 2>/dev/null || flock -w ${STEP_SECONDS} "$RUN/lock" true 2>/dev/null || :; }`;

/** Every script of one transaction starts with these; they need `frameFunctions` before them. */
export const transactionFunctions = ({ id, places, armed }: Setting): string => `
ID=${quote(id)}
# Steps name by it what they keep for its way back.
PROVISION_TRANSACTION=$ID; export PROVISION_TRANSACTION
STATE=${quote(places.state)}
RUN=${quote(places.run)}
T="$STATE/txn/$ID"
${armed ? ARMED : UNARMED}${ADOPT_BASELINES}
# The file as a copy of it was, or away where there is no copy.
put_back() {
  if [ -e "$1" ] || [ -L "$1" ]; then
    [ -d "\${2%/*}/" ] || (umask 022; mkdir -p -- "\${2%/*}")
    rm -f -- "$2.provision-back"
    cp -a -- "$1" "$2.provision-back" && mv -fT -- "$2.provision-back" "$2" || { rm -f -- "$2.provision-back"; return 1; }
  else rm -f -- "$2"; fi
}
tell_ending() {
  for ending in pending rolling-back rolled-back stuck confirmed abandoned; do
    if [ -e "$T/$ending" ]; then mark "ending $ending"; return 0; fi
  done
}
journal() {
  printf '{"ending":"%s","reason":"%s","endedAt":"%s","record":%s}\\n' "$1" "$2" "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$(cat "$T/record.json")" >> "$STATE/journal"
  tail -n ${KEPT_LINES} "$STATE/journal" > "$STATE/journal.new" && mv -f "$STATE/journal.new" "$STATE/journal"
  # One that a person must still look at is kept with what it would need to be tried again.
  ls -1dt "$STATE"/txn/* 2>/dev/null | tail -n +${KEPT_TRANSACTIONS + 1} | while read -r past; do [ "$past" = "$T" ] || [ -e "$past/stuck" ] || rm -rf "$past"; done
}`;

/**
 * `ask_back` has $T taken back and prints what that prints: as a unit of its own, which the end of our connection does
 * not end. Its output is in /run, where there is space when /var is full.
 */
export const ASK_BACK = `
ask_back() {
  unit="provision-back-$ID-$(date +%s%N)"
  log="$RUN/$unit.log"
  if [ -e "$T/unarmed" ] || ! true > "$log"; then /bin/sh "$T/rollback.sh" asked; return; fi
  systemd-run -q --wait --collect --unit="$unit" -p StandardOutput="append:$log" -p StandardError="append:$log" /bin/sh "$T/rollback.sh" asked </dev/null >/dev/null 2>&1 8>&- &
  tail -n +1 -s 0.05 --pid=$! -f "$log" 8>&-
  # No unit could be started: better as our child than not at all.
  wait $! || [ -s "$log" ] || /bin/sh "$T/rollback.sh" asked
  rm -f "$log"
}`;

/**
 * Checks, locks, writes the scripts, takes the snapshot, arms. Every refusal is one framed line, and nothing has
 * changed then. The functions `unpack` and `snapshot` are those of the transaction; $HOLDER says who we are.
 */
export const prepareFunctions = ({ places, armed }: Setting, seconds: number): string => `
refuse() { frame "refused-$1" "$(printf %s "$2" | encode)"; exit 0; }
give_up() { wait; rm -rf "$T"; disarm; refuse not-armed "$1"; }
# Never a directory that somebody else made or can write.
root_only() {
  found=$(stat -c '%F %a' "$@" 2>/dev/null) || return 1
  for word in $found; do case $word in directory | 700) ;; *) return 1 ;; esac; done
  for one; do [ -O "$one" ] || return 1; done
}
unit_for_a_reboot() {
  ${armed ? sh`printf %s ${bootUnit(places)} > ${BOOT_FILE} && { [ -d ${BOOT_WANTS} ] || mkdir -p ${BOOT_WANTS}; } && ln -sf ${BOOT_FILE} ${BOOT_LINK}` : ':'}
}
prepare() {
  umask 077
  for tool in ${armed ? 'systemd-run ' : ''}flock sha256sum stat tail timeout; do
    command -v $tool >/dev/null || refuse not-armed "$tool is not installed there"
  done
  ${armed ? `[ -d /run/systemd/system ] || refuse not-armed 'systemd does not run there, so nothing could take a change back'\n  [ -w /etc ] || refuse not-armed '/etc cannot be written'` : ':'}
  set -- "$RUN" "$STATE" "$STATE/txn" "$STATE/baseline"
  mkdir -m 0700 "$@" 2>/dev/null
  root_only "$@" || for d; do root_only "$d" || refuse not-armed "$d cannot be made, or is not root's own with mode 0700"; done
  exec 8>>"$RUN/lock"
  flock -n 8 || refuse locked "$(cat "$RUN/holder" 2>/dev/null)"
  printf '%s' "$HOLDER" > "$RUN/holder"
  for p in "$STATE"/txn/*/pending "$STATE"/txn/*/rolling-back; do
    [ -e "$p" ] || continue
    # Nothing would ever end one without a timer: after half an hour its controller is taken for dead.
    if [ -e "\${p%/*}/unarmed" ] && [ -n "$(find "$p" -mmin +${UNARMED_MINUTES})" ]; then mv "$p" "\${p%/*}/abandoned"; else refuse pending "$(cat "$p")"; fi
  done
  for p in "$STATE"/txn/*/stuck; do [ ! -e "$p" ] || refuse stuck "$(cat "$p")"; done
  adopt_baselines || refuse not-armed 'the baseline of an earlier change cannot be kept: is there space left on /var?'
  mkdir -m 0700 "$T" || refuse not-armed "$T cannot be made: is there space left on /var?"
  printf 'provision-rollback-%s\\n' "$ID" > "$T/timer"
  ${armed ? ':' : ': > "$T/unarmed"'}
  # Beside all that follows: nothing is changed before it is known that it stands. With no \`pending\` there it would do nothing.
  arm "provision-rollback-$ID" ${seconds} & arming=$!
  unpack || give_up 'the scripts did not arrive whole, or there is no space left on /var'
  { mkdir "$T/snapshot" && snapshot && { sync "$T"/snapshot/* "$T" 2>/dev/null || sync; } && : > "$T/complete"; } || give_up 'no snapshot could be taken: is there space left on /var, is a path a directory, or can others write where it lies?'
  # Whoever asked may go away: what is armed is begun all the same, or it would wait for its long timer for nothing.
  trap '' PIPE HUP
  unit_for_a_reboot || give_up 'the unit for a reboot in the middle could not be written'
  { printf '%s' "$HOLDER" > "$T/pending.new" && mv "$T/pending.new" "$T/pending"; } || give_up 'there is no space left on /var'
  wait "$arming" || give_up 'systemd could not set the timer that takes the change back'
  # What a power loss must not take is on the disk before the first change.
  sync -f "$T" /etc 2>/dev/null || sync
}
# Whatever is started here must not inherit the lock.
run_apply() {
  : > "$T/log"
  ${
    armed
      ? `exec 8>&-
  systemd-run -q --wait --collect --unit="provision-apply-$ID" -p TimeoutStopSec=5s -p StandardOutput="append:$T/log" -p StandardError="append:$T/log" /bin/sh "$T/apply.sh" </dev/null >/dev/null 2>&1 &
  tail -n +1 -s 0.01 --pid=$! -f "$T/log"`
      : // Nothing else tells others that somebody is at work: the lock is kept till the steps have ended.
        '/bin/sh "$T/apply.sh" 8>&-'
  }
}
# In a directory that somebody else can write, a name of ours could be made to point anywhere.
private() {
  for place; do
    shift
    [ ! -d "$place/" ] || { [ -O "$place/" ] && set -- "$@" "$place/"; } || return 1
  done
  [ "$#" -eq 0 ] || [ -z "$(find "$@" -maxdepth 0 -perm /022)" ]
}
is_no_directory() { [ -L "$1" ] || [ ! -d "$1" ]; }
keepable() { private "\${1%/*}" && is_no_directory "$1"; }
# cp -a keeps owner, mode, times, ACLs, extended attributes, and links as links.
copy_of() { if [ -e "$1" ] || [ -L "$1" ]; then cp -a -- "$1" "$2"; fi; }
keep() { is_no_directory "$2" && copy_of "$2" "$T/snapshot/$1"; }${KEEP_BASELINE}`;

/** What became of a transaction, for a controller that could not see its end. */
export const STATUS = `
main() {
  mark begin
  umask 077
  mkdir -p "$STATE/txn"
  # If it never began, it never will: its directory is taken.
  if mkdir "$T" 2>/dev/null; then mark 'ending never'; else tell_ending; fi
}
main </dev/null
`;

/** For the probe, a line each: the names of all baselines, one not ended, one that could not be taken back whole, the last of the journal. */
export const transactionsProbe = ({ state }: Places): string => `
${listBaselines(state)}${sh`
for p in ${state}/txn/*/pending ${state}/txn/*/rolling-back; do
  if [ -e "$p" ] && [ ! -e "\${p%/*}/unarmed" ]; then cat "$p"; break; fi
done
echo
for p in ${state}/txn/*/stuck; do [ ! -e "$p" ] || { cat "$p"; break; }; done
echo
tail -n 1 ${`${state}/journal`} 2>/dev/null || true`}`;
