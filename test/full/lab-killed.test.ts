import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { loadInventory } from '../../src/inventory/load.ts';
import { labIdOfInventory } from '../../src/lab/index.ts';
import { endOf, provision } from '../lab/gateway-lab.ts';
import { leftoversOf, namespaceInodes } from '../lab/leftovers.ts';
import { labSupport } from '../lab/support.ts';

const MINUTES = 60_000;
const ROUNDS = 10;
/** Inherited by all that `lab up` starts, until a host's own init drops it. */
const MARKED = { PROVISION_TEST_ROUND: String(process.pid) };
const MARK = `PROVISION_TEST_ROUND=${MARKED.PROVISION_TEST_ROUND}`;

const pids = (): string[] => readdirSync('/proc').filter((name) => /^\d+$/.test(name));

const netOf = (pid: string): number => Number(/\d+/.exec(linkOf(`/proc/${pid}/ns/net`))?.[0] ?? 0);

const linkOf = (file: string): string => {
  try {
    return readlinkSync(file);
  } catch {
    return '';
  }
};

const environmentOf = (pid: string): string[] => {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0');
  } catch {
    return [];
  }
};

const marked = (): string[] => pids().filter((pid) => environmentOf(pid).includes(MARK));

/** The mount and network namespaces of these processes, without the machine's own. */
function namespacesOf(processes: readonly string[]): Set<string> {
  const kinds = ['mnt', 'net'] as const;
  const own = new Set(kinds.map((kind) => linkOf(`/proc/self/ns/${kind}`)));
  const all = processes.flatMap((pid) => kinds.map((kind) => linkOf(`/proc/${pid}/ns/${kind}`)));
  return new Set(all.filter((name) => name !== '' && !own.has(name)));
}

const inNamespaces = (namespaces: ReadonlySet<string>): string[] =>
  pids().filter((pid) => [...namespacesOf([pid])].some((name) => namespaces.has(name)));

/** Links of the machine's own network, but for those of other labs. */
const links = (): string[] => readdirSync('/sys/class/net').sort();

labSupport('provision lab up, killed at a random moment', () => {
  const root = mkdtempSync(path.join(os.tmpdir(), 'provision-killed-'));
  const inventory = path.join(root, 'inventory');
  let id = '';
  /** How long an undisturbed `lab up` takes, in milliseconds. */
  let whole = 0;

  const start = () =>
    spawn(process.execPath, ['dist/cli/main.js', 'lab', 'up', '-i', inventory], {
      env: { ...process.env, ...MARKED },
      stdio: ['ignore', 'pipe', 'pipe'],
    });

  beforeAll(async () => {
    cpSync('inventory/lab', inventory, { recursive: true });
    id = labIdOfInventory(await loadInventory([inventory]));
    // The first one may build the image.
    for (let round = 0; round < 2; round += 1) {
      const started = Date.now();
      expect(await endOf(start())).toMatchObject({ code: 0 });
      whole = Date.now() - started;
      expect((await provision('lab', 'down', '-i', inventory)).code).toBe(0);
    }
  }, 20 * MINUTES);

  afterAll(async () => {
    await provision('lab', 'down', '-i', inventory);
    rmSync(root, { recursive: true, force: true });
  }, 2 * MINUTES);

  it(
    `${ROUNDS} times: after lab down there is no process, namespace, mount, link or cgroup of it`,
    async () => {
      const linksBefore = links();
      const seen = new Set<string>();
      for (let round = 0; round < ROUNDS; round += 1) {
        // One moment in each tenth of the way.
        const moment = Math.round(((round + Math.random()) / ROUNDS) * whole);
        const child = start();
        await sleep(moment);
        child.kill('SIGKILL');
        const inodes = namespaceInodes(id);
        const running = marked();
        const namespaces = new Set([
          ...namespacesOf(running),
          ...namespacesOf(pids().filter((pid) => inodes.has(netOf(pid)))),
        ]);
        for (const trace of [...leftoversOf(id, inodes), ...running.map(() => 'marked ')])
          seen.add(trace.replace(/^(\w+) .*/s, '$1').replace(/^(\/.*)\/.*/s, '$1'));
        if (namespaces.size > 0) seen.add('namespace');
        const down = await provision('lab', 'down', '-i', inventory);
        expect(`${moment} ms: exit ${down.code} ${down.code === 0 ? '' : down.stderr}`.trim()).toBe(
          `${moment} ms: exit 0`,
        );
        // What a killed command had still begun would show a moment later.
        await sleep(1000);
        const left = [...marked(), ...inNamespaces(namespaces)].map((pid) => `process ${pid}`);
        expect({ moment, left: [...leftoversOf(id, inodes), ...left] }).toEqual({ moment, left: [] });
      }
      expect(links().filter((name) => !linksBefore.includes(name))).toEqual([]);
      // Control: the same look has seen each kind while a lab was half up.
      for (const kind of [
        'process',
        'marked',
        'namespace',
        'mount',
        'cgroup',
        '/run/netns',
        '/run/provision-lab',
      ])
        expect([...seen]).toContain(kind);
    },
    20 * MINUTES,
  );

  it('the look sees a process of a killed lab up by its mark alone', async () => {
    const stray = spawn('sleep', ['60'], {
      env: MARKED,
      stdio: 'ignore',
    });
    try {
      await sleep(100);
      expect(marked()).toContain(String(stray.pid));
    } finally {
      stray.kill('SIGKILL');
    }
  });
});
