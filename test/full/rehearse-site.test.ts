import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, expect, it } from '@jest/globals';
import { provision } from '../lab/gateway-lab.ts';
import { labSupport } from '../lab/support.ts';

const MINUTES = 60_000;

interface Mistake {
  readonly name: string;
  readonly file: string;
  /** What is written there, and what stands there instead. */
  readonly right: string;
  readonly wrong: string;
  /** What names it. */
  readonly said: readonly RegExp[];
}

const MISTAKES: readonly Mistake[] = [
  {
    name: 'an EIP mapped to an address of nobody',
    file: 'host_vars/app2.yml',
    right: 'private: 10.64.0.11',
    wrong: 'private: 10.64.0.12',
    said: [/app2\.yml:\d+:\d+/, /10\.64\.0\.12 is not an address of any NIC/],
  },
  {
    name: 'an EIP mapped twice',
    file: 'host_vars/app2.yml',
    right: 'public: 203.0.113.98',
    wrong: 'public: 203.0.113.65',
    said: [/203\.0\.113\.65 is also an address of/, /`eips\.\w+\.public` of (lb1|app2)/],
  },
  {
    name: 'a missing SNAT entry',
    file: 'host_vars/gw2.yml',
    right: 'masquerade: [10.64.0.0/24]',
    wrong: 'masquerade: [10.64.0.128/25]',
    said: [
      /gw2\.yml:\d+:\d+/,
      /lb2 \(10\.64\.0\.65\) stands behind gw2, and no entry of its `nat` lets it out/,
    ],
  },
  {
    name: 'a rule that blocks SSH',
    file: 'host_vars/gw1.yml',
    right: "ports: [21, '23-25', '135-139']",
    wrong: "ports: ['21-25', '135-139']",
    said: [/gw1: rule 1 of firewall\.filter would drop tcp port 22 from/],
  },
  {
    name: 'subnets that clash',
    file: 'group_vars/all.yml',
    right: 'cidr: 10.64.0.0/24',
    wrong: 'cidr: 10.0.0.0/8',
    said: [/all\.yml:\d+:\d+/, /10\.0\.0\.0\/8 overlaps the network vpc-b/],
  },
  {
    name: 'a dead backend',
    file: 'host_vars/lb2.yml',
    right: '{ address: 10.64.0.10, weight: 2 }',
    wrong: '{ address: 10.64.0.10, weight: 2, port: 22 }',
    said: [/backend 10\.64\.0\.10:22 of listener web on lb2 is dead/],
  },
  {
    name: "a missing route-table entry on the cloud's side",
    file: 'host_vars/gw2.yml',
    right: 'nat:\n',
    wrong: 'lab: { faults: [route-table] }\n\nnat:\n',
    said: [/lb2/, /the route-table entry of vpc-c/],
  },
];

labSupport('provision rehearse playbooks/site.ts', () => {
  const root = mkdtempSync(path.join(os.tmpdir(), 'provision-site-'));
  const inventory = path.join(root, 'prod');
  const fresh = (): void => {
    rmSync(inventory, { recursive: true, force: true });
    cpSync('inventory/prod', inventory, { recursive: true });
  };
  const rehearse = (...flags: string[]) =>
    provision('rehearse', 'playbooks/site.ts', '-i', inventory, ...flags);

  afterEach(async () => void (await provision('lab', 'down', '-i', inventory)), 2 * MINUTES);
  afterAll(() => rmSync(root, { recursive: true, force: true }));

  it(
    'inventory/prod, two regions with all roles, passes every stage',
    async () => {
      fresh();
      const { code, stdout, stderr } = await rehearse();
      expect({ code, error: code === 0 ? '' : stdout.slice(-3000) + stderr.slice(-3000) }).toEqual({
        code: 0,
        error: '',
      });
      for (const stage of [
        'second run: nothing to change',
        'reboot of gw1, gw2, app1, app2, lb1, lb2',
        'fault:',
      ])
        expect(stdout).toContain(stage);
      expect(stdout).toMatch(/rehearsal passed: \d+ stages/);
    },
    20 * MINUTES,
  );

  it.each(MISTAKES)(
    '$name: fails, and names it',
    async ({ file, right, wrong, said }) => {
      fresh();
      const at = path.join(inventory, file);
      const text = readFileSync(at, 'utf8');
      expect(text).toContain(right);
      writeFileSync(at, text.replace(right, wrong));
      const { code, stdout, stderr } = await rehearse('--quick');
      expect(code).not.toBe(0);
      expect(stdout).toContain('rehearsal failed');
      // The last words: what is said in passing would help nobody.
      const last = `\n${stderr}`.split('\nerror ').at(-1) ?? '';
      for (const words of said) expect(last).toMatch(words);
    },
    10 * MINUTES,
  );
});
