import { existsSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { fakeNetwork } from '../fakehost/fake-network.ts';
import { errorsIn, playbookOf, projectFor } from './project.ts';
import type { Project } from './project.ts';

const network = fakeNetwork();

/** Each host gets a file with the inventory's `word` in it; only whether it is there is looked at. */
const WORDS = playbookOf(`command({
  name: host.name,
  check: sh\`test -e \${here(host.name)}\`,
  run: sh\`printf %s \${vars.word} > \${here(host.name)}\`,
  undo: sh\`rm -f \${here(host.name)}\`,
})`);

async function twoHosts(): Promise<Project> {
  const hosts = { db1: await network.host(), db2: await network.host() };
  return projectFor(network, hosts, WORDS, { vars: { word: 'first' } });
}

const KEEP = ['--check', '--out', 'plan.json'];
const made = (project: Project): string[] => readdirSync(project.at('remote')).sort();

describe('--check --out FILE', () => {
  it('writes what was planned, for its owner only and in one piece, the same each time', async () => {
    const project = await twoHosts();
    const run = await project.run(KEEP);
    expect([run.code, made(project)]).toEqual([0, []]);
    const plan = JSON.parse(readFileSync(project.at('plan.json'), 'utf8')) as Record<string, unknown>;
    expect(plan).toMatchObject({
      schemaVersion: 1,
      runId: run.report.runId,
      playbook: 'own resources',
      hosts: [
        {
          name: 'db1',
          changes: [{ resource: 'command:db1', sentences: ['db1: its check does not succeed yet'] }],
        },
        { name: 'db2' },
      ],
    });
    expect((statSync(project.at('plan.json')).mode & 0o777).toString(8)).toBe('600');
    expect(readdirSync(project.directory).filter((name) => name.includes('.tmp'))).toEqual([]);
    await project.run(['--check', '--out', 'again.json']);
    const again = JSON.parse(readFileSync(project.at('again.json'), 'utf8')) as Record<string, unknown>;
    expect(again['hosts']).toEqual(plan['hosts']);
    expect(again['runId']).not.toBe(plan['runId']);
  });

  it('names a host that could not be planned, and ends as --check does', async () => {
    const project = await twoHosts();
    const inventory = readFileSync(project.at('inventory.yml'), 'utf8');
    project.write('inventory.yml', inventory.replace('"db2": {', '"db2": { "ansible_port": 1,'));
    expect((await project.run(KEEP)).code).toBe(4);
    const plan = JSON.parse(readFileSync(project.at('plan.json'), 'utf8')) as { hosts: unknown[] };
    expect(plan.hosts[1]).toMatchObject({ name: 'db2', digest: null, error: { code: 'connection-refused' } });
  });
});

describe('--plan FILE', () => {
  it('applies what the plan says when nothing moved', async () => {
    const project = await twoHosts();
    await project.run(KEEP);
    const run = await project.run(['--plan', 'plan.json']);
    expect([run.code, made(project)]).toEqual([0, ['db1', 'db2']]);
  });

  it('a host that drifted since: exit 6, no host is touched, and the error names host and difference', async () => {
    const project = await twoHosts();
    await project.run(KEEP);
    project.write('remote/db2', '');
    const run = await project.run(['--plan', 'plan.json', '--serial', '1']);
    expect([run.code, made(project)]).toEqual([6, ['db2']]);
    expect(errorsIn(run.stderr)).toEqual([
      {
        code: 'plan-stale',
        message: 'db2: it is not as the plan found it. gone: db2: its check does not succeed yet.',
        next: expect.stringContaining('--check --out'),
      },
    ]);
    expect(run.report.hosts.map(({ name, status }) => [name, status])).toEqual([
      ['db1', 'skipped'],
      ['db2', 'failed'],
    ]);
  });

  it('an inventory that was edited since: exit 6, though every sentence is the same', async () => {
    const project = await twoHosts();
    await project.run(KEEP);
    const inventory = readFileSync(project.at('inventory.yml'), 'utf8');
    project.write('inventory.yml', inventory.replace('first', 'second'));
    const run = await project.run(['--plan', 'plan.json']);
    expect([run.code, made(project)]).toEqual([6, []]);
    expect(errorsIn(run.stderr).map(({ code }) => code)).toEqual(['plan-stale', 'plan-stale']);
    expect(run.stderr).toContain('other in content: command:db1');
    // Control: it is the edit and nothing else.
    project.write('inventory.yml', inventory);
    expect((await project.run(['--plan', 'plan.json'])).code).toBe(0);
  });

  it('with --check only says whether it is stale', async () => {
    const project = await twoHosts();
    await project.run(KEEP);
    expect((await project.run(['--check', '--plan', 'plan.json'])).code).toBe(0);
    project.write('remote/db2', '');
    const run = await project.run(['--check', '--plan', 'plan.json']);
    expect([run.code, made(project)]).toEqual([6, ['db2']]);
  });

  it('a host that the plan does not name: exit 6 before anybody is contacted, and the report says so', async () => {
    const project = await twoHosts();
    await project.run([...KEEP, '-l', 'db1']);
    const run = await project.run(['--plan', 'plan.json']);
    expect([run.code, run.report.exitCode, run.report.hosts, made(project)]).toEqual([6, 6, [], []]);
    expect(run.report.errors?.map(({ code, message }) => `${code} ${message}`)).toEqual([
      'plan-stale db2: the plan does not name it.',
    ]);
    expect((await project.run(['--plan', 'plan.json', '-l', 'db1'])).code).toBe(0);
    expect(made(project)).toEqual(['db1']);
  });

  it.each<[string, string | null, string]>([
    ['is not there', null, 'cannot be read'],
    ['is not JSON', 'hosts:\n', 'not JSON'],
    ['is something else', '{ "hosts": [] }', 'it is no plan'],
    ['is of another version', '{ "schemaVersion": 2, "createdAt": "" }', 'another version'],
    [
      'lacks a digest',
      '{ "schemaVersion": 1, "runId": "", "createdAt": "", "playbook": "", "hosts": [{ "name": "db1", "changes": [] }] }',
      'it is no plan',
    ],
  ])('that %s: exit 5, with what to type', async (_name, text, why) => {
    const host = await network.host();
    const project = projectFor(network, { db1: host }, WORDS, { vars: { word: 'x' } });
    if (text !== null) project.write('plan.json', text);
    const run = await project.run(['--plan', 'plan.json']);
    expect([run.code, host.connections]).toEqual([5, 0]);
    expect(errorsIn(run.stderr)).toEqual([
      {
        code: 'usage',
        message: expect.stringContaining(why),
        next: expect.stringContaining('--check --out plan.json'),
      },
    ]);
  });

  it('an interrupted --check leaves no plan', async () => {
    const host = await network.host({ hang: 'after-login' });
    const project = projectFor(network, { db1: host }, WORDS, { vars: { word: 'x' } });
    rmSync(project.at('plan.json'), { force: true });
    const run = await project.run(KEEP, {
      meanwhile: async (child) => {
        while (host.logins.length === 0) await new Promise((resume) => setTimeout(resume, 10));
        child.kill('SIGINT');
      },
    });
    expect([run.code, existsSync(project.at('plan.json'))]).toEqual([130, false]);
  });
});

describe('--serial and --max-fail', () => {
  it('batches as typed, and a host that fails does not stop the others', async () => {
    const project = await twoHosts();
    project.write('playbook.ts', playbookOf('host.name === "db1" ? broken("disk") : mark(host.name)'));
    const stopped = await project.run(['--serial', '1']);
    expect([stopped.code, made(project)]).toEqual([2, []]);
    const tolerated = await project.run(['--serial', '1,100%', '--max-fail', '1']);
    expect([tolerated.code, made(project)]).toEqual([2, ['db2']]);
    expect(tolerated.stderr).toContain('batch 2 of 2');
  });
});
