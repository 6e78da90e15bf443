const WIDTH = 110;
// Neighbours of a mistake may hold a password, and this text ends up in pipelines' logs.
const SECRET =
  /^(\s*(?:-\s*)?['"]?[\w-]*(?:pass|passwd|password|secret|token|private_key|api_key)['"]?\s*:\s*)\S.*$/i;

const printable = (line: string): string =>
  line.replace(/[\p{Cc}\u2028\u2029]/gu, ' ').replace(SECRET, '$1•••');

// A file with thousands of mistakes is split once.
let lastSplit = { source: '', lines: [''] };
function linesOf(source: string): readonly string[] {
  if (lastSplit.source !== source) lastSplit = { source, lines: source.split(/\r\n|\n|\r/) };
  return lastSplit.lines;
}

/** One source line, cut around `column` where it is too long for a screen. */
function windowOf(line: string, column: number): { text: string; column: number } {
  if (line.length <= WIDTH) return { text: line, column };
  const start = Math.max(0, Math.min(column - WIDTH / 2, line.length - WIDTH));
  return { text: line.slice(start, start + WIDTH), column: column - start };
}

/**
 * The line of a mistake with two lines before and one after it, numbered, and a caret below the column.
 * Lines and columns count from 1. Control characters are printed as blanks.
 */
export function codeFrame(source: string, line: number, column?: number): string {
  const lines = linesOf(source);
  const first = Math.max(1, line - 2);
  const last = Math.min(lines.length, line + 1);
  const margin = String(last).length;
  const frame: string[] = [];
  for (let number = first; number <= last; number++) {
    const cut = windowOf(lines[number - 1] ?? '', number === line ? (column ?? 1) : 1);
    const mark = number === line ? '>' : ' ';
    frame.push(`${mark} ${String(number).padStart(margin)} | ${printable(cut.text)}`.trimEnd());
    if (number === line && column !== undefined) {
      frame.push(`  ${' '.repeat(margin)} | ${' '.repeat(Math.max(0, cut.column - 1))}^`);
    }
  }
  return frame.join('\n');
}
