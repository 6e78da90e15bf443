import type { Handler, ResourceChange, Transition } from '../model/resource.ts';

/** What every script of a transaction sets first: tools are found, and messages are English. */
export const ENVIRONMENT = `
LC_ALL=C; export LC_ALL
PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"; export PATH`;

// Microseconds of the monotonic clock, as systemd prints them: tells what was started by this run.
export const STARTED =
  'read -r up _ </proc/uptime; PROVISION_STARTED="${up%.*}${up#*.}0000"; export PROVISION_STARTED';

/** When a handler runs: after the change of this number, or after all. */
export interface HandlerCall {
  readonly script: string;
  readonly after: number;
}

/**
 * All handlers, each id once, in the order in which they run: those that must be last come last, and what is asked for
 * together with a check comes after it.
 */
export function handlersOf(transitions: readonly Transition[]): HandlerCall[] {
  const asked = transitions.flatMap(({ handlers = [] }, index) =>
    handlers.map((handler) => ({ handler, index })),
  );
  const byId = new Map(asked.map(({ handler }) => [handler.id, handler]));
  const lastAsker = new Map(asked.map(({ handler, index }) => [handler.id, index]));
  const checksOf = (id: string): Handler[] =>
    transitions
      .map(({ handlers = [] }) => handlers)
      .filter((handlers) => handlers.some((handler) => handler.id === id))
      .flatMap((handlers) => handlers.filter(({ check }) => check));
  const after = (id: string): number =>
    Math.max(...[id, ...checksOf(id).map((check) => check.id)].map((one) => lastAsker.get(one) ?? Infinity));
  const whole = [...byId.values()];
  const checksFirst = [...whole.filter(({ check }) => check), ...whole.filter(({ check }) => !check)];
  const calls = checksFirst
    .filter(({ soon }) => soon)
    .map(({ id, script }) => ({ script, after: after(id) }));
  const atEnd = [
    ...checksFirst.filter(({ soon, last }) => !soon && !last),
    ...whole.filter(({ soon, last }) => !soon && last),
  ];
  return [
    ...calls.toSorted((a, b) => a.after - b.after),
    ...atEnd.map(({ script }) => ({ script, after: Infinity })),
  ];
}

/** The same for a way back, which goes to what was there: nobody asks whether that is well. */
export const handlersBack = (transitions: readonly Transition[]): HandlerCall[] =>
  handlersOf(transitions.map((transition) => ({ ...transition, handlers: withoutChecks(transition) })));

export const withoutChecks = ({ handlers = [] }: Transition): Handler[] =>
  handlers.filter(({ check }) => !check);

/** Shell functions `name_0`, `name_1`, … of these texts. A text may be empty or only a comment. */
export const functions = (name: string, texts: readonly string[]): string[] =>
  texts.map((text, index) => `${name}_${index}() {\n:\n${text}\n}`);

/**
 * Runs those functions in order by `runner`, which sets $code. The last one carries the label that means "done",
 * those before it a part of it.
 */
export const calls = (
  runner: 'run' | 'undo',
  label: string,
  name: string,
  texts: readonly string[],
  otherwise: string,
): string[] =>
  texts.map((_text, index) => {
    const word = index === texts.length - 1 ? label : `${label}-part`;
    return `${runner} ${word} ${name}_${index}\n[ "$code" -eq 0 ] || ${otherwise}`;
  });

/** The snapshot's number of each path of each change. */
export function numberedPaths(
  changes: readonly ResourceChange[],
): { readonly number: number; readonly path: string }[][] {
  let number = 0;
  return changes.map((change) => (change.apply.paths ?? []).map((path) => ({ number: number++, path })));
}

/** Seconds for all that is thrown away at the end; a file, empty where there is nothing, is `settled.sh WAY`, WAY = apply or revert. */
const SETTLED_SECONDS = 20;

/** A script of its own: throws away what only the other way needed. Each part on its own, whatever became of the others. */
export function settledScript(changes: readonly ResourceChange[]): string {
  if (changes.every(({ apply, revert }) => !apply.settled?.length && !revert.settled?.length)) return '';
  return [
    ENVIRONMENT,
    'case $1 in',
    ...(['apply', 'revert'] as const).map(
      (way) =>
        `${way})\n:\n${changes.flatMap((change) => (change[way].settled ?? []).map((text) => `(\n${text}\n)`)).join('\n')}\n;;`,
    ),
    'esac',
    '',
  ].join('\n');
}

/** Runs that of this way, in the end: no failure of it matters, and nobody waits for it for long. */
export const settle = (way: 'apply' | 'revert'): string =>
  `[ ! -s "$T/settled.sh" ] || timeout -k 5 ${SETTLED_SECONDS} /bin/sh "$T/settled.sh" ${way} </dev/null >/dev/null 2>&1 8>&- 9>&-`;
