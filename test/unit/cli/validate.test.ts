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
