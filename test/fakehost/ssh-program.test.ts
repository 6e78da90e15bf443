import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { sshConfigReader } from '../../src/transport/ssh-config.ts';
import { sshProgram } from '../../src/transport/ssh-program.ts';

let directory = '';
/** An `ssh` that notes who started it; $host is the one it is asked for. */
function fakeSsh(body: string): NodeJS.ProcessEnv {
  const lines = ['#!/bin/sh', 'for host; do :; done', `echo "$PPID $host" >> ${directory}/calls`, body];
  writeFileSync(path.join(directory, 'ssh'), `${lines.join('\n')}\n`);
  chmodSync(path.join(directory, 'ssh'), 0o755);
  return { PATH: `${directory}:${process.env['PATH'] ?? ''}` };
}

const calls = (): string[][] =>
  readFileSync(path.join(directory, 'calls'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => line.split(' '));

/** By a program that is patient: a machine with much to do must not look like a host that hangs. */
const printed = (env: NodeJS.ProcessEnv, hosts: readonly string[]): Promise<string[]> => {
  const ssh = sshProgram(env, 1000);
  return Promise.all(hosts.map((host) => ssh(['-G', '--', host])));
};

const read = (env: NodeJS.ProcessEnv, hosts: readonly string[]) => {
  const ask = sshConfigReader(undefined, env);
  return Promise.allSettled(hosts.map(async (address) => (await ask({ address })).address));
};

const names = (count: number): string[] => Array.from({ length: count }, (_none, index) => `gw${index}`);
const answered = (hosts: readonly string[]) =>
  hosts.map((name) => ({ status: 'fulfilled', value: `at-${name}` }));

beforeEach(() => {
  directory = mkdtempSync(path.join(os.tmpdir(), 'provision-ssh-program-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

// First: those of the others end when they end, and would be counted.
it('leaves nothing open to one that hangs: we could not end', async () => {
  const open = (): number =>
    process.getActiveResourcesInfo().filter((name) => /^(PipeWrap|ProcessWrap)$/.test(name)).length;
  const env = fakeSsh(
    `[ "$host" != gw1 ] || [ -e ${directory}/hung ] || { touch ${directory}/hung; exec sleep 3; }\necho "hostname at-$host"`,
  );
  const before = open();
  const answers = read(env, names(3));
  // Control: while it runs there is something open.
  await sleep(50);
  expect(open()).toBeGreaterThan(before);
  expect(await answers).toEqual(answered(names(3)));
  await sleep(100);
  expect(open()).toBe(before);
});

it('asks for twenty hosts at a time by one process of its own', async () => {
  const env = fakeSsh('echo "hostname at-$host"');
  expect(await printed(env, names(30))).toEqual(names(30).map((name) => `hostname at-${name}\n`));
  const parents = calls().map(([parent]) => parent);
  expect(parents).toHaveLength(30);
  expect(new Set(parents).size).toBe(2);
  expect(parents).not.toContain(String(process.pid));
});

it('asks for one host without a shell', async () => {
  expect(await read(fakeSsh('echo "hostname at-$host"'), ['gw0'])).toEqual(answered(['gw0']));
  expect(calls()).toEqual([[String(process.pid), 'gw0']]);
});

it('says what is wrong with one, and the others have their answers', async () => {
  const env = fakeSsh(
    '[ "$host" != gw1 ] || { echo "ssh_config line 3: Bad option" >&2; exit 255; }\necho "hostname at-$host"',
  );
  const [first, second, third] = await read(env, names(3));
  expect([first, third]).toEqual(answered(['gw0', 'gw2']));
  expect(second).toMatchObject({
    status: 'rejected',
    reason: {
      code: 'usage',
      message: 'the ssh configuration cannot be used: ssh_config line 3: Bad option',
    },
  });
});

it('lets nobody wait behind one that takes long, as a `Match exec` may', async () => {
  const env = fakeSsh('case $host in gw1 | gw2 | gw3) sleep 1 ;; esac\necho "hostname at-$host"');
  const started = Date.now();
  expect(await read(env, names(4))).toEqual(answered(names(4)));
  // One after the other they would take three.
  expect(Date.now() - started).toBeLessThan(2500);
});

it('asks nothing twice when it was we who were busy', async () => {
  const env = fakeSsh('echo "hostname at-$host"');
  const answers = printed(env, names(10));
  await sleep(5);
  // Of what comes next in the loop, timers come before what can be read.
  await new Promise<void>((resolve) => {
    setImmediate(() => {
      const until = Date.now() + 1500;
      while (Date.now() < until);
      resolve();
    });
  });
  expect(await answers).toHaveLength(10);
  expect(calls()).toHaveLength(10);
});

it('has the defaults of OpenSSH when there is no ssh program', async () => {
  const all = await read({ PATH: directory }, names(3));
  expect(all).toEqual(names(3).map((value) => ({ status: 'fulfilled', value })));
});
