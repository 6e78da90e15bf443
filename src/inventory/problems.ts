import { ProblemList, ProvisionError } from '../model/error.ts';
import type { ErrorCode, Place } from '../model/error.ts';
import { codeFrame } from '../model/code-frame.ts';
import type { Origin } from './document.ts';

export interface Problem {
  readonly message: string;
  readonly hint?: string | undefined;
  /** Where it was written. */
  readonly origin?: Origin | undefined;
  /** Points at the key instead of the value. */
  readonly at?: 'key' | 'value' | undefined;
  /** A place that is no path of a document, as of a syntax error. */
  readonly place?: Place | undefined;
  /** The source text that `place` is in. */
  readonly text?: string | undefined;
  /** A frame that is already made. */
  readonly frame?: string | undefined;
  /** The host that has it; the same problem at the same place is told once for all its hosts. */
  readonly host?: string | undefined;
  readonly cause?: unknown;
}

export interface Warning {
  readonly message: string;
  readonly place?: Place | undefined;
}

/** Gathers everything that is wrong, so that it is told in one go. */
export interface Problems {
  add(problem: Problem): void;
  warn(problem: Problem): void;
  /** Throws a ProblemList if there are any, in the order of the files' lines. */
  throwIfAny(): void;
  readonly warnings: () => readonly Warning[];
}

interface Entry {
  readonly problem: Problem;
  readonly place: Place | undefined;
  readonly hosts: Set<string>;
}

export function gatherProblems(code: ErrorCode = 'inventory'): Problems {
  const errors = new Map<string, Entry>();
  const warnings = new Map<string, Entry>();
  return {
    add: (problem) => note(errors, problem),
    warn: (problem) => note(warnings, problem),
    warnings: () =>
      inFileOrder(warnings).map(({ problem, place, hosts }) => ({
        message: sentence(problem, hosts, true),
        place,
      })),
    throwIfAny() {
      if (errors.size > 0) throw new ProblemList(inFileOrder(errors).map((entry) => toError(code, entry)));
    },
  };
}

function note(entries: Map<string, Entry>, problem: Problem): void {
  const { origin } = problem;
  const where = origin
    ? `${origin.document.file}\0${origin.path.join('\0')}`
    : JSON.stringify(problem.place ?? null);
  const key = `${where}\0${problem.at ?? ''}\0${problem.message}`;
  let entry = entries.get(key);
  if (!entry) {
    entry = { problem, place: placeOf(problem), hosts: new Set() };
    entries.set(key, entry);
  }
  if (problem.host !== undefined) entry.hosts.add(problem.host);
}

// Files in the order in which they were first complained about, then by line and column.
function inFileOrder(entries: Map<string, Entry>): Entry[] {
  const files = new Map<string, number>();
  for (const { place } of entries.values()) {
    if (place && !files.has(place.file)) files.set(place.file, files.size);
  }
  const rank = ({ place }: Entry): number[] => [
    files.get(place?.file ?? '') ?? -1,
    place?.line ?? 0,
    place?.column ?? 0,
  ];
  return [...entries.values()]
    .map((entry) => ({ entry, rank: rank(entry) }))
    .sort(
      (a, b) =>
        a.rank.map((value, index) => value - (b.rank[index] ?? 0)).find((difference) => difference !== 0) ??
        0,
    )
    .map(({ entry }) => entry);
}

function sentence({ message, hint }: Problem, hosts: Set<string>, withHint: boolean): string {
  const names = [...hosts];
  let suffix = '';
  if (names.length === 1) suffix = ` (host ${names[0]})`;
  if (names.length > 1) {
    const some = names.slice(0, 3).join(', ');
    suffix = ` (${names.length} hosts: ${some}${names.length > 3 ? ', …' : ''})`;
  }
  return `${message}${suffix}${withHint && hint !== undefined ? `. ${hint}` : ''}`;
}

/** One problem as the error that it would be. */
export const errorOf = (problem: Problem): ProvisionError =>
  toError('inventory', { problem, place: placeOf(problem), hosts: new Set() });

const placeOf = ({ place, origin, at }: Problem): Place | undefined =>
  place ?? origin?.document.place(origin.path, at);

function toError(code: ErrorCode, { problem, place, hosts }: Entry): ProvisionError {
  const source = problem.text ?? problem.origin?.document.text;
  const frame =
    problem.frame ??
    (source !== undefined && place?.line !== undefined
      ? codeFrame(source, place.line, place.column)
      : undefined);
  return new ProvisionError(code, sentence(problem, hosts, false), {
    hint: problem.hint,
    place,
    frame,
    cause: problem.cause,
  });
}
