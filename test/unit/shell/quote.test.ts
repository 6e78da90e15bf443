import { execFileSync } from 'node:child_process';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { quote, sh } from '../../../src/shell/quote.ts';

const echoed = (shell: string, word: string): string =>
  execFileSync(shell, ['-s'], { input: `printf %s ${word}`, encoding: 'utf8' });

describe.each(['dash', 'bash'])('quoting for %s', (shell) => {
  it('any text without NUL comes out as it went in', () => {
    const text = fc.string({ unit: 'grapheme', maxLength: 60 }).filter((value) => !value.includes('\0'));
    fc.assert(
      fc.property(text, (value) => echoed(shell, quote(value)) === value),
      { seed: 20261120, numRuns: 60 },
    );
  });

  it.each(["'", "''", '"; id; $(id) `id`', '\n', '\\', '-n', '$HOME', '*', "a'b'c", '!'])('%j', (value) => {
    expect(echoed(shell, quote(value))).toBe(value);
  });
});

describe('sh', () => {
  it('quotes each value as one word, and each item of a list', () => {
    expect(sh`rm -- ${'a b'} ${['c', "d'e"]} ${7}`).toBe(`rm -- 'a b' 'c' 'd'\\''e' '7'`);
  });

  it('refuses NUL, which no argument can hold', () => {
    expect(() => sh`echo ${'a\0b'}`).toThrow(RangeError);
  });
});
