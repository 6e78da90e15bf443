import { execFileSync, spawn } from 'node:child_process';
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { directoryHosts, flag, roleOf } from './directory-hosts.ts';
import type { DirectoryHosts } from './directory-hosts.ts';

let hosts: DirectoryHosts;
beforeEach(async () => {
  hosts = directoryHosts('a');
  await hosts.run(has('x'));
});
afterEach(() => hosts.close());

const has = (name: string, step?: string) => [
  { hosts: 'a', roles: [roleOf(flag({ name, ...(step ? { step } : {}) }))] },
];
const FREE = { holder: null, open: [] };

/** Takes the lock as the launch script does: flock(1) takes it for a shell that lives on. */
async function holdLock(): Promise<() => Promise<void>> {
  const child = spawn('sh', [
    '-c',
    `exec 8>>"${hosts.locks('a', 'lock')}"; flock -n 8 && echo held; read -r end`,
  ]);
  await new Promise((resolve) => child.stdout.once('data', resolve));
  return async () => {
    child.stdin.end();
    await new Promise((resolve) => child.once('close', resolve));
  };
}

/** Tries to take and let go of the lock over and over; how often somebody else had it. */
async function refusals(meanwhile: () => Promise<unknown>): Promise<number> {
  const loop = `while [ ! -e "$0.end" ]; do flock -n "$0" true || echo refused; done`;
  const lock = hosts.locks('a', 'lock');
  const child = spawn('sh', ['-c', loop, lock]);
  let seen = '';
  child.stdout.on('data', (chunk) => (seen += String(chunk)));
  await meanwhile();
  execFileSync('touch', [`${lock}.end`]);
  await new Promise((resolve) => child.once('close', resolve));
  rmSync(`${lock}.end`);
  return seen.split('refused').length - 1;
}

describe('looking at the lock', () => {
  it('finds it free, and held, and by which process', async () => {
    expect(await hosts.lock('a')).toEqual(FREE);
    const letGo = await holdLock();
    const { holder } = await hosts.lock('a');
    expect(holder?.record).toMatchObject({ who: expect.stringContaining('@') });
    expect(execFileSync('readlink', ['-f', `/proc/${holder?.pid}/fd/8`], { encoding: 'utf8' }).trim()).toBe(
      hosts.locks('a', 'lock'),
    );
    await letGo();
    expect(await hosts.lock('a')).toEqual(FREE);
  });

  it('a lock on another file of that name, in a mount namespace that anybody can make, is not it', async () => {
    const lock = hosts.locks('a', 'lock');
    const directory = hosts.locks('a', '');
    const script = `mount -t tmpfs none "$0" && exec 8>>"$1" && flock -n 8 && echo held; read -r end`;
    const child = spawn('unshare', ['-Urm', 'sh', '-c', script, directory, lock]);
    await new Promise((resolve) => child.stdout.once('data', resolve));
    // What a look by the name alone goes by.
    expect(execFileSync('readlink', [`/proc/${child.pid}/fd/8`], { encoding: 'utf8' }).trim()).toBe(lock);
    expect((await hosts.lock('a')).holder).toBeNull();
    child.stdin.end();
    await new Promise((resolve) => child.once('close', resolve));
  });

  it('never takes it, not even for a moment', async () => {
    expect(
      await refusals(async () => {
        for (let look = 0; look < 15; look += 1) await hosts.lock('a');
      }),
    ).toBe(0);
  });

  it('control: one that takes it for a moment is noticed', async () => {
    const take = `for i in $(seq 60); do flock -n "$0" sleep 0.01; done; true`;
    expect(
      await refusals(() => Promise.resolve(execFileSync('sh', ['-c', take, hosts.locks('a', 'lock')]))),
    ).toBeGreaterThan(0);
  });
});

describe('releasing', () => {
  it('nothing stands in the way: nothing happens', async () => {
    expect(await hosts.release('a')).toEqual({ ended: [], left: FREE });
    expect(hosts.files('a')).toEqual(['x']);
  });

  it('never the lock of a live process: it is named, and goes on', async () => {
    const letGo = await holdLock();
    const { ended, left } = await hosts.release('a');
    expect([ended, left.holder?.pid]).toEqual([[], expect.any(Number)]);
    expect((await hosts.lock('a')).holder).not.toBeNull();
    await letGo();
  });

  it('never a run without a timer whose steps are at work: it holds the lock till they have ended', async () => {
    const run = hosts.run(has('y', 'touch "$HOST/begun"; sleep 2; touch "$HOST/y"'));
    while (!existsSync(hosts.at('a', 'begun'))) await sleep(20);
    const { ended, left } = await hosts.release('a');
    expect([ended, left.holder?.record]).toEqual([[], expect.objectContaining({ playbook: 'test' })]);
    expect((await run).exitCode).toBe(0);
    expect(hosts.files('a')).toEqual(['begun', 'x', 'y']);
  });

  it('takes back a change that nothing else would end', async () => {
    // As a controller leaves it that dies before it confirms.
    const [id = ''] = readdirSync(hosts.state('a', 'txn'));
    execFileSync('mv', [hosts.state('a', `txn/${id}/confirmed`), hosts.state('a', `txn/${id}/pending`)]);
    expect((await hosts.lock('a')).open).toMatchObject([
      { id, state: 'pending', timer: 'none', atWork: false },
    ]);
    expect((await hosts.run(has('z'))).exitCode).toBe(6);
    const { ended } = await hosts.release('a');
    expect(ended).toMatchObject([{ id, ending: 'rolled-back', record: { playbook: 'test' } }]);
    expect(hosts.files('a')).toEqual([]);
    expect(await hosts.lock('a')).toEqual(FREE);
  });
});
