import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

/**
 * `npx provision` as users have it: in a clone, from the packed tarball in another folder, and as a dependency of a
 * project with its own playbooks and templates. `schema`, and a run that stops before any host, prove that the
 * command, its libraries and the templates are found.
 */
const MINUTES = 60_000;
let root = '';
let tarball = '';

const run = (cwd: string, command: string, ...argv: string[]): { code: number; output: string } => {
  try {
    return {
      code: 0,
      output: execFileSync(command, argv, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }),
    };
  } catch (error) {
    const { status, stdout, stderr } = error as { status: number; stdout: string; stderr: string };
    return { code: status, output: `${stdout}${stderr}` };
  }
};

beforeAll(() => {
  root = mkdtempSync(path.join(os.tmpdir(), 'provision-package-'));
  const packed = run(
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
    () => {
      const { code, output } = run(process.cwd(), 'npx', 'provision', '--version');
      expect([code, output.trim()]).toEqual([0, '0.1.0']);
    },
    MINUTES,
  );

  it(
    'works from the packed tarball in another folder, without being a dependency',
    () => {
      const directory = project('elsewhere');
      const npx = (...argv: string[]) =>
        run(directory, 'npx', '--yes', `--package=${tarball}`, 'provision', ...argv);
      expect(npx('schema', 'report').output).toContain('Report of a provision run');
      const { code, output } = npx('playbooks/gateway.ts', '-i', 'inventory/lab');
      expect(output).toContain(LAB_NOT_UP);
      expect(code).toBe(4);
    },
    4 * MINUTES,
  );

  it(
    'works as a dependency of a project with its own playbooks and templates',
    () => {
      const directory = project('dependency');
      expect(run(directory, 'npm', 'install', '--silent', '--no-audit', '--no-fund', tarball).code).toBe(0);
      writeFileSync(
        path.join(directory, 'playbooks/own.ts'),
        `import { defineRole, file, play, playbook } from 'provision';
const motd = defineRole('motd', ({ template, host }) => ({ resources: [file({ path: '/etc/motd', content: template('motd', { host: host.name }) })] }));
export default playbook('own', [play({ hosts: 'gw1', roles: [motd()] })]);
`,
      );
      const own = (): { code: number; output: string } =>
        run(directory, 'npx', 'provision', 'playbooks/own.ts', '-i', 'inventory/lab');
      expect(own().output).toContain('There is no template motd.hbs');
      mkdirSync(path.join(directory, 'templates'));
      writeFileSync(path.join(directory, 'templates/motd.hbs'), 'Welcome to {{host}}\n');
      expect(own().output).toContain(LAB_NOT_UP);
      // Types are there for the editor.
      const types = run(
        directory,
        'node',
        '-e',
        "console.log(require('node:fs').existsSync(require('node:path').dirname(require.resolve('provision/package.json')) + '/dist/index.d.ts'))",
      );
      expect(types.output.trim()).toBe('true');
    },
    4 * MINUTES,
  );
});
