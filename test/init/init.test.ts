import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Ajv } from 'ajv';
import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { parse } from 'yaml';

const CLI = resolve('dist/cli/main.js');
const own = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };

interface Ran {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

let base: string;
let project: string;
let made: Ran;

/** The built command line (`npm run build`), in a directory. */
function provision(cwd: string, ...words: string[]): Ran {
  const env = { ...process.env, XDG_CACHE_HOME: join(base, 'cache') };
  const { status, stdout, stderr } = spawnSync(process.execPath, [CLI, ...words], {
    cwd,
    encoding: 'utf8',
    env,
  });
  return { code: status, out: stdout, err: stderr };
}

const json = <T>(name: string): T => JSON.parse(readFileSync(join(project, name), 'utf8')) as T;

beforeAll(() => {
  base = mkdtempSync(join(tmpdir(), 'provision-init-'));
  project = join(base, 'My gateways');
  made = provision(base, 'init', 'My gateways');
});
afterAll(() => rmSync(base, { recursive: true, force: true }));

const filesBelow = (root: string): string[] =>
  readdirSync(root, { recursive: true, withFileTypes: true, encoding: 'utf8' })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1))
    .toSorted();

describe('provision init', () => {
  it('ends 0 and prints the next two commands', () => {
    expect(made).toEqual({
      code: 0,
      out: "cd 'My gateways' && npx provision validate playbooks/gateway.ts -i inventory/lab\nsudo npx provision rehearse playbooks/gateway.ts -i inventory/lab\n",
      err: '',
    });
  });

  it('has the inventory and the playbook of the package, word for word', () => {
    for (const name of filesBelow('inventory/lab')) {
      expect(readFileSync(join(project, 'inventory/lab', name), 'utf8')).toBe(
        readFileSync(join('inventory/lab', name), 'utf8'),
      );
    }
    expect(readFileSync(join(project, 'playbooks/gateway.ts'), 'utf8')).toBe(
      readFileSync('playbooks/gateway.ts', 'utf8'),
    );
  });

  it('is a module of its own that depends on this version', () => {
    expect(json('package.json')).toMatchObject({
      name: 'my-gateways',
      private: true,
      type: 'module',
      devDependencies: { provision: own.version },
    });
    expect(readFileSync(join(project, '.gitignore'), 'utf8')).toContain('node_modules/');
    expect(existsSync(join(project, 'templates/README.md'))).toBe(true);
  });

  it('names nothing of the machine it was made on', () => {
    for (const name of filesBelow(project)) {
      const text = readFileSync(join(project, name), 'utf8');
      expect(text).not.toContain(base);
      expect(text).not.toContain(process.cwd());
    }
  });

  it('validates and renders at once, with no copy of provision installed', () => {
    expect(existsSync(join(project, 'node_modules'))).toBe(false);
    expect(provision(project, 'validate', 'playbooks/gateway.ts', '-i', 'inventory/lab')).toMatchObject({
      code: 0,
      err: '',
    });
    expect(
      provision(project, 'render', 'playbooks/gateway.ts', '-i', 'inventory/lab', '--out', 'rendered').code,
    ).toBe(0);
    expect(existsSync(join(project, 'rendered/gw1/etc/firewalld/zones/public.xml'))).toBe(true);
  });

  it('maps every YAML file of the inventory to a schema that accepts it and completes', () => {
    const settings = json<{ 'yaml.schemas': Record<string, string | string[]> }>('.vscode/settings.json')[
      'yaml.schemas'
    ];
    const matches = (glob: string, file: string): boolean =>
      new RegExp(`^${glob.replaceAll('.', '\\.').replaceAll('*', '[^/]*')}$`).test(file);
    const yaml = filesBelow(project).filter((name) => name.startsWith('inventory/'));
    expect(yaml.length).toBeGreaterThan(3);
    for (const file of yaml) {
      const schemas = Object.entries(settings).filter(([, globs]) =>
        [globs].flat().some((glob) => matches(glob, file)),
      );
      expect([file, schemas.length]).toEqual([file, 1]);
      const check = new Ajv({ strict: false, validateFormats: false }).compile(
        json<object>(schemas[0]?.[0] ?? ''),
      );
      const data: unknown = parse(readFileSync(join(project, file), 'utf8'));
      expect([file, check(data) ? [] : check.errors]).toEqual([file, []]);
      expect(check({ nat: 1, all: 1 })).toBe(false);
    }
  });

  it('has schemas that `provision schema` prints again', () => {
    for (const what of ['inventory', 'variables']) {
      expect(provision(project, 'schema', what).out).toBe(
        readFileSync(join(project, `.provision/${what}.schema.json`), 'utf8'),
      );
    }
  });

  it('passes the type check once provision is installed, and a wrong option does not', () => {
    const whole = join(base, 'installed');
    cpSync(project, whole, { recursive: true });
    mkdirSync(join(whole, 'node_modules'));
    symlinkSync(resolve('.'), join(whole, 'node_modules/provision'));
    const check = () =>
      spawnSync(process.execPath, [resolve('node_modules/typescript/bin/tsc'), '--noEmit'], {
        cwd: whole,
        encoding: 'utf8',
      });
    expect(check()).toMatchObject({ status: 0, stdout: '' });
    const file = join(whole, 'playbooks/gateway.ts');
    writeFileSync(file, readFileSync(file, 'utf8').replace('hosts:', 'hsots:'));
    expect(check().stdout).toMatch(/playbooks\/gateway\.ts\(\d+,\d+\): error TS/);
  }, 60_000);

  it('refuses a directory with anything in it, and touches nothing there', () => {
    const used = join(base, 'used');
    mkdirSync(used);
    writeFileSync(join(used, 'notes'), 'mine');
    const { code, out, err } = provision(base, 'init', 'used');
    expect([code, out]).toEqual([5, '']);
    expect(err).toMatch(/^error \[usage\] used is not empty: it holds notes\.\n {2}next: /);
    expect(readdirSync(used)).toEqual(['notes']);
  });

  it('takes a directory that holds nothing but .git, and the current one', () => {
    const fresh = join(base, 'fresh');
    mkdirSync(join(fresh, '.git'), { recursive: true });
    const { code, out } = provision(fresh, 'init', '.');
    expect(code).toBe(0);
    expect(out).toMatch(/^npx provision validate/);
    expect((JSON.parse(readFileSync(join(fresh, 'package.json'), 'utf8')) as { name: string }).name).toBe(
      basename(fresh),
    );
  });

  it('says so when the path is a file', () => {
    writeFileSync(join(base, 'file'), '');
    expect(provision(base, 'init', 'file')).toMatchObject({
      code: 5,
      err: expect.stringContaining('cannot be used'),
    });
  });
});
