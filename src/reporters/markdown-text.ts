import { visible } from './visible.ts';

/**
 * Somebody else's text between Markdown: all ASCII punctuation may stand behind a backslash (CommonMark 2.4). GitHub
 * looks for names and numbers to link only after that, in the text itself: an empty comment divides it.
 */
export const prose = (text: string): string =>
  visible(text)
    .replaceAll(/[!-/:-@[-`{-~]/g, (c) => (/[-,.;:%'"/()=?+]/.test(c) ? c : `\\${c}`))
    .replaceAll(/\\[@#](?=\S)|:(?=\/\/)|www(?=\.)|GH(?=-)/gi, (found) => `${found}<!-- -->`)
    // A list, a rule or a heading is made by what a line begins with.
    .replace(/^(\d*)([-+.)])(?=\s)/, (_, digits: string, mark: string) => `${digits}\\${mark}`);

/** Somebody else's text in code type, also inside a table. Nothing in it is linked. */
export function code(text: string): string {
  const shown = visible(text).replaceAll('|', '\\|');
  if (shown === '') return ' ';
  const longest = Math.max(0, ...(shown.match(/`+/g) ?? []).map((run) => run.length));
  const fence = '`'.repeat(longest + 1);
  const pad = /^`|`$/.test(shown) ? ' ' : '';
  return `${fence}${pad}${shown}${pad}${fence}`;
}
