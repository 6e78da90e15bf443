import { describe, expect, it } from '@jest/globals';
import { merged, rangeText, smallestFirst } from '../../../src/roles/address-ranges.ts';

const claimed = (blocks: readonly [string, string][]): string[] =>
  smallestFirst(blocks.map(([block, value]) => ({ block, value }))).map(
    (range) => `${rangeText(range)} ${range.value}`,
  );

describe('address ranges', () => {
  it('give each address to the smallest block that holds it', () => {
    expect(
      claimed([
        ['10.0.0.0/24', 'all'],
        ['10.0.0.8', 'one'],
        ['10.0.0.64/26', 'quarter'],
        ['10.0.0.100', 'inside'],
        ['10.0.1.0/24', 'other'],
      ]),
    ).toEqual([
      '10.0.0.0-10.0.0.7 all',
      '10.0.0.8 one',
      '10.0.0.9-10.0.0.63 all',
      '10.0.0.64-10.0.0.99 quarter',
      '10.0.0.100 inside',
      '10.0.0.101-10.0.0.127 quarter',
      '10.0.0.128-10.0.0.255 all',
      '10.0.1.0-10.0.1.255 other',
    ]);
  });

  it('of two equal blocks the later counts', () => {
    expect(
      claimed([
        ['10.0.0.1', 'implied'],
        ['10.0.0.1', 'written'],
      ]),
    ).toEqual(['10.0.0.1 written']);
  });

  it('at both ends of the address space', () => {
    expect(
      claimed([
        ['0.0.0.0/0', 'all'],
        ['0.0.0.0', 'first'],
        ['255.255.255.255', 'last'],
      ]),
    ).toEqual(['0.0.0.0 first', '0.0.0.1-255.255.255.254 all', '255.255.255.255 last']);
  });

  it('merge what overlaps or touches', () => {
    expect(merged(['10.0.1.0/24', '10.0.0.0/24', '10.0.0.128/25', '192.168.0.1']).map(rangeText)).toEqual([
      '10.0.0.0-10.0.1.255',
      '192.168.0.1',
    ]);
  });
});
