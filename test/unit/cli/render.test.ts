import { describe, expect, it } from '@jest/globals';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { renderDirectory } from '../../../src/cli/render-directory.ts';
import { assumedFacts, renderedHosts } from '../../../src/cli/rendered.ts';
import type { Compiled } from '../../../src/engine/compile.ts';
import type { Host, Inventory } from '../../../src/model/host.ts';
import type { Resource } from '../../../src/model/resource.ts';
import { command, file, packageInstalled, service } from '../../../src/resources/index.ts';
import { temporary, typed } from './typed.ts';

const directory = temporary();
const PLAYBOOK = 'playbooks/gateway.ts';

const filesBelow = (root: string): string[] =>
  readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((name) => lstatSync(join(root, name)).isFile())
    .toSorted();

describe('provision render', () => {
  it('writes what would be on each host, and prints the names', async () => {
    const out = join(directory(), 'new', 'rendered');
    const printed = await typed('render', PLAYBOOK, '-i', 'inventory/lab', '--out', out);
    expect(printed.code).toBe(0);
    const files = [
      'gw1/etc/firewalld/policies/provision-forward.xml',
      'gw1/etc/firewalld/zones/public.xml',
      'gw1/etc/sysctl.d/99-zz-provision-nat-gateway.conf',
    ];
    expect(printed.out).toBe(files.map((name) => `${join(out, name)}\n`).join(''));
    expect(printed.err).toBe('3 files for 1 host\n');
    expect(filesBelow(out)).toEqual(['.provision-render', ...files]);
    expect(readFileSync(join(out, files[2] ?? ''), 'utf8')).toContain('net.ipv4.ip_forward = 1');
    expect(readFileSync(join(out, files[1] ?? ''), 'utf8')).toMatch(
      /^<\?xml[\s\S]*<forward-port port="8080"/,
    );
  });

  it('opens the port of the inventory, as a run that comes by it would', async () => {
    const files = directory({
      'hosts.yml':
        'all: { children: { nat-gateway: { hosts: { gw1: { ansible_port: 2222, nics: { eth0: { address: 10.0.0.1/24 } }, nat: { engine: firewalld } } } } } }\n',
    });
    await typed('render', PLAYBOOK, '-i', join(files, 'hosts.yml'), '--out', join(files, 'out'));
    expect(readFileSync(join(files, 'out/gw1/etc/firewalld/zones/public.xml'), 'utf8')).toContain(
      '<port port="2222" protocol="tcp"/>',
    );
  });

  it('replaces what it wrote before, and leaves what others put there', async () => {
    const out = directory();
    renderDirectory(out, [
      { path: 'old/etc/a', text: 'a' },
      { path: 'gw1/etc/b', text: 'b' },
    ]);
    writeFileSync(join(out, 'old', 'notes'), 'mine');
    await typed('render', PLAYBOOK, '-i', 'inventory/lab', '--out', out);
    expect(existsSync(join(out, 'gw1/etc/b'))).toBe(false);
    expect(existsSync(join(out, 'old/etc'))).toBe(false);
    expect(readFileSync(join(out, 'old/notes'), 'utf8')).toBe('mine');
    const first = filesBelow(out);
    await typed('render', PLAYBOOK, '-i', 'inventory/lab', '--out', out);
    expect(filesBelow(out)).toEqual(first);
  });

  it('refuses a directory with anything in it that render did not make', async () => {
    const out = directory({ 'notes.txt': 'mine' });
    const { code, err } = await typed('render', PLAYBOOK, '-i', 'inventory/lab', '--out', out);
    expect(code).toBe(5);
    expect(err).toContain('is not empty, and render did not write it');
    expect(readdirSync(out)).toEqual(['notes.txt']);
  });

  it('says so when the directory is a file', async () => {
    const out = join(directory({ 'notes.txt': 'mine' }), 'notes.txt');
    const { code, err } = await typed('render', PLAYBOOK, '-i', 'inventory/lab', '--out', out);
    expect(code).toBe(5);
    expect(err).toContain('cannot be written');
  });

  it('writes and removes nothing behind a symbolic link, nor outside through its list', () => {
    const [out, elsewhere] = [directory(), directory({ 'etc/a': 'theirs', victim: 'theirs' })];
    renderDirectory(out, []);
    writeFileSync(
      join(out, '.provision-render'),
      `gw1/etc/a\n../${elsewhere.split('/').at(-1) ?? ''}/victim\n${elsewhere}/victim\n`,
    );
    symlinkSync(elsewhere, join(out, 'gw1'));
    expect(() => renderDirectory(out, [{ path: 'gw1/etc/new', text: '' }])).toThrow(/symbolic link/);
    expect(filesBelow(elsewhere)).toEqual(['etc/a', 'victim']);
  });

  it('does not follow a link in the place of a file', () => {
    const [out, elsewhere] = [directory(), directory({ victim: 'theirs' })];
    renderDirectory(out, []);
    mkdirSync(join(out, 'gw1'));
    symlinkSync(join(elsewhere, 'victim'), join(out, 'gw1', 'a'));
    renderDirectory(out, [{ path: 'gw1/a', text: 'ours' }]);
    expect(readFileSync(join(elsewhere, 'victim'), 'utf8')).toBe('theirs');
    expect(readFileSync(join(out, 'gw1/a'), 'utf8')).toBe('ours');
  });
});

describe('what is rendered', () => {
  const host: Host = {
    name: 'h1',
    groups: ['all'],
    vars: {},
    connection: { address: '10.0.0.1', become: false, jumps: [], hostKeys: [], via: 'ssh' },
    place: () => undefined,
  };
  const inventory: Inventory = {
    hosts: new Map([['h1', host]]),
    groups: new Map(),
    sources: [],
    warnings: [],
  };
  const rendered = (...resources: Resource[]) => {
    const play = {
      name: 'play',
      roles: [],
      batches: [['h1']],
      resources: new Map([['h1', resources]]),
      checks: [],
      warnings: [],
    };
    const compiled: Compiled = {
      playbook: 'p',
      plays: [play],
      hosts: ['h1'],
      vantages: [],
      leftOut: [],
      warnings: [],
    };
    return renderedHosts(compiled, inventory)[0]?.files;
  };

  it('has files with their text, empty ones too, and none that must not exist', () => {
    expect(
      rendered(
        file({ path: '/etc/b', content: 'text\n' }),
        file({ path: '/etc/a', content: '' }),
        file({ path: '/etc/c', content: null }),
        packageInstalled({ name: 'curl' }),
        service({ name: 'x', running: true, enabled: true }),
        command({ name: 'c', check: 'true', run: 'true', undo: 'true' }),
      ),
    ).toEqual([
      { path: '/etc/a', text: '' },
      { path: '/etc/b', text: 'text\n' },
    ]);
  });

  it('stays below the host’s directory, whatever a path says', () => {
    expect(rendered(file({ path: '/etc/../../../tmp/x', content: 'x' }))).toEqual([
      { path: '/tmp/x', text: 'x' },
    ]);
  });

  it('names the resource whose functions fail', () => {
    const broken: Resource = {
      ...file({ path: '/etc/a', content: '' }),
      plan: () => {
        throw new TypeError('x is not defined');
      },
    };
    expect(() => rendered(broken)).toThrow('h1: file:/etc/a cannot be planned: x is not defined');
  });

  it('assumes port 22 where the inventory names none', () => {
    expect(assumedFacts(host)).toMatchObject({ sshPort: 22, hostname: 'h1', os: { id: 'debian' } });
    expect(assumedFacts({ ...host, connection: { ...host.connection, port: 2222 } }).sshPort).toBe(2222);
  });
});
