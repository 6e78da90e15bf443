import { describe, expect, it } from '@jest/globals';
import { join } from 'node:path';
import { temporary, typed } from './typed.ts';

const directory = temporary();
const PLAYBOOK = 'playbooks/gateway.ts';

const gateway = (vars: string): string => `{ nics: { eth0: { address: 10.0.0.1/24 } }, nat: ${vars} }`;
const inventoryOf = (hosts: Readonly<Record<string, string>>): string => {
  const lines = Object.entries(hosts).map(([name, vars]) => `        ${name}: ${vars}`);
  return ['all:', '  children:', '    nat-gateway:', '      hosts:', ...lines, ''].join('\n');
};
const GOOD = gateway('{ engine: firewalld, masquerade: [10.0.0.0/24] }');

describe('provision validate', () => {
  it('ends 0 with a short summary of hosts, groups and roles', async () => {
    const { code, out, err } = await typed('validate', PLAYBOOK, '-i', 'inventory/lab');
    expect([code, err]).toEqual([0, '']);
    expect(out).toContain('5 hosts, 4 groups\n');
    expect(out).toMatch(/^ {2}private +2 hosts +db1, web1$/m);
    expect(out).toMatch(/^NAT gateways: 1 play, 3 files rendered$/m);
    expect(out).toMatch(/roles nat-gateway +1 host, \d+ resources, \d+ checks$/m);
    expect(out).toMatch(/\nvalid\n$/);
    expect(out.split('\n').length).toBeLessThan(15);
  });

  it('looks at the inventory alone without a playbook', async () => {
    const { code, out } = await typed('validate', '-i', 'inventory/prod');
    expect(code).toBe(0);
    expect(out).toContain('load-balancer');
    expect(out).not.toContain('rendered');
  });

  it('names only a few hosts of a large group', async () => {
    const hosts = Object.fromEntries(Array.from({ length: 30 }, (_, n) => [`gw${n}`, '{}']));
    const file = join(directory({ 'hosts.yml': inventoryOf(hosts) }), 'hosts.yml');
    expect((await typed('validate', '-i', file)).out).toMatch(
      /30 hosts +gw0, gw1, gw2, gw3, gw4 and 25 more/,
    );
  });

  it('says every problem of the inventory, and of the playbook file too', async () => {
    const files = directory({
      'hosts.yml': inventoryOf({ gw1: '{ nat: { engine: nft } }', gw2: '{ ansible_port: 99999 }' }),
      'bad.ts': 'export default 5;\n',
    });
    const { code, out, err } = await typed('validate', join(files, 'bad.ts'), '-i', join(files, 'hosts.yml'));
    expect([code, out]).toEqual([5, '']);
    expect(err).toContain('hosts.yml:5:');
    expect(err).toContain('hosts.yml:6:');
    expect(err).toContain('bad.ts does not export a playbook');
    expect(err).toContain('3 problems');
  });

  it('case 33, 34: every wrong value and key with its path, file, line and column, and what was meant', async () => {
    const wrong: readonly (readonly [string, string, string])[] = [
      ['nics: { a23456789012345x: { address: 10.0.0.1/24 } }', 'nics.a23456789012345x', 'Shorten it'],
      ['networks: { a: { cidr: 10.0.0.5/24 } }', 'networks.a.cidr', '10.0.0.0/24'],
      ['ansible_port: 0', 'ansible_port', '1 to 65535'],
      ['lab: { ssh_port: 65536 }', 'lab.ssh_port', '1 to 65535'],
      ["eips: { a: { public: '2001:db8::1', private: 10.0.0.1 } }", 'eips.a.public', 'IPv4'],
      ['ansible_host: 010.0.0.1', 'ansible_host', '10.0.0.1'],
      ['nat: { masquerad: [10.0.0.0/24] }', 'nat.masquerad', 'Did you mean "masquerade"?'],
    ];
    const hosts = Object.fromEntries(wrong.map(([vars], index) => [`gw${index}`, `{ ${vars} }`]));
    const file = join(directory({ 'hosts.yml': inventoryOf(hosts) }), 'hosts.yml');
    const { code, out, err } = await typed('validate', '-i', file);
    expect([code, out]).toEqual([5, '']);
    for (const [index, [, path, hint]] of wrong.entries()) {
      const block =
        err.split(/^(?=\S*hosts\.yml:)/m).find((text) => text.includes(`(host gw${index})`)) ?? '';
      expect(block).toMatch(new RegExp(`^\\S*hosts\\.yml:${5 + index}:\\d+: error \\[inventory\\] ${path}`));
      expect(block).toContain(hint);
    }
    expect(err).toContain(`${wrong.length} problems`);
  });

  it('says what is wrong with each host, not only with the first', async () => {
    const files = directory({
      'hosts.yml': inventoryOf({
        gw1: gateway('{ engine: firewalld, snat: [{ source: 10.0.0.9, to: a }] }').replace(
          'nat:',
          'eips: { a: { public: 203.0.113.9, private: 10.0.0.1 } }, nat:',
        ),
        gw2: '{}',
        gw3: GOOD.replace('0.1/24', '0.3/24'),
      }),
    });
    const { code, err } = await typed('validate', PLAYBOOK, '-i', join(files, 'hosts.yml'));
    expect(code).toBe(5);
    expect(err).toMatch(/gw1: firewalld cannot translate to a chosen address/);
    expect(err).toMatch(/gw2: a NAT gateway needs/);
    expect(err).not.toContain('gw3');
  });

  it('renders the templates: a broken one is told with file and line, once a host', async () => {
    const files = directory({
      'hosts.yml': inventoryOf({ gw1: GOOD }),
      'templates/firewalld/zone.xml.hbs': '<zone>\n{{nothing}}\n</zone>\n',
      'templates/sysctl/drop-in.conf.hbs': '{{#each values}}\n',
    });
    const flags = ['-i', join(files, 'hosts.yml'), '--templates', join(files, 'templates')];
    const sysctl = await typed('validate', PLAYBOOK, ...flags);
    expect(sysctl.code).toBe(5);
    expect(sysctl.err).toMatch(/drop-in\.conf\.hbs:\d.*error \[template\]/);
  });

  it('renders also what waits for the facts of a host', async () => {
    const files = directory({
      'hosts.yml': inventoryOf({ gw1: GOOD }),
      'templates/firewalld/zone.xml.hbs': '<zone>\n{{nothing}}\n</zone>\n',
    });
    const flags = ['-i', join(files, 'hosts.yml'), '--templates', join(files, 'templates')];
    const { code, err } = await typed('validate', PLAYBOOK, ...flags);
    expect(code).toBe(5);
    expect(err).toMatch(/zone\.xml\.hbs:2:\d+: error \[template\]/);
  });

  it('tells warnings, and still ends 0', async () => {
    const files = directory({ 'hosts.yml': inventoryOf({ gw1: '{ nicss: {} }' }) });
    const { code, err } = await typed('validate', '-i', join(files, 'hosts.yml'));
    expect(code).toBe(0);
    expect(err).toMatch(/^warning: .*hosts\.yml:5: nicss is not a variable/);
  });

  it('refuses a limit that selects nothing', async () => {
    const { code, err } = await typed('validate', '-i', 'inventory/lab', '-l', 'nothing');
    expect(code).toBe(5);
    expect(err).toContain('no-hosts-matched');
  });
});
