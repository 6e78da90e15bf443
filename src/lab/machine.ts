import { spawn } from 'node:child_process';
import { chmodSync, closeSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ProvisionError } from '../model/error.ts';
import type { NameTest } from './cgroup.ts';
import { ENTER_CGROUP, processesInCgroups, removeCgroups } from './cgroup.ts';
import { markedFor, run } from './command.ts';
import { hostFiles } from './host-files.ts';
import { lowerDirectories } from './image.ts';
import type { LabNames } from './names.ts';
import type { LabHost } from './plan.ts';
import type { Process } from './process.ts';
import { endProcess, isAlive, processOf, waitUntil } from './process.ts';

/** Lays a host's own files over a copy of its image and returns its public host key. */
export async function makeRoot(host: LabHost, names: LabNames, operatorKey: string): Promise<string> {
  const overlay = names.overlay(host.name);
  const root = names.root(host.name);
  for (const part of ['upper', 'work', 'root'])
    mkdirSync(join(overlay, part), { recursive: true, mode: 0o755 });
  const layers = `lowerdir=${lowerDirectories(host.image)},upperdir=${overlay}/upper,workdir=${overlay}/work`;
  await run(['mount', '-t', 'overlay', '-o', layers, `${names.id}-${host.name}`, root]);

  const keyFile = join(overlay, 'host-key');
  await run(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-C', host.hostname, '-f', keyFile]);
  const key = { private: readFileSync(keyFile, 'utf8'), public: readFileSync(`${keyFile}.pub`, 'utf8') };
  for (const file of hostFiles(host, key)) {
    const path = join(root, file.path);
    mkdirSync(dirname(path), { recursive: true });
    // The image's /etc/hostname may be a link to this machine's.
    rmSync(path, { force: true });
    writeFileSync(path, file.text);
    chmodSync(path, file.mode);
  }
  await run(['sh', '-c', USER_SCRIPT, 'user', root, host.user], operatorKey);
  if (host.serve.length > 0) {
    await run([
      'chroot',
      root,
      'systemctl',
      '--quiet',
      'enable',
      ...host.serve.map((port) => `lab-echo@${port}.service`),
    ]);
  }
  return key.public;
}

/** $1 = root, $2 = user; the operator's public key comes on standard input. */
const USER_SCRIPT = `set -eu
root=$1 user=$2
chroot "$root" id "$user" >/dev/null 2>&1 || chroot "$root" useradd --create-home --shell /bin/bash "$user"
home=$(chroot "$root" sh -c 'eval echo "~$1"' home "$user")
mkdir -p -m 700 "$root$home/.ssh"
cat > "$root$home/.ssh/authorized_keys"
chmod 600 "$root$home/.ssh/authorized_keys"
chroot "$root" chown -R "$user:" "$home/.ssh"
`;

/** Boots a host and returns at once with its systemd-nspawn process. */
export function startMachine(host: LabHost, names: LabNames): Process {
  const console = openSync(names.console(host.name), 'a', 0o600);
  const nspawn = [
    ...['systemd-nspawn', '--quiet', '--register=no', '--keep-unit', '-D', names.root(host.name)],
    `--network-namespace-path=/run/netns/${names.namespace(host.name)}`,
    ...['--capability=all', '--system-call-filter=@keyring bpf', '--boot'],
    ...[`--machine=${names.machine(host.index)}`, `--hostname=${host.hostname}`],
  ];
  // The shell becomes systemd-nspawn: same process, already in its cgroups.
  const script = `${ENTER_CGROUP}\nenter_cgroup "$1"\nshift\nexec "$@"`;
  const child = spawn('/bin/sh', ['-c', script, 'start', names.machine(host.index), ...nspawn], {
    cwd: '/',
    detached: true,
    stdio: ['ignore', console, console],
    env: {
      PATH: process.env.PATH ?? '/usr/sbin:/usr/bin:/sbin:/bin',
      // Containers may read sysctls of the network, and write them; /sys stays read-only, else networkd waits for udev.
      SYSTEMD_NSPAWN_API_VFS_WRITABLE: 'network',
      // A `down` finds it by this while it is in no cgroup of the lab yet.
      ...markedFor(names.id),
    },
  });
  closeSync(console);
  child.unref();
  const started = child.pid === undefined ? null : processOf(child.pid);
  if (started !== null) return started;
  throw new ProvisionError('internal', `systemd-nspawn of ${host.name} could not be started`, {
    hint: `Read ${names.console(host.name)}.`,
  });
}

/** The host's own process 1, seen from this machine; null until it has started. */
export function initOf(machine: Process): number | null {
  if (!isAlive(machine)) return null;
  try {
    const children = readFileSync(`/proc/${machine.pid}/task/${machine.pid}/children`, 'utf8')
      .trim()
      .split(' ')
      .map(Number);
    return children.find(isInit) ?? null;
  } catch {
    return null;
  }
}

const isInit = (pid: number): boolean => {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    return /^NSpid:\t\d+\t1$/m.test(status) && /^Name:\tsystemd$/m.test(status);
  } catch {
    return false;
  }
};

// systemd(1): SIGRTMIN+4 = poweroff.target. Linux has SIGRTMIN at 34 for glibc programs.
const POWEROFF = 34 + 4;

/** Powers a host off and waits until its processes have really ended: its tree is busy until then. */
export async function stopMachine(host: LabHost, names: LabNames, machine: Process): Promise<void> {
  const init = initOf(machine);
  const leader = init === null ? null : processOf(init);
  if (leader !== null) endProcess(leader, POWEROFF);
  const isOff = () => !isAlive(machine);
  await waitUntil(isOff, 30_000);
  await endMachines((name) => name === names.machine(host.index));
}

/** Ends every process in these cgroups and removes them. */
export async function endMachines(matches: NameTest): Promise<void> {
  const isEmpty = () => {
    const left = processesInCgroups(matches);
    for (const process of left) endProcess(process);
    return left.length === 0;
  };
  const gone = await waitUntil(isEmpty, 20_000, 100);
  if (gone && (await waitUntil(() => removeCgroups(matches), 5_000))) return;
  throw new ProvisionError('internal', 'processes of the lab do not end', {
    hint: 'Run `provision lab down -i INVENTORY` again.',
  });
}
