/**
 * Letters to add, drop, change or swap with their neighbour to get from one text to the other; anything above
 * `limit` is `limit + 1`.
 */
export function editDistance(from: string, to: string, limit = 2): number {
  if (Math.abs(from.length - to.length) > limit) return limit + 1;
  let before: number[] = [];
  let row = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let line = 1; line <= from.length; line++) {
    const next = [line];
    for (let column = 1; column <= to.length; column++) {
      const changed = (row[column - 1] ?? 0) + (from[line - 1] === to[column - 1] ? 0 : 1);
      const swapped =
        from[line - 1] === to[column - 2] && from[line - 2] === to[column - 1]
          ? (before[column - 2] ?? limit) + 1
          : limit + 1;
      next.push(Math.min(changed, swapped, (row[column] ?? 0) + 1, (next[column - 1] ?? 0) + 1));
    }
    [before, row] = [row, next];
  }
  return Math.min(row[to.length] ?? 0, limit + 1);
}

/**
 * The known name that a person most likely meant: at most two letters away, or one where either name is short (up
 * to four letters). Upper and lower case, `-` and `_` count as equal.
 */
export function closest(written: string, known: Iterable<string>): string | undefined {
  const plain = (text: string): string => text.toLowerCase().replaceAll('-', '_');
  let best: string | undefined;
  let least = 3;
  for (const name of known) {
    if (name === written) continue;
    const limit = Math.min(written.length, name.length) <= 4 ? 1 : 2;
    const distance = editDistance(plain(written), plain(name), limit);
    if (distance <= limit && distance < least) [best, least] = [name, distance];
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
