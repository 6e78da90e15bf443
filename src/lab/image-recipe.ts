import { createHash } from 'node:crypto';
import { ECHO_PROGRAM, ECHO_UNIT } from './echo-service.ts';

export type ImageKind = 'bare' | 'full';

/** What every host has: a small Debian server without a firewall or Docker of its own. */
export const BARE_PACKAGES = [
  'systemd',
  'systemd-sysv',
  'dbus',
  'openssh-server',
  'iproute2',
  'iptables',
  'nftables',
  'curl',
  'sudo',
  'procps',
  'iputils-ping',
  'conntrack',
  'ca-certificates',
  'kmod',
];

/** What `full` has besides. */
export const FULL_PACKAGES = ['firewalld', 'docker.io'];

/** What hosts can install offline, with everything these depend on. */
export const REPOSITORY_PACKAGES = [
  ...FULL_PACKAGES,
  'ipset',
  'python3-nftables',
  'iptables-persistent',
  'ifupdown',
  'busybox-static',
  'tcpdump',
  'iperf3',
  'ethtool',
  'netcat-openbsd',
];

export const REPOSITORY = '/srv/packages';
export const SUITE = 'bookworm';

/** Runs inside mmdebstrap with the new root as $1: fetch, with all dependencies, what hosts may install later. */
export const FETCH_HOOK = `set -eu
root=$1
chroot "$root" apt-get install -y --no-install-recommends --download-only ${REPOSITORY_PACKAGES.join(' ')}
mkdir -p "$root${REPOSITORY}"
find "$root/var/cache/apt/archives" -maxdepth 1 -name '*.deb' -exec mv -t "$root${REPOSITORY}" {} +
`;

const UNWANTED_UNITS = [
  'apt-daily.timer',
  'apt-daily-upgrade.timer',
  'dpkg-db-backup.timer',
  'e2scrub_all.timer',
  'fstrim.timer',
  'console-getty.service',
  'systemd-pstore.service',
];

/** nspawn mounts cgroups read-only; Docker needs them writable. */
const CGROUPS_WRITABLE = `#!/bin/sh
while read -r _ path type _; do
  case $type in cgroup|cgroup2) mount -o remount,rw,bind "$path" ;; esac
done < /proc/self/mounts
`;

const CGROUPS_UNIT = `[Service]
ExecStartPre=/usr/local/lib/lab/cgroups-writable
`;

export interface ImageFile {
  readonly path: string;
  readonly text: string;
  readonly mode: number;
}

/** Files of every image. */
export const IMAGE_FILES: readonly ImageFile[] = [
  { path: '/etc/apt/sources.list', text: `deb [trusted=yes] file:${REPOSITORY} ./\n`, mode: 0o644 },
  { path: '/usr/local/lib/lab/echo', text: ECHO_PROGRAM, mode: 0o755 },
  { path: '/usr/local/lib/lab/cgroups-writable', text: CGROUPS_WRITABLE, mode: 0o755 },
  { path: '/etc/systemd/system/lab-echo@.service', text: ECHO_UNIT, mode: 0o644 },
  { path: '/etc/systemd/system/docker.service.d/lab-cgroups.conf', text: CGROUPS_UNIT, mode: 0o644 },
];

/** Runs with the new root as $1 after its files are written, without a network. */
export const FINISH_SCRIPT = `set -eu
root=$1
rm -f "$root"/etc/apt/apt.conf.d/99mmdebstrap "$root"/etc/apt/sources.list.d/* "$root"/etc/ssh/ssh_host_* "$root/etc/resolv.conf"
rm -rf "$root"/var/lib/apt/lists/*
chroot "$root" apt-get update
chroot "$root" systemctl enable systemd-networkd.service
chroot "$root" systemctl mask ${UNWANTED_UNITS.join(' ')}
`;

/** Runs with a copy of \`bare\` as $1. Nothing may start: it is not booted. */
export const FULL_SCRIPT = `set -eu
root=$1
printf '#!/bin/sh\\nexit 101\\n' > "$root/usr/sbin/policy-rc.d"
chmod 755 "$root/usr/sbin/policy-rc.d"
DEBIAN_FRONTEND=noninteractive chroot "$root" apt-get install -y --no-install-recommends ${FULL_PACKAGES.join(' ')}
rm -f "$root/usr/sbin/policy-rc.d"
chroot "$root" apt-get clean
`;

/** Changes whenever the recipe does: an old image is never taken for a new one. */
export const recipeHash = (): string =>
  createHash('sha256')
    .update(JSON.stringify([SUITE, BARE_PACKAGES, FETCH_HOOK, IMAGE_FILES, FINISH_SCRIPT, FULL_SCRIPT]))
    .digest('hex')
    .slice(0, 12);
