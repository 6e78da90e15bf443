import type { Handler } from '../model/resource.ts';

/** Our name among the drop-ins of networkd.conf(5) and systemd.network(5). */
const DROP_IN = '90-provision-keep.conf';

/** The version that is known to take nothing away when it starts (Debian 12); 247 (Debian 11) and 257 (Debian 13) do. */
const HARMLESS = 252;

/**
 * Others take away, whenever they start, what no file of theirs asks for: addresses, routes and rules that people
 * added. Until the next reboot, which ends those too, networkd is told to leave them: ManageForeign…= of networkd.conf(5),
 * KeepConfiguration=static of systemd.network(5). What somebody says of these on the host is left alone. The files stay
 * until then: without them a later `networkctl reload` would find the NICs' files changed, and take it all after all.
 */
const KEEP = `
keep_foreign() {
  umask 022
  for key in ManageForeignRoutes ManageForeignRoutingPolicyRules ManageForeignNextHops; do
    grep -Eqs "^[[:space:]]*$key[[:space:]]*=" /etc/systemd/networkd.conf /etc/systemd/networkd.conf.d/*.conf /run/systemd/networkd.conf.d/*.conf /usr/lib/systemd/networkd.conf /usr/lib/systemd/networkd.conf.d/*.conf && continue
    mkdir -p /run/systemd/networkd.conf.d
    printf '# Written by provision, until the next reboot.\\n[Network]\\n%s=no\\n' "$key" > "/run/systemd/networkd.conf.d/90-provision-$key.conf"
  done
  for link in /run/systemd/netif/links/*; do
    file=$(sed -n 's/^NETWORK_FILE=//p' "$link") || continue
    name=\${file##*/}
    [ -n "$name" ] || continue
    grep -Eqs '^[[:space:]]*KeepConfiguration[[:space:]]*=' "$file" /etc/systemd/network/"$name".d/*.conf /run/systemd/network/"$name".d/*.conf /usr/lib/systemd/network/"$name".d/*.conf && continue
    mkdir -p /run/systemd/network/"$name".d
    printf '# Written by provision, until the next reboot.\\n[Network]\\nKeepConfiguration=static\\n' > /run/systemd/network/"$name".d/${DROP_IN}
  done
}`;

/**
 * Has networkd read its files anew, where it runs, at most once a run, and take nothing of others away. A reload would take every address,
 * route and rule of others off the NICs whose files changed before it adds its own; a restart only adds. Without either, what was saved would be gone with
 * the next `networkctl reconfigure`.
 */
export const restartNetworkd: Handler = {
  id: 'networkd restart',
  script: `systemctl -q is-active systemd-networkd.service || exit 0
${KEEP.trim()}
version=$(systemctl --version | sed -n '1s/^systemd \\([0-9]*\\).*/\\1/p')
if [ "\${version:-0}" -ne ${HARMLESS} ]; then ( keep_foreign ); fi
systemctl restart systemd-networkd.service`,
};
