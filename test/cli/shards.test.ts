import { describe, expect, it } from '@jest/globals';
import { parseShard } from '../../src/cli/shard.ts';
import { shardOf } from '../../src/engine/shards.ts';
import type { HostReport, Report } from '../../src/model/report.ts';
import { fakeNetwork } from '../fakehost/fake-network.ts';
import { crowd, errorsIn, MARKS, playbookOf, projectFor, readReport } from './project.ts';
import type { Project } from './project.ts';

const network = fakeNetwork();

const numbered = (count: number): string[] =>
  Array.from({ length: count }, (_, index) => `h${String(index + 1).padStart(3, '0')}`);
const SHARDS = 16;
const indexes = Array.from({ length: SHARDS }, (_, index) => index + 1);

describe('which shard a host is in', () => {
  const names = numbered(500);
  const of = (hosts: readonly string[]) => new Map(hosts.map((name) => [name, shardOf(name, SHARDS)]));

  it('every host is in one of them, and none is empty or far too large', () => {
    const sizes = indexes.map((index) => names.filter((name) => shardOf(name, SHARDS) === index).length);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(500);
    expect(Math.min(...sizes)).toBeGreaterThan(10);
    expect(Math.max(...sizes)).toBeLessThan(60);
  });

  it('one host more moves none of the others: well below a sixteenth and two', () => {
    const before = of(names);
    for (const more of ['aaa', 'h250a', 'zzz']) {
      const after = of([more, ...names].sort());
      const moved = names.filter((name) => before.get(name) !== after.get(name)).length;
      expect(moved).toBeLessThanOrEqual(Math.floor(500 / 16) + 2);
      expect(moved).toBe(0);
    }
    // Control: another number of shards does move many.
    expect(names.filter((name) => shardOf(name, 17) !== before.get(name)).length).toBeGreaterThan(400);
  });

  it('stays what it is from version to version', () => {
    expect(['gw1', 'gw2', 'db1', 'web-1.example.org'].map((name) => shardOf(name, 16))).toEqual([
      4, 4, 12, 13,
    ]);
  });
});

describe('--shard', () => {
  it.each<[string, NodeJS.ProcessEnv, [number, number]]>([
    ['3/16', {}, [3, 16]],
    ['1/1', {}, [1, 1]],
    ['auto', { CI_NODE_INDEX: '2', CI_NODE_TOTAL: '4' }, [2, 4]],
    ['auto/4', { CI_NODE_INDEX: '4' }, [4, 4]],
    ['auto/16', { JOB_COMPLETION_INDEX: '0' }, [1, 16]],
    ['auto/16', { JOB_COMPLETION_INDEX: '15' }, [16, 16]],
    ['3/16', { CI_NODE_INDEX: '2', CI_NODE_TOTAL: '4' }, [3, 16]],
  ])('%s with %j', (text, env, [index, of]) => {
    expect(parseShard(text, env)).toEqual({ index, of });
  });

  it.each<[string, NodeJS.ProcessEnv]>([
    ['0/16', {}],
    ['17/16', {}],
    ['3', {}],
    ['3/', {}],
    ['3/0', {}],
    ['-1/2', {}],
    ['1.5/2', {}],
    ['a/b', {}],
    ['', {}],
    ['auto', {}],
    ['auto', { CI_NODE_INDEX: '1' }],
    ['auto', { JOB_COMPLETION_INDEX: '1' }],
    ['auto/4', { JOB_COMPLETION_INDEX: '4' }],
    ['auto', { CI_NODE_INDEX: '5', CI_NODE_TOTAL: '4' }],
    ['auto', { CI_NODE_INDEX: 'x', CI_NODE_TOTAL: '4' }],
  ])('%j with %j: exit 5', async (text, env) => {
    const host = await network.host();
    const run = await projectFor(network, { db1: host }, MARKS).run([`--shard=${text}`], { env });
    expect([run.code, host.connections]).toEqual([5, 0]);
    expect(errorsIn(run.stderr)[0]?.next).not.toBeNull();
  });

  it('the variables of a pipeline alone choose nothing', async () => {
    const host = await network.host();
    const env = { CI_NODE_INDEX: '1', CI_NODE_TOTAL: '2', JOB_COMPLETION_INDEX: '0' };
    const run = await projectFor(network, { db1: host, db2: host }, MARKS).run(['--check'], { env });
    expect([run.code, run.report.hosts.length]).toEqual([0, 2]);
  });

  it('a shard without a host is no error, contacts nobody and says so in its report', async () => {
    const host = await network.host();
    const project = projectFor(network, { db1: host }, MARKS);
    const [empty] = [1, 2].filter((index) => index !== shardOf('db1', 2));
    const run = await project.run(['--shard', `${empty}/2`]);
    expect([run.code, host.connections, run.report.hosts]).toEqual([0, 0, []]);
    expect(run.report.shard).toEqual({ index: empty, of: 2, hosts: ['db1'] });
    // Control: a host that nobody has is one.
    expect((await project.run(['--shard', `${empty}/2`, '-l', 'db2'])).code).toBe(5);
    expect((await project.run(['--shard', `${empty}/2`, '-t', 'typo'])).code).toBe(5);
    expect((await project.run(['--shard', `${empty}/2`, '-t', 'own'])).code).toBe(0);
  });

  it('warns where batches would not keep hosts apart', async () => {
    const project = projectFor(
      network,
      { db1: await network.host() },
      playbookOf('mark(host.name)', { play: 'serial: 1' }),
    );
    expect((await project.run(['--check', '--shard', '1/2'])).stderr).toContain(
      'serial holds within a shard only',
    );
    expect((await project.run(['--check'])).stderr).not.toContain('serial holds');
  });
});

/** What must not differ between a run over all hosts and the shards of one. */
const lasting = ({ hosts, exitCode }: Report): unknown => ({
  exitCode,
  hosts: hosts.map((host) => ({
    ...host,
    timings: Object.keys(host.timings),
    ssh: { ...host.ssh, bytesIn: 0, bytesOut: 0 },
  })),
});

describe('16 shards over 500 hosts', () => {
  const names = numbered(500);

  /** Two shards at a time, as on two machines. */
  async function inShards(project: Project): Promise<number[]> {
    const codes: number[] = [];
    const waiting = [...indexes];
    const worker = async (): Promise<void> => {
      for (let index = waiting.shift(); index !== undefined; index = waiting.shift()) {
        const words = ['plan', 'playbook.ts', '-i', 'inventory.yml', '-F', project.setup.configFile];
        const report = ['--report', `shard-${index}.json`, '--shard', `${index}/${SHARDS}`];
        const { code } = await project.provision([...words, ...report], { patienceMs: 120_000 });
        codes[index - 1] = code;
      }
    };
    await Promise.all([worker(), worker()]);
    return codes;
  }

  it('contact each host exactly once, and the merged report is that of one run over all', async () => {
    const server = await network.host();
    // Some are as declared, some are not, three cannot be reached.
    const playbook = playbookOf('mark(host.name)', {
      play: "checks: [(context: any) => context.play.flatMap((name: string) => reach({ from: name, to: '127.0.0.1:1', expect: 'closed', retries: 0, name: name + ' is closed' })(context))]",
    });
    const project = projectFor(network, { server }, playbook);
    const gone = Object.fromEntries(['h007', 'h250', 'h499'].map((name) => [name, { ansible_port: 1 }]));
    crowd(project, names, gone);
    names.filter((_name, index) => index % 7 === 0).forEach((name) => project.write(`remote/${name}`, ''));

    const codes = await inShards(project);
    expect(new Set(codes)).toEqual(new Set([0, 4]));
    expect(server.logins.toSorted()).toEqual(names.filter((name) => !(name in gone)));

    const files = indexes.map((index) => `shard-${index}.json`);
    const merged = await project.provision(['report', 'merge', ...files, '--report', 'merged.json']);
    expect(merged.code).toBe(4);
    expect(merged.stderr).toMatch(/^16 reports, 500 hosts: /);

    const sharded = server.logins.length;
    const words = ['plan', 'playbook.ts', '-i', 'inventory.yml', '-F', project.setup.configFile];
    const whole = await project.provision([...words, '--report', 'whole.json'], { patienceMs: 240_000 });
    expect(whole.code).toBe(4);
    // Control: both contacted everybody.
    expect(server.logins.slice(sharded).toSorted()).toEqual(names.filter((name) => !(name in gone)));
    const [one, other] = [readReport(project.at('merged.json')), readReport(project.at('whole.json'))];
    expect(lasting(one)).toEqual(lasting(other));
    expect(one.merged).toHaveLength(SHARDS);
    expect(one.hosts.filter(({ status }) => status === 'ok').length).toBeGreaterThan(60);
    expect(one.hosts.filter(({ checks }) => checks.length === 1)).toHaveLength(500);

    // A shard whose machine died: its hosts are not forgotten.
    const without = await project.provision(['report', 'merge', ...files.slice(1)]);
    expect(without.code).toBe(3);
    const { hosts } = JSON.parse(without.stdout) as Report;
    const unknown = (host: HostReport): boolean => host.status === 'unknown';
    expect(hosts.filter(unknown).map(({ name }) => name)).toEqual(
      names.filter((name) => shardOf(name, SHARDS) === 1),
    );
    expect(hosts.find(unknown)?.error?.message).toContain('there is no report of shard 1/16');
  }, 480_000);
});
