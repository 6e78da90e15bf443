/**
 * Splits a text into words as Python's shlex.split does: quotes and backslashes are taken off, and with `comments` a
 * "#" ends the line wherever it stands outside of quotes, inside a word too. Throws RangeError with a sentence.
 */
export function shellWords(text: string, { comments = false } = {}): string[] {
  const words: string[] = [];
  let word = '';
  let open = false;
  let quote = '';
  for (let index = 0; index < text.length; index++) {
    const sign = text.charAt(index);
    if (quote !== '') {
      const next = text.charAt(index + 1);
      if (sign === quote) quote = '';
      // Between double quotes a backslash stands for itself but before a quote and another one.
      else if (sign === '\\' && quote === '"' && (next === '"' || next === '\\')) {
        word += next;
        index++;
      } else word += sign;
    } else if (sign === '"' || sign === "'") {
      quote = sign;
      open = true;
    } else if (sign === '\\') {
      if (index + 1 === text.length) throw new RangeError('a backslash stands at the end');
      word += text.charAt(++index);
      open = true;
    } else if (comments && sign === '#') break;
    else if (/\s/.test(sign)) {
      if (open) words.push(word);
      word = '';
      open = false;
    } else {
      word += sign;
      open = true;
    }
  }
  if (quote !== '') throw new RangeError(`a quote (${quote}) is not closed`);
  if (open) words.push(word);
  return words;
}
