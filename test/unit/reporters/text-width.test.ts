import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import pc from 'picocolors';
import { cut, fit, widthOf, wrap } from '../../../src/reporters/text-width.ts';

const { red, bold } = pc.createColors(true);

describe('width', () => {
  it.each([
    ['plain', 5],
    ['Zürich', 6],
    ['東京', 4],
    ['e\u0301', 1],
    ['🚀', 2],
    ['✔ ❯ ✖ …', 7],
    [red('red'), 3],
    ['', 0],
  ])('%j takes %i columns', (text, width) => expect(widthOf(text)).toBe(width));
});

describe('cut', () => {
  it('leaves what fits', () => expect(cut('twelve chars', 12)).toBe('twelve chars'));
  it('ends in an ellipsis', () => expect(cut('twelve chars', 8)).toBe('twelve …'));
  it('never halves a wide character', () => expect(cut('東京都', 4)).toBe('東…'));
  it('closes colours', () =>
    expect(cut(`${red('twelve')} ${bold('chars')}`, 4)).toBe(`${red('twe…')}${bold('')}`));

  it('is never wider than asked for', () => {
    const pieces = fc.array(
      fc.oneof(fc.string(), fc.constantFrom('東京', '🚀', red('x'), bold('長い'), 'é')),
    );
    fc.assert(
      fc.property(pieces, fc.integer({ min: 0, max: 30 }), (parts, width) => {
        expect(widthOf(cut(parts.join(''), width))).toBeLessThanOrEqual(width);
        expect(widthOf(fit(parts.join(''), width))).toBe(width);
      }),
      { seed: 1 },
    );
  });
});

describe('wrap', () => {
  it('breaks between words', () =>
    expect(wrap('one two three four', 9, '- ', '  ')).toEqual(['- one two', '  three', '  four']));
  it('breaks a word only when it is longer than a line', () =>
    expect(wrap('a /very/long/path', 8, '', ' ')).toEqual(['a', ' /very/l', ' ong/pat', ' h']));
  it('keeps every character but the blanks between lines', () => {
    const word = fc.string({ minLength: 1, unit: 'grapheme-ascii' }).map((text) => text.replaceAll(' ', '_'));
    fc.assert(
      fc.property(fc.array(word, { minLength: 1 }), fc.integer({ min: 4, max: 40 }), (words, width) => {
        const lines = wrap(words.join(' '), width, '', '  ');
        expect(lines.every((line) => widthOf(line) <= width)).toBe(true);
        expect(lines.join('').replaceAll(' ', '')).toBe(words.join(''));
      }),
      { seed: 1 },
    );
  });
});
