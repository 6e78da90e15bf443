import { cpSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { packInto, removeCache, run } from './packed.ts';

/**
 * `npx provision` as users have it: in a clone, from the packed tarball in another folder, and as a dependency of a
 * project with its own playbooks and templates. `schema`, and a run that stops before any host, prove that the
 * command, its libraries and the templates are found.
 */
const MINUTES = 60_000;
let root = '';
let tarball = '';

/** What a person sees of it: the results, and when it fails all of it. */
const seen = async (
  cwd: string,
  command: string,
  ...argv: string[]
): Promise<{ code: number; output: string }> => {
  const { code, stdout, stderr } = await run(cwd, command, ...argv);
  return { code, output: code === 0 ? stdout : stdout + stderr };
};

beforeAll(async () => {
  root = mkdtempSync(path.join(os.tmpdir(), 'provision-package-'));
  tarball = await packInto(root);
}, 2 * MINUTES);

afterAll(() => {
  removeCache();
  rmSync(root, { recursive: true, force: true });
});

/** A project with the lab's inventory, and hosts that nothing is asked of: the lab of this copy is not up. */
function project(name: string): string {
  const directory = path.join(root, name);
  mkdirSync(path.join(directory, 'playbooks'), { recursive: true });
  cpSync('inventory/lab', path.join(directory, 'inventory/lab'), { recursive: true });
  cpSync('playbooks/gateway.ts', path.join(directory, 'playbooks/gateway.ts'));
  writeFileSync(path.join(directory, 'package.json'), '{ "name": "mine", "private": true }\n');
  return directory;
}

const LAB_NOT_UP = 'lives in the lab of this inventory, and that is not up';

describe('npx provision', () => {
  it(
    'works in the clone',
    async () => {
      const built = () => statSync('dist/index.js').mtimeMs;
      const before = built();
      const { code, output } = await seen(process.cwd(), 'npx', 'provision', '--version');
      expect([code, output.trim()]).toEqual([0, '0.1.0']);
      // npm builds first. Other runs are reading these files: half a file is no module.
      expect(built()).toBe(before);
    },
    MINUTES,
  );

  it(
    'works from the packed tarball in another folder, without being a dependency',
    async () => {
      const directory = project('elsewhere');
      const npx = (...argv: string[]) =>
        seen(directory, 'npx', '--yes', `--package=${tarball}`, 'provision', ...argv);
      expect((await npx('schema', 'report')).output).toContain('Report of a provision run');
      const { code, output } = await npx('playbooks/gateway.ts', '-i', 'inventory/lab');
      expect(output).toContain(LAB_NOT_UP);
      expect(code).toBe(4);
    },
    4 * MINUTES,
  );

  it(
    'works as a dependency of a project with its own playbooks and templates',
    async () => {
      const directory = project('dependency');
      expect(
        (await run(directory, 'npm', 'install', '--silent', '--no-audit', '--no-fund', tarball)).code,
      ).toBe(0);
      writeFileSync(
        path.join(directory, 'playbooks/own.ts'),
        `import { defineRole, file, play, playbook } from 'provision';
const motd = defineRole('motd', ({ template, host }) => ({ resources: [file({ path: '/etc/motd', content: template('motd', { host: host.name }) })] }));
export default playbook('own', [play({ hosts: 'gw1', roles: [motd()] })]);
`,
      );
      const own = () => seen(directory, 'npx', 'provision', 'playbooks/own.ts', '-i', 'inventory/lab');
      expect((await own()).output).toContain('There is no template motd.hbs');
      mkdirSync(path.join(directory, 'templates'));
      writeFileSync(path.join(directory, 'templates/motd.hbs'), 'Welcome to {{host}}\n');
      expect((await own()).output).toContain(LAB_NOT_UP);
      // Types are there for the editor.
      const types = await run(
        directory,
        'node',
        '-e',
        "console.log(require('node:fs').existsSync(require('node:path').dirname(require.resolve('provision/package.json')) + '/dist/index.d.ts'))",
      );
      expect(types.stdout.trim()).toBe('true');
    },
    4 * MINUTES,
  );
});
