import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { load } from '../../src/cli/load.ts';
import { loadInventory } from '../../src/inventory/load.ts';
import { blocks } from './pages.ts';
import type { Block } from './pages.ts';

let directory = '';
beforeAll(() => {
  directory = mkdtempSync(path.join(os.tmpdir(), 'provision-docs-'));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const titleOf = ({ file, line }: Block): string => `${file}:${line}`;

describe('TypeScript in the documentation', () => {
  const snippets = blocks('ts');

  /** What tsc says of these texts, with `provision` mapped to the sources. */
  const complaintsOf = (name: string, texts: readonly string[]): string => {
    const project = path.join(directory, name);
    mkdirSync(project);
    texts.forEach((text, index) => writeFileSync(path.join(project, `snippet-${index}.ts`), text));
    const repository = process.cwd();
    const config = {
      extends: path.join(repository, 'tsconfig.json'),
      compilerOptions: { typeRoots: [path.join(repository, 'node_modules/@types')] },
      include: ['*.ts'],
    };
    writeFileSync(path.join(project, 'tsconfig.json'), JSON.stringify(config));
    writeFileSync(path.join(project, 'package.json'), '{ "type": "module" }');
    try {
      execFileSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', project], {
        encoding: 'utf8',
      });
      return '';
    } catch (error) {
      return (error as { stdout: string }).stdout;
    }
  };

  it('type-checks', () => {
    expect(snippets.length).toBeGreaterThan(4);
    expect(snippets.filter(({ text }) => !text.includes("from 'provision'")).map(titleOf)).toEqual([]);
    const said = complaintsOf(
      'all',
      snippets.map(({ text }) => text),
    );
    const named = said.replaceAll(/\S*snippet-(\d+)\.ts/g, (_all, index: string) => {
      const block = snippets[Number(index)];
      return block ? `${titleOf(block)} +` : '?';
    });
    expect(named).toBe('');
  }, 120_000);

  it('control: an option that is not there does not', () => {
    const text = "import { egress } from 'provision';\nexport default egress({ form: 'a', expect: 'b' });\n";
    expect(complaintsOf('control', [text])).toContain("'form' does not exist");
  }, 120_000);
});

describe('inventories in the documentation', () => {
  const inventories = blocks('yaml');

  /** What a fragment of one host's variables stands among: the gateway of inventory/lab. */
  const HOST = {
    networks: '{ vpc-a: { cidr: 172.31.0.0/24, gateway: 172.31.0.1 } }',
    nics: '{ eth0: { network: vpc-a, address: 172.31.0.2/24 } }',
    eips: '{ office: { public: 203.0.113.10, private: 172.31.0.2 } }',
  };

  /** Marks of fragments that are for a host of this group, by the playbook of its name. */
  const ROLES = ['app-host', 'load-balancer'];

  const write = (name: string, { text, mark }: Pick<Block, 'text' | 'mark'>): string => {
    const root = path.join(directory, name);
    mkdirSync(path.join(root, 'host_vars'), { recursive: true });
    const group = ROLES.includes(mark) ? mark : 'nat-gateway';
    const isFragment = mark === 'host' || mark === 'gateway' || ROLES.includes(mark);
    writeFileSync(
      path.join(root, 'hosts.yml'),
      isFragment
        ? `all: { children: { ${group}: { hosts: { gw1: { ansible_host: 172.31.0.2 } } } } }\n`
        : text,
    );
    const own = Object.entries(HOST).filter(([key]) => !new RegExp(`^${key}:`, 'm').test(text));
    if (isFragment)
      writeFileSync(
        path.join(root, 'host_vars/gw1.yml'),
        `${own.map(([key, value]) => `${key}: ${value}\n`).join('')}${text}`,
      );
    return root;
  };

  it.each(inventories.map((block) => [titleOf(block), block] as const))(
    '%s loads without a warning',
    async (name, block) => {
      const { warnings, hosts } = await loadInventory([write(name.replaceAll('/', '-'), block)]);
      expect(warnings).toEqual([]);
      expect(hosts.size).toBeGreaterThan(0);
    },
  );

  it.each(
    inventories
      .filter(({ mark, text }) => mark === 'gateway' || /^ *engine: firewalld$/m.test(text))
      .map((block) => [titleOf(block), block] as const),
  )('%s: the role takes it', async (name, block) => {
    const inventory = [write(`role-${name.replaceAll('/', '-')}`, block)];
    const { compiled } = await load('playbooks/gateway.ts', { inventory });
    expect(compiled.hosts).toEqual(['gw1']);
  });

  it.each(
    inventories.filter(({ mark }) => ROLES.includes(mark)).map((block) => [titleOf(block), block] as const),
  )('%s: the role of its mark takes it', async (name, block) => {
    const inventory = [write(`role-${name.replaceAll('/', '-')}`, block)];
    const { compiled } = await load(`playbooks/${block.mark}.ts`, { inventory });
    expect(compiled.hosts).toEqual(['gw1']);
  });

  it('control: a mistake in a fragment is seen', async () => {
    const broken = write('broken', { mark: 'host', text: 'nat: { engin: firewalld }\n' });
    await expect(loadInventory([broken])).rejects.toThrow('this key is not known');
  });

  it('the whole agreed shape of an inventory is taken by the role', async () => {
    const { compiled } = await load('playbooks/gateway.ts', { inventory: ['inventory/prod'] });
    expect(compiled.hosts).toEqual(['gw1']);
  });
});
