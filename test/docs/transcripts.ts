import { blocksOf } from './pages.ts';

/** What no two runs have in common. */
const withoutRunId = (line: string): string => line.replace(/ {2}run \S+/, '');

/** Transcripts of runs that the README shows, a line each, in its order. */
export const transcripts = (): readonly (readonly string[])[] =>
  blocksOf('README.md')
    .filter(({ text }) => text.startsWith('$ provision '))
    .map(({ text }) => text.trimEnd().split('\n').slice(1).map(withoutRunId));

/** Lines of a transcript that a run did not print; `…` stands for lines that were cut out. */
export function notPrinted(
  transcript: readonly string[] | undefined,
  { stdout, stderr }: { readonly stdout: string; readonly stderr: string },
): readonly string[] {
  if (transcript === undefined) throw new Error('the README has no such transcript');
  const printed = new Set(`${stderr}\n${stdout}`.split('\n').map(withoutRunId));
  return transcript.filter((line) => line !== '…' && !printed.has(line));
}
