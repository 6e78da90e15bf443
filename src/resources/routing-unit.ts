import { quote, sh } from '../shell/quote.ts';
import { ipWords } from './routing-plan.ts';

export const ROUTING_SCRIPT = '/etc/provision/routing';
export const ROUTING_UNIT = 'provision-routing.service';
export const UNIT_FILE = `/etc/systemd/system/${ROUTING_UNIT}`;
export const UNIT_LINK = `/etc/systemd/system/sysinit.target.wants/${ROUTING_UNIT}`;

/**
 * A script for NICs that something else than networkd configures: asserts rules and routes once, or (`follow`) again
 * whenever one of the NICs or its addresses change, for the kernel takes routes away with either.
 */
export const routingScript = (
  nics: readonly string[],
  rules: readonly string[],
  routes: readonly string[],
): string => `#!/bin/sh
# Written by provision. Changes made here are put back by the next run.
LC_ALL=C; export LC_ALL
PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"; export PATH
# What is there already, or cannot be there because its NIC is down, is no error.
route() { ip -4 route replace "$@" protocol static 2>/dev/null || true; }
rule() { ip -4 rule add "$@" protocol static 2>/dev/null || true; }
assert() {
${routes.map((route) => sh`  route ${ipWords(route)}`).join('\n')}
${rules.map((rule) => sh`  rule ${ipWords(rule)}`).join('\n')}
}
assert
[ "\${1:-}" = follow ] || exit 0
{ echo; exec ip -4 -o monitor link address; } | while read -r event; do
  case $event in ${[...nics, '']
    .map((nic) =>
      nic === '' ? "''" : `*${quote(`: ${nic}:`)}* | *${quote(`: ${nic}@`)}* | *${quote(`: ${nic} `)}*`,
    )
    .join(' | ')}) assert ;; esac
done
`;

/** Rules and last routes need no NIC: they stand before the first one is up. */
export const ROUTING_UNIT_TEXT = `# Written by provision. Changes made here are put back by the next run.
[Unit]
Description=Policy routing of provision
DefaultDependencies=no
Wants=network-pre.target
After=local-fs.target systemd-sysctl.service provision-rollback-boot.service
Before=network-pre.target shutdown.target
Conflicts=shutdown.target

[Service]
ExecStartPre=/bin/sh ${ROUTING_SCRIPT}
ExecStart=/bin/sh ${ROUTING_SCRIPT} follow
Restart=always
RestartSec=1s
# No ExecStop: to stop this unit must not end the routing.

[Install]
WantedBy=sysinit.target
`;
