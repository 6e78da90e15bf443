import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import type { FakeHost } from '../fakehost/fake-host.ts';
import { fakeNetwork } from '../fakehost/fake-network.ts';
import { GATEWAY } from './hostile-fields.ts';
import { errorsIn, everythingOf, playbookOf, projectFor } from './project.ts';
import type { Project, Run } from './project.ts';

const network = fakeNetwork();

/** What start files print, with a line that looks like ours, and bytes that are no text. */
const NOISE = 'Welcome @@0000000000000000 begin';
const SAYS = `printf '${NOISE}\\n\\377\\376\\n'; printf 'mail: \\377\\n' >&2\n`;

interface LoginShell {
  readonly name: string;
  readonly words: readonly [string, ...string[]];
  /** What it reads before a command, below the home directory. */
  readonly startFile: string;
  /** Makes it print the noise; `startFile` is in its own language. */
  readonly greeting: string;
}

const SHELLS: readonly LoginShell[] = [
  { name: 'bash with an echo in .bashrc', words: ['bash', '-c'], startFile: '.bashrc', greeting: SAYS },
  {
    name: 'bash, login shell with an echo in .profile',
    words: ['bash', '-l', '-c'],
    startFile: '.profile',
    greeting: SAYS,
  },
  { name: 'dash', words: ['dash', '-c'], startFile: '.profile', greeting: SAYS },
  { name: 'fish', words: ['fish', '-c'], startFile: '.config/fish/config.fish', greeting: SAYS },
  {
    name: 'csh',
    words: ['csh', '-c'],
    startFile: '.cshrc',
    greeting: `echo '${NOISE}'\nprintf '\\377\\376\\n'\n`,
  },
  { name: 'zsh', words: ['zsh', '-c'], startFile: '.zshenv', greeting: SAYS },
];

const isThere = (shell: string): boolean => spawnSync('sh', ['-c', `command -v ${shell}`]).status === 0;

/** One test for each shell; skipped, and its name says so, where the shell is not installed. */
function forEachShell(what: string, test: (shell: LoginShell) => Promise<void>): void {
  for (const shell of SHELLS) {
    const there = isThere(shell.words[0]);
    const name = `${shell.name}: ${what}${there ? '' : ` (skipped: ${shell.words[0]} is not installed)`}`;
    (there ? it : it.skip)(name, () => test(shell), 60_000);
  }
}

const home = (project: Project): NodeJS.ProcessEnv => ({
  PATH: process.env['PATH'],
  HOME: project.at('home'),
  // As sshd sets them: by the first, bash sees that it must read its .bashrc (bash(1), INVOCATION).
  SSH_CLIENT: '198.51.100.1 50022 22',
  SSH_CONNECTION: '198.51.100.1 50022 203.0.113.1 22',
  // Not installed anywhere: some shells complain of it.
  LC_ALL: 'xx_XX.UTF-8',
});

/** A host whose user has this login shell, with noise in its start file. */
async function hostWith(shell: LoginShell, source: string, vars: Record<string, unknown> = {}) {
  // The home directory is made with the project, and the project needs the host: the environment is filled in last.
  const env: NodeJS.ProcessEnv = {};
  const host: FakeHost = await network.host({ loginShell: shell.words, env });
  const project = projectFor(network, { db1: host }, source, { vars });
  Object.assign(env, home(project));
  project.write(`home/${shell.startFile}`, shell.greeting);
  return { host, project, env };
}

const idOf = (flag: string): string => spawnSync('id', [flag], { encoding: 'utf8' }).stdout.trim();
/** Files of whoever runs the test. */
const MOTD = (content: string): string =>
  `file({ path: here('motd'), content: ${content}, owner: '${idOf('-un')}', group: '${idOf('-gn')}' })`;
const OWN = playbookOf(`[mark(host.name), ${MOTD('vars.motd')}]`);

const statusOf = (run: Run): unknown => [run.code, run.report.hosts[0]?.status];

describe('case 39: login shells', () => {
  it('control: the noise does arrive, before what the command prints', () => {
    const said = spawnSync('sh', ['-c', `${SAYS}echo real`]);
    expect(said.stdout.includes(Buffer.from([0xff, 0xfe]))).toBe(true);
    expect(said.stdout.toString()).toMatch(/^Welcome[^]*real\n$/);
  });

  forEachShell('greets', async ({ words, startFile, greeting }) => {
    const { project } = await hostWith({ name: '', words, startFile, greeting }, OWN);
    const said = spawnSync(words[0], [...words.slice(1), 'echo real'], { env: home(project) });
    // dash reads a .profile only as a login shell: nothing to get past there.
    expect(said.stdout.toString()).toMatch(words[0] === 'dash' ? /^real\n$/ : /^Welcome[^]*real\n$/);
  });

  forEachShell('everything that a gateway run reads comes back as through sh', async (shell) => {
    const gateway =
      "import { natGateway, play, playbook } from 'provision';\nexport default playbook('gateway', [play({ hosts: 'all', roles: [natGateway()] })]);\n";
    const vars = {
      ...Object.fromEntries(
        Object.entries(GATEWAY).filter(([key]) => !key.startsWith('ansible_') && key !== 'host_keys'),
      ),
      // The role asserts the addresses of NICs: this one every machine has.
      nics: { lo: { address: '127.0.0.1/8' } },
      eips: { office: { ...GATEWAY.eips.office, private: '127.0.0.1' } },
      firewall: { zones: { public: { ...GATEWAY.firewall.zones.public, interfaces: ['lo'] } } },
    };
    const plain = await hostWith({ ...shell, words: ['/bin/sh', '-c'] }, gateway, vars);
    const { project, host } = await hostWith(shell, gateway, vars);
    const [expected, run] = [await plain.project.run(['--check']), await project.run(['--check'])];
    expect([run.code, run.report.hosts[0]?.status, host.execs]).toEqual([0, 'planned', 1]);
    expect(run.report.hosts[0]?.changes).toEqual(expected.report.hosts[0]?.changes);
    expect(everythingOf(run)).not.toContain('Welcome');
  });

  forEachShell('changes a host, and the second run finds nothing', async (shell) => {
    const { project } = await hostWith(shell, OWN, { motd: "it's $(id) `id` \\ !! ü\n" });
    expect(statusOf(await project.run())).toEqual([0, 'changed']);
    expect(readFileSync(project.at('remote/motd'), 'utf8')).toBe("it's $(id) `id` \\ !! ü\n");
    expect(statusOf(await project.run())).toEqual([0, 'ok']);
  });

  forEachShell('through sudo, without and with a password', async (shell) => {
    const { project, env } = await hostWith(shell, playbookOf('mark(host.name)'), { ansible_become: true });
    // Of -S the first line of the input is the password; then the command, after `--` or the flags.
    const sudo = `ask=; while :; do case $1 in -S) ask=1; shift ;; -p) shift 2 ;; -[nk]) shift ;; --) shift; break ;; *) break ;; esac; done
[ -z "$ask" ] || { IFS= read -r password; [ "$password" = open ] || { echo 'Sorry, try again.' >&2; exit 1; }; }
exec "$@"`;
    project.write('bin/sudo', `#!/bin/sh\n${sudo}\n`);
    spawnSync('chmod', ['755', project.at('bin/sudo')]);
    env['PATH'] = `${project.at('bin')}:${env['PATH'] ?? ''}`;
    // A login shell makes its PATH anew: /etc/profile.
    if (shell.words.includes('-l'))
      project.write(`home/${shell.startFile}`, `${SAYS}PATH='${env['PATH']}'\n`);
    expect(statusOf(await project.run())).toEqual([0, 'changed']);
    const password = { env: { PROVISION_BECOME_PASSWORD: 'open' } };
    expect(statusOf(await project.run([], password))).toEqual([0, 'ok']);
    const wrong = await project.run([], { env: { PROVISION_BECOME_PASSWORD: 'shut' } });
    expect([wrong.code, errorsIn(wrong.stderr)[0]?.code]).toEqual([2, 'sudo-refused']);
  });

  it('a start file that eats the input: a clear error, and nothing was done', async () => {
    const [bash] = SHELLS;
    if (bash === undefined) throw new Error('no shell');
    const { project } = await hostWith(
      { ...bash, greeting: 'cat >/dev/null\n' },
      playbookOf('mark(host.name)'),
    );
    const run = await project.run();
    expect(run.code).toBe(2);
    expect(errorsIn(run.stderr)).toEqual([
      expect.objectContaining({
        code: 'probe-failed',
        message: expect.stringMatching(/^db1: the shell there did not run our script/),
        next: expect.stringContaining('what the login shell prints'),
      }),
    ]);
    expect(existsSync(project.at('remote/db1'))).toBe(false);
  });

  it.each(['/usr/sbin/nologin', '/bin/false'])('%s: a clear error', async (shell) => {
    const host = await network.host({ loginShell: [shell, '-c'] });
    const run = await projectFor(network, { db1: host }, playbookOf('mark(host.name)')).run();
    expect([run.code, errorsIn(run.stderr).map(({ code }) => code)]).toEqual([2, ['probe-failed']]);
  });
});

describe('case 39: output that is no text', () => {
  const INVALID = Buffer.from([0x61, 0xff, 0xfe, 0x0a]);
  const motd = MOTD("'text\\n'");

  it('a file with such bytes differs, and is replaced', async () => {
    const host = await network.host();
    const project = projectFor(network, { db1: host }, playbookOf(motd));
    writeFileSync(project.at('remote/motd'), INVALID);
    const run = await project.run(['--diff']);
    expect(statusOf(run)).toEqual([0, 'changed']);
    expect(readFileSync(project.at('remote/motd'), 'utf8')).toBe('text\n');
  });

  it('taken back, it has the same bytes as before', async () => {
    const host = await network.host();
    const project = projectFor(network, { db1: host }, playbookOf(`[${motd}, broken('b')]`));
    writeFileSync(project.at('remote/motd'), INVALID);
    expect(statusOf(await project.run())).toEqual([2, 'reverted']);
    expect(readFileSync(project.at('remote/motd'))).toEqual(INVALID);
  });

  it('a step that fails with such output: its text is shown, without what a terminal would act on', async () => {
    const failing = `command({ name: 'f', check: 'false', run: "printf 'no \\\\377 \\\\033[31mspace\\\\n' >&2; exit 1", undo: 'true' })`;
    const host = await network.host();
    const run = await projectFor(network, { db1: host }, playbookOf(failing)).run(['-vv']);
    expect(run.code).toBe(2);
    expect(run.stdout + run.stderr).toContain('space');
    expect(run.stdout + run.stderr).not.toContain('\u001B[31mspace');
  });
});
