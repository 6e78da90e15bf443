import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { Ajv } from 'ajv';
import { parse } from 'yaml';
import { inventoryJsonSchema } from '../../../src/inventory/json-schema.ts';
import { loadInventory } from '../../../src/inventory/load.ts';
import { hostVariables, readVariables } from '../../../src/roles/variables/index.ts';

const FILES = ['group_vars/all.yml', 'host_vars/gw1.yml', 'host_vars/app1.yml', 'host_vars/lb1.yml'];
const data = (file: string): unknown => parse(readFileSync(`inventory/prod/${file}`, 'utf8'));

describe('the JSON Schema', () => {
  const ajv = new Ajv({ strict: false, allErrors: true });
  const validate = ajv.compile(inventoryJsonSchema());
  const complaints = (inventory: unknown) => (validate(inventory) ? [] : (validate.errors ?? []));

  test('takes the inventory in the repository', () => {
    expect(complaints(data('hosts.yml'))).toEqual([]);
    for (const file of FILES) expect(complaints({ all: { vars: data(file) } })).toEqual([]);
  });

  test.each([
    ['an unknown key of ours', { all: { vars: { nics: { eth0: { adress: 'x' } } } } }],
    ['an unknown key of a group', { all: { host: {} } }],
    ['a wrong type', { all: { children: { web: { hosts: { a: { listeners: 'x' } } } } } }],
    ['port 0', { all: { hosts: { a: { lab: { ssh_port: 0 } } } } }],
  ])('refuses %s', (_, inventory) => expect(complaints(inventory)).not.toEqual([]));

  test('takes variables of the user’s own', () =>
    expect(complaints({ all: { vars: { mine: 1 } } })).toEqual([]));

  test('describes every field, for editors', () => {
    const bare: string[] = [];
    const walk = (node: unknown, path: string): void => {
      if (typeof node !== 'object' || node === null) return;
      for (const [key, inner] of Object.entries(node)) {
        if (key === 'properties') {
          for (const [name, field] of Object.entries(inner as Record<string, { description?: string }>)) {
            if (field.description === undefined) bare.push(`${path}.${name}`);
          }
        }
        walk(inner, `${path}.${key}`);
      }
    };
    walk(inventoryJsonSchema(), '');
    expect(bare).toEqual([]);
  });
});

describe('the inventory in the repository', () => {
  test('loads without a warning', async () => {
    const { hosts, groups, warnings } = await loadInventory(['inventory/prod']);
    expect(warnings).toEqual([]);
    const names = ['outside1', 'gw1', 'gw2', 'db1', 'web1', 'app1', 'app2', 'lb1', 'lb2'];
    expect([...hosts.keys()]).toEqual(names);
    expect(groups.get('nat-gateway')).toEqual(['gw1', 'gw2']);
    expect(hosts.get('gw1')?.place(['nat', 'dnat', 1, 'port'])).toEqual({
      file: 'inventory/prod/host_vars/gw1.yml',
      line: 28,
      column: 39,
    });
  });

  test('uses every variable of the roles', () => {
    const used = new Set(FILES.flatMap((file) => Object.keys(data(file) as object)));
    const unused = Object.keys(hostVariables.shape).filter(
      (key) => !used.has(key) && !key.startsWith('ansible_'),
    );
    expect(unused).toEqual(['jump', 'host_keys', 'lab', 'adopt']);
  });

  test('validated variables stay as they are when validated again', async () => {
    for (const { vars } of (await loadInventory(['inventory/prod'])).hosts.values())
      expect(readVariables(vars)).toEqual(vars);
  });
});
