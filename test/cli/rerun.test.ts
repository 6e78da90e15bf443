import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import type { Report } from '../../src/model/report.ts';
import { fakeNetwork } from '../fakehost/fake-network.ts';
import { crowd, errorsIn, MARKS, playbookOf, projectFor, until } from './project.ts';
import type { Project, Run } from './project.ts';

const network = fakeNetwork();

/** Holds the lock of a host as a run there does (flock(2)), until it is let go. */
async function lock(project: Project, host: string): Promise<() => void> {
  const directory = project.at(`remote-state-${host}.run`);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const holder = spawn('flock', ['-n', `${directory}/lock`, 'sh', '-c', 'echo held; read -r end'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let held = false;
  holder.stdout.once('data', () => (held = true));
  network.atEnd(() => holder.stdin.end());
  await until(() => held);
  return () => void holder.stdin.end();
}

const namesOf = ({ hosts }: Report, ...statuses: string[]): string[] =>
  hosts.filter(({ status }) => statuses.includes(status)).map(({ name }) => name);

/** How many hosts have this in their line of the recap. */
const recapped = ({ stdout }: Run, word: string): number =>
  stdout
    .slice(stdout.indexOf('RECAP'))
    .split('\n')
    .filter((line) => line.split(/\s+/).includes(word)).length;

describe('60 hosts: 3 unreachable, 2 failing, 1 locked', () => {
  const good = Array.from({ length: 54 }, (_, index) => `ok${String(index + 1).padStart(2, '0')}`);
  const gone = ['gone1', 'gone2', 'gone3'];
  const bad = ['bad1', 'bad2'];
  const names = [...good.slice(0, 20), ...gone, ...good.slice(20, 40), ...bad, 'held', ...good.slice(40)];
  const undone = [...gone, ...bad, 'held'];
  const slow = { patienceMs: 240_000 };
  /** A batch of its own for each host, and none keeps the others from going on. */
  const flags = ['--serial', '1', '--max-fail', '60', '-T', '5'];

  it('summary, report and exit code say exactly that, and --rerun failed takes exactly those', async () => {
    const server = await network.host();
    const project = projectFor(
      network,
      { server },
      playbookOf('host.name.startsWith("bad") ? broken("disk") : mark(host.name)'),
    );
    crowd(project, names, Object.fromEntries(gone.map((name) => [name, { ansible_port: 1 }])));
    // Most are as declared already.
    good.slice(4).forEach((name) => project.write(`remote/${name}`, ''));
    const letGo = await lock(project, 'held');

    const run = await project.run([...flags, '--report', 'first.json'], slow);
    expect([run.code, run.report.exitCode, run.report.hosts.length]).toEqual([2, 2, 60]);
    expect(namesOf(run.report, 'unreachable')).toEqual(gone);
    expect(namesOf(run.report, 'failed', 'reverted')).toEqual([...bad, 'held']);
    expect(run.report.hosts.find(({ name }) => name === 'held')?.error?.code).toBe('locked');
    expect(namesOf(run.report, 'changed')).toEqual(good.slice(0, 4));
    expect(namesOf(run.report, 'ok')).toEqual(good.slice(4));
    expect([recapped(run, 'unreachable=1'), recapped(run, 'reverted=1'), recapped(run, 'failed=1')]).toEqual([
      3, 2, 1,
    ]);
    expect([recapped(run, 'changed=1'), recapped(run, 'changed=0')]).toEqual([4, 56]);
    expect(
      errorsIn(run.stderr)
        .map(({ code }) => code)
        .sort(),
    ).toEqual([
      'apply-failed',
      'apply-failed',
      'connection-refused',
      'connection-refused',
      'connection-refused',
      'locked',
    ]);

    // Again, without --rerun: control that all are contacted; with it only those that are to be.
    const before = server.logins.length;
    const again = await project.run([...flags, '--rerun', 'failed', '--rerun-from', 'first.json'], slow);
    expect([again.code, again.report.hosts.map(({ name }) => name)]).toEqual([
      2,
      names.filter((name) => undone.includes(name)),
    ]);
    expect(new Set(server.logins.slice(before))).toEqual(new Set([...bad, 'held']));
    const all = server.logins.length;
    await project.run(['--check', '--report', 'other.json'], slow);
    expect(new Set(server.logins.slice(all)).size).toBe(57);

    // What is mended is done, until nothing is left.
    letGo();
    crowd(project, names);
    writeFileSync(project.at('report.json'), JSON.stringify(again.report));
    const words = [
      'playbook.ts',
      '-i',
      'inventory.yml',
      '-F',
      project.setup.configFile,
      '--no-rollback',
      ...flags,
    ];
    const rerun = (...more: string[]) =>
      project.provision([...words, '--report', 'report.json', ...more], slow);
    const third = await rerun('--rerun', 'unreachable');
    const report = JSON.parse(readFileSync(project.at('report.json'), 'utf8')) as Report;
    expect([third.code, namesOf(report, 'changed')]).toEqual([0, gone]);
    project.write('playbook.ts', MARKS);
    project.write('before.json', JSON.stringify(again.report));
    const fourth = await rerun('--rerun', 'failed', '--rerun-from', 'before.json');
    expect([fourth.code, bad.every((name) => existsSync(project.at(`remote/${name}`)))]).toEqual([0, true]);
    const fifth = await rerun('--rerun', 'failed');
    expect([fifth.code, fifth.stderr]).toEqual([0, 'nothing to run again: report.json has no such host\n']);
  }, 480_000);

  it('with --detailed-exitcode any of these is an error', async () => {
    const server = await network.host();
    const project = projectFor(network, { server }, MARKS);
    crowd(project, ['ok1', 'held']);
    const letGo = await lock(project, 'held');
    const run = await project.run([...flags, '--detailed-exitcode']);
    expect([run.code, namesOf(run.report, 'changed'), namesOf(run.report, 'failed')]).toEqual([
      1,
      ['ok1'],
      ['held'],
    ]);
    letGo();
    // Control: the lock was all that was wrong.
    expect((await project.run([...flags, '--detailed-exitcode'])).code).toBe(2);
  });
});

describe('--rerun', () => {
  async function oneHost() {
    const host = await network.host();
    const project = projectFor(network, { db1: host }, MARKS);
    const words = ['playbook.ts', '-i', 'inventory.yml', '-F', project.setup.configFile, '--no-rollback'];
    return { host, project, typed: (...more: string[]) => project.provision([...words, ...more]) };
  }
  const report = (hosts: readonly object[], more: object = {}): string =>
    JSON.stringify({ schemaVersion: 1, runId: 'x', startedAt: 'x', argv: [], exitCode: 0, hosts, ...more });
  const entry = (name: string, status: string, checks: readonly object[] = []): object => ({
    name,
    status,
    resources: 1,
    changes: [],
    checks,
    ssh: {},
    timings: {},
  });

  it.each<[string, string | null]>([
    ['is not there', null],
    ['is no JSON', '{'],
    ['is no report', '{"schemaVersion": 1}'],
    ['is of another version', report([], { schemaVersion: 2 })],
    ['names no host', report([])],
  ])('a report that %s: exit 5, nobody is contacted', async (_name, text) => {
    const { host, project, typed } = await oneHost();
    if (text !== null) project.write('before.json', text);
    const ended = await typed('--rerun', 'failed', '--rerun-from', 'before.json');
    expect([ended.code, host.connections, errorsIn(ended.stderr)[0]?.code]).toEqual([5, 0, 'usage']);
    expect(errorsIn(ended.stderr)[0]?.next).not.toBeNull();
  });

  it('without any report is an error', async () => {
    const { host, typed } = await oneHost();
    const ended = await typed('--rerun', 'failed');
    expect([ended.code, host.connections]).toEqual([5, 0]);
    expect(errorsIn(ended.stderr)[0]?.next).toContain('--rerun-from');
  });

  it('a report that it could not use is left as it was', async () => {
    const { project, typed } = await oneHost();
    project.write('report.json', report([entry('db1', 'failed')]));
    project.write('inventory.yml', 'all: [');
    const before = readFileSync(project.at('report.json'), 'utf8');
    expect((await typed('--rerun', 'failed', '--report', 'report.json')).code).toBe(5);
    expect(readFileSync(project.at('report.json'), 'utf8')).toBe(before);
  });

  it('a host whose check did not pass is run again; one that is gone is told', async () => {
    const { host, project, typed } = await oneHost();
    const check = { name: 'x', status: 'fail' };
    project.write('before.json', report([entry('db1', 'ok', [check]), entry('db0', 'failed')]));
    const ended = await typed('--rerun', 'failed', '--rerun-from', 'before.json');
    expect([ended.code, host.connections > 0]).toEqual([0, true]);
    expect(ended.stderr).toContain('db0 is not in the inventory any more');
  });

  it('and -l: what both say', async () => {
    const server = await network.host();
    const project = projectFor(network, { server }, MARKS);
    crowd(project, ['a', 'b', 'c']);
    project.write('before.json', report([entry('a', 'failed'), entry('b', 'unreachable'), entry('c', 'ok')]));
    const both = await project.run(['--rerun', 'failed', '--rerun-from', 'before.json', '-l', 'b,c']);
    expect([both.code, both.report.hosts.map(({ name }) => name)]).toEqual([0, ['b']]);
    const none = await project.run(['--rerun', 'failed', '--rerun-from', 'before.json', '-l', 'c']);
    expect([none.code, errorsIn(none.stderr)[0]?.code]).toEqual([5, 'no-hosts-matched']);
  });
});
