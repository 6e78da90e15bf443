import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { stringify } from 'yaml';
import { hostileTexts } from '../cli/hostile-fields.ts';
import { gatewayLab } from './gateway-lab.ts';
import type { GatewayLab } from './gateway-lab.ts';
import { labSupport } from './support.ts';

const MINUTES = 60_000;
const ZONE_TEMPLATE = 'templates/firewalld/zone.xml.hbs';
const DROP_IN_TEMPLATE = 'templates/sysctl/drop-in.conf.hbs';

labSupport('the gateway playbook with hostile text in a valid inventory', () => {
  const root = mkdtempSync(path.join(os.tmpdir(), 'provision-hostile-lab-'));
  // The same path is looked at on this machine and on the hosts.
  const canary = path.join(os.tmpdir(), `provision-canary-${process.pid}`);
  const templates = path.join(root, 'templates');
  let lab: GatewayLab;

  beforeAll(async () => {
    const texts = Object.values(hostileTexts(canary));
    lab = await gatewayLab(({ edit }) => {
      // What provision does not read may hold, and be called, anything.
      const free = new Map<string, unknown>(
        texts.flatMap((text, index): [string, unknown][] => [
          [`free_${index}`, text],
          [`key ${text}`, { deep: [text] }],
        ]),
      );
      edit('group_vars/all.yml', (text) => `${text}\n${stringify(free)}`);
    });
    // A template of the user's, which says what it likes in a comment.
    mkdirSync(path.join(templates, 'firewalld'), { recursive: true });
    mkdirSync(path.join(templates, 'sysctl'), { recursive: true });
    const zone = readFileSync(ZONE_TEMPLATE, 'utf8');
    const description = `"; touch ${canary}; $(touch ${canary}) \`touch ${canary}\` '; touch ${canary}; '`;
    writeFileSync(
      path.join(templates, 'firewalld/zone.xml.hbs'),
      zone.replace('</short>', `</short>\n  <description>${description}</description>`),
    );
    const dropIn = readFileSync(DROP_IN_TEMPLATE, 'utf8');
    writeFileSync(path.join(templates, 'sysctl/drop-in.conf.hbs'), `# ${description}\n${dropIn}`);
  }, 20 * MINUTES);

  afterAll(async () => {
    await lab?.down();
    rmSync(root, { recursive: true, force: true });
  }, 2 * MINUTES);

  const touched = async (): Promise<string[]> => {
    const there = await lab.on('gw1', `test -e ${canary} && echo gw1 || true`);
    return [...(existsSync(canary) ? ['controller'] : []), ...there.split('\n').filter(Boolean)];
  };

  it(
    'the texts arrive as texts: nothing of them runs, neither here nor there',
    async () => {
      const first = await lab.run('--templates', templates, '--diff');
      expect(first.code).toBe(0);
      expect(first.stdout + first.stderr).not.toMatch(/[\u001B\u0007]/);
      const written = await lab.on(
        'gw1',
        'cat /etc/firewalld/zones/public.xml /etc/sysctl.d/99-zz-provision-nat-gateway.conf',
      );
      expect(written.split(`$(touch ${canary})`)).toHaveLength(3);
      expect(await touched()).toEqual([]);
    },
    5 * MINUTES,
  );

  it(
    'nor in the run after it, nor on the way to another state',
    async () => {
      const again = await lab.run('--templates', templates);
      expect([again.code, again.report.hosts.flatMap(({ changes }) => changes)]).toEqual([0, []]);
      const back = await lab.run();
      expect(back.code).toBe(0);
      expect(await touched()).toEqual([]);
    },
    5 * MINUTES,
  );

  it(
    'control: the detector sees what does run',
    async () => {
      await lab.on('gw1', `sh -c ': ; touch ${canary}'`);
      expect(await touched()).toEqual(['gw1']);
      await lab.on('gw1', `rm ${canary}`);
    },
    MINUTES,
  );
});
