/** As much of a terminal as a screen of ours needs: what is seen in the end, scrollback included. */
export interface Seen {
  readonly lines: readonly string[];
  readonly cursorVisible: boolean;
  /** Writes that moved the cursor up, which is one per redrawn frame. */
  readonly redraws: number;
}

// Wide characters are not drawn by the fake runs: one character, one column.
export function seenOn(bytes: string, columns: number): Seen {
  const lines: string[] = [''];
  let [row, column, cursorVisible, redraws] = [0, 0, true, 0];
  const put = (text: string): void => {
    for (const character of text) {
      if (column === columns) {
        row += 1;
        column = 0;
      }
      while (lines.length <= row) lines.push('');
      const line = (lines[row] ?? '').padEnd(column);
      lines[row] = line.slice(0, column) + character + line.slice(column + 1);
      column += 1;
    }
  };
  const tokens = bytes.matchAll(/\u001B\[(\?)?(\d*)(?:;\d+)*([A-Za-z])|\r|\n|[^\u001B\r\n]+/g);
  for (const [token, question, count, command] of tokens) {
    if (token === '\r') column = 0;
    else if (token === '\n') {
      // As the terminal's driver does (onlcr of stty(1)).
      column = 0;
      row += 1;
      if (lines.length <= row) lines.push('');
    } else if (command === undefined) put(token);
    else if (command === 'A') {
      row -= Number(count ?? 1);
      redraws += 1;
      if (row < 0) throw new Error('the cursor went above the top');
    } else if (command === 'K') lines[row] = (lines[row] ?? '').slice(0, column);
    else if (command === 'J') {
      lines[row] = (lines[row] ?? '').slice(0, column);
      lines.length = row + 1;
    } else if (question !== undefined && count === '25') cursorVisible = command === 'h';
    else if (command !== 'm') throw new Error(`unknown: ${JSON.stringify(token)}`);
  }
  return { lines: lines.map((line) => line.trimEnd()), cursorVisible, redraws };
}
