import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { labSupport } from './support.ts';

const MINUTES = 60_000;

const run = (
  cwd: string,
  command: string,
  ...argv: string[]
): Promise<{ code: number; stdout: string; stderr: string }> =>
  new Promise((resolve) => {
    execFile(command, argv, { cwd, maxBuffer: 64 << 20 }, (error, stdout, stderr) =>
      resolve({ code: error ? Number(error.code ?? 1) : 0, stdout, stderr }),
    );
  });

labSupport('the first hour: from the packed tarball to a passed rehearsal', () => {
  let root = '';
  let tarball = '';
  beforeAll(async () => {
    root = mkdtempSync(path.join(os.tmpdir(), 'provision-first-hour-'));
    const packed = await run(
      process.cwd(),
      'npm',
      'pack',
      '--silent',
      '--ignore-scripts',
      '--pack-destination',
      root,
    );
    expect(packed.code).toBe(0);
    tarball = path.join(root, readdirSync(root).find((file) => file.endsWith('.tgz')) ?? '');
  }, 2 * MINUTES);
  afterAll(() => rmSync(root, { recursive: true, force: true }));

  it(
    'init, then rehearse, ends 0',
    async () => {
      const npx = (cwd: string, ...argv: string[]) =>
        run(cwd, 'npx', '--yes', `--package=${tarball}`, 'provision', ...argv);
      const init = await npx(root, 'init', 'demo');
      expect([init.code, init.stdout + init.stderr]).toEqual([
        0,
        expect.stringContaining('rehearse playbooks/gateway.ts -i inventory/lab'),
      ]);
      const demo = path.join(root, 'demo');
      const rehearsal = await npx(
        demo,
        'rehearse',
        'playbooks/gateway.ts',
        '-i',
        'inventory/lab',
        '--install',
      );
      expect([rehearsal.code, rehearsal.stdout]).toEqual([0, expect.stringContaining('rehearsal passed')]);
      expect(rehearsal.stdout).toContain('3 of them failed before');
      expect(rehearsal.stdout).toMatch(/second run: nothing to change, one connection and one exec per host/);
    },
    10 * MINUTES,
  );
});
