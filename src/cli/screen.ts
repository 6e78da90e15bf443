import type { Emit } from '../model/event.ts';
import { coloursFor } from '../reporters/colour.ts';
import { linesReporter } from '../reporters/lines.ts';

export interface OutputFlags {
  readonly verbose: number;
  readonly quiet: boolean;
  readonly diff: boolean;
}

/** Results to stdout, progress to stderr, one line each. */
export function screen(flags: OutputFlags): Emit {
  return linesReporter({
    verbosity: flags.verbose,
    quiet: flags.quiet,
    diff: flags.diff,
    out: (line) => process.stdout.write(`${line}\n`),
    err: (line) => process.stderr.write(`${line}\n`),
    colours: coloursFor(process.stderr, process.env),
  });
}
