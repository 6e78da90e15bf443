import type { Emit } from '../model/event.ts';
import { coloursFor } from '../reporters/colour.ts';
import { progressLines, resultLines } from '../reporters/lines.ts';
import { withoutSecrets } from '../reporters/masked.ts';

export interface OutputFlags {
  readonly verbose: number;
  readonly quiet: boolean;
  readonly diff: boolean;
}

type Environment = Readonly<Record<string, string | undefined>>;

const isSet = (value: string | undefined): boolean =>
  value !== undefined && !['', '0', 'false'].includes(value);

/** A tree needs a terminal that somebody watches. */
export const drawsTree = (quiet: boolean, stderr: { readonly isTTY?: boolean }, env: Environment): boolean =>
  stderr.isTTY === true && !quiet && !isSet(env['CI']) && env['TERM'] !== 'dumb';

/** Results to stdout, progress to stderr: a tree on a terminal, elsewhere one line each. */
export const screen = async (flags: OutputFlags): Promise<Emit> => withoutSecrets(await reporterFor(flags));

/** listr2 is loaded for a tree only. */
async function reporterFor({ verbose: verbosity, quiet, diff }: OutputFlags): Promise<Emit> {
  const { stdout, stderr, env } = process;
  const [outColours, errColours] = [coloursFor(stdout, env), coloursFor(stderr, env)];
  const lines = (out: (line: string) => void): Emit => resultLines({ quiet, diff, out, colours: outColours });
  if (!drawsTree(quiet, stderr, env)) {
    const progress = progressLines({
      verbosity,
      quiet,
      err: (line) => stderr.write(`${line}\n`),
      colours: errColours,
    });
    const results = lines((line) => stdout.write(`${line}\n`));
    return (event) => {
      progress(event);
      results(event);
    };
  }
  const [{ summaryReporter }, { treeReporter }] = await Promise.all([
    import('../reporters/summary.ts'),
    import('../reporters/tree.ts'),
  ]);
  const width = (): number => stdout.columns || 80;
  return treeReporter({
    verbosity,
    terminal: stderr,
    neighbours: stdout.isTTY ? [stdout] : [],
    colours: errColours,
    // What goes into a file or a pipe has the form of lines, whatever shows the progress.
    results: (out) =>
      stdout.isTTY ? summaryReporter({ width, verbosity, diff, colours: outColours, out }) : lines(out),
    out: (text) => stdout.write(text),
  });
}
