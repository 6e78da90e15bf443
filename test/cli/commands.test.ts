import { spawn } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { quote } from '../../src/shell/quote.ts';
import type { FakeHost } from '../fakehost/fake-host.ts';
import { fakeNetwork } from '../fakehost/fake-network.ts';
import { errorsIn, MARKS, playbookOf, projectFor, readReport, until } from './project.ts';
import type { Ended, Project, Run } from './project.ts';

const network = fakeNetwork();

const REPORT = 'report.json';

/** A command that takes the playbook, on the project's hosts, with the report it leaves. */
async function typed(project: Project, command: string, ...flags: string[]): Promise<Run> {
  rmSync(project.at(REPORT), { force: true });
  const changing = command === 'run' || command === 'apply' ? ['--no-rollback'] : [];
  const words = [command, 'playbook.ts', '-i', 'inventory.yml', '-F', project.setup.configFile];
  const ended = await project.provision([...words, '--report', REPORT, ...changing, ...flags]);
  return { ...ended, report: readReport(project.at(REPORT)), reportMode: '' };
}

async function oneHost(playbook = MARKS): Promise<{ host: FakeHost; project: Project }> {
  const host = await network.host();
  return { host, project: projectFor(network, { db1: host }, playbook) };
}

/** `reach` of a port, asked from db1: it fails where nothing listens. */
const withCheck = (port: number, more = ''): string =>
  playbookOf('mark(host.name)', {
    play: `checks: [reach({ from: 'db1', to: '127.0.0.1:${port}', expect: 'open', retries: 0${more} })]`,
  });

const statusOf = ({ code, report }: Run): unknown[] => [code, report.hosts[0]?.status, report.exitCode];

describe('--detailed-exitcode', () => {
  it('0 in sync, 2 changes pending, 2 changes made; without it 0', async () => {
    const { project } = await oneHost();
    expect(statusOf(await typed(project, 'plan'))).toEqual([0, 'planned', 0]);
    expect(statusOf(await typed(project, 'plan', '--detailed-exitcode'))).toEqual([2, 'planned', 2]);
    expect(statusOf(await typed(project, 'run', '--check', '--detailed-exitcode'))).toEqual([
      2,
      'planned',
      2,
    ]);
    expect(statusOf(await typed(project, 'run', '--detailed-exitcode'))).toEqual([2, 'changed', 2]);
    expect(statusOf(await typed(project, 'run', '--detailed-exitcode'))).toEqual([0, 'ok', 0]);
    expect(statusOf(await typed(project, 'plan', '--detailed-exitcode'))).toEqual([0, 'ok', 0]);
  });

  it('2 where a check fails, with --check too', async () => {
    const { project } = await oneHost(withCheck(1));
    project.write('remote/db1', '');
    expect(statusOf(await typed(project, 'run'))).toEqual([2, 'ok', 2]);
    expect(statusOf(await typed(project, 'run', '--detailed-exitcode'))).toEqual([2, 'ok', 2]);
    expect(statusOf(await typed(project, 'plan'))).toEqual([0, 'ok', 0]);
    expect(statusOf(await typed(project, 'plan', '--detailed-exitcode'))).toEqual([2, 'ok', 2]);
  });

  it('1 for a failed, a put-back, an unreachable and a locked host, whatever else differs', async () => {
    const failing = await oneHost(playbookOf('[mark(host.name), broken("disk")]'));
    expect(statusOf(await typed(failing.project, 'run'))).toEqual([2, 'reverted', 2]);
    expect(statusOf(await typed(failing.project, 'run', '--detailed-exitcode'))).toEqual([1, 'reverted', 1]);

    const gone = projectFor(network, { db1: await network.host() }, MARKS, {
      hostVars: { gone: { ansible_port: 1 } },
    });
    expect((await typed(gone, 'plan')).code).toBe(4);
    expect((await typed(gone, 'plan', '--detailed-exitcode')).code).toBe(1);

    const mute = await network.host({
      answer: () => ({ code: 1, stderr: 'sudo: a password is required\n' }),
    });
    const sudo = projectFor(network, { db1: mute }, MARKS, { vars: { ansible_become: true } });
    expect(statusOf(await typed(sudo, 'plan'))).toEqual([2, 'failed', 2]);
    expect(statusOf(await typed(sudo, 'plan', '--detailed-exitcode'))).toEqual([1, 'failed', 1]);
  });

  it('1 where a check cannot be asked: nobody knows is not "in sync"', async () => {
    const { project } = await oneHost(
      playbookOf('mark(host.name)', { play: "checks: [egress({ from: 'db1', expect: '203.0.113.10' })]" }),
    );
    project.write('remote/db1', '');
    const run = await typed(project, 'plan', '--detailed-exitcode');
    expect(run.report.hosts[0]?.checks).toMatchObject([{ status: 'unproven' }]);
    expect(run.code).toBe(1);
  });

  it('5 stays 5, and 130 stays 130', async () => {
    const { project } = await oneHost();
    const usage = await typed(project, 'plan', '--detailed-exitcode', '-l', 'nobody');
    expect([usage.code, usage.report.exitCode]).toEqual([5, 5]);
    const host = await network.host({ hang: 'after-login' });
    const slow = projectFor(network, { db1: host }, MARKS);
    const run = await slow.run(['--detailed-exitcode'], {
      meanwhile: async (child) => {
        await until(() => host.logins.length > 0);
        child.kill('SIGINT');
      },
    });
    expect([run.code, run.report.exitCode]).toEqual([130, 130]);
  });
});

describe('provision plan', () => {
  it('is --check --diff: shows files, changes nothing, keeps a plan that a run takes', async () => {
    const id = 'owner: vars.owner, group: vars.group';
    const host = await network.host();
    const [owner, group] = [process.env['USER'] ?? 'root', 'root'];
    const project = projectFor(
      network,
      { db1: host },
      playbookOf(`file({ path: here('motd'), content: 'hello\\n', ${id} })`),
      { vars: { owner, group } },
    );
    const plan = await typed(project, 'plan', '--out', 'plan.json');
    expect(statusOf(plan)).toEqual([0, 'planned', 0]);
    expect(plan.stdout).toContain('+hello');
    expect((await typed(project, 'plan', '--no-diff')).stdout).not.toContain('+hello');
    expect(existsSync(project.at('remote/motd'))).toBe(false);
    expect((await typed(project, 'run', '--plan', 'plan.json')).code).toBe(0);
    expect(existsSync(project.at('remote/motd'))).toBe(true);
    expect((await typed(project, 'plan', '--plan', 'plan.json')).code).toBe(6);
  });
});

describe('provision verify', () => {
  it('asks every check, also those of other moments, reads no resource, and ends 2 where one fails', async () => {
    const { host, project } = await oneHost(withCheck(1, ", when: 'verify'"));
    const failing = await typed(project, 'verify');
    expect(failing.code).toBe(2);
    expect(failing.report.hosts).toMatchObject([
      { name: 'db1', resources: 0, changes: [], checks: [{ status: 'fail' }] },
    ]);
    expect(host.execs).toBe(1);
    // Control: a run does not ask it at all.
    project.write('remote/db1', '');
    expect((await typed(project, 'run')).report.hosts[0]?.checks).toEqual([]);
    project.write('playbook.ts', withCheck(host.port, ", when: 'verify'"));
    const passing = await typed(project, 'verify');
    expect(passing.code).toBe(0);
    expect(passing.report.hosts).toMatchObject([{ checks: [{ status: 'pass' }] }]);
    expect(passing.stdout).toContain('only checks were asked; nothing was changed');
  });

  it('contacts only hosts that a check is asked from', async () => {
    const [db1, db2] = [await network.host(), await network.host()];
    const project = projectFor(network, { db1, db2 }, withCheck(db1.port));
    const run = await typed(project, 'verify');
    expect([run.code, run.report.hosts.map(({ name }) => name), db2.connections]).toEqual([0, ['db1'], 0]);
  });

  it('without any check proves nothing: exit 5', async () => {
    const { host, project } = await oneHost();
    const run = await typed(project, 'verify');
    expect([run.code, host.connections, errorsIn(run.stderr)[0]?.code]).toEqual([5, 0, 'playbook']);
  });
});

describe('provision drift', () => {
  it('0 in sync, 2 where something differs or a check fails, 1 on an error; changes nothing', async () => {
    const { host, project } = await oneHost(withCheck(1));
    const both = await typed(project, 'drift');
    expect(statusOf(both)).toEqual([2, 'planned', 2]);
    expect(both.stdout).toMatch(/failed=1/);
    project.write('remote/db1', '');
    expect(statusOf(await typed(project, 'drift'))).toEqual([2, 'ok', 2]);
    project.write('playbook.ts', withCheck(host.port));
    expect(statusOf(await typed(project, 'drift'))).toEqual([0, 'ok', 0]);
    rmSync(project.at('remote/db1'));
    expect(statusOf(await typed(project, 'drift'))).toEqual([2, 'planned', 2]);
    expect(existsSync(project.at('remote/db1'))).toBe(false);
    await host.close();
    expect(statusOf(await typed(project, 'drift'))).toEqual([1, 'unreachable', 1]);
  });
});

/** Runs `provision apply` on a terminal of its own (script(1)) and types an answer once it is asked. */
function onTerminal(
  project: Project,
  flags: readonly string[],
  answer: string | (() => string),
): Promise<Ended & { asked: number }> {
  const words = [
    'apply',
    'playbook.ts',
    '-i',
    'inventory.yml',
    '-F',
    project.setup.configFile,
    '--no-rollback',
  ];
  const line = [process.execPath, resolve('dist/cli/main.js'), ...words, '--report', REPORT, ...flags]
    .map(quote)
    .join(' ');
  rmSync(project.at(REPORT), { force: true });
  return new Promise((settle, reject) => {
    const child = spawn('script', ['-qefc', line, '/dev/null'], {
      cwd: project.directory,
      env: {
        PATH: process.env['PATH'],
        HOME: project.directory,
        TERM: 'dumb',
        XDG_CACHE_HOME: project.at('cache'),
        PROVISION_HOST_STATE: project.at('remote-state-{host}'),
      },
    });
    let stdout = '';
    let answered = false;
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
      if (!answered && stdout.includes('(yes/no)')) {
        answered = true;
        child.stdin.write(typeof answer === 'string' ? answer : answer());
      }
    });
    child
      .on('error', reject)
      .on('close', (code) =>
        settle({ code: code ?? 128, stdout, stderr: '', asked: stdout.split('(yes/no)').length - 1 }),
      );
  });
}

describe('provision apply', () => {
  it.each([
    ['no flag', []],
    ['--check is not one of its flags', ['--check']],
  ])('without a terminal: exit 5 at once, no host is contacted (%s)', async (_name, flags) => {
    const { host, project } = await oneHost();
    const words = ['apply', 'playbook.ts', '-i', 'inventory.yml', '-F', project.setup.configFile, ...flags];
    const ended = await project.provision(words);
    expect([ended.code, host.connections, errorsIn(ended.stderr).length]).toEqual([5, 0, 1]);
    expect(errorsIn(ended.stderr)[0]?.next).not.toBeNull();
  });

  it('-y applies without a question', async () => {
    const { project } = await oneHost();
    expect(statusOf(await typed(project, 'apply', '-y'))).toEqual([0, 'changed', 0]);
    expect(existsSync(project.at('remote/db1'))).toBe(true);
  });

  it('on a terminal: asks once, applies on yes, and has nothing to ask the second time', async () => {
    const { project } = await oneHost();
    const yes = await onTerminal(project, [], 'yes\n');
    expect(yes.stdout).toContain('Apply 1 change on 1 host?');
    expect([yes.code, yes.asked, readReport(project.at(REPORT)).hosts[0]?.status]).toEqual([0, 1, 'changed']);
    expect(existsSync(project.at('remote/db1'))).toBe(true);
    const again = await onTerminal(project, [], 'yes\n');
    expect([again.code, again.asked, readReport(project.at(REPORT)).hosts[0]?.status]).toEqual([0, 0, 'ok']);
  });

  it.each([
    ['no', 'no\n'],
    ['an empty line', '\n'],
    ['something else', 'yess\n'],
    ['the end of input', '\u0004'],
    ['Ctrl-C', '\u0003'],
  ])('on a terminal, answered by %s: nothing is applied, exit 130', async (_name, answer) => {
    const { project } = await oneHost();
    const ended = await onTerminal(project, [], answer);
    expect([ended.code, ended.asked]).toEqual([130, 1]);
    expect(readReport(project.at(REPORT))).toMatchObject({ exitCode: 130, hosts: [{ status: 'planned' }] });
    expect(existsSync(project.at('remote/db1'))).toBe(false);
  });

  it('on a terminal: a host that cannot be planned keeps all from being changed, without a question', async () => {
    const project = projectFor(network, { db1: await network.host() }, MARKS, {
      hostVars: { gone: { ansible_port: 1 } },
    });
    const ended = await onTerminal(project, [], 'yes\n');
    expect([ended.code, ended.asked]).toEqual([4, 0]);
    expect(ended.stdout).toContain('nothing was applied');
    expect(existsSync(project.at('remote/db1'))).toBe(false);
  });

  it('on a terminal: a host that moved while the question stood is not changed: exit 6', async () => {
    const { project } = await oneHost(playbookOf('[mark("a"), mark("b")]'));
    const { code } = await onTerminal(project, [], () => {
      project.write('remote/a', '');
      return 'yes\n';
    });
    expect(code).toBe(6);
    expect(existsSync(project.at('remote/b'))).toBe(false);
  });
});
