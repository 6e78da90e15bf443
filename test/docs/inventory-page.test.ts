import { readFileSync, writeFileSync } from 'node:fs';
import { expect, it } from '@jest/globals';
import { inventoryPage } from './inventory-reference.ts';

const FILE = 'docs/inventory.md';

it('docs/inventory.md is made of its head and the JSON Schema; to make it anew: UPDATE_DOCS=1 node --experimental-vm-modules node_modules/jest/bin/jest.js test/docs/inventory-page', () => {
  const page = inventoryPage();
  if (process.env['UPDATE_DOCS'] === '1') writeFileSync(FILE, page);
  expect(readFileSync(FILE, 'utf8')).toBe(page);
});
