/** A piece of a text: as it stands, or a reference to a variable and what is inside it. */
export type JinjaPart =
  | { readonly literal: string }
  | { readonly name: string; readonly path: readonly (string | number)[]; readonly text: string };

/** Whether Ansible would evaluate a text at all. */
export const hasJinja = (text: string): boolean => /\{[{%#]/.test(text);

const REFERENCE = /^\s*([A-Za-z_]\w*)((?:\.[A-Za-z_]\w*|\[\s*(?:-?\d+|'[^'\\]*'|"[^"\\]*")\s*\])*)\s*$/;
const STEP = /\.([A-Za-z_]\w*)|\[\s*(?:(-?\d+)|'([^']*)'|"([^"]*)")\s*\]/g;
// Words of the language, which are no names of variables.
const WORDS = /^(?:true|false|none|True|False|None|not|lookup|query|now|undef|range|dict|omit)$/;

/**
 * Takes a text apart. Only plain references are understood (`{{ name }}`, `{{ name.key[0]['other'] }}`); the first
 * thing that is more than that is answered as `refused`.
 */
export function parseJinja(
  text: string,
): { readonly parts: readonly JinjaPart[] } | { readonly refused: string } {
  const parts: JinjaPart[] = [];
  let rest = text;
  while (rest !== '') {
    const start = rest.search(/\{[{%#]/);
    if (start < 0) return { parts: [...parts, { literal: rest }] };
    if (start > 0) parts.push({ literal: rest.slice(0, start) });
    rest = rest.slice(start);
    const whole = /^\{\{([\s\S]*?)\}\}/.exec(rest);
    const [, name = '', steps = ''] = REFERENCE.exec(whole?.[1] ?? '') ?? [];
    if (!whole || name === '' || WORDS.test(name)) {
      const shown = /^\{[{%#][\s\S]*?(?:[}%#]\}|$)/.exec(rest)?.[0] ?? rest;
      return { refused: shown.length > 60 ? `${shown.slice(0, 57)}...` : shown };
    }
    const path = [...steps.matchAll(STEP)].map(([, key, index, single, double]) =>
      index === undefined ? (key ?? single ?? double ?? '') : Number(index),
    );
    parts.push({ name, path, text: whole[0] });
    rest = rest.slice(whole[0].length);
  }
  return { parts };
}
