import type { Command } from 'commander';
import { closest } from '../inventory/did-you-mean.ts';
import { coloursFor } from '../reporters/colour.ts';
import { printable } from '../reporters/printable.ts';
import { settable, variableOf } from './settings.ts';
import { maskedVars } from './shown-argv.ts';
import { table } from './table.ts';

interface Setting {
  readonly flag: string;
  readonly variable: string;
  readonly value: unknown;
  /** `command line`, the variable, the file, or `default`. */
  readonly from: string;
}

/** Variables that begin like ours and are read, but not for a flag. */
const OTHERS = [
  'PROVISION_CONFIG',
  'PROVISION_BECOME_PASSWORD',
  'PROVISION_KEY_PASSPHRASE',
  'PROVISION_HOST_STATE',
];

function settingsOf(command: Command): Setting[] {
  const seen = new Set<string>();
  return settable(command).flatMap((option) => {
    const key = option.attributeName();
    if (option.long === undefined || option.long === '--json' || seen.has(key)) return [];
    seen.add(key);
    const source = command.getOptionValueSource(key);
    const value: unknown = command.getOptionValue(key);
    const masked =
      key === 'extraVars' && Array.isArray(value) ? value.map((word) => maskedVars(String(word))) : value;
    // The flag is shown as it is typed: --no-rollback is false where hosts do take changes back.
    const shown = option.negate ? !masked : masked;
    return [
      {
        flag: option.long,
        variable: variableOf(option),
        value: shown ?? null,
        from: source === 'cli' ? 'command line' : (source ?? 'default'),
      },
    ];
  });
}

/** Values of flags are texts, numbers, switches, or lists of texts. */
function textOf(value: unknown): string {
  if (Array.isArray(value)) return value.length > 0 ? value.map(textOf).join(', ') : '-';
  return typeof value === 'string' ? value : value === null ? '-' : JSON.stringify(value);
}

/** A slip in a name would otherwise be passed over in silence. */
function strangers(command: Command, env: NodeJS.ProcessEnv): string[] {
  const root = command.parent ?? command;
  const every = (each: Command): string[] => [
    ...settable(each).map(variableOf),
    ...each.commands.flatMap(every),
  ];
  const known = new Set([...OTHERS, ...every(root)]);
  return Object.keys(env)
    .filter((name) => name.startsWith('PROVISION_') && !known.has(name))
    .map((name) => {
      const near = closest(name, known);
      return `${name} sets no flag${near === undefined ? '' : `: did you mean ${near}?`}`;
    });
}

/** `provision config`: every flag of a run, its value and its origin. Contacts nobody. */
export function showConfig(command: Command, env: NodeJS.ProcessEnv): number {
  const settings = settingsOf(command);
  if (command.getOptionValue('json') === true) process.stdout.write(`${JSON.stringify(settings, null, 2)}\n`);
  else {
    const rows = settings.map(({ flag, value, from }) => [flag, printable(textOf(value)), printable(from)]);
    table([['FLAG', 'VALUE', 'FROM'], ...rows]).forEach((line) => process.stdout.write(`${line}\n`));
  }
  const colours = coloursFor(process.stderr, env);
  strangers(command, env).forEach((text) => process.stderr.write(`${colours.yellow('warning')}: ${text}\n`));
  return 0;
}
