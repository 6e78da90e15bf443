import type { ProvisionError } from '../model/error.ts';
import type { Colours } from './colour.ts';
import { printable } from './printable.ts';
import { wrap } from './text-width.ts';

/** An error as a person reads it: where, what, the lines around it, what to type next. No stack. */
export function problemLines(
  problem: ProvisionError,
  colours: Colours,
  width = Infinity,
  advice: 'with hint' | 'without hint' = 'with hint',
): string[] {
  const { place, frame, hint } = problem;
  const where = place
    ? [place.file, place.line, place.column].filter((part) => part !== undefined).join(':')
    : '';
  const head = `${where ? `${where}: ` : ''}error [${problem.code}] `;
  const [first = '', ...rest] = wrap(head + printable(problem.message), width, '', '  ');
  const coloured = `${where ? `${colours.bold(where)}: ` : ''}${colours.red('error')} ${colours.dim(`[${problem.code}]`)} `;
  return [
    first.startsWith(head) ? coloured + first.slice(head.length) : first,
    ...rest,
    ...(frame ? printable(frame).split('\n') : []),
    ...(hint && advice === 'with hint'
      ? wrap(`next: ${printable(hint)}`, width, '  ', '        ').map((line, index) =>
          index === 0 ? line.replace('next:', () => colours.cyan('next:')) : line,
        )
      : []),
  ];
}

/** Of more problems than these only the number is said; the report holds all. */
const MANY = 20;

/** The problems of a run below its recap; advice that several share in a row is said once. */
export function problemSection(
  problems: readonly ProvisionError[],
  all: boolean,
  width: number,
  colours: Colours,
): string[] {
  if (problems.length === 0) return [];
  const shown = all ? problems : problems.slice(0, MANY);
  const rest = problems.length - shown.length;
  const lines = shown.flatMap((problem, index) => {
    const repeated = problem.hint !== undefined && shown[index + 1]?.hint === problem.hint;
    return problemLines(problem, colours, width, repeated ? 'without hint' : 'with hint');
  });
  return ['', ...lines, ...(rest > 0 ? [`${rest} more errors (-v prints them all)`] : [])];
}
