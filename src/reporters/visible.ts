import { oneLine, printable } from './printable.ts';

/** Characters that make a text look like another one: direction marks and what has no width. */
const INVISIBLE = /[\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]/gu;

const spelt = (text: string): string =>
  text.replaceAll(INVISIBLE, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);

/** On one line, with everything that would not be seen spelt out. */
export const visible = (text: string): string => spelt(oneLine(text));

/** The same with its lines kept. */
export const visibleLines = (text: string): string => spelt(printable(text));
