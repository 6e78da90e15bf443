import { visibleLines } from './visible.ts';

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
  '`': '&#96;',
};

/** Half of a surrogate pair, and what no document may hold. */
const IMPOSSIBLE = /[^\t\n\x20-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu;

/** Somebody else's text, inert in HTML and SVG, as an attribute and between tags. */
export const escaped = (text: string): string =>
  visibleLines(text)
    .replaceAll(IMPOSSIBLE, '\ufffd')
    .replaceAll(/[&<>"'`]/g, (c) => ENTITIES[c] ?? c);

/** HTML or SVG that we wrote ourselves, with all values in it escaped. */
export class Markup {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

export type MarkupValue = string | number | Markup | readonly Markup[] | null | undefined | false;

function written(value: MarkupValue): string {
  if (value === null || value === undefined || value === false) return '';
  if (value instanceof Markup) return value.text;
  if (typeof value === 'object') return value.map(({ text }) => text).join('');
  return typeof value === 'number' ? String(value) : escaped(value);
}

/** `markup`<b>${name}</b>``: every value is escaped but what is markup already. Attributes stand in double quotes. */
export const markup = (strings: TemplateStringsArray, ...values: readonly MarkupValue[]): Markup =>
  new Markup(strings.reduce((text, part, index) => text + written(values[index - 1]) + part));
