import { ERROR_EXIT_CODES, problemsOf } from '../model/error.ts';
import { coloursFor } from '../reporters/colour.ts';
import { maskedError } from '../reporters/masked.ts';
import { problemLines } from '../reporters/problem.ts';

/** Prints whatever was thrown as problems and answers the exit code. A stack is shown only with -vvv. */
export async function fail(error: unknown): Promise<number> {
  const problems = problemsOf(error);
  const colours = coloursFor(process.stderr, process.env);
  problems
    .flatMap((problem) => problemLines(maskedError(problem), colours))
    .forEach((line) => process.stderr.write(`${line}\n`));
  if (problems.length > 1) process.stderr.write(`${problems.length} problems\n`);
  if (process.argv.some((word) => /^-v{3,}$/.test(word)) && error instanceof Error)
    process.stderr.write(`${error.stack ?? ''}\n`);
  const codes: number[] = problems.map((problem) => ERROR_EXIT_CODES[problem.code]);
  return Promise.resolve(codes.includes(1) ? 1 : (codes[0] ?? 1));
}
