import { describe, expect, it } from '@jest/globals';
import { join } from 'node:path';
import { temporary, typed } from './typed.ts';

const directory = temporary();
const LAB = ['-i', 'inventory/lab'];

describe('provision inventory list', () => {
  it('is a table of hosts with their addresses, ways and groups', async () => {
    const { code, out } = await typed('inventory', 'list', ...LAB);
    expect(code).toBe(0);
    expect(out.split('\n')[0]).toMatch(/^HOST +ADDRESS +WAY +GROUPS$/);
    expect(out).toMatch(/^gw1 +172\.31\.0\.2 +nat-gateway$/m);
    expect(out).toMatch(/^db1 +172\.31\.0\.20 +via gw1 +private$/m);
  });

  it('keeps to the hosts of -l', async () => {
    expect(
      (await typed('inventory', 'list', ...LAB, '-l', 'private')).out.trimEnd().split('\n'),
    ).toHaveLength(3);
  });

  it('is with --json what Ansible reads of an executable inventory', async () => {
    const { out } = await typed('inventory', 'list', ...LAB, '--json');
    const list = JSON.parse(out) as Record<string, { hosts?: string[]; children?: string[] }> & {
      _meta: { hostvars: Record<string, Record<string, unknown>> };
    };
    expect(Object.keys(list._meta.hostvars)).toEqual(['outside1', 'gw1', 'db1', 'web1', 'iso1']);
    expect(list._meta.hostvars['gw1']).toMatchObject({ ansible_host: '172.31.0.2', ansible_become: true });
    expect(list['private']).toEqual({ hosts: ['db1', 'web1'] });
    expect(list['all']?.children).toEqual(expect.arrayContaining(['ungrouped', 'nat-gateway', 'private']));
    expect(list['ungrouped']).toEqual({ hosts: [] });
  });

  it('finds the same inventory in its own JSON', async () => {
    const { out } = await typed('inventory', 'list', ...LAB, '--json');
    const { _meta, ...groups } = JSON.parse(out) as {
      _meta: { hostvars: Record<string, object> };
      private: { hosts: string[] };
    };
    const again = {
      all: {
        children: {
          ...Object.fromEntries(
            Object.entries(groups as Record<string, { hosts?: string[] }>)
              .filter(([, { hosts }]) => (hosts ?? []).length > 0)
              .map(([group, { hosts = [] }]) => [
                group,
                { hosts: Object.fromEntries(hosts.map((name) => [name, _meta.hostvars[name]])) },
              ]),
          ),
        },
      },
    };
    const file = join(directory({ 'again.json': JSON.stringify(again) }), 'again.json');
    expect((await typed('inventory', 'list', '-i', file, '--json')).out).toBe(out);
  });
});

describe('provision inventory host', () => {
  it('prints the merged variables as YAML that says the same as the JSON', async () => {
    const yaml = await typed('inventory', 'host', 'gw1', ...LAB);
    const json = await typed('inventory', 'host', 'gw1', ...LAB, '--json');
    expect(yaml.out).toContain('nat:\n  engine: firewalld\n');
    const { parse } = await import('yaml');
    expect(parse(yaml.out)).toEqual(JSON.parse(json.out));
  });

  it('names the nearest host', async () => {
    expect(await typed('inventory', 'host', 'gw2', ...LAB)).toMatchObject({
      code: 5,
      out: '',
      err: expect.stringContaining('Did you mean "gw1"?'),
    });
  });
});

describe('provision inventory blame', () => {
  it('tells file, line and column of each value, and what nobody wrote', async () => {
    const { code, out } = await typed('inventory', 'blame', 'gw1.nat', ...LAB);
    expect(code).toBe(0);
    expect(out).toMatch(/^inventory\/lab\/host_vars\/gw1\.yml:\d+:\d+ +gw1\.nat\.engine +"firewalld"$/m);
    expect(out).toMatch(/gw1\.nat\.snat +\[\] +\(default\)$/m);
  });

  it('points at the value itself', async () => {
    const files = directory({
      'hosts.yml': 'all:\n  hosts:\n    a.example: { tags: [x, "y"] }\n  vars:\n    tags: [z]\n    other:\n',
    });
    const file = join(files, 'hosts.yml');
    const { out } = await typed('inventory', 'blame', 'a.example.tags[1]', '-i', file, '--json');
    expect(JSON.parse(out)).toEqual([
      { host: 'a.example', path: 'tags[1]', value: 'y', file, line: 3, column: 28, default: false },
    ]);
    const whole = await typed('inventory', 'blame', '-i', file);
    expect(whole.out.trimEnd().split('\n')).toHaveLength(3);
    expect(whole.out).toMatch(/:6:5 +a\.example\.other +null$/m);
  });

  it.each([
    ['gw1.nat.dnta', 'gw1 has no dnta in nat.', 'Did you mean "dnat"?'],
    ['gw1.nta', 'gw1 has no nta in its variables.', 'Did you mean "nat"?'],
    ['gw1.nat.dnat[7]', 'gw1 has no 7 in nat.dnat.', 'There is'],
    ['gw1.nat..x', 'gw1.nat..x is not NAME.PATH.', 'gw1.nat.dnat[0].to'],
    ['gw9.nat', 'There is no host gw9', 'Did you mean "gw1"?'],
  ])('%s: %s', async (address, says, next) => {
    const { code, out, err } = await typed('inventory', 'blame', address, ...LAB);
    expect([code, out]).toEqual([5, '']);
    expect(err).toContain(says);
    expect(err).toContain(next);
  });
});

describe('provision schema', () => {
  it.each(['inventory', 'variables', 'report'])('%s prints a JSON Schema', async (what) => {
    const { code, out } = await typed('schema', what);
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ $schema: expect.stringContaining('json-schema.org') });
  });
});

describe('provision inventory graph', () => {
  it('draws some hosts only, where that is wanted', async () => {
    const { out } = await typed(
      'inventory',
      'graph',
      '-i',
      'inventory/prod',
      '-l',
      'gw1',
      '--format',
      'mermaid',
    );
    expect(out).toContain('"gw1 · NAT gateway"');
    expect(out).not.toContain('app1');
  });

  it('a page says that nobody was asked', async () => {
    const { out } = await typed('inventory', 'graph', '-i', 'inventory/lab', '--format', 'html');
    expect(out).toContain('<h1>inventory/lab</h1>');
    expect(out).toContain('Nothing was contacted.');
  });
});
