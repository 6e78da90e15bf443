import { join } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { selectHosts } from '../../../src/inventory/patterns.ts';
import type { Inventory } from '../../../src/model/host.ts';
import { directoryOf, loadText } from './fixture.ts';

let inventory: Inventory;
beforeAll(async () => {
  inventory = await loadText(
    'nat-gateway: { hosts: { "gw[1:3]": } }\nweb: { hosts: { web1: , gw3: } }\nempty: {}',
  );
});

describe('patterns select', () => {
  test.each([
    ['all', 'gw1 gw2 gw3 web1'],
    ['gw2', 'gw2'],
    ['nat-gateway', 'gw1 gw2 gw3'],
    ['nat_gateway', 'gw1 gw2 gw3'],
    ['web1,gw1', 'gw1 web1'],
    ['web:gw1', 'gw1 gw3 web1'],
    ['gw*', 'gw1 gw2 gw3'],
    ['gw?', 'gw1 gw2 gw3'],
    ['gw[13]', 'gw1 gw3'],
    ['gw[!1]', 'gw2 gw3'],
    ['nat-gateway:&web', 'gw3'],
    ['!web:nat-gateway', 'gw1 gw2'],
    ['!gw*', 'web1'],
  ])('%s', (pattern, hosts) => expect(selectHosts(inventory, pattern).join(' ')).toBe(hosts));

  test('from a file', () => {
    const file = join(directoryOf({ list: '# some\ngw1\n\nweb1\n' }), 'list');
    expect(selectHosts(inventory, `@${file}`)).toEqual(['gw1', 'web1']);
  });
});

describe('what selects nothing is an error', () => {
  test.each([
    ['wbe1', 'Did you mean "web1"?'],
    ['all:!gw11', 'Did you mean "gw1"?'],
    ['gw9*', /Known: nat-gateway/],
    ['empty', /Known: /],
    ['', /Known: /],
  ])('%j', (pattern, hint) => {
    const close: unknown = typeof hint === 'string' ? hint : expect.stringMatching(hint);
    expect(() => selectHosts(inventory, pattern)).toThrow(
      expect.objectContaining({ code: 'no-hosts-matched', hint: close }),
    );
  });

  test('a file that is not there', () => {
    expect(() => selectHosts(inventory, '@/no/such')).toThrow(expect.objectContaining({ code: 'usage' }));
  });
});
