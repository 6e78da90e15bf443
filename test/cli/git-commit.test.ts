import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import { gitCommit } from '../../src/cli/git-commit.ts';

const COMMIT = 'a'.repeat(40);
const before = { ...process.env };
const root = mkdtempSync(path.join(os.tmpdir(), 'provision-git-'));
afterEach(() => {
  process.env = { ...before };
  rmSync(root, { recursive: true, force: true });
});

describe('the commit of a playbook', () => {
  it('asks a git that is handed no secret of the environment, and no other repository', async () => {
    const seen = path.join(root, 'environment');
    writeFileSync(
      path.join(root, 'git'),
      `#!/bin/sh\nenv > '${seen}'\necho '# branch.oid ${COMMIT}'\necho '1 .M changed'\n`,
    );
    chmodSync(path.join(root, 'git'), 0o755);
    Object.assign(process.env, {
      PATH: `${root}:${before['PATH']}`,
      HOME: root,
      DEPLOY_TOKEN: 'hunter2',
      GIT_DIR: '/elsewhere',
    });
    expect(await gitCommit(path.join(root, 'playbook.ts'))).toBe(`${COMMIT}+`);
    const names = readFileSync(seen, 'utf8')
      .split('\n')
      .map((line) => line.split('=')[0]);
    expect(names).toEqual(expect.arrayContaining(['PATH', 'HOME', 'GIT_OPTIONAL_LOCKS']));
    expect(names).not.toEqual(expect.arrayContaining(['DEPLOY_TOKEN']));
    expect(names).not.toEqual(expect.arrayContaining(['GIT_DIR']));
  });
});
