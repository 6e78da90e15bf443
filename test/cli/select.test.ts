import { existsSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import type { FakeHost } from '../fakehost/fake-host.ts';
import { fakeNetwork } from '../fakehost/fake-network.ts';
import { errorsIn, MARKS, playbookOf, projectFor } from './project.ts';
import type { Project } from './project.ts';

const network = fakeNetwork();

type Hosts = Record<'db1' | 'db2' | 'web1', FakeHost>;

async function threeHosts(playbook = MARKS): Promise<{ hosts: Hosts; project: Project }> {
  const hosts: Hosts = { db1: await network.host(), db2: await network.host(), web1: await network.host() };
  const project = projectFor(network, hosts, playbook);
  project.write(
    'inventory.yml',
    JSON.stringify({
      all: {
        vars: { ansible_become: false },
        children: { databases: { hosts: { db1: {}, db2: {} } }, front: { hosts: { web1: {}, db2: {} } } },
      },
    }),
  );
  return { hosts, project };
}

const contacted = (hosts: Hosts): string[] =>
  Object.entries(hosts).flatMap(([name, host]) => (host.connections > 0 ? [name] : []));

describe('-l', () => {
  it.each<[string, string[]]>([
    ['db1', ['db1']],
    ['databases', ['db1', 'db2']],
    ['db*', ['db1', 'db2']],
    ['?eb[12]', ['web1']],
    ['db1,web1', ['db1', 'web1']],
    ['db1:web1', ['db1', 'web1']],
    ['all,!front', ['db1']],
    ['!db1', ['db2', 'web1']],
    ['databases,&front', ['db2']],
    ['@hosts.txt', ['db1', 'web1']],
    ['@hosts.txt,!web1', ['db1']],
  ])('%s', async (pattern, selected) => {
    const { hosts, project } = await threeHosts();
    project.write('hosts.txt', '# of yesterday\ndb1\n\nweb1\n');
    const run = await project.run(['--check', '-l', pattern]);
    expect([run.code, run.report.hosts.map(({ name }) => name), contacted(hosts)]).toEqual([
      0,
      selected,
      selected,
    ]);
  });

  it.each([
    'db1,dbb',
    'all,!web9',
    'databases,&frnt',
    'x*',
    'db1,!db1',
    '@hosts.txt',
    '@nowhere.txt',
    '',
    ',',
  ])('%s: a part that matches nothing is an error, and nobody is contacted', async (pattern) => {
    const { hosts, project } = await threeHosts();
    project.write('hosts.txt', 'db1\ndb7\n');
    const run = await project.run(['--check', `-l${pattern}`, `--limit=${pattern}`]);
    expect([run.code, contacted(hosts)]).toEqual([5, []]);
    expect(errorsIn(run.stderr)[0]?.next).not.toBeNull();
  });
});

const TAGGED = `
import { fileURLToPath } from 'node:url';
import { command, file, packageInstalled, play, playbook, reach, sh, tagged } from 'provision';
const here = (name: string) => fileURLToPath(new URL('remote/', import.meta.url)) + name;
const mark = (name: string) => command({ name, check: sh\`test -e \${here(name)}\`, run: sh\`touch \${here(name)}\`, undo: sh\`rm -f \${here(name)}\` });
const quick = { name: 'quick', build: ({ host }: any) => ({ resources: [mark(host.name + '-quick'), tagged('note', mark(host.name + '-note'))] }) };
const heavy = { name: 'heavy', build: ({ host }: any) => ({
  resources: [packageInstalled({ name: 'no-such-package-anywhere' }), mark(host.name + '-heavy')],
  checks: [reach({ from: host.name, to: '127.0.0.1:1', expect: 'open', retries: 0, name: 'heavy answers' })],
}) };
export default playbook('tagged', [
  play({ name: 'both', hosts: 'all', tags: ['site'], roles: [quick, tagged('big', heavy)] }),
]);
`;

describe('-t and --skip-tags', () => {
  it('what is skipped takes its packages and its checks along', async () => {
    const { project } = await threeHosts(TAGGED);
    // Control: without it the package is missing and the check fails.
    const all = await project.run(['--check', '-l', 'db1', '--detailed-exitcode']);
    expect(all.report.hosts[0]?.changes.map(({ resource }) => resource)).toContain(
      'package:no-such-package-anywhere',
    );
    expect(all.report.hosts[0]?.checks).toHaveLength(1);
    const run = await project.run(['-l', 'db1', '--skip-tags', 'big']);
    expect([run.code, run.report.hosts[0]?.status, run.report.hosts[0]?.checks]).toEqual([0, 'changed', []]);
    expect(existsSync(project.at('remote/db1-quick'))).toBe(true);
    expect(existsSync(project.at('remote/db1-heavy'))).toBe(false);
  });

  it.each([
    [['-t', 'note'], ['command:db1-note']],
    [['-t', 'quick', '--skip-tags', 'note'], ['command:db1-quick']],
    [
      ['--tags', 'note,quick'],
      ['command:db1-quick', 'command:db1-note'],
    ],
    [
      ['-t', 'note', '-t', 'quick'],
      ['command:db1-quick', 'command:db1-note'],
    ],
    [
      ['-t', 'site', '--skip-tags', 'heavy'],
      ['command:db1-quick', 'command:db1-note'],
    ],
  ])('%j', async (flags, resources) => {
    const { project } = await threeHosts(TAGGED);
    const run = await project.run(['--check', '-l', 'db1', ...flags]);
    expect([run.code, run.report.hosts[0]?.changes.map(({ resource }) => resource)]).toEqual([0, resources]);
  });

  it('a tag that nothing has: exit 5, nobody is contacted, and the error names those there are', async () => {
    const { hosts, project } = await threeHosts(TAGGED);
    const run = await project.run(['-t', 'quikc']);
    expect([run.code, contacted(hosts)]).toEqual([5, []]);
    expect(errorsIn(run.stderr)).toMatchObject([
      { code: 'no-hosts-matched', next: expect.stringContaining('quick') },
    ]);
  });

  it('a plan that was kept with tags is applied with the same tags, and stale without', async () => {
    const { project } = await threeHosts(TAGGED);
    const only = ['-l', 'db1', '-t', 'note'];
    expect((await project.run([...only, '--check', '--out', 'plan.json'])).code).toBe(0);
    expect((await project.run(['-l', 'db1', '-t', 'quick', '--plan', 'plan.json'])).code).toBe(6);
    expect((await project.run([...only, '--plan', 'plan.json'])).code).toBe(0);
  });
});

describe('looking without contacting anybody', () => {
  it('--list-hosts, --list-tasks and --list-tags, together', async () => {
    const { hosts, project } = await threeHosts(TAGGED);
    const words = ['playbook.ts', '-i', 'inventory.yml', '-l', 'databases'];
    const listed = await project.provision([...words, '--list-hosts', '--list-tasks', '--list-tags']);
    expect([listed.code, listed.stderr, contacted(hosts)]).toEqual([0, '', []]);
    expect(listed.stdout.split('\n')).toEqual([
      'playbook: tagged',
      '',
      '  play #1: both\tTAGS: [site]',
      '    hosts (2):',
      '      db1',
      '      db2',
      '    tasks:',
      '      command:db1-quick (db1)\tTAGS: [quick, site]',
      '      command:db1-note (db1)\tTAGS: [note, quick, site]',
      '      package:no-such-package-anywhere\tTAGS: [heavy, big, site]',
      '      command:db1-heavy (db1)\tTAGS: [heavy, big, site]',
      '      command:db2-quick (db2)\tTAGS: [quick, site]',
      '      command:db2-note (db2)\tTAGS: [note, quick, site]',
      '      command:db2-heavy (db2)\tTAGS: [heavy, big, site]',
      '      check from db1: heavy answers\tTAGS: [heavy, big, site]',
      '      check from db2: heavy answers\tTAGS: [heavy, big, site]',
      '    TASK TAGS: [big, heavy, note, quick, site]',
      '',
    ]);
    const chosen = await project.provision([...words, '--list-tasks', '-t', 'note']);
    expect(chosen.stdout).toMatch(/command:db1-note/);
    expect(chosen.stdout).not.toMatch(/heavy/);
  });

  it('--syntax-check: 0 for what is valid, 5 with every mistake else', async () => {
    const { hosts, project } = await threeHosts(TAGGED);
    const words = ['playbook.ts', '-i', 'inventory.yml', '--syntax-check'];
    expect(await project.provision(words)).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('valid'),
    });
    project.write('playbook.ts', playbookOf('vars.nothing.at.all'));
    const broken = await project.provision(words);
    expect([broken.code, errorsIn(broken.stderr)[0]?.code, contacted(hosts)]).toEqual([5, 'playbook', []]);
  });
});
