import { readFileSync } from 'node:fs';
import { describe, expect, it, test } from '@jest/globals';
import { importBandwidth } from '../../../../src/inventory/import/host-bandwidth.ts';
import type { ImportedBandwidth } from '../../../../src/inventory/import/host-bandwidth.ts';
import { shaperOf } from '../../../../src/inventory/import/host-shaping.ts';
import { notes } from '../../../../src/inventory/import/import-notes.ts';

const ADDRESSES = ['172.31.0.2', '172.31.0.3'].map((address) => ({
  ...{ nic: 'eth0', address, prefix: 24, kind: 'veth' },
}));
const EIPS: Readonly<Record<string, string>> = { '172.31.0.2': 'one', '172.31.0.3': 'two' };

interface Made {
  readonly found: readonly ImportedBandwidth[];
  readonly notes: readonly string[];
  /** Qdiscs that nothing was made of. */
  readonly left: readonly string[];
}

function importOf(qdiscs: readonly string[], shapers: readonly string[]): Made {
  const told = notes();
  const reading = { addresses: ADDRESSES, qdiscs, shapers: shapers.map(shaperOf) };
  const { found, used } = importBandwidth(reading, (address) => EIPS[address] ?? '', told);
  return { found, notes: told.list, left: qdiscs.filter((line) => !used.includes(line)) };
}

/** What tc printed of a form: first all qdiscs, then each device that the script of the import asks for. */
function formOf(release: string, form: string): Made {
  const text = readFileSync(`test/fixtures/hosts/${release}-tc-forms.txt`, 'utf8');
  const [, found = ''] = text.split(`## ${form}\n`);
  const [head = '', ...shapers] = (found.split('\n## ')[0] ?? '').split('# shaper\n');
  const qdiscs = head.split('\n').filter((line) => line !== '' && !line.startsWith('qdisc noqueue '));
  return importOf(
    qdiscs.map((line) => line.trim()),
    shapers,
  );
}

const shared = { name: 'eth0', eips: ['one', 'two'] };

describe.each(['debian-11-iproute2-5.9', 'debian-12-iproute2-6.1', 'debian-13-iproute2-6.15'])(
  'limits by hand, as tc of %s prints them',
  (release) => {
    test.each<[string, readonly ImportedBandwidth[]]>([
      [
        'shares',
        [{ ...shared, cap: '100mbit', guarantee: { one: '60mbit', two: '40mbit' }, direction: 'egress' }],
      ],
      [
        'both-ways-unlike',
        [
          { ...shared, cap: '100mbit', direction: 'egress' },
          { ...shared, name: 'eth0-2', cap: '50mbit', direction: 'ingress' },
        ],
      ],
      [
        'each-its-own',
        [
          { name: 'eth0', cap: '20mbit', eips: ['one'], direction: 'egress' },
          { name: 'eth0-2', cap: '30mbit', eips: ['two'], direction: 'egress' },
        ],
      ],
      [
        'bucket',
        [
          { ...shared, cap: '200mbit', direction: 'egress' },
          { name: 'eth0-2', cap: '200mbit', eips: ['two'], direction: 'ingress' },
        ],
      ],
      ['default-only', [{ ...shared, cap: '100mbit', direction: 'egress' }]],
    ])('%s', (form, expected) => {
      const made = formOf(release, form);
      expect(made.found).toEqual(expected);
      expect(made.left).toEqual([]);
      expect(made.notes).toEqual([expect.stringMatching(/^tc on eth0: it limits; bandwidth does that /)]);
    });

    test.each([
      ['own-limit', /an address has a limit of its own below the one that it shares/],
      ['oversold', /more is guaranteed than the cap of 100mbit/],
      ['default-beside', /what no filter names is limited too, by its default class/],
      ['port', /not understood: filter parent 1: protocol ip pref 1 u32 .*flowid 1:10/],
      ['inside', /a filter for 172\.31\.0\.99 does not lead an address of this NIC to a class/],
      ['nowhere', /its filters lead to no device that limits/],
    ])('%s is told', (form, why) => {
      const made = formOf(release, form);
      expect(made.found).toEqual([]);
      expect(made.left).not.toEqual([]);
      expect(made.notes).toEqual([expect.stringMatching(/^tc on eth0: /)]);
      expect(made.notes[0]).toMatch(why);
    });
  },
);

describe('the notes', () => {
  it('say what to take away before the run and after it', () => {
    expect(formOf('debian-12-iproute2-6.1', 'both-ways-unlike').notes[0]).toMatch(
      /Before the run: tc qdisc del dev eth0 ingress, beside which it is refused\. After it: tc qdisc del dev eth0 root\.$/,
    );
    expect(formOf('debian-12-iproute2-6.1', 'shares').notes[0]).toMatch(
      /at boot\. After it: tc qdisc del dev eth0 root\.$/,
    );
  });
});

describe('a host is not trusted', () => {
  const ROOT = 'qdisc htb 1: dev eth0 root refcnt 2 r2q 10 default 0x10 direct_packets_stat 0';

  it('classes that are their own parents, and none at all', () => {
    const loop = 'eth0\nclass htb 1:10 parent 1:10 rate 1Mbit ceil 1Mbit burst 1b cburst 1b\n';
    expect(importOf([ROOT], [loop]).found).toEqual([]);
    expect(importOf([ROOT], []).notes).toEqual([
      'tc on eth0: not understood: its classes; write it under bandwidth, or leave it as it is',
    ]);
  });

  it.each(['rate 1Mbit; reboot ceil 1Mbit', 'rate -1bit ceil 1bit', 'prio 3 rate 1Mbit ceil 1Mbit'])(
    'a class that says %s is not understood',
    (words) => {
      const text = `eth0\nclass htb 1:10 root ${words} burst 1b cburst 1b\n`;
      expect(importOf([ROOT], [text]).found).toEqual([]);
    },
  );

  it('other qdiscs beside a limit are told with it', () => {
    const netem = 'qdisc netem 10: dev eth0 parent 1:10 limit 1000 delay 10ms';
    const text = 'eth0\nclass htb 1:10 root rate 1Mbit ceil 1Mbit burst 1b cburst 1b\n';
    const made = importOf([ROOT, netem], [text]);
    expect([made.found, made.left]).toEqual([[], [ROOT, netem]]);
    expect(made.notes[0]).toContain('it has other qdiscs too');
  });
});
