import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { writeFile } from '../../../src/shell/write-file.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), 'provision-write-'));
  chmodSync(root, 0o755);
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const asRoot = process.getuid?.() === 0 ? it : it.skip;
const rights = (file: string): string => {
  const { mode, uid, gid } = statSync(file);
  return `${(mode & 0o7777).toString(8)} ${uid} ${gid}`;
};

describe.each(['dash', 'bash'])('writing a whole file in %s', (shell) => {
  const write = (script: string, before = ''): string => {
    const { status, stderr } = spawnSync(shell, ['-ec', `${before}\n${script}`], { encoding: 'utf8' });
    return status === 0 ? 'written' : stderr.trim();
  };

  asRoot.each([
    ['0600', '600 0 0'],
    ['0644', '644 0 0'],
  ])('as root with mode %s, whatever group the directory hands down', (mode, expected) => {
    const directory = path.join(root, 'setgid');
    mkdirSync(directory);
    chownSync(directory, 0, 4242);
    chmodSync(directory, 0o2755);
    const file = path.join(directory, 'f');
    expect(write(writeFile(file, 'x', { mode }))).toBe('written');
    expect([rights(file), readFileSync(file, 'utf8'), readdirSync(directory)]).toEqual([
      expected,
      'x',
      ['f'],
    ]);
    // The control: the directory does hand its group down.
    execFileSync('touch', [path.join(directory, 'plain')]);
    expect(statSync(path.join(directory, 'plain')).gid).toBe(4242);
  });

  asRoot('for somebody else', () => {
    const file = path.join(root, 'f');
    expect(write(writeFile(file, 'x', { mode: '0640', owner: '4242', group: '4243' }))).toBe('written');
    expect(rights(file)).toBe('640 4242 4243');
  });

  it('nobody else can read it before it has its rights', () => {
    const file = path.join(root, 'f');
    const looks = `mv() { stat -c %a "${root}"/.provision.* > "${root}/seen"; command mv "$@"; }`;
    expect(write(writeFile(file, 'x', { mode: '0600' }), looks)).toBe('written');
    expect(readFileSync(path.join(root, 'seen'), 'utf8')).toBe('600\n');
  });

  asRoot.each([
    ['others can write in', 0, 0o777],
    ['others can write in', 4242, 0o755],
  ])('is refused where %s it (owner %i, mode %o)', (_what, owner, mode) => {
    const directory = path.join(root, 'open');
    mkdirSync(directory);
    chmodSync(directory, mode);
    chownSync(directory, owner, 0);
    expect(write(writeFile(path.join(directory, 'f'), 'x', { mode: '0600' }))).toBe(
      `others can write in ${directory}`,
    );
    expect(readdirSync(directory)).toEqual([]);
  });
});
