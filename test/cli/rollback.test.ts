import { execFileSync } from 'node:child_process';
import { appendFileSync, existsSync, readdirSync, readFileSync, renameSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { fakeNetwork } from '../fakehost/fake-network.ts';
import { errorsIn, MARKS, playbookOf, projectFor, whenBegun } from './project.ts';
import type { Ended, Project } from './project.ts';

const network = fakeNetwork();

async function twoHosts(playbook = MARKS): Promise<Project> {
  return projectFor(network, { db1: await network.host(), db2: await network.host() }, playbook);
}

/** A subcommand on the project's hosts. */
const typed = (project: Project, ...words: string[]): Promise<Ended> =>
  project.provision([...words, '-i', 'inventory.yml', '-F', project.setup.configFile]);
const rollback = (project: Project, ...words: string[]): Promise<Ended> =>
  typed(project, 'rollback', '--no-rollback', ...words);
const stateOf = (project: Project, host: string, file: string): string =>
  project.at(`remote-state-${host}/${file}`);

/** A step that waits until the test lets it end. */
const LONG = playbookOf(
  `command({ name: 'long', check: sh\`test -e \${here('long')}\`, run: sh\`touch \${here('db1.begun')}; until test -e \${here('go')}; do sleep 0.1; done; touch \${here('long')}\`, undo: 'true' })`,
);

/** Does something while the steps of a run are at work on db1; the run must end well. */
async function whileAtWork(project: Project, act: () => Promise<Ended>): Promise<Ended> {
  const acted = whenBegun(project, 'db1', () => undefined)
    .then(act)
    .finally(() => void project.write('remote/go', ''));
  expect((await project.run(['-l', 'db1'])).code).toBe(0);
  return acted;
}

describe('provision rollback', () => {
  it('puts the hosts back that are named, and no other; --json is JSON alone; the journal tells it', async () => {
    const project = await twoHosts();
    const { report } = await project.run();
    const check = await rollback(project, '-l', 'db1', '--check');
    expect([check.code, check.stdout]).toEqual([0, expect.stringContaining('take back: db1: its check')]);
    expect(existsSync(project.at('remote/db1'))).toBe(true);
    const back = await rollback(project, '-l', 'db1', '--json');
    expect(back.code).toBe(0);
    expect(JSON.parse(back.stdout)).toMatchObject({
      exitCode: 0,
      hosts: [{ name: 'db1', status: 'changed' }],
    });
    expect([existsSync(project.at('remote/db1')), existsSync(project.at('remote/db2'))]).toEqual([
      false,
      true,
    ]);
    const status = await typed(project, 'status', '-l', 'db1');
    expect(status.stdout).toContain(`rolled back to before run ${report.runId}`);
    // Forth again, as a person sees it.
    const again = await rollback(project, '-l', 'db1');
    expect([again.code, again.stdout]).toEqual([
      0,
      expect.stringMatching(/db1 +: ok=1 changed=1 .*reverted=0/),
    ]);
    expect(existsSync(project.at('remote/db1'))).toBe(true);
  });

  it('says where there is nothing to roll back, and names the kept runs where there is another: exit 0, 2', async () => {
    const project = await twoHosts();
    const nothing = await rollback(project, '-l', 'all');
    expect([nothing.code, nothing.stderr.split('nothing to roll back').length - 1]).toEqual([0, 2]);
    const { report } = await project.run();
    const other = await rollback(project, '-l', 'db1', '--run', '20200101T000000-00000000');
    expect(other.code).toBe(2);
    expect(errorsIn(other.stderr)).toEqual([
      {
        code: 'not-kept',
        message: expect.stringContaining(report.runId),
        next: expect.stringContaining('--run'),
      },
    ]);
  });

  it.each([
    ['no -l', []],
    ['no host', ['-l', 'db1,!db1']],
    ['a run that is a path', ['-l', 'db1', '--run', '../../../etc']],
    ['a run that is shell', ['-l', 'db1', '--run', '20200101T000000-00000000;touch${IFS}/tmp/pwned']],
    ['a run with a quote', ['-l', 'db1', '--run', "20200101T000000-00000000'$(touch /tmp/pwned)'"]],
    ['a run with a newline', ['-l', 'db1', '--run', '20200101T000000-00000000\ntouch /tmp/pwned']],
    ['a run that is a glob', ['-l', 'db1', '--run', '*']],
    ['a run that is empty', ['-l', 'db1', '--run', '']],
    ['a window of a second', ['-l', 'db1', '--confirm-timeout', '1']],
  ])('%s: exit 5, and no host is contacted', async (_what, words) => {
    const host = await network.host();
    const ended = await rollback(projectFor(network, { db1: host }, MARKS), ...words);
    expect([ended.code, ended.stdout, host.connections]).toEqual([5, '', 0]);
    expect(errorsIn(ended.stderr)[0]?.next).not.toBeNull();
    expect(existsSync('/tmp/pwned')).toBe(false);
  });

  it('hostile text that a host keeps is shown, never sent to the terminal or run', async () => {
    const project = await twoHosts();
    const { report } = await project.run();
    const plan = stateOf(project, 'db1', `txn/${report.runId}-1/plan.json`);
    const hostile = JSON.stringify('\u001b[2J$(touch /tmp/pwned)\u0007').slice(1, -1);
    execFileSync('sed', ['-i', `s|"sentence":"|&${hostile.replaceAll('\\', '\\\\')}|`, plan]);
    expect(readFileSync(plan, 'utf8')).toContain('u001b');
    const check = await rollback(project, '-l', 'db1', '--check');
    expect([check.code, check.stdout.includes('\u001b'), check.stdout.includes('\\x1b[2J')]).toEqual([
      0,
      false,
      true,
    ]);
    expect(existsSync('/tmp/pwned')).toBe(false);
  });

  it('while somebody is at work there: exit 6, and who', async () => {
    const project = await twoHosts();
    await project.run(['-l', 'db1']);
    project.write('playbook.ts', LONG);
    const during = await whileAtWork(project, () => rollback(project, '-l', 'db1'));
    expect(during.code).toBe(6);
    expect(during.stderr).toMatch(/another run is at work there: run \S+ of \S+@\S+ since/);
    expect(existsSync(project.at('remote/db1'))).toBe(true);
  });
});

describe('provision lock', () => {
  it('status and release, of a host where all is well and one whose way back failed in part', async () => {
    const stuck = playbookOf(
      'host.name === "db2" ? [command({ name: "jam", check: "false", run: "true", undo: "exit 9" }), broken("disk")] : mark(host.name)',
      { play: 'serial: 1' },
    );
    const project = await twoHosts(stuck);
    expect((await project.run()).code).toBe(3);
    const status = await typed(project, 'lock', 'status');
    expect([status.code, status.stdout.split('\n')]).toEqual([
      0,
      [
        'db1  free',
        expect.stringMatching(
          /^db2 {2}taken back only in part: run \S+ of \S+@\S+ since \S+Z; provision rollback tries/,
        ),
        '',
      ],
    ]);
    expect(JSON.parse((await typed(project, 'lock', 'status', '--json')).stdout)).toMatchObject({
      exitCode: 0,
      hosts: [
        { name: 'db1', holder: null, open: [] },
        { name: 'db2', open: [{ state: 'stuck', timer: 'none' }] },
      ],
    });
    // Case 23: refused until a person has looked.
    project.write('playbook.ts', MARKS);
    const refused = await project.run(['-l', 'db2']);
    expect(refused.code).toBe(3);
    expect(errorsIn(refused.stderr)).toEqual([
      {
        code: 'stuck',
        message: expect.any(String),
        next: expect.stringContaining('provision lock release -l db2'),
      },
    ]);
    const released = await typed(project, 'lock', 'release', '-l', 'all');
    expect([released.code, released.stdout.split('\n')]).toEqual([
      0,
      ['db1  nothing stands in the way', expect.stringMatching(/^db2 {2}left as it is: run /), ''],
    ]);
    expect((await project.run(['-l', 'db2'])).code).toBe(0);
    expect((await typed(project, 'status')).stdout).toContain('left as it is: by provision lock release');
  });

  it('release never ends what somebody is at work on: exit 6, and who; it needs -l', async () => {
    const project = await twoHosts(LONG);
    const during = await whileAtWork(project, () => typed(project, 'lock', 'release', '-l', 'db1'));
    expect(during.code).toBe(6);
    expect(errorsIn(during.stderr)).toEqual([
      {
        code: 'locked',
        message: expect.stringMatching(/run \S+ of \S+@\S+ since .* \(pid \d+\)/),
        next: expect.any(String),
      },
    ]);
    expect((await typed(project, 'lock', 'release')).code).toBe(5);
  });

  it('release takes back what nothing else would end', async () => {
    const project = await twoHosts();
    const { report } = await project.run(['-l', 'db1']);
    const at = stateOf(project, 'db1', `txn/${report.runId}-1`);
    renameSync(`${at}/confirmed`, `${at}/pending`);
    expect((await typed(project, 'lock', 'status', '-l', 'db1')).stdout).toContain(
      'it has no timer (--no-rollback)',
    );
    const released = await typed(project, 'lock', 'release', '-l', 'db1');
    expect([released.code, released.stdout]).toEqual([0, expect.stringMatching(/^db1 {2}taken back: run /)]);
    expect(existsSync(project.at('remote/db1'))).toBe(false);
  });
});

describe("the commit of the playbook's repository", () => {
  const git = (project: Project, ...argv: string[]): string =>
    execFileSync('git', ['-c', 'user.name=me', '-c', 'user.email=me@here', ...argv], {
      cwd: project.directory,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
  const recorded = (project: Project): unknown => {
    const lines = readFileSync(stateOf(project, 'db1', 'journal'), 'utf8')
      .trim()
      .split('\n');
    return (JSON.parse(lines.at(-1) ?? '') as { record: { commit?: string } }).record.commit;
  };

  it('is in the journal and, short, in status; with + when the work tree differs', async () => {
    const project = await twoHosts();
    project.write('.gitignore', '*\n!playbook.ts\n');
    git(project, 'init', '-q');
    git(project, 'add', 'playbook.ts');
    git(project, 'commit', '-q', '-m', 'x');
    const commit = git(project, 'rev-parse', 'HEAD').trim();
    await project.run(['-l', 'db1']);
    expect(recorded(project)).toBe(commit);
    expect((await typed(project, 'status', '-l', 'db1')).stdout).toContain(` ${commit.slice(0, 8)} `);
    await rollback(project, '-l', 'db1');
    appendFileSync(project.at('playbook.ts'), '\n');
    await project.run(['-l', 'db1']);
    expect(recorded(project)).toBe(`${commit}+`);
    expect((await typed(project, 'status', '-l', 'db1')).stdout).toContain(` ${commit.slice(0, 8)}+ `);
  });

  it('is left out without a repository, without a commit, and without git', async () => {
    const project = await twoHosts();
    const undo = () => rollback(project, '-l', 'db1');
    await project.run(['-l', 'db1']);
    expect(recorded(project)).toBeUndefined();
    await undo();
    git(project, 'init', '-q');
    await project.run(['-l', 'db1']);
    expect(recorded(project)).toBeUndefined();
    await undo();
    expect(readdirSync(project.directory)).toContain('.git');
    // Nothing but what a run needs itself: ssh for `ssh -G`.
    const ssh = execFileSync('which', ['ssh'], { encoding: 'utf8' }).trim();
    project.write('bin/none', '');
    execFileSync('ln', ['-s', ssh, project.at('bin/ssh')]);
    const without = await project.run(['-l', 'db1'], { env: { PATH: project.at('bin') } });
    expect([without.code, recorded(project)]).toEqual([0, undefined]);
  });
});
