import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import type { Report } from '../../src/model/report.ts';
import { reportSchema } from '../../src/reporters/report-schema.ts';
import type { FakeHost } from '../fakehost/fake-host.ts';
import type { FakeNetwork } from '../fakehost/fake-network.ts';
import type { SshSetup, SshSetupOptions } from '../fakehost/ssh-setup.ts';

export const CLI = resolve('dist/cli/main.js');
const PATIENCE_MS = 30_000;

/** Never to be printed or reported by any run. */
export const SECRET = 'hunter2-of-the-environment';

export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** How a run ended, and the report it left. */
export interface Run extends Ended {
  readonly report: Report;
  /** Permissions of the report, as `600`. */
  readonly reportMode: string;
}

export interface RunOptions {
  readonly env?: NodeJS.ProcessEnv;
  /** How long it may take; default 30 s. */
  readonly patienceMs?: number;
  /** Called once the run is under way, to send it a signal. */
  readonly meanwhile?: (child: ChildProcess) => unknown;
}

export interface ProjectOptions extends SshSetupOptions {
  /** Variables of all hosts besides `ansible_become: false`. */
  readonly vars?: Readonly<Record<string, unknown>>;
  /** Variables by host; names that are no fake host may be among them. */
  readonly hostVars?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

/** A directory as a user has it: an inventory, a playbook, an ssh_config with its known_hosts. */
export interface Project {
  readonly directory: string;
  readonly setup: SshSetup;
  /** An absolute path below the project. */
  at(name: string): string;
  write(name: string, text: string): string;
  /** Runs any command line in the project, as a user would type it. */
  provision(argv: readonly string[], options?: RunOptions): Promise<Ended>;
  /** Runs `playbook.ts` on `inventory.yml` and answers the report too. */
  run(flags?: readonly string[], options?: RunOptions): Promise<Run>;
}

const validate = new Ajv2020({ strict: false, allErrors: true }).compile<Report>(reportSchema);

/** The report in a file. Throws when it does not keep to the published schema. */
export function readReport(file: string): Report {
  const report: unknown = JSON.parse(readFileSync(file, 'utf8'));
  if (validate(report)) return report;
  throw new Error(`${file} is no report: ${JSON.stringify(validate.errors, null, 2)}`);
}

/** Runs the built command line; a non-zero exit is a result. */
function execute(
  argv: readonly string[],
  cwd: string,
  { env, meanwhile, patienceMs = PATIENCE_MS }: RunOptions,
): Promise<Ended> {
  return new Promise((settle, reject) => {
    const child = spawn(process.execPath, [CLI, ...argv], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
    const seen = { stdout: '', stderr: '' };
    child.stdout.setEncoding('utf8').on('data', (text: string) => (seen.stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (seen.stderr += text));
    const timer = setTimeout(() => child.kill('SIGKILL'), patienceMs);
    child.on('error', reject).on('close', (code, signal) => {
      clearTimeout(timer);
      settle({ ...seen, code: code ?? (signal === 'SIGKILL' ? 137 : 128) });
    });
    void meanwhile?.(child);
  });
}

/** Makes a project whose hosts are these fake hosts, by name. It is gone after the test. */
export function projectFor(
  network: Pick<FakeNetwork, 'setup' | 'atEnd'>,
  hosts: Readonly<Record<string, FakeHost>>,
  playbook: string,
  { vars = {}, hostVars = {}, ...ssh }: ProjectOptions = {},
): Project {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), 'provision-cli-')));
  network.atEnd(() => rmSync(directory, { recursive: true, force: true }));
  const setup = network.setup(hosts, ssh);
  const at = (name: string): string => join(directory, name);
  const write = (name: string, text: string): string => {
    mkdirSync(dirname(at(name)), { recursive: true });
    writeFileSync(at(name), text);
    return at(name);
  };
  const names = new Set([...Object.keys(hosts), ...Object.keys(hostVars)]);
  // JSON is YAML: no value can break out of its place in the file.
  const members = Object.fromEntries([...names].map((name) => [name, hostVars[name] ?? {}]));
  write(
    'inventory.yml',
    JSON.stringify({ all: { vars: { ansible_become: false, ...vars }, hosts: members } }, null, 2),
  );
  write('playbook.ts', playbook);
  mkdirSync(at('remote'));
  // The user's own ssh_config, agent and settings must not count.
  const env = {
    PATH: process.env['PATH'],
    HOME: directory,
    XDG_CACHE_HOME: at('cache'),
    DEPLOY_TOKEN: SECRET,
    // All of these hosts are this machine: each keeps its transactions in a place of its own, and none asks systemd.
    PROVISION_HOST_STATE: at('remote-state-{host}'),
  };
  const provision: Project['provision'] = (argv, options = {}) =>
    execute(argv, directory, { ...options, env: { ...env, ...options.env } });
  return {
    directory,
    setup,
    at,
    write,
    provision,
    async run(flags = [], options) {
      const file = at('report.json');
      rmSync(file, { force: true });
      const argv = [
        'playbook.ts',
        '-i',
        'inventory.yml',
        '-F',
        setup.configFile,
        '--report',
        'report.json',
        '--no-rollback',
        ...flags,
      ];
      const ended = await provision(argv, options);
      if (!existsSync(file))
        throw new Error(`no report was written; exit ${ended.code}\n${ended.stdout}${ended.stderr}`);
      return { ...ended, report: readReport(file), reportMode: (statSync(file).mode & 0o777).toString(8) };
    },
  };
}

/**
 * An inventory of many hosts that are all one fake host, `server`: each logs in as a user of its own name, so that the
 * server can tell who was contacted. `over` are variables of single ones.
 */
export function crowd(
  project: Project,
  names: readonly string[],
  over: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {},
): void {
  const hosts = Object.fromEntries(
    names.map((name) => [name, { ansible_host: 'server', ansible_user: name, ...over[name] }]),
  );
  project.write('inventory.yml', JSON.stringify({ all: { vars: { ansible_become: false }, hosts } }));
}

/** A playbook with one play for all hosts; `resources` is TypeScript that may use `host` and `here`. */
export const playbookOf = (resources: string, { play = '', head = '' } = {}): string => `
import { fileURLToPath } from 'node:url';
import { command, egress, file, play, playbook, reach, sh } from 'provision';
const here = (name: string) => fileURLToPath(new URL('remote/', import.meta.url)) + name;
/** Made by touch, taken back by rm. */
const mark = (name: string) => command({ name, check: sh\`test -e \${here(name)}\`, run: sh\`touch \${here(name)}\`, undo: sh\`rm -f \${here(name)}\` });
/** Its step fails. */
const broken = (name: string) => command({ name, check: 'false', run: 'echo the disk is full >&2; exit 3', undo: 'true' });
${head}
const role = { name: 'own', build: ({ host, vars }: any) => ({ resources: [${resources}].flat() }) };
export default playbook('own resources', [play({ hosts: 'all', roles: [role], ${play} })]);
`;

/** One resource per host, that a first run makes and a second one finds. */
export const MARKS = playbookOf('mark(host.name)');

/** `slow(name)`: says that it has begun, and takes so long that a test can do something meanwhile. */
export const SLOW_STEP = `const slow = (name: string) => command({
  name, check: sh\`test -e \${here(name)}\`, run: sh\`touch \${here(name + '.begun')}; sleep 0.6; touch \${here(name)}\`, undo: sh\`rm -f \${here(name)}\`,
});`;
export const SLOW = playbookOf('slow(host.name)', { head: SLOW_STEP });

/** Does something once the slow step of a host runs. */
export async function whenBegun(project: Project, host: string, act: () => unknown): Promise<void> {
  await until(() => existsSync(project.at(`remote/${host}.begun`)));
  act();
}

export interface PrintedError {
  readonly code: string;
  readonly message: string;
  /** What its `next:` line says; null when it has none. */
  readonly next: string | null;
  readonly place?: { readonly file: string; readonly line?: number };
}

/** Errors as printed on standard error. */
export function errorsIn(stderr: string): PrintedError[] {
  return stderr.split(/^(?=.*error \[)/m).flatMap((part) => {
    const [, file, line, code = '', message = ''] =
      /^(?:([^\s:]+)(?::(\d+))?(?::\d+)?: )?error \[([a-z-]+)\] (.*)/.exec(part) ?? [];
    if (code === '') return [];
    const next = /^ {2}next: (.+)$/m.exec(part)?.[1] ?? null;
    return [
      {
        code,
        message,
        next,
        ...(file === undefined
          ? {}
          : { place: { file, ...(line === undefined ? {} : { line: Number(line) }) } }),
      },
    ];
  });
}

/** All that a run told anybody. */
export const everythingOf = ({ stdout, stderr, report }: Run): string =>
  [stdout, stderr, JSON.stringify(report)].join('\n');

/** The lines of a private key that are the key. */
export const keyMaterialOf = (file: string): string[] =>
  readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line.length > 30 && !line.startsWith('-----'));

/** Waits until something holds. Throws after 10 s. */
export async function until(holds: () => boolean): Promise<void> {
  for (const start = Date.now(); !holds();) {
    if (Date.now() - start > 10_000) throw new Error('it never happened');
    await new Promise((resume) => setTimeout(resume, 10));
  }
}

/** A program that stands before the real one in `PATH` of a fake host. */
export function fakeProgram(project: Project, name: string, script: string): NodeJS.ProcessEnv {
  chmodSync(project.write(`bin/${name}`, `#!/bin/sh\n${script}\n`), 0o755);
  return { ...process.env, PATH: `${project.at('bin')}:${process.env['PATH'] ?? ''}` };
}
