import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Page } from 'playwright-core';
import { topologyOf } from '../../src/inventory/topology/index.ts';
import { nodesOf } from '../../src/model/topology.ts';
import type { Topology, TopologyCard, TopologyNode } from '../../src/model/topology.ts';
import { htmlGraph, htmlReport } from '../../src/reporters/html/page.ts';
import { change, check, host, record } from '../unit/reporters/records.ts';
import { browser, hasChromium } from './browser.ts';
import type { Browser } from './browser.ts';
import { fleet } from './fleet.ts';
import type { FleetOptions } from './fleet.ts';

const THREE: FleetOptions = { sites: 1, behind: 2 };
const SIXTY: FleetOptions = { sites: 3, behind: 18, more: true, broken: true };
const MINUTES = 60_000;

async function reportOf(options: FleetOptions): Promise<{ html: string; topology: Topology }> {
  const { inventory, record: run } = await fleet(options);
  const topology = topologyOf(inventory);
  return { html: await htmlReport(run, topology), topology };
}

const idsOf = ({ cards }: Topology): string[] => cards.flatMap(nodesOf).map(({ id }) => id);

/** The row that has the focus, and what is shown of it. */
const focused = (page: Page): Promise<{ id: string; shown: string[] }> =>
  page.evaluate(
    `({ id: document.activeElement.id, shown: [...document.querySelectorAll('.about.shown')].map((one) => one.id) })`,
  );

/** What is marked as belonging to the row that is looked at. */
const labelsOf = (page: Page): Promise<string[]> =>
  page.evaluate(`[...document.querySelectorAll('.node.on')].map((one) => one.getAttribute('aria-label'))`);

async function tabIntoPicture(page: Page): Promise<void> {
  for (let presses = 0; presses < 60; presses += 1) {
    await page.keyboard.press('Tab');
    if (/^n\d+$/.test((await focused(page)).id)) return;
  }
  throw new Error('Tab never came to the picture');
}

const chromium = hasChromium ? describe : describe.skip;
chromium('the HTML report in Chromium (needs /usr/bin/chromium)', () => {
  let opened: Browser;
  beforeAll(() => {
    opened = browser();
  });
  afterAll(() => opened.close(), MINUTES);

  it.each([
    ['3 hosts', THREE],
    ['60 hosts, one gateway put back', SIXTY],
  ])(
    '%s: asks nobody anything, complains of nothing, and every row is reached by keyboard',
    async (_name, options) => {
      const { html, topology } = await reportOf(options);
      const { page, complaints, requests } = await opened.open(html);
      await tabIntoPicture(page);
      const walked: string[] = [];
      while (walked.length < idsOf(topology).length) {
        const { id, shown } = await focused(page);
        expect(shown).toEqual([`d-${id}`]);
        walked.push(id);
        await page.keyboard.press('ArrowDown');
      }
      expect(walked.toSorted()).toEqual(idsOf(topology).toSorted());
      // One stop for Tab: nobody must pass through all of them to what is below.
      await page.keyboard.press('Tab');
      expect((await focused(page)).id).not.toMatch(/^n\d+$/);
      await page.waitForFunction(`document.querySelector('.about.shown') === null`);
      expect([complaints, requests]).toEqual([[], []]);
    },
    3 * MINUTES,
  );

  it(
    'Home and End, left and right, Enter and Escape',
    async () => {
      const { html, topology } = await reportOf(THREE);
      const { page } = await opened.open(html);
      await tabIntoPicture(page);
      const all = topology.cards.flatMap(nodesOf);
      await page.keyboard.press('End');
      expect((await focused(page)).id).toBe(all.at(-1)?.id);
      await page.keyboard.press('Home');
      await page.keyboard.press('ArrowRight');
      // To the right of the outside stand its neighbours, the public addresses.
      const right = (await focused(page)).id;
      expect(topology.cards.find((card) => nodesOf(card).some(({ id }) => id === right))?.kind).toBe(
        'addresses',
      );
      await page.keyboard.press('Enter');
      expect(await page.locator('.node.pinned').count()).toBe(1);
      await page.keyboard.press('Escape');
      expect(await page.locator('.about.shown').count()).toBe(0);
    },
    MINUTES,
  );

  it(
    'pointing at a row shows the rule and what its check expected and got, a click holds it, and its way is marked',
    async () => {
      const { html } = await reportOf(SIXTY);
      const { page } = await opened.open(html);
      const row = page.locator('.node[aria-label^="host web3-04"]');
      await row.scrollIntoViewIfNeeded();
      await row.hover();
      const card = page.locator('.about.shown');
      await expect(card.innerText()).resolves.toMatch(
        /web3-04 leaves by 203\.0\.113\.30\s*expected 203\.0\.113\.30 got no way out before: pass\s*gw3 does not forward/,
      );
      const on = await labelsOf(page);
      expect(on).toEqual(
        expect.arrayContaining([
          expect.stringMatching(/^SNAT: what leaves 10\.3\.0\.0\/24 of gw3/),
          expect.stringMatching(/^public address office of gw3/),
        ]),
      );
      expect(on).not.toContainEqual(expect.stringContaining('gw1'));
      await page.mouse.move(2, 2);
      expect(await card.count()).toBe(0);
      await row.click();
      await page.mouse.move(2, 2);
      expect(await card.count()).toBe(1);
      const entry = page.locator('.node[aria-label^="DNAT: what is reached shop-https of gw3"]');
      await entry.click();
      await expect(card.innerText()).resolves.toMatch(
        /tcp 443 → 10\.3\.0\.22:8443[\s\S]*Changes\s*~ missing live: DNAT 10\.3\.0\.3:443/,
      );
    },
    MINUTES,
  );

  it(
    'what broke and what to do next stand on the first screen; a name there leads into the picture; the filter finds',
    async () => {
      const { html } = await reportOf(SIXTY);
      const { page } = await opened.open(html);
      expect(await page.locator('h1').innerText()).toBe('Put back as before: gw3');
      const todo = page.locator('.todo > li');
      expect(await todo.allInnerTexts()).toEqual([
        expect.stringMatching(/^gw3: was put back.*\n+Next: /s),
        expect.stringMatching(/^web3-05: .*did not answer.*\n+Next: /s),
        expect.stringMatching(
          /^17 checks: web3-01 leaves by .* and 15 more: got no way out\n+Next: gw3 does not forward/s,
        ),
      ]);
      const last = await todo.last().boundingBox();
      expect((last?.y ?? 900) + (last?.height ?? 0)).toBeLessThan(900);
      await page.locator('.todo a').first().click();
      expect(await page.locator('.node.pinned').getAttribute('aria-label')).toMatch(/^host gw3/);
      // Nobody points at a row that comes to lie below the mouse when the page scrolls.
      await page.mouse.move(2, 2);
      await page.locator('#find').fill('web2-17');
      const found = [expect.stringMatching(/^host web2-17/)];
      expect(await labelsOf(page)).toEqual(found);
      // It stays found whatever is looked at in between: the focus leaves the picture a moment after the filter has it,
      // a mouse passes through.
      await page.evaluate(`new Promise((resolve) => setTimeout(resolve, 50))`);
      expect(await labelsOf(page)).toEqual(found);
      const other = page.locator('.node[aria-label^="host gw1"]');
      await other.hover();
      expect(await labelsOf(page)).toContainEqual(expect.stringMatching(/^host gw1/));
      await page.mouse.move(2, 2);
      expect(await labelsOf(page)).toEqual(found);
      await page.locator('#find').fill('');
      expect(await labelsOf(page)).toEqual([]);
    },
    MINUTES,
  );

  it(
    'without scripts a row leads to its details',
    async () => {
      const { html } = await reportOf(THREE);
      const { page } = await opened.open(html, { javaScriptEnabled: false });
      const row = page.locator('a.node').nth(4);
      const target = await row.getAttribute('href');
      await row.click();
      expect(await page.locator(`${target ?? ''}.about`).isVisible()).toBe(true);
      expect(await page.locator('.about:visible').count()).toBe(1);
    },
    MINUTES,
  );

  it(
    'on paper the picture is there and the buttons are not, on light ground',
    async () => {
      const { html } = await reportOf(THREE);
      const { page } = await opened.open(html, { colorScheme: 'dark' });
      const ground = (): Promise<string> =>
        page.evaluate(`getComputedStyle(document.documentElement).backgroundColor`);
      const dark = await ground();
      await page.emulateMedia({ media: 'print' });
      expect(await ground()).toBe('rgb(255, 255, 255)');
      expect(dark).not.toBe('rgb(255, 255, 255)');
      expect(await page.locator('svg.topology').isVisible()).toBe(true);
      expect(await page.locator('button:visible').count()).toBe(0);
    },
    MINUTES,
  );

  it.each(['light', 'dark'] as const)(
    'text can be read on its ground: %s (WCAG AA, 4.5 to 1; signs 3 to 1)',
    async (colorScheme) => {
      const { html } = await reportOf(THREE);
      const { page } = await opened.open(html, { colorScheme });
      const colour = async (name: string): Promise<number> => {
        const text: string = await page.evaluate(
          `getComputedStyle(document.documentElement).getPropertyValue('--${name}').trim()`,
        );
        expect(text).toMatch(/^#[0-9a-f]{6}$/);
        const [r = 0, g = 0, b = 0] = (text.slice(1).match(/../g) ?? []).map((hex) => {
          const part = Number.parseInt(hex, 16) / 255;
          return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
        });
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
      };
      const ratio = async (a: string, b: string): Promise<number> => {
        const [low = 0, high = 0] = [await colour(a), await colour(b)].sort((x, y) => x - y);
        return (high + 0.05) / (low + 0.05);
      };
      for (const text of ['text', 'muted', 'accent', 'good', 'bad', 'warn'])
        for (const ground of ['ground', 'raised', 'sunken'])
          expect([text, ground, (await ratio(text, ground)) >= 4.5]).toEqual([text, ground, true]);
      for (const sign of ['good', 'bad', 'warn']) expect(await ratio('on-sign', sign)).toBeGreaterThan(3);
      // Control: a line is no text.
      expect(await ratio('ground', 'faint')).toBeLessThan(3);
    },
    MINUTES,
  );

  describe('text of hosts and inventories is text, whatever it is', () => {
    /** Runs wherever it is taken for markup, an attribute, a style, a script or a link. */
    const wicked = (field: string): string =>
      `${field}</text></style></script><script>window.ran='${field}'</script><img src=x onerror="window.ran='${field}'">" onfocus="window.ran='${field}'" autofocus x="' onload='window.ran=1' javascript:window.ran=1 &lt;b&gt; <svg onload=window.ran=1> \${window.ran=1} \u202e\u0007`;

    const hostileNode = (id: string, kind: TopologyNode['kind']): TopologyNode => ({
      ...{ id, kind, host: wicked('host'), title: wicked('title'), detail: wicked('detail') },
      facts: [[wicked('fact'), wicked('value')]],
      vantages: [wicked('from')],
      ...{ endpoints: [], publics: [], carries: [], names: [['words']] },
      place: { file: wicked('file'), line: 3 },
    });
    const hostileCard = (id: string, kind: TopologyCard['kind'], column: number): TopologyCard => ({
      ...{ id: `c-${id}`, kind, column, head: hostileNode(id, 'host') },
      sections: [
        { title: wicked('section'), nodes: [hostileNode(`${id}1`, 'dnat'), hostileNode(`${id}2`, 'member')] },
      ],
    });
    const topology: Topology = {
      cards: [hostileCard('n1', 'outside', 0), hostileCard('n2', 'host', 2)],
      links: [{ from: 'n1', to: 'n21', way: 'in', drawn: true }],
    };
    const one = change(wicked('sentence'), {
      resource: wicked('resource'),
      before: [wicked('before')],
      after: [`${wicked('after')} words`],
    });
    const run = record(
      [
        host({
          ...{ name: wicked('host'), status: 'reverted', cause: { host: wicked('cause') } },
          changes: [one],
          cuts: [{ resource: wicked('resource'), sentence: wicked('cut') }],
          lockouts: [{ resource: wicked('resource'), sentence: wicked('lockout') }],
          checks: [
            check({
              ...{
                name: wicked('name'),
                from: wicked('from'),
                kind: wicked('kind'),
                to: wicked('to'),
                expected: wicked('expected'),
              },
              ...{
                got: wicked('got'),
                status: 'fail',
                file: wicked('file'),
                hint: { step: wicked('step'), sentence: wicked('hint') },
              },
            }),
          ],
          timings: { [wicked('phase')]: 12 },
          error: {
            code: wicked('code'),
            message: wicked('message'),
            hint: wicked('next'),
            file: wicked('file'),
            line: 1,
          },
        }),
      ],
      {
        playbook: wicked('playbook'),
        plans: new Map([
          [
            wicked('host'),
            [
              {
                ...{ resource: wicked('resource'), kind: wicked('kind'), phase: 'main' },
                ...{
                  apply: { steps: [] },
                  revert: { steps: [] },
                  changes: [one],
                  cuts: [wicked('cut')],
                  lockout: wicked('lockout'),
                },
                text: { path: wicked('path'), before: wicked('old'), after: wicked('new') },
              },
            ],
          ],
        ]),
        warnings: [{ host: wicked('warned'), message: wicked('warning') }],
      },
      {
        runId: wicked('run'),
        argv: [wicked('word')],
        errors: [{ code: wicked('code'), message: wicked('error'), hint: wicked('next') }],
      },
    );

    const ran = (page: Page): Promise<unknown> => page.evaluate(`window.ran ?? null`);

    it.each([
      ['the report', () => htmlReport(run, topology)],
      ['the graph', () => htmlGraph(topology, wicked('source'))],
    ])(
      '%s',
      async (_name, make) => {
        const html = await make();
        const { page, complaints, requests } = await opened.open(html);
        for (const node of await page.locator('.node').all()) await node.dispatchEvent('click');
        const found: { text: string } = await page.evaluate(`({
          scripts: document.querySelectorAll('script').length,
          strange: document.querySelectorAll('img, iframe, object, embed, base, form').length,
          handlers: [...document.querySelectorAll('*')].flatMap((element) => element.getAttributeNames()).filter((name) => name.startsWith('on')).length,
          links: [...document.querySelectorAll('a')].map((link) => link.getAttribute('href')).filter((href) => !/^#d-n[0-9]+$/.test(href)),
          text: document.body.textContent,
        })`);
        expect(found).toMatchObject({ scripts: 1, strange: 0, handlers: 0, links: [] });
        // It is there, to be read.
        expect(found.text).toContain("title</text></style></script><script>window.ran='title'</script>");
        expect(found.text).toContain('\\u202e\\x07');
        expect(await ran(page)).toBeNull();
        expect([complaints, requests]).toEqual([[], []]);
      },
      MINUTES,
    );

    it(
      'every field that a report shows is among those tried',
      async () => {
        const html = await htmlReport(run, topology);
        for (const field of [
          'host',
          'title',
          'detail',
          'fact',
          'value',
          'file',
          'section',
          'sentence',
          'cut',
          'lockout',
          'name',
          'from',
          'to',
          'expected',
          'got',
          'hint',
          'phase',
          'message',
          'next',
          'playbook',
          'path',
          'old',
          'new',
          'warned',
          'warning',
          'run',
          'word',
          'error',
        ])
          expect([field, html.includes(`${field}&lt;/text&gt;`)]).toEqual([field, true]);
      },
      MINUTES,
    );

    it(
      'control: in a page that does not escape, it runs; and in ours the policy stops it even then',
      async () => {
        const raw = `<!doctype html><body>${wicked('raw')}</body>`;
        const bare = await opened.open(raw);
        await bare.page.waitForFunction(`window.ran !== undefined`);
        const html = await htmlReport(record([host()]), null);
        const slipped = await opened.open(html.replace('<footer>', `${wicked('raw')}<footer>`));
        expect(slipped.complaints.join('\n')).toMatch(/Content Security Policy/);
        expect(await ran(slipped.page)).toBeNull();
      },
      MINUTES,
    );
  });
});
