import path from 'node:path';
import { InvalidArgumentError } from 'commander';
import type { Command, Option } from 'commander';
import { closest } from '../inventory/did-you-mean.ts';
import { ProvisionError } from '../model/error.ts';
import { readConfig } from './config-file.ts';
import type { ConfigFile } from './config-file.ts';
import { collect, counted } from './flags.ts';

/** `maxFail` → PROVISION_ and MAX_FAIL. */
export const variableOf = (option: Option): string =>
  `PROVISION_${option
    .attributeName()
    .replaceAll(/[A-Z]/g, (letter) => `_${letter}`)
    .toUpperCase()}`;

/** A mandatory flag is one that a person must type, and so is the run that a rollback goes back to. */
const canBeSet = ({ long = '', mandatory }: Option): boolean =>
  !mandatory && !['--help', '--version', '--run'].includes(long);

/** Flags of a command that environment and configuration may set: those of commands that read an inventory. */
export const settable = ({ options }: Command): Option[] =>
  options.some((option) => option.long === '--inventory' && canBeSet(option)) ? options.filter(canBeSet) : [];

const takesValue = ({ required, optional }: Option): boolean => required || optional;
const repeats = ({ parseArg }: Option): boolean => parseArg === collect;
const isCount = ({ parseArg }: Option): boolean => parseArg === counted;
const isPath = ({ flags }: Option): boolean => /<(path|file|dir)>/.test(flags);
/** Its values hold commas of their own. */
const isWhole = (option: Option): boolean => option.attributeName() === 'extraVars';

const SWITCHES: Readonly<Record<string, boolean>> = {
  ...{ 1: true, true: true, yes: true, on: true },
  ...{ '': false, 0: false, false: false, no: false, off: false },
};

class Refused extends Error {}

function switchOf(value: unknown): boolean {
  const known = typeof value === 'boolean' ? value : SWITCHES[String(value).toLowerCase()];
  if (known === undefined) throw new Refused('it is neither true nor false');
  return known;
}

function countOf(value: unknown): number {
  const number = typeof value === 'boolean' ? Number(value) : Number(String(value).trim() || Number.NaN);
  if (!Number.isInteger(number) || number < 0) throw new Refused('it is no whole number');
  return number;
}

/** Texts of a value as somebody could have typed them. */
function wordsOf(option: Option, value: unknown): string[] {
  if (Array.isArray(value)) {
    if (value.length === 0 && !repeats(option)) throw new Refused('it is empty');
    return repeats(option)
      ? value.flatMap((one: unknown) => wordsOf(option, one))
      : [value.map(String).join(',')];
  }
  if (typeof value === 'object' && value !== null && isWhole(option)) return [JSON.stringify(value)];
  if (typeof value === 'string' || typeof value === 'number') return [String(value)];
  throw new Refused('it is no text');
}

/** What the flag's own parser makes of it. */
function parsed(option: Option, value: unknown): unknown {
  if (isCount(option)) return countOf(value);
  if (!takesValue(option)) return switchOf(value);
  const words = wordsOf(option, value);
  if (repeats(option)) return words;
  const [word = ''] = words;
  const result: unknown = option.parseArg ? option.parseArg<unknown>(word, undefined) : word;
  if (Number.isNaN(result)) throw new Refused('it is no number');
  return result;
}

/** As typed in the directory of the file, seen from the current one. */
function fromFile(option: Option, value: unknown, { file }: ConfigFile): unknown {
  const located = (text: string): string => {
    const absolute = path.resolve(path.dirname(file), text);
    const inside = path.relative(process.cwd(), absolute);
    return inside === '' || inside.startsWith('..') ? absolute : inside;
  };
  const one = (item: unknown): unknown => {
    if (typeof item !== 'string') return item;
    return isPath(option) ? located(item) : item.startsWith('@') ? `@${located(item.slice(1))}` : item;
  };
  return Array.isArray(value) ? value.map(one) : one(value);
}

function refused(what: string, value: unknown, error: unknown): unknown {
  if (!(error instanceof Refused) && !(error instanceof InvalidArgumentError)) return error;
  const why = error.message.replace(/\.$/, '');
  return new ProvisionError(
    'usage',
    `${what} is ${JSON.stringify(value)}: ${why[0]?.toLowerCase() ?? ''}${why.slice(1)}.`,
    {
      hint: 'Mend it, or take it out; provision config shows what each flag comes to, and from where.',
    },
  );
}

/** `a,b` of the environment; several flags in one text would be hard to quote. */
const fromEnvironment = (option: Option, text: string): unknown =>
  repeats(option) && !isWhole(option) ? text.split(',').map((word) => word.trim()) : text;

function refuseUnknown({ file, values }: ConfigFile, root: Command): void {
  const every = (command: Command): Option[] => [...settable(command), ...command.commands.flatMap(every)];
  const known = new Set(every(root).map((option) => option.attributeName()));
  const unknown = Object.keys(values).find((key) => !known.has(key));
  if (unknown === undefined) return;
  const near = closest(unknown, known);
  throw new ProvisionError('usage', `${file} sets ${unknown}, and no flag has that name.`, {
    hint: near === undefined ? `Known: ${[...known].sort().join(', ')}.` : `Did you mean "${near}"?`,
    place: { file },
  });
}

/**
 * Gives the flags that were not typed their values: PROVISION_* first, then the file of settings. Where a value is
 * from is its source: `command line`, the variable, the file, `default`. Throws `usage`.
 */
export async function fillIn(command: Command, env: NodeJS.ProcessEnv): Promise<void> {
  const options = settable(command);
  if (options.length === 0) return;
  const config = await readConfig(env);
  let root = command;
  while (root.parent) root = root.parent;
  if (config) refuseUnknown(config, root);
  for (const option of options) {
    const key = option.attributeName();
    if (command.getOptionValueSource(key) === 'cli') continue;
    const variable = variableOf(option);
    const text = env[variable];
    const set = (value: unknown, what: string, source: string): void => {
      try {
        command.setOptionValueWithSource(key, parsed(option, value), source);
      } catch (error) {
        throw refused(what, value, error);
      }
    };
    // A variable that is set to nothing is not set, as in most shells' scripts.
    if (text !== undefined && text !== '') set(fromEnvironment(option, text), variable, variable);
    else if (config && config.values[key] !== undefined)
      set(fromFile(option, config.values[key], config), `${key} of ${config.file}`, config.file);
  }
}
