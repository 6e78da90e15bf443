import { spawn } from 'node:child_process';
import { expect, it } from '@jest/globals';
import { fakeNetwork } from '../fakehost/fake-network.ts';
import { CLI, MARKS, projectFor } from './project.ts';

const network = fakeNetwork();

/** Ends with what provision says on standard error, and how it ends, when nobody reads what it prints. */
function unread(cwd: string, argv: readonly string[], env: NodeJS.ProcessEnv = {}) {
  return new Promise<{ code: number | null; stderr: string }>((settle) => {
    const child = spawn(process.execPath, [CLI, ...argv], {
      cwd,
      env: { PATH: process.env['PATH'], HOME: cwd, ...env },
    });
    child.stdout.destroy();
    let stderr = '';
    child.stderr.on('data', (chunk) => (stderr += String(chunk)));
    child.on('close', (code) => settle({ code, stderr }));
  });
}

it('a reader that has gone away is no defect: neither for a listing nor for a run that changes a host', async () => {
  const project = projectFor(network, { db1: await network.host() }, MARKS);
  const schema = await unread(project.directory, ['schema', 'report']);
  expect(schema).toEqual({ code: 0, stderr: '' });
  const flags = ['-i', 'inventory.yml', '-F', project.setup.configFile];
  const state = { PROVISION_HOST_STATE: project.at('remote-state-{host}') };
  const run = await unread(project.directory, ['playbook.ts', ...flags, '--no-rollback'], state);
  expect(run.stderr).not.toContain('EPIPE');
  expect(run.code).toBe(0);
});
