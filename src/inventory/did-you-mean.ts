/** Letters to add, drop or change to get from one text to the other; anything above `limit` is `limit + 1`. */
export function editDistance(from: string, to: string, limit = 2): number {
  if (Math.abs(from.length - to.length) > limit) return limit + 1;
  let row = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let line = 1; line <= from.length; line++) {
    const next = [line];
    for (let column = 1; column <= to.length; column++) {
      const change = (row[column - 1] ?? 0) + (from[line - 1] === to[column - 1] ? 0 : 1);
      next.push(Math.min(change, (row[column] ?? 0) + 1, (next[column - 1] ?? 0) + 1));
    }
    if (Math.min(...next) > limit) return limit + 1;
    row = next;
  }
  return Math.min(row[to.length] ?? 0, limit + 1);
}

/**
 * The known name that a person most likely meant: at most two letters away, and for short names
 * (up to three letters) one. Upper and lower case, `-` and `_` count as equal.
 */
export function closest(written: string, known: Iterable<string>): string | undefined {
  const plain = (text: string): string => text.toLowerCase().replaceAll('-', '_');
  const limit = written.length <= 3 ? 1 : 2;
  let best: string | undefined;
  let least = limit + 1;
  for (const name of known) {
    if (name === written) continue;
    const distance = editDistance(plain(written), plain(name), limit);
    if (distance < least) [best, least] = [name, distance];
  }
  return best;
}

/** `Did you mean "shop"?`, else what there is to choose from, else nothing. */
export function didYouMean(written: string, known: Iterable<string>): string | undefined {
  const names = [...known];
  const near = closest(written, names);
  if (near !== undefined) return `Did you mean "${near}"?`;
  if (names.length === 0) return undefined;
  const rest = names.length > 12 ? ` and ${names.length - 12} more` : '';
  return `Known: ${names.slice(0, 12).join(', ')}${rest}.`;
}
