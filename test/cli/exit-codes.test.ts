import { existsSync, rmSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { newKeyPair } from '../fakehost/fake-host.ts';
import type { FakeHostOptions } from '../fakehost/fake-host.ts';
import { fakeNetwork } from '../fakehost/fake-network.ts';
import { errorsIn, MARKS, playbookOf, projectFor, SLOW, SLOW_STEP, until, whenBegun } from './project.ts';
import type { Project, ProjectOptions, Run } from './project.ts';

const network = fakeNetwork();

/** Cuts the link in the first exec, which only reads. */
const CUT_IN_PROBE: FakeHostOptions = { cut: { afterBytes: 40 } };

async function oneHost(
  playbook: string,
  options: FakeHostOptions = {},
  more: ProjectOptions = {},
): Promise<Project> {
  return projectFor(network, { db1: await network.host(options) }, playbook, more);
}

const statuses = ({ report }: Run): Record<string, string> =>
  Object.fromEntries(report.hosts.map(({ name, status }) => [name, status]));

describe('exit 0', () => {
  it('something changed; then nothing is left to change; --check of either', async () => {
    const project = await oneHost(MARKS);
    const check = await project.run(['--check']);
    expect([check.code, statuses(check)]).toEqual([0, { db1: 'planned' }]);
    expect(existsSync(project.at('remote/db1'))).toBe(false);
    const first = await project.run();
    expect([first.code, statuses(first)]).toEqual([0, { db1: 'changed' }]);
    expect(existsSync(project.at('remote/db1'))).toBe(true);
    const second = await project.run();
    expect([second.code, statuses(second)]).toEqual([0, { db1: 'ok' }]);
    const checked = await project.run(['-C']);
    expect([checked.code, statuses(checked)]).toEqual([0, { db1: 'ok' }]);
  });

  it('--help and --version', async () => {
    const project = await oneHost(MARKS);
    expect(await project.provision(['--version'])).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
      stderr: '',
    });
    expect(await project.provision(['--help'])).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('Usage: provision'),
      stderr: '',
    });
  });
});

describe('exit 2', () => {
  it('a step fails: what was changed before is put back', async () => {
    const project = await oneHost(playbookOf('[mark(host.name), broken("disk")]'));
    const run = await project.run();
    expect([run.code, statuses(run)]).toEqual([2, { db1: 'reverted' }]);
    expect(existsSync(project.at('remote/db1'))).toBe(false);
    expect(errorsIn(run.stderr)).toEqual([
      {
        code: 'apply-failed',
        message: 'db1: command:disk could not be changed (exit 3): the disk is full.',
        next: expect.stringContaining('put back'),
      },
    ]);
  });

  it('a check fails with nothing to change; with --check it does not count', async () => {
    const closed = playbookOf('mark(host.name)', {
      play: "checks: [reach({ from: 'db1', to: '127.0.0.1:1', expect: 'open', retries: 0 })]",
    });
    const project = await oneHost(closed);
    project.write('remote/db1', '');
    const run = await project.run();
    expect([run.code, statuses(run)]).toEqual([2, { db1: 'ok' }]);
    expect(run.report.hosts[0]?.checks).toMatchObject([{ status: 'fail', got: 'closed' }]);
    expect((await project.run(['--check'])).code).toBe(0);
  });

  it('sudo is refused', async () => {
    const project = await oneHost(
      MARKS,
      { answer: () => ({ code: 1, stderr: 'sudo: a password is required\n' }) },
      { vars: { ansible_become: true } },
    );
    const run = await project.run();
    expect([run.code, statuses(run)]).toEqual([2, { db1: 'failed' }]);
  });

  it('the link is cut before anything changed', async () => {
    const project = await oneHost(MARKS, CUT_IN_PROBE);
    const run = await project.run();
    expect([run.code, statuses(run)]).toEqual([2, { db1: 'failed' }]);
    expect(existsSync(project.at('remote/db1'))).toBe(false);
  });
});

describe('exit 1', () => {
  it('a defect in what we run ourselves is not passed off as the fault of a host', async () => {
    const read = 'read: () => { throw new TypeError("no such thing"); }';
    const check = `{ name: 'x', from: 'db1', kind: 'x', to: 'x', expect: 'x', when: 'always', onFail: 'warn', retries: 0, timeout: 1, script: 'echo x', ${read} }`;
    const playbook = playbookOf('mark(host.name)', { play: `checks: [() => [${check}]]` });
    const run = await projectFor(network, { db1: await network.host() }, playbook).run();
    expect([run.code, statuses(run)]).toEqual([1, { db1: 'failed' }]);
    expect(run.stderr).toContain('[internal]');
    expect(run.stderr).not.toMatch(/\n\s+at /);
  });
});

describe('exit 3', () => {
  it('the host is gone in the middle of the changes, and stays away: their outcome is unknown', async () => {
    const host = await network.host();
    const project = projectFor(network, { db1: host }, SLOW);
    const run = await project.run([], { meanwhile: () => whenBegun(project, 'db1', () => host.close()) });
    expect([run.code, statuses(run)]).toEqual([3, { db1: 'unknown' }]);
  });
});

describe('mixed outcomes: 3 before 2 before 4 before 0', () => {
  // What happens to a host is in its name.
  const MIXED = playbookOf(
    'host.name.startsWith("bad") ? broken("disk") : host.name.startsWith("cut") ? slow(host.name) : mark(host.name)',
    { head: SLOW_STEP },
  );
  const mixed = async (...names: string[]): Promise<Run> => {
    const hosts = Object.fromEntries(
      await Promise.all(names.map(async (name) => [name, await network.host()] as const)),
    );
    const gone = Object.fromEntries(
      names.filter((name) => name === 'gone').map((name) => [name, { ansible_port: 1 }]),
    );
    const project = projectFor(network, hosts, MIXED, { hostVars: gone });
    const cut = (): Promise<void> => whenBegun(project, 'cut', () => hosts['cut']?.close());
    return project.run([], hosts['cut'] ? { meanwhile: cut } : {});
  };

  it('unreachable and changed: 4', async () => {
    const run = await mixed('gone', 'fine');
    expect([run.code, statuses(run)]).toEqual([4, { gone: 'unreachable', fine: 'changed' }]);
  });

  it('unreachable and failed: 2; the good host of the batch is put back and names the cause', async () => {
    const run = await mixed('gone', 'bad', 'fine');
    expect([run.code, statuses(run)]).toEqual([
      2,
      { gone: 'unreachable', bad: 'reverted', fine: 'reverted' },
    ]);
    expect(run.report.hosts.find(({ name }) => name === 'fine')?.cause).toEqual({ host: 'bad' });
  });

  it('unknown, failed and unreachable: 3', async () => {
    const run = await mixed('gone', 'bad', 'cut');
    expect([run.code, statuses(run)]).toEqual([3, { gone: 'unreachable', bad: 'reverted', cut: 'unknown' }]);
  });
});

describe('exit 4', () => {
  it.each<[string, string, () => Promise<Project>]>([
    ['the name is not found', 'name-not-found', nameless],
    [
      'nothing listens',
      'connection-refused',
      async () => oneHost(MARKS, {}, { vars: { ansible_port: await network.unusedPort() } }),
    ],
    ['nothing answers', 'connection-timeout', () => oneHost(MARKS, { hang: 'before-handshake' })],
    ['the host key is unknown', 'host-key-unknown', () => oneHost(MARKS, {}, { knownHosts: '' })],
    ['the login is refused', 'login-refused', () => oneHost(MARKS, { authorizedKeys: [] })],
  ])('%s', async (_name, code, prepare) => {
    const run = await (await prepare()).run(code === 'connection-timeout' ? ['-T', '0.7'] : []);
    expect([run.code, statuses(run)]).toEqual([4, { db1: 'unreachable' }]);
    expect(errorsIn(run.stderr).map((error) => error.code)).toEqual([code]);
  });

  async function nameless(): Promise<Project> {
    const host = await network.host();
    // No name of the ssh_config, and none that a resolver would be asked for over the network.
    const db1 = { ansible_host: 'no..where', ansible_ssh_private_key_file: host.clientKeyFile };
    return projectFor(network, { db1: host }, MARKS, { hostVars: { db1 } });
  }

  it('the host key has changed', async () => {
    const host = await network.host();
    const project = projectFor(network, { db1: host }, MARKS, {
      knownHosts: `[127.0.0.1]:${host.port} ${newKeyPair().public}\n`,
    });
    const run = await project.run();
    expect(run.code).toBe(4);
    expect(errorsIn(run.stderr).map((error) => error.code)).toEqual(['host-key-changed']);
  });
});

describe('exit 5, and no host is contacted', () => {
  const inventory = (text: string) => (project: Project) => void project.write('inventory.yml', text);
  const playbook = (text: string) => (project: Project) => void project.write('playbook.ts', text);
  const GATEWAY = `import { natGateway, play, playbook } from 'provision';
export default playbook('gateway', [play({ hosts: 'all', roles: [natGateway()] })]);`;

  it.each<[string, string, readonly string[], (project: Project) => void]>([
    ['an inventory that is not there', 'inventory', ['-i', 'nowhere.yml'], () => undefined],
    ['broken YAML', 'inventory', [], inventory('all:\n  hosts:\n    db1: {ansible_port: 22\n')],
    [
      'an unknown variable of a role',
      'inventory',
      [],
      inventory('all: { hosts: { db1: { nat: { masquarade: [10.0.0.0/8] } } } }'),
    ],
    ['a playbook that is not there', 'playbook', [], playbookGone],
    ['a syntax error in the playbook', 'playbook', [], playbook('export default playbook(')],
    ['a playbook without a default export', 'playbook', [], playbook('export const x = 1;')],
    ['a role that throws', 'playbook', [], playbook(playbookOf('vars.nothing.at.all'))],
    ['nobody left by -l', 'no-hosts-matched', ['-l', 'db1,!db1'], () => undefined],
    [
      'a template that is not there',
      'template',
      [],
      playbook(
        MARKS.replace(
          'build: ({ host, vars }: any) => ({',
          'build: ({ host, vars, template }: any) => ({ nothing: template("no/such", {}),',
        ),
      ),
    ],
    ['a template of the user that does not compile', 'template', ['--templates', 'mine'], withBrokenTemplate],
    ['a report of an unknown kind', 'usage', ['--report', 'report.pdf'], () => undefined],
    ['an ssh_config that is not there', 'usage', ['-F', 'nowhere'], () => undefined],
    ['--forks 0', 'usage', ['--forks', '0'], () => undefined],
    ['--timeout soon', 'usage', ['--timeout', 'soon'], () => undefined],
    ...['0', '0%', '101%', 'all', '1,,2', '-1', ''].map((value): [string, string, string[], () => void] => [
      `--serial ${value}`,
      'usage',
      [`--serial=${value}`],
      () => undefined,
    ]),
    ['--max-fail -1', 'usage', ['--max-fail=-1'], () => undefined],
    ['--max-fail some', 'usage', ['--max-fail', 'some'], () => undefined],
    ['--max-fail 25%', 'usage', ['--max-fail', '25%'], () => undefined],
    ['--out without --check', 'usage', ['--out', 'plan.json'], () => undefined],
    ['--out in the place of a directory', 'usage', ['--check', '--out', '.'], () => undefined],
    [
      'a serial of the playbook that is no size',
      'playbook',
      [],
      playbook(playbookOf('mark(host.name)', { play: 'serial: [1, "some"]' })),
    ],
  ])('%s', async (_name, code, flags, prepare) => {
    const host = await network.host();
    const project = projectFor(network, { db1: host }, MARKS);
    prepare(project);
    const run = await project.run(flags);
    expect(run.code).toBe(5);
    const errors = errorsIn(run.stderr);
    expect(errors.map((error) => error.code)).toContain(code);
    for (const error of errors) {
      expect(error.message.length).toBeGreaterThan(10);
      expect(error.next).not.toBeNull();
    }
    expect(run.stderr).not.toMatch(/\n\s+at /);
    expect(run.stdout).toBe('');
    expect(host.connections).toBe(0);
    expect(run.report).toMatchObject({
      exitCode: 5,
      hosts: [],
      errors: errors.map(({ code: reported }) => ({ code: reported })),
    });
  });

  function playbookGone(project: Project): void {
    rmSync(project.at('playbook.ts'));
  }

  function withBrokenTemplate(project: Project): void {
    project.write('mine/sysctl/drop-in.conf.hbs', '{{#each values}}\n{{key}');
    project.write('playbook.ts', GATEWAY);
    project.write('inventory.yml', 'all: { hosts: { db1: { nat: { engine: firewalld } } } }');
  }

  it.each([
    ['no inventory', ['playbook.ts']],
    ['no playbook', ['-i', 'inventory.yml']],
    ['an unknown flag', ['playbook.ts', '-i', 'inventory.yml', '--froce']],
    ['a choice that there is not', ['playbook.ts', '-i', 'inventory.yml', '--host-key-checking', 'maybe']],
    ['an unknown schema', ['schema', 'nonsense']],
  ])('%s', async (_name, argv) => {
    const host = await network.host();
    const ended = await projectFor(network, { db1: host }, MARKS).provision(argv);
    expect(ended.code).toBe(5);
    expect(ended.stderr).toMatch(/error/);
    expect(ended.stderr).not.toMatch(/\n\s+at /);
    expect(ended.stdout).toBe('');
    expect(host.connections).toBe(0);
  });
});

describe('exit 130 and 143', () => {
  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('%s while the hosts are being read: nothing is changed', async (signal, code) => {
    const host = await network.host({ hang: 'after-login' });
    const project = projectFor(network, { db1: host }, MARKS);
    const run = await project.run([], {
      meanwhile: async (child) => {
        await until(() => host.logins.length > 0);
        child.kill(signal);
      },
    });
    expect([run.code, statuses(run), run.report.exitCode]).toEqual([code, { db1: 'skipped' }, code]);
    expect(errorsIn(run.stderr)).toEqual([]);
    expect(existsSync(project.at('remote/db1'))).toBe(false);
  });

  it('SIGINT while a host is being changed: the step ends, and the host is either changed whole or as before', async () => {
    const host = await network.host();
    const project = projectFor(network, { db1: host }, SLOW);
    const run = await project.run([], {
      meanwhile: (child) => whenBegun(project, 'db1', () => child.kill('SIGINT')),
    });
    expect(run.code).toBe(130);
    const { db1 = '' } = statuses(run);
    expect(['changed', 'reverted']).toContain(db1);
    expect(existsSync(project.at('remote/db1'))).toBe(db1 === 'changed');
  });

  it('a second SIGINT leaves at once', async () => {
    const host = await network.host({ hang: 'after-login' });
    const project = projectFor(network, { db1: host }, MARKS);
    const ended = await project.provision(
      ['playbook.ts', '-i', 'inventory.yml', '-F', project.setup.configFile],
      {
        meanwhile: async (child) => {
          await until(() => host.logins.length > 0);
          child.kill('SIGINT');
          setTimeout(() => child.kill('SIGINT'), 100);
        },
      },
    );
    expect(ended.code).toBe(130);
  });
});
