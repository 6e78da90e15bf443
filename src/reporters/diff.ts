import { createTwoFilesPatch } from 'diff';
import type { ResourceChange } from '../model/resource.ts';
import type { Colours } from './colour.ts';
import { printable } from './printable.ts';

/** Longer than this and a diff is not computed: it would be quadratic, and nobody would read it. */
const PATIENCE_MS = 1000;

/** Unified diff of the file behind a change; empty when there is no file or it does not differ. */
export function unifiedDiff({ text }: ResourceChange, colours: Colours): string[] {
  if (!text) return [];
  if (text.hidden)
    return [`${text.path}: its content is not shown: it is secret, or not for everybody on the host`];
  const [before, after] = [text.before ?? '', text.after ?? ''];
  const patch = createTwoFilesPatch(
    text.before === null ? '/dev/null' : text.path,
    text.after === null ? '/dev/null' : text.path,
    before,
    after,
    'on the host',
    'declared',
    { context: 3, timeout: PATIENCE_MS },
  );
  if (patch === undefined)
    return [`${text.path}: too different to compare, ${after.split('\n').length} lines`];
  const colour = (line: string): string => {
    if (line.startsWith('+')) return colours.green(line);
    if (line.startsWith('-')) return colours.red(line);
    return line.startsWith('@@') ? colours.cyan(line) : line;
  };
  return printable(patch)
    .trimEnd()
    .split('\n')
    .filter((line) => !line.startsWith('======') && !line.startsWith('Index: '))
    .map(colour);
}
