import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { codeFrame } from '../../../src/model/code-frame.ts';
import { closest, didYouMean, editDistance } from '../../../src/inventory/did-you-mean.ts';
import { expandHostRange } from '../../../src/inventory/host-range.ts';
import { bitsPerSecond, durationSeconds } from '../../../src/roles/variables/amounts.ts';
import { addressNumber, contains, formatAddress, networkOf, overlaps } from '../../../src/model/ipv4.ts';
import { portRanges, publishedParts } from '../../../src/roles/variables/ports.ts';

describe('host ranges', () => {
  test.each([
    ['web1', ['web1']],
    ['web[01:03].x', ['web01.x', 'web02.x', 'web03.x']],
    ['web[8:10]', ['web8', 'web9', 'web10']],
    ['db-[a:c]', ['db-a', 'db-b', 'db-c']],
    ['[1:9:4]', ['1', '5', '9']],
    ['[:1]', ['0', '1']],
    ['r[1:2]-[a:b]', ['r1-a', 'r1-b', 'r2-a', 'r2-b']],
  ])('%s', (name, hosts) => expect(expandHostRange(name)).toEqual(hosts));

  test.each([
    'a[1:',
    'a]',
    'a[1]',
    'a[1:2:0]',
    'a[2:1]',
    'a[01:100]',
    'a[a:1]',
    'a[:]',
    'a[0:99999999]',
    'a[1:999][1:999]',
  ])('%s is refused', (name) => expect(() => expandHostRange(name)).toThrow(RangeError));

  test('as many distinct names as the range is long', () => {
    fc.assert(
      fc.property(fc.nat(5000), fc.nat(500), fc.integer({ min: 1, max: 50 }), (from, length, step) => {
        const names = expandHostRange(`h[${from}:${from + length}:${step}]`);
        expect(new Set(names).size).toBe(Math.floor(length / step) + 1);
        expect(names[0]).toBe(`h${from}`);
      }),
      { seed: 7 },
    );
  });
});

describe('did you mean', () => {
  test('distance counts a swap once and gives up at the limit', () => {
    expect([
      editDistance('abc', 'abc'),
      editDistance('eip', 'eips'),
      editDistance('shpo', 'shop'),
      editDistance('abcd', 'wxyz'),
    ]).toEqual([0, 1, 1, 3]);
  });
  test('the nearest; short names must be nearer', () => {
    expect(closest('nat_gatewy', ['app-host', 'nat-gateway'])).toBe('nat-gateway');
    expect(closest('flag', ['lab'])).toBeUndefined();
  });
  test('else what there is', () => expect(didYouMean('zzz', ['one', 'two'])).toBe('Known: one, two.'));
});

describe('code frames', () => {
  test('control characters are not printed, secrets neither', () => {
    expect(codeFrame('a: 1\nb: \u001b[31m\nmy_secret: x', 2, 4)).toBe(
      '  1 | a: 1\n> 2 | b:  [31m\n    |    ^\n  3 | my_secret: •••',
    );
  });
  test('a long line is cut around the column', () => {
    const [line = '', caret = ''] = codeFrame(`${'x'.repeat(500)}!${'y'.repeat(500)}`, 1, 501).split('\n');
    expect(line.length).toBeLessThan(120);
    expect(line[caret.indexOf('^')]).toBe('!');
  });
});

describe('amounts and addresses', () => {
  test('rates and times', () => {
    expect([
      bitsPerSecond('1500mbit'),
      bitsPerSecond('1.5gbit'),
      durationSeconds('300s'),
      durationSeconds('500ms'),
    ]).toEqual([1.5e9, 1.5e9, 300, 0.5]);
    expect([bitsPerSecond('1e9bit'), durationSeconds('5')]).toEqual([NaN, NaN]);
  });
  test('addresses there and back', () => {
    fc.assert(
      fc.property(fc.ipV4(), (address) => expect(formatAddress(addressNumber(address))).toBe(address)),
      { seed: 7 },
    );
  });
  test('blocks', () => {
    expect(networkOf('172.31.0.77/26')).toBe('172.31.0.64/26');
    expect([
      contains('10.0.0.0/8', '10.255.255.255'),
      contains('10.0.0.0/24', '10.0.0.0/23'),
      contains('0.0.0.0/0', '255.255.255.255'),
    ]).toEqual([true, false, true]);
    expect([overlaps('10.0.0.0/8', '10.1.0.0/16'), overlaps('10.0.0.0/24', '10.0.1.0/24')]).toEqual([
      true,
      false,
    ]);
  });
  test('ports', () => {
    expect(portRanges([80, '90-99'])).toEqual([
      { from: 80, to: 80 },
      { from: 90, to: 99 },
    ]);
    expect(publishedParts('53:5353/udp')).toEqual({ outer: 53, inner: 5353, protocol: 'udp' });
  });
});
