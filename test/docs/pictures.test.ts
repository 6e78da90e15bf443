import { readFileSync, writeFileSync } from 'node:fs';
import { expect, it } from '@jest/globals';
import { inventoryOf } from '../../src/cli/load-inventory.ts';
import { topologyOf } from '../../src/inventory/topology/index.ts';
import { htmlReport } from '../../src/reporters/html/page.ts';
import { marksOf } from '../../src/reporters/picture/marks.ts';
import { standaloneSvg } from '../../src/reporters/picture/picture.ts';
import { browser, hasChromium } from '../browser/browser.ts';
import { fleet } from '../browser/fleet.ts';

const anew = process.env['UPDATE_DOCS'] === '1';

it.each([
  ['gateway', 'inventory/lab'],
  ['app-host', 'inventory/lab-app-host'],
  ['load-balancer', 'inventory/lab-load-balancer'],
])(
  'docs/pictures/%s.svg is what `provision inventory graph` draws of %s; to make it anew: UPDATE_DOCS=1 node --experimental-vm-modules node_modules/jest/bin/jest.js test/docs/pictures',
  async (name, inventory) => {
    const topology = topologyOf(await inventoryOf({ inventory: [inventory] }));
    const drawn = await standaloneSvg(topology, marksOf(topology, null));
    const file = `docs/pictures/${name}.svg`;
    if (anew) writeFileSync(file, drawn);
    expect(readFileSync(file, 'utf8')).toBe(drawn);
  },
  60_000,
);

// Letters look different in each release of Chromium: the photograph is made anew on demand and not compared.
(anew && hasChromium ? it : it.skip)(
  'docs/pictures/report.png (only made with UPDATE_DOCS=1, needs /usr/bin/chromium)',
  async () => {
    const { inventory, record } = await fleet({ sites: 1, behind: 4, broken: true });
    const opened = browser();
    try {
      const { page } = await opened.open(await htmlReport(record, topologyOf(inventory)));
      writeFileSync('docs/pictures/report.png', await page.screenshot());
    } finally {
      await opened.close();
    }
  },
  120_000,
);
