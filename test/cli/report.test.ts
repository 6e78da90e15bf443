import { existsSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import type { FakeHost } from '../fakehost/fake-host.ts';
import { fakeNetwork } from '../fakehost/fake-network.ts';
import { errorsIn, MARKS, playbookOf, projectFor, readReport, SLOW, until, whenBegun } from './project.ts';
import type { Project, Run } from './project.ts';

const network = fakeNetwork();

async function oneHost(playbook = MARKS): Promise<{ host: FakeHost; project: Project }> {
  const host = await network.host();
  return { host, project: projectFor(network, { db1: host }, playbook) };
}

const newest = ({ report }: Run): number => Date.now() - Date.parse(report.startedAt);

describe('the report is written whatever happens, for its owner only', () => {
  it('a run that changes something', async () => {
    const { project } = await oneHost();
    const run = await project.run();
    expect(run.reportMode).toBe('600');
    expect(run.report).toMatchObject({
      schemaVersion: 1,
      exitCode: 0,
      argv: expect.arrayContaining(['playbook.ts', '--report']),
    });
    expect(newest(run)).toBeLessThan(60_000);
    expect(run.report.hosts[0]).toMatchObject({
      name: 'db1',
      status: 'changed',
      resources: 1,
      changes: [
        {
          resource: 'command:db1',
          action: 'update',
          field: 'done',
          layer: 'live',
          before: false,
          after: true,
        },
      ],
    });
    expect(Object.keys(run.report.hosts[0]?.timings ?? {})).toEqual(
      expect.arrayContaining(['probe', 'apply', 'verify']),
    );
    expect(run.report).not.toHaveProperty('errors');
  });

  it('an error before any contact', async () => {
    const { project } = await oneHost();
    project.write('inventory.yml', 'all:\n  hosts:\n    db1: { nat: { masquarade: [] } }\n');
    const run = await project.run();
    expect([run.code, run.reportMode]).toEqual([5, '600']);
    expect(run.report).toMatchObject({
      exitCode: 5,
      hosts: [],
      errors: [{ code: 'inventory', line: 3, hint: expect.stringContaining('masquerade') }],
    });
  });

  it('a host that cannot be reached', async () => {
    const { project } = await oneHost();
    project.write('inventory.yml', 'all: { hosts: { db1: { ansible_port: 1 } } }');
    const run = await project.run();
    expect([run.code, run.reportMode, run.report.hosts[0]?.status]).toEqual([4, '600', 'unreachable']);
  });

  it.each(['SIGINT', 'SIGTERM'] as const)('%s before and during the changes', async (signal) => {
    const silent = await network.host({ hang: 'after-login' });
    const early = projectFor(network, { db1: silent }, MARKS);
    const before = await early.run([], {
      meanwhile: async (child) => {
        await until(() => silent.logins.length > 0);
        child.kill(signal);
      },
    });
    const { project } = await oneHost(SLOW);
    const during = await project.run([], {
      meanwhile: (child) => whenBegun(project, 'db1', () => child.kill(signal)),
    });
    for (const run of [before, during]) {
      expect([run.report.exitCode, run.reportMode]).toEqual([signal === 'SIGINT' ? 130 : 143, '600']);
      expect(run.report.hosts).toHaveLength(1);
    }
  });

  it('several, in directories that are made, and nothing half-written beside them', async () => {
    const { project } = await oneHost();
    await project.run(['--report', 'new/directory/second.json']);
    expect(readReport(project.at('new/directory/second.json')).hosts).toHaveLength(1);
    expect(readdirSync(project.at('new/directory'))).toEqual(['second.json']);
  });

  it('one that was there and readable by all is replaced, not kept open', async () => {
    const { project } = await oneHost();
    project.write('open.json', '{}');
    expect(statSync(project.at('open.json')).mode & 0o777).not.toBe(0o600);
    await project.run(['--report', 'open.json']);
    expect(statSync(project.at('open.json')).mode & 0o777).toBe(0o600);
  });

  it.each(['taken.json', 'playbook.ts/report.json'])(
    '%s cannot be written: said before any host is contacted',
    async (file) => {
      const { host, project } = await oneHost();
      mkdirSync(project.at('taken.json'));
      const run = await project.run(['--report', file]);
      expect([run.code, host.connections]).toEqual([5, 0]);
      expect(errorsIn(run.stderr)).toEqual([
        { code: 'usage', message: expect.stringContaining(file), next: expect.any(String) },
      ]);
      expect(run.report.errors).toHaveLength(1);
      expect(readdirSync(project.directory).filter((name) => name.endsWith('.tmp'))).toEqual([]);
    },
  );
});

describe('connections and execs, counted by the host itself, are those of the report', () => {
  /** What each host saw since it was last asked. */
  function counter(hosts: Readonly<Record<string, FakeHost>>): () => Record<string, [number, number]> {
    let before: Record<string, [number, number]> = {};
    return () => {
      const now = Object.fromEntries(
        Object.entries(hosts).map(([name, host]): [string, [number, number]] => [
          name,
          [host.connections, host.execs],
        ]),
      );
      const difference = Object.fromEntries(
        Object.entries(now).map(([name, [connections, execs]]): [string, [number, number]] => [
          name,
          [connections - (before[name]?.[0] ?? 0), execs - (before[name]?.[1] ?? 0)],
        ]),
      );
      before = now;
      return difference;
    };
  }

  const reportedBy = ({ report }: Run): Record<string, [number, number]> =>
    Object.fromEntries(report.hosts.map(({ name, ssh }) => [name, [ssh.connections, ssh.execs]]));

  it('three at most and four at most in a run that changes; one and one in one that does not, or only plans', async () => {
    const hosts = { db1: await network.host(), db2: await network.host() };
    const checks = "checks: [reach({ from: 'db1', to: '127.0.0.1:1', expect: 'closed' })]";
    const project = projectFor(
      network,
      hosts,
      playbookOf('[mark(host.name), mark("b-" + host.name), mark("c-" + host.name)]', { play: checks }),
    );
    const seen = counter(hosts);
    const planned = await project.run(['--check']);
    expect(seen()).toEqual(reportedBy(planned));
    expect(reportedBy(planned)).toEqual({ db1: [1, 1], db2: [1, 1] });

    const changing = await project.run();
    const counted = seen();
    expect(counted).toEqual(reportedBy(changing));
    for (const [connections, execs] of Object.values(counted)) {
      expect(connections).toBeLessThanOrEqual(3);
      expect(execs).toBeLessThanOrEqual(4);
    }

    const unchanged = await project.run();
    expect(seen()).toEqual(reportedBy(unchanged));
    expect(reportedBy(unchanged)).toEqual({ db1: [1, 1], db2: [1, 1] });
    expect(Object.values(hosts).map((host) => host.open)).toEqual([0, 0]);
  });

  it('in a run that fails and puts back', async () => {
    const { host, project } = await oneHost(playbookOf('[mark(host.name), broken("b")]'));
    const run = await project.run();
    expect([run.code, reportedBy(run)]).toEqual([2, { db1: [host.connections, host.execs] }]);
    expect(existsSync(project.at('remote/db1'))).toBe(false);
  });

  it('jump hosts are counted apart', async () => {
    const [gw1, db1] = [await network.host(), await network.host()];
    const project = projectFor(network, { gw1, db1 }, MARKS, { hostVars: { db1: { jump: 'gw1' } } });
    const run = await project.run(['-l', 'db1', '--check']);
    expect(run.code).toBe(0);
    expect(run.report.hosts).toMatchObject([{ name: 'db1', ssh: { connections: 1, execs: 1, jumps: 1 } }]);
    expect([gw1.connections, gw1.execs, db1.connections, db1.execs]).toEqual([1, 0, 1, 1]);
  });
});
