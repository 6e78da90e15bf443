import { stripVTControlCharacters } from 'node:util';

/** Code points that take two columns (East Asian Wide and Fullwidth of Unicode TR11), as pairs of first and last. */
const WIDE = [
  [0x1100, 0x115f],
  [0x2e80, 0x303e],
  [0x3041, 0xa4cf],
  [0xa960, 0xa97c],
  [0xac00, 0xd7a3],
  [0xf900, 0xfaff],
  [0xfe30, 0xfe6f],
  [0xff00, 0xff60],
  [0xffe0, 0xffe6],
  [0x20000, 0x3fffd],
] as const;
const EMOJI = /^\p{Emoji_Presentation}$/u;
const NO_WIDTH = /^[\p{Mn}\p{Me}\p{Cf}\p{Cc}]$/u;
const PLAIN = /^[\x20-\x7e]*$/;
const ELLIPSIS = '…';

function widthOfCharacter(character: string): number {
  const code = character.codePointAt(0) ?? 0;
  if (code < 0x7f) return code < 0x20 ? 0 : 1;
  if (NO_WIDTH.test(character)) return 0;
  return WIDE.some(([first, last]) => code >= first && code <= last) || EMOJI.test(character) ? 2 : 1;
}

/** Columns that a line takes on a terminal; colours take none. */
export function widthOf(line: string): number {
  if (PLAIN.test(line)) return line.length;
  let width = 0;
  for (const character of stripVTControlCharacters(line)) width += widthOfCharacter(character);
  return width;
}

/** The line, cut with … when it is wider than `width`; colours that were opened are still closed. */
export function cut(line: string, width: number): string {
  if (widthOf(line) <= width) return line;
  let left = width - 1;
  let text = '';
  for (const [token] of line.matchAll(/\x1b\[[\d;]*m|./gsu)) {
    if (token.length > 1 && token.startsWith('\x1b')) {
      text += token;
      continue;
    }
    if (left < 0) continue;
    left -= widthOfCharacter(token);
    if (left >= 0) text += token;
    else text += ELLIPSIS;
  }
  return width > 0 ? text : '';
}

/** The line cut or filled up to exactly `width` columns. */
export const fit = (line: string, width: number): string => {
  const short = cut(line, width);
  return short + ' '.repeat(Math.max(0, width - widthOf(short)));
};

/** As much of a text without colours as fits. */
function headOf(text: string, width: number): string {
  let left = width;
  let end = 0;
  for (const character of text) {
    left -= widthOfCharacter(character);
    if (left < 0) break;
    end += character.length;
  }
  return text.slice(0, end);
}

function wrapLine(text: string, width: number, first: string, later: string): string[] {
  const lines: string[] = [];
  let line = first;
  let empty = true;
  for (const word of text.split(' ')) {
    const longer = empty ? line + word : `${line} ${word}`;
    const fits = widthOf(longer) <= width;
    if (fits || empty) line = longer;
    else {
      lines.push(line);
      line = later + word;
    }
    while (widthOf(line) > width && width > later.length + 1) {
      const head = headOf(line, width);
      lines.push(head);
      line = later + line.slice(head.length);
    }
    empty = false;
  }
  return [...lines, line];
}

/** Breaks text without colours between words. The first line begins with `first`, the others with `later`. */
export const wrap = (text: string, width: number, first = '', later = first): string[] =>
  text.split('\n').flatMap((part, index) => wrapLine(part, width, index === 0 ? first : later, later));
