import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';

const namesIn = (directory: string): string[] => {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
};

const textOf = (path: string): string => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
};

function cgroupsBelow(directory: string): string[] {
  const children = (() => {
    try {
      return readdirSync(directory, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    } catch {
      return [];
    }
  })();
  return children.flatMap((entry) => [
    `${directory}/${entry.name}`,
    ...cgroupsBelow(`${directory}/${entry.name}`),
  ]);
}

const processes = (): string[] =>
  namesIn('/proc').filter((name) => /^\d+$/.test(name) && name !== String(process.pid));

/** The namespaces of a running lab: processes in them are its own even when nothing else names them. */
export const namespaceInodes = (id: string): Set<number> =>
  new Set(
    namesIn('/run/netns')
      .filter((name) => name.includes(id))
      .map((name) => statSync(`/run/netns/${name}`).ino),
  );

const namespaceOf = (pid: string): number => {
  try {
    return Number(/\d+/.exec(readlinkSync(`/proc/${pid}/ns/net`))?.[0]);
  } catch {
    return 0;
  }
};

/** Everything on this machine that belongs to a lab, except the image cache. */
export function leftoversOf(id: string, inodes: ReadonlySet<number> = new Set()): string[] {
  const directories = [
    '/run/provision-lab',
    '/var/lib/provision-lab',
    '/run/netns',
    '/sys/class/net',
    '/tmp',
    '/run/systemd/nspawn/propagate',
    '/run/systemd/nspawn/unix-export',
    '/run/systemd/nspawn/locks',
    '/run/systemd/machines',
  ];
  return [
    ...directories.flatMap((directory) =>
      namesIn(directory)
        .filter((name) => name.includes(id))
        .map((name) => `${directory}/${name}`),
    ),
    ...textOf('/proc/self/mountinfo')
      .split('\n')
      .filter((line) => line.includes(id))
      .map((line) => `mount ${line}`),
    ...cgroupsBelow('/sys/fs/cgroup')
      .filter((path) => path.includes(id))
      .map((path) => `cgroup ${path}`),
    ...processes()
      .filter((pid) => inodes.has(namespaceOf(pid)) || textOf(`/proc/${pid}/cmdline`).includes(id))
      .map((pid) => `process ${pid} ${textOf(`/proc/${pid}/cmdline`).replaceAll('\0', ' ')}`),
  ];
}
