import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { packInto, removeCache, run } from '../package/packed.ts';
import { labSupport } from './support.ts';

const MINUTES = 60_000;

labSupport('the first hour: from the packed tarball to a passed rehearsal', () => {
  let root = '';
  let tarball = '';
  beforeAll(async () => {
    root = mkdtempSync(path.join(os.tmpdir(), 'provision-first-hour-'));
    tarball = await packInto(root);
  }, 2 * MINUTES);
  afterAll(() => {
    removeCache();
    rmSync(root, { recursive: true, force: true });
  });

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
