import type { ProvisionError } from '../model/error.ts';
import type { Colours } from './colour.ts';
import { printable } from './printable.ts';

/** An error as a person reads it: where, what, the lines around it, what to type next. No stack. */
export function problemLines(problem: ProvisionError, colours: Colours): string[] {
  const { place, frame, hint } = problem;
  const where = place
    ? [place.file, place.line, place.column].filter((part) => part !== undefined).join(':')
    : '';
  return [
    `${where ? `${colours.bold(where)}: ` : ''}${colours.red('error')} ${colours.dim(`[${problem.code}]`)} ${printable(problem.message)}`,
    ...(frame ? printable(frame).split('\n') : []),
    ...(hint ? [`  ${colours.cyan('next:')} ${printable(hint)}`] : []),
  ];
}
