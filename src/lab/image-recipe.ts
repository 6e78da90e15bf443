import { createHash } from 'node:crypto';
import { ECHO_PROGRAM, ECHO_UNIT } from './echo-service.ts';
import type { ImageSpec, Release } from './image-spec.ts';
import { SUITES } from './image-spec.ts';

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

/** What `full` has besides; Debian 13 has docker's command line in a package of its own. */
const fullPackages = (release: Release): string[] => [
  'firewalld',
  'docker.io',
  ...(release === 'debian-13' ? ['docker-cli'] : []),
];

/** What hosts can install offline, with everything these depend on. */
const repositoryPackages = (release: Release): string[] => [
  ...fullPackages(release),
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

/** Runs inside mmdebstrap with the new root as $1: fetch, with all dependencies, what hosts may install later. */
export const fetchHook = (release: Release): string => `set -eu
root=$1
chroot "$root" apt-get install -y --no-install-recommends --download-only ${repositoryPackages(release).join(' ')}
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

/** Nothing may start while packages are installed: an image is not booted. */
const install = (
  packages: readonly string[],
): string => `printf '#!/bin/sh\\nexit 101\\n' > "$root/usr/sbin/policy-rc.d"
chmod 755 "$root/usr/sbin/policy-rc.d"
DEBIAN_FRONTEND=noninteractive chroot "$root" apt-get install -y --no-install-recommends ${packages.join(' ')}
rm -f "$root/usr/sbin/policy-rc.d"
chroot "$root" apt-get clean
`;

const IFUPDOWN = `${install(['ifupdown'])}
chroot "$root" systemctl disable systemd-networkd.service
chroot "$root" systemctl enable networking.service
`;

const LEGACY = `chroot "$root" update-alternatives --set iptables /usr/sbin/iptables-legacy
chroot "$root" update-alternatives --set ip6tables /usr/sbin/ip6tables-legacy
`;

/** A part of an image: a directory that lies over the layers below it. */
export interface ImageLayer {
  readonly name: string;
  readonly release: Release;
  /** Runs with the whole root so far as $1, without a network; null = the lowest layer, which mmdebstrap makes. */
  readonly script: string | null;
  /** Changes whenever its recipe does, or that of a layer below: an old image is never taken for a new one. */
  readonly hash: string;
}

const hashOf = (recipe: unknown): string =>
  createHash('sha256').update(JSON.stringify(recipe)).digest('hex').slice(0, 12);

/** The layers of an image, the lowest first. */
export function layersOf({ release, image, nic, iptables }: ImageSpec): ImageLayer[] {
  const lowest: ImageLayer = {
    name: release,
    release,
    script: null,
    hash: hashOf([SUITES[release], BARE_PACKAGES, fetchHook(release), IMAGE_FILES, FINISH_SCRIPT]),
  };
  const scripts: [string, string][] = [
    ...(image === 'full' ? [['full', install(fullPackages(release))] as [string, string]] : []),
    ...(nic === 'ifupdown' ? [['ifupdown', IFUPDOWN] as [string, string]] : []),
    ...(iptables === 'legacy' ? [['legacy', LEGACY] as [string, string]] : []),
  ];
  return scripts.reduce<ImageLayer[]>(
    (below, [what, body]) => {
      const under = below.at(-1) ?? lowest;
      const script = `set -eu\nroot=$1\n${body}`;
      return [
        ...below,
        { name: `${under.name}-${what}`, release, script, hash: hashOf([under.hash, script]) },
      ];
    },
    [lowest],
  );
}
