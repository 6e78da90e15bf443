import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { $ } from 'zx/core';
import type { Lab } from '../../src/lab/index.ts';
import {
  labDown,
  labExec,
  labIdOfInventory,
  labOf,
  labReboot,
  labResetCounters,
  labStatus,
  labUp,
  labWrongSource,
} from '../../src/lab/index.ts';
import { markedFor, markOf } from '../../src/lab/command.ts';
import { nspawnLocksOf } from '../../src/lab/down.ts';
import { isAlive, processesMarked, processOf } from '../../src/lab/process.ts';
import { leftoversOf, namespaceInodes } from './leftovers.ts';
import { release } from './release.ts';
import { smallInventory } from './small-inventory.ts';

$.verbose = false;

const isRoot = process.platform === 'linux' && process.getuid?.() === 0;
const hasTools = ['/usr/bin/systemd-nspawn', '/usr/bin/mmdebstrap'].every((path) => existsSync(path));
const reason = isRoot
  ? hasTools
    ? ''
    : ' (skipped: needs systemd-container and mmdebstrap)'
  : ' (skipped: needs root on Linux)';
const describeLab = reason === '' ? describe : describe.skip;

const until = async (condition: () => boolean, timeoutMs: number): Promise<boolean> => {
  for (const deadline = Date.now() + timeoutMs; Date.now() < deadline; await sleep(5))
    if (condition()) return true;
  return false;
};

// The first run builds the image.
const BUILD_MS = 600_000;
const directory = mkdtempSync('/var/tmp/lab-test-');
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const sourceOf = (name: string): string => {
  const path = join(directory, name);
  mkdirSync(path, { recursive: true });
  return path;
};

describeLab(`a lab${reason}`, () => {
  const inventory = smallInventory(sourceOf('main'));
  let lab: Lab;
  const inside = async (host: string, command: string) =>
    (await labExec(lab, host, ['sh', '-c', command])).stdout.trim();
  const ip = 'curl -sS -m 3 http://198.51.100.77/ip';

  beforeAll(async () => {
    lab = await labUp(inventory, { release });
  }, BUILD_MS);
  afterAll(async () => void (await labDown(inventory)), 60_000);

  test('boots every host to the end', async () => {
    for (const host of lab.hosts)
      expect(`${host.name} ${await inside(host.name, 'systemctl is-system-running')}`).toBe(
        `${host.name} running`,
      );
  });

  test('marks the process of every host from its start, so that a down finds it before it is in a cgroup', () => {
    const marked = processesMarked(markOf(lab.id)).map(({ pid }) =>
      readFileSync(`/proc/${pid}/cmdline`, 'utf8'),
    );
    const machines = marked.filter((line) => line.startsWith('systemd-nspawn\0'));
    expect(machines).toHaveLength(lab.hosts.length);
    expect(processesMarked(markOf('pv000000'))).toEqual([]);
  });

  test('gives the operator ssh with verified keys, and sudo, on each host, other ports included', async () => {
    for (const host of lab.hosts) {
      const said =
        await $`ssh -F ${lab.sshConfig} -o BatchMode=yes ${host.name} ${'hostname; sudo -n id -un'}`;
      expect(said.stdout).toBe(`${host.name}\nroot\n`);
    }
  });

  test('installs packages without a network', async () => {
    await inside('inner', 'DEBIAN_FRONTEND=noninteractive apt-get install -y ipset');
    expect(await inside('inner', 'ipset --version')).toContain('ipset v');
  }, 60_000);

  test('lets a NIC with an EIP out by it, and nobody else', async () => {
    expect(await inside('gate', ip)).toBe('203.0.113.77');
    await inside('gate', 'ip addr add 10.77.0.3/32 dev eth0');
    expect((await labExec(lab, 'inner', ['sh', '-c', ip])).code).not.toBe(0);
    expect(
      (await labExec(lab, 'gate', ['sh', '-c', ip.replace('curl', 'curl --interface 10.77.0.3')])).code,
    ).not.toBe(0);
  });

  test('counts and drops what a gateway forwards without rewriting the source', async () => {
    await labResetCounters(lab);
    await inside('gate', 'echo 1 > /proc/sys/net/ipv4/ip_forward');
    expect((await labExec(lab, 'inner', ['sh', '-c', ip])).code).not.toBe(0);
    const counted = await labWrongSource(lab);
    expect(counted['gate/eth0']).toBeGreaterThan(0);
    expect({ ...counted, 'gate/eth0': 0 }).toEqual({ 'out/eth0': 0, 'gate/eth0': 0, 'inner/eth0': 0 });
    await labResetCounters(lab);
    expect((await labWrongSource(lab))['gate/eth0']).toBe(0);
  });

  test('leads a host without an EIP out through the gateway, and DNAT in with the client address kept', async () => {
    await inside(
      'gate',
      'iptables -t nat -A POSTROUTING -s 10.77.0.0/24 ! -d 10.77.0.0/24 -j SNAT --to 10.77.0.2',
    );
    await inside(
      'gate',
      'iptables -t nat -A PREROUTING -p tcp -d 10.77.0.2 --dport 8080 -j DNAT --to 10.77.0.20:80',
    );
    expect(await inside('inner', ip)).toBe('203.0.113.77');
    expect(await inside('out', 'curl -sS -m 3 http://203.0.113.77:8080/')).toBe('inner 198.51.100.77');
    expect(await inside('inner', 'curl -sS -m 3 http://203.0.113.77:8080/ip')).toBe('203.0.113.77');
    expect((await labWrongSource(lab))['gate/eth0']).toBe(0);
  });

  test('lets the operator reach private addresses, and EIPs as a stranger does', async () => {
    const fetch = async (url: string) => (await $`${[...lab.controllerCommand]} curl -sS -m 3 ${url}`).stdout;
    expect(await fetch('http://10.77.0.20/')).toMatch(/^inner 198\.18\./);
    expect(await fetch('http://203.0.113.77:8080/')).toMatch(/^inner 198\.18\./);
    expect((await labExec(lab, 'out', ['curl', '-sS', '-m', '1', 'http://10.77.0.20/'])).code).not.toBe(0);
  });

  test('finds itself up and does nothing', async () => {
    const started = Date.now();
    const again = await labUp(inventory, { release });
    expect(again.wasUp).toBe(true);
    expect(Date.now() - started).toBeLessThan(1000);
    expect((await labOf(inventory))?.id).toBe(lab.id);
  });

  test('refuses an inventory that has changed, and says what to type', async () => {
    const changed = smallInventory(inventory.sources[0] ?? '', { lab: { ssh_port: 2222, serve: [81] } });
    await expect(labUp(changed, { release })).rejects.toMatchObject({
      code: 'usage',
      hint: expect.stringContaining('provision lab down -i'),
    });
  });

  test('reboots a host: the disk stays, what was only in the kernel is gone', async () => {
    await inside('gate', 'touch /etc/kept; iptables -t nat -A POSTROUTING -j MASQUERADE');
    await labReboot(lab, 'gate');
    expect(
      await inside('gate', 'ls /etc/kept; cat /proc/sys/net/ipv4/ip_forward; iptables -t nat -S POSTROUTING'),
    ).toBe('/etc/kept\n0\n-P POSTROUTING ACCEPT');
    expect(await inside('gate', ip)).toBe('203.0.113.77');
    await labReboot(lab, 'inner');
    expect(await inside('gate', 'curl -sS -m 3 http://10.77.0.20/')).toBe('inner 10.77.0.2');
  }, 60_000);

  test('leaves nothing when it goes down, and the detector sees each kind of leftover', async () => {
    const inodes = namespaceInodes(lab.id);
    expect(inodes.size).toBe(5);
    const locks = nspawnLocksOf(`/var/lib/provision-lab/${lab.id}`);
    expect(locks.map((path) => existsSync(path))).toEqual([true, true, true]);
    const up = leftoversOf(lab.id, inodes).join('\n');
    for (const kind of [
      'mount ',
      'cgroup ',
      'process ',
      '/run/netns/',
      '/run/provision-lab/',
      '/var/lib/provision-lab/',
    ])
      expect(up).toContain(kind);
    expect(up).toMatch(/process \d+ sshd: /);
    await labDown(inventory);
    expect(leftoversOf(lab.id, inodes)).toEqual([]);
    expect(locks.map((path) => existsSync(path))).toEqual([false, false, false]);
    expect(labStatus(inventory)).toBeNull();
    expect(await labOf(inventory)).toBeNull();

    // Control: one thing of each kind, put there by hand and seen.
    const stray = spawn('sleep', ['60'], { argv0: `sleep-${lab.id}` });
    await $`ip netns add ${`${lab.id}-stray`}`;
    await $`ip link add ${`${lab.id}s`} type veth peer name ${`${lab.id}t`}`;
    const place = `/var/lib/provision-lab/${lab.id}/stray`;
    await $`mkdir -p ${place}`;
    await $`mount -t tmpfs stray ${place}`;
    const cgroup =
      (existsSync('/sys/fs/cgroup/cgroup.controllers') ? '/sys/fs/cgroup' : '/sys/fs/cgroup/unified') +
      `/${lab.id}-stray`;
    mkdirSync(cgroup);
    try {
      const seen = leftoversOf(lab.id).join('\n');
      for (const what of [
        `process ${stray.pid}`,
        `/run/netns/${lab.id}-stray`,
        `/sys/class/net/${lab.id}s`,
        `${place} `,
        `cgroup ${cgroup}`,
      ])
        expect(seen).toContain(what);
      // Strays with the lab's name are removed by their names, even without any state; links of the machine's own network are never made.
      await $`ip link delete ${`${lab.id}s`}`;
      stray.kill('SIGKILL');
      await labDown(lab.id);
      await until(() => leftoversOf(lab.id).length === 0, 2000);
      expect(leftoversOf(lab.id)).toEqual([]);
    } finally {
      stray.kill('SIGKILL');
      await $({ nothrow: true, quiet: true })`ip link delete ${`${lab.id}s`}`;
      if (existsSync(cgroup)) rmdirSync(cgroup);
    }
  }, 60_000);
});

describeLab(`a lab whose up is killed${reason}`, () => {
  const jiti = join(import.meta.dirname, '../../node_modules/jiti/lib/jiti-cli.mjs');
  const script = join(import.meta.dirname, 'up-until-killed.ts');

  // Milliseconds after the first trace of the lab appears.
  test.each([0, 40, 120, 250, 500, 800])(
    'is removed whole by down when it was killed after %i ms',
    async (delay) => {
      const inventory = smallInventory(sourceOf(`killed-${delay}`));
      const id = labIdOfInventory(inventory);
      const child = spawn(process.execPath, [jiti, script, inventory.sources[0] ?? ''], { stdio: 'ignore' });
      try {
        expect(await until(() => existsSync(`/run/provision-lab/${id}/state.json`), BUILD_MS)).toBe(true);
        await sleep(delay);
        child.kill('SIGKILL');
        await sleep(50);
        const inodes = namespaceInodes(id);
        expect(leftoversOf(id, inodes)).not.toEqual([]);
        await labDown(inventory);
        expect(leftoversOf(id, inodes)).toEqual([]);
      } finally {
        child.kill('SIGKILL');
        await labDown(inventory);
      }
    },
    BUILD_MS,
  );

  test('is gone only when its commands have left their namespaces: one with much memory takes its time', async () => {
    const inventory = smallInventory(sourceOf('ending'));
    const id = labIdOfInventory(inventory);
    const child = spawn('dd', ['if=/dev/zero', 'of=/dev/null', 'bs=1500M'], {
      stdio: 'ignore',
      env: { ...process.env, ...markedFor(id) },
    });
    const residentPages = (): number =>
      Number(readFileSync(`/proc/${child.pid}/statm`, 'utf8').split(' ')[1]);
    try {
      expect(await until(() => residentPages() * 4096 > 1.4e9, 30_000)).toBe(true);
      const command = processOf(child.pid ?? 0);
      expect(command).not.toBeNull();
      await labDown(id);
      expect(command !== null && isAlive(command)).toBe(false);
    } finally {
      child.kill('SIGKILL');
    }
  }, 60_000);

  test(
    'is built anew by the next up',
    async () => {
      const inventory = smallInventory(sourceOf('again'));
      const id = labIdOfInventory(inventory);
      const child = spawn(process.execPath, [jiti, script, inventory.sources[0] ?? ''], { stdio: 'ignore' });
      try {
        expect(await until(() => existsSync(`/var/lib/provision-lab/${id}`), BUILD_MS)).toBe(true);
        child.kill('SIGKILL');
        const lab = await labUp(inventory, { release });
        expect(lab.wasUp).toBe(false);
        expect((await labExec(lab, 'inner', ['hostname'])).stdout).toBe('inner\n');
      } finally {
        child.kill('SIGKILL');
        await labDown(inventory);
      }
    },
    BUILD_MS,
  );
});
