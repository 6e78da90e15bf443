import { execFile } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { fakeNetwork } from '../fakehost/fake-network.ts';
import { playbookOf, projectFor } from './project.ts';
import type { Project } from './project.ts';

// What V8 compiled of provision is kept, which must never show but in time: not by what runs, nor by who can write it.

const network = fakeNetwork();

async function project(): Promise<Project> {
  return projectFor(
    network,
    { web1: await network.host() },
    playbookOf("[command({ name: 'none', check: 'true', run: 'false', undo: 'true' })]"),
  );
}

const kept = (of: Project): string[] =>
  existsSync(of.at('cache/provision/code')) ? readdirSync(of.at('cache/provision/code')) : [];
const keptFile = (of: Project): string => of.at(`cache/provision/code/${kept(of)[0] ?? 'nothing'}`);
const mode = (file: string): string => (statSync(file).mode & 0o777).toString(8);

describe('compiled code that is kept', () => {
  it('is there after a run of a playbook, for its owner only, and is not written again', async () => {
    const here = await project();
    await here.provision(['--version']);
    await here.provision(['validate', '-i', 'inventory.yml']);
    await here.provision(['playbook.ts', '-i', 'inventory.yml', '--list-hosts']);
    expect(kept(here)).toEqual([]);
    const first = await here.run();
    expect(first.code).toBe(0);
    expect(kept(here)).toHaveLength(1);
    expect([mode(path.dirname(keptFile(here))), mode(keptFile(here))]).toEqual(['700', '600']);
    const { ino, mtimeMs } = statSync(keptFile(here));
    const second = await here.run();
    expect([second.code, second.stdout]).toEqual([0, first.stdout]);
    expect(kept(here)).toHaveLength(1);
    expect([statSync(keptFile(here)).ino, statSync(keptFile(here)).mtimeMs]).toEqual([ino, mtimeMs]);
  });

  it('is not used where a byte of it is wrong or missing, and is made anew', async () => {
    const here = await project();
    await here.run();
    const sound = readFileSync(keptFile(here));
    const flipped = Buffer.from(sound);
    const middle = sound.length >> 1;
    flipped.writeUInt8(sound.readUInt8(middle) ^ 0xff, middle);
    for (const broken of [flipped, sound.subarray(0, middle), Buffer.alloc(0), Buffer.from('#!/bin/sh\n')]) {
      writeFileSync(keptFile(here), broken);
      expect((await here.run()).code).toBe(0);
      expect(readFileSync(keptFile(here)).equals(broken)).toBe(false);
    }
  });

  it('is not used, nor made, in a directory that is not ours alone; flags of Node do without', async () => {
    const here = await project();
    mkdirSync(here.at('elsewhere'));
    mkdirSync(here.at('cache/provision'), { recursive: true });
    symlinkSync(here.at('elsewhere'), here.at('cache/provision/code'));
    expect((await here.run()).code).toBe(0);
    expect(readdirSync(here.at('elsewhere'))).toEqual([]);
    const other = await project();
    expect((await other.run([], { env: { NODE_OPTIONS: '--no-deprecation' } })).code).toBe(0);
    expect(kept(other)).toEqual([]);
    // Somebody made it readable for all: it is closed again.
    mkdirSync(other.at('cache/provision/code'), { recursive: true });
    chmodSync(other.at('cache/provision/code'), 0o777);
    expect((await other.run()).code).toBe(0);
    expect([mode(path.dirname(keptFile(other))), kept(other).length]).toEqual(['700', 1]);
  });

  it('is not looked for below the directory one stands in, whatever XDG_CACHE_HOME says', async () => {
    const here = await project();
    for (const relative of ['', '.', 'cache']) {
      rmSync(here.at('.cache'), { recursive: true, force: true });
      expect((await here.run([], { env: { XDG_CACHE_HOME: relative } })).code).toBe(0);
      expect(existsSync(here.at('.cache/provision/code'))).toBe(true);
      expect([existsSync(here.at('provision')), existsSync(here.at('cache'))]).toEqual([false, false]);
    }
  });

  it('belongs to one text: an edited one of the same length runs as it now is, and few old ones are left', async () => {
    const here = await project();
    for (const part of ['dist', 'templates', 'package.json'])
      cpSync(part, here.at(`package/${part}`), { recursive: true });
    symlinkSync(path.resolve('node_modules'), here.at('package/node_modules'));
    const bundle = here.at('package/dist/cli/provision.cjs');
    const node = promisify(execFile);
    const run = async (): Promise<string> => {
      const argv = [here.at('package/dist/cli/main.js'), 'playbook.ts', '-i', 'inventory.yml'];
      const env = { PATH: process.env['PATH'], HOME: here.directory, XDG_CACHE_HOME: here.at('cache') };
      const more = { PROVISION_HOST_STATE: here.at('state') };
      const flags = ['-F', here.setup.configFile, '--no-rollback'];
      const { stdout } = await node(process.execPath, [...argv, ...flags], {
        cwd: here.directory,
        env: { ...env, ...more },
      });
      return stdout;
    };
    expect(await run()).toContain('RECAP');
    for (const word of ['SUMME', 'TOTAL', 'ENDED', 'THEND', 'FINIS']) {
      const text = readFileSync(bundle, 'latin1');
      const edited = text.replace(/bold\("[A-Z]{5}"\)/, `bold("${word}")`);
      expect(edited.length).toBe(text.length);
      writeFileSync(bundle, edited, 'latin1');
      // A second later by its time, as an editor leaves it.
      const { mtime } = statSync(bundle);
      utimesSync(bundle, mtime, new Date(mtime.getTime() + 1000));
      expect(await run()).toContain(word);
    }
    expect(kept(here)).toHaveLength(4);
  });
});
