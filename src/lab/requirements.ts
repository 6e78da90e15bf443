import { accessSync, constants, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { ProvisionError } from '../model/error.ts';
import { quote } from '../shell/quote.ts';
import { run } from './command.ts';
import { withLock } from './lock.ts';
import { CACHE_ROOT } from './names.ts';

/** Commands the lab runs, and the Debian packages they come in. */
const PACKAGE_OF: Readonly<Record<string, string>> = {
  'systemd-nspawn': 'systemd-container',
  mmdebstrap: 'mmdebstrap',
  'dpkg-scanpackages': 'dpkg-dev',
  nft: 'nftables',
  ip: 'iproute2',
  nc: 'netcat-openbsd',
  'ssh-keygen': 'openssh-client',
  nsenter: 'util-linux',
  setpriv: 'util-linux',
  mount: 'mount',
};

function isInstalled(command: string): boolean {
  const path = `${process.env.PATH ?? ''}${delimiter}/usr/sbin${delimiter}/sbin`;
  return path.split(delimiter).some((directory) => {
    try {
      accessSync(join(directory, command), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** Packages that the lab needs and this machine lacks. */
export const missingPackages = (has: (command: string) => boolean = isInstalled): string[] => [
  ...new Set(
    Object.keys(PACKAGE_OF)
      .filter((command) => !has(command))
      .map((command) => PACKAGE_OF[command] ?? command),
  ),
];

/** What was typed, as root: the words of the command line, quoted where a shell would take them for something else. */
export const withSudo = (words: readonly string[]): string =>
  ['sudo', 'npx', 'provision', ...words]
    .map((word) => (/^[\w./:=,@%+-]+$/.test(word) ? word : quote(word)))
    .join(' ');

/** Refuses where a lab cannot be touched at all; the hint is what was typed, with sudo. */
export function requireRoot(
  words: readonly string[] = process.argv.slice(2),
  platform: string = process.platform,
  uid: number | undefined = process.getuid?.(),
): void {
  if (platform !== 'linux') {
    throw new ProvisionError(
      'usage',
      `the lab needs Linux: it makes hosts with systemd-nspawn, and this machine runs ${platform}`,
      {
        hint: 'Run it in a Debian 12 virtual machine.',
      },
    );
  }
  if (uid !== 0) {
    throw new ProvisionError('usage', 'the lab makes network namespaces and mounts, which needs root', {
      hint: `Type: ${withSudo(words)}`,
    });
  }
}

const isDebianLike = (): boolean =>
  existsSync('/etc/os-release') &&
  /^ID(_LIKE)?=.*\b(debian|ubuntu)\b/m.test(readFileSync('/etc/os-release', 'utf8'));

/** apt's package lists: a fresh container image has none. */
const hasPackageLists = (): boolean =>
  existsSync('/var/lib/apt/lists') &&
  readdirSync('/var/lib/apt/lists').some((name) => name.includes('_Packages'));

/** Why the lab cannot start without these packages, and the line that installs them. */
export const packagesRefusal = (missing: readonly string[], debianLike: boolean): ProvisionError =>
  new ProvisionError('usage', `the lab needs packages that this machine lacks: ${missing.join(', ')}`, {
    hint: debianLike
      ? `Type: sudo apt-get install -y ${missing.join(' ')}   (or add --install to what you typed)`
      : `Install what provides these Debian packages: ${missing.join(' ')}`,
  });

/** What `installPackages` does to this machine; replaced in tests. */
export interface Installing {
  readonly missing: () => readonly string[];
  readonly run: (argv: readonly string[]) => Promise<unknown>;
  readonly lock: string;
}

const INSTALL_TIMEOUT_MS = 15 * 60_000;
const INSTALLING: Installing = {
  missing: () => missingPackages(),
  run,
  lock: join(CACHE_ROOT, 'install.lock'),
};

/** Two labs that start side by side on a fresh machine install once; another apt at work is waited for. */
export async function installPackages(
  progress: (line: string) => void,
  { missing, run: command, lock }: Installing = INSTALLING,
): Promise<void> {
  await withLock(lock, INSTALL_TIMEOUT_MS, async () => {
    const packages = missing();
    if (packages.length === 0) return;
    progress(`installing ${packages.join(', ')}`);
    if (!hasPackageLists()) await command(['apt-get', 'update']);
    const apt = ['apt-get', '-o', 'DPkg::Lock::Timeout=600', 'install', '-y', '--no-install-recommends'];
    await command(['env', 'DEBIAN_FRONTEND=noninteractive', ...apt, ...packages]);
  });
}

/** Refuses where packages are missing, or installs them when asked to. */
export async function requirePackages(install: boolean, progress: (line: string) => void): Promise<void> {
  const missing = missingPackages();
  if (missing.length === 0) return;
  if (!install || !isDebianLike()) throw packagesRefusal(missing, isDebianLike());
  await installPackages(progress);
}

const INOTIFY = '/proc/sys/fs/inotify/max_user_instances';
/** What systemd and its services of one host take, with room. */
const INOTIFY_PER_HOST = 32;

/**
 * Every host of a lab takes inotify instances from the one pool of root (inotify(7)), 128 by default: with a dozen hosts
 * systemd would end with "Too many open files". Raised where it is too low; it is a limit, and never lowered again.
 */
export function requireInotify(hosts: number, progress: (line: string) => void, file = INOTIFY): void {
  const wanted = 1024 + hosts * INOTIFY_PER_HOST;
  if (Number(readFileSync(file, 'utf8')) >= wanted) return;
  progress(`raising fs.inotify.max_user_instances to ${wanted}`);
  writeFileSync(file, String(wanted));
}
