import { describe, expect, it } from '@jest/globals';
import { fakeNetwork } from '../fakehost/fake-network.ts';
import { playbookOf, projectFor } from './project.ts';

const network = fakeNetwork();
const LIMITED = `const limited = defineResource<{ most: number }, { live: { most: string } }>({
  kind: 'limit', name: () => 'files',
  desired: ({ most }) => ({ live: { most: String(most) } }),
  probe: () => 'echo readonly',
  parse: ({ stdout }, { most }) => ({ live: { most: stdout.trim() === 'readonly' ? String(most) : stdout.trim() } }),
  warnings: ({ stdout }) => (stdout.trim() === 'readonly' ? ['the limit is skipped (unsupported)'] : []),
  transition: () => ({ steps: ['exit 1'] }),
});`;
const playbook = playbookOf('[mark(host.name), limited({ most: 7 })]', { head: LIMITED }).replace(
  'import { command,',
  'import { defineResource, command,',
);

describe('what cannot be had on a host', () => {
  it('is told once a run, changes nothing, and fails nothing', async () => {
    const host = await network.host();
    const project = projectFor(network, { db1: host }, playbook);
    for (const status of ['changed', 'ok']) {
      const run = await project.run();
      expect([run.code, run.report.hosts[0]?.status]).toEqual([0, status]);
      expect(run.stderr.split('the limit is skipped (unsupported)')).toHaveLength(2);
      expect(run.report.hosts[0]?.changes.map(({ resource }) => resource)).toEqual(
        status === 'ok' ? [] : ['command:db1'],
      );
    }
  });

  it('control: the same resource where it can be had is drift', async () => {
    const host = await network.host();
    const project = projectFor(network, { db1: host }, playbook.replace('echo readonly', 'echo 3'));
    const run = await project.run(['--check']);
    expect(run.report.hosts[0]?.changes.map(({ resource }) => resource)).toContain('limit:files');
    expect(run.stderr).not.toContain('skipped (unsupported)');
  });
});

describe('provision status', () => {
  it('shows the connection table, in the table and as JSON', async () => {
    const host = await network.host();
    const project = projectFor(network, { db1: host }, playbook);
    const argv = ['status', '-i', 'inventory.yml', '-F', project.setup.configFile];
    const { code, stdout } = await project.provision([...argv, '--json']);
    expect(code).toBe(0);
    const [told] = (JSON.parse(stdout) as { hosts: { conntrack: Record<string, unknown> | null }[] }).hosts;
    const table = (await project.provision(argv)).stdout;
    // A machine whose kernel tracks no connections has none.
    if (told?.conntrack === null) return expect(table).not.toContain('CONNTRACK');
    expect(told?.conntrack).toEqual({
      count: expect.any(Number),
      max: expect.any(Number),
      insertFailed: expect.any(Number),
      drop: expect.any(Number),
    });
    expect(table).toMatch(/^HOST +CONNTRACK +MAX +USED +INSERT FAILED +DROP$/m);
    expect(table).toMatch(
      new RegExp(`^db1 +\\d+ +${String(told?.conntrack['max'])} +\\d+ % +\\d+ +\\d+$`, 'm'),
    );
  });
});
