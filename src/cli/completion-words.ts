import type { Argument, Command, Option } from 'commander';

/** What stands behind a flag or at a place: one of these words, a path, or something that only a person knows. */
export type Kind = { readonly words: readonly string[] } | 'file' | 'directory' | 'other';

export interface TypedFlag {
  /** `-i`, `--inventory`. */
  readonly names: readonly string[];
  readonly description: string;
  /** Null for a flag without a value. */
  readonly value: Kind | null;
  readonly placeholder: string;
  readonly repeats: boolean;
}

/** A command as a shell completes it. */
export interface TypedCommand {
  readonly name: string;
  readonly summary: string;
  readonly flags: readonly TypedFlag[];
  readonly places: readonly Kind[];
  readonly commands: readonly TypedCommand[];
  /** What its first word may be when it names no command: `provision playbooks/gateway.ts`. */
  readonly fallback?: TypedCommand;
}

const DIRECTORIES = ['dir'];
const FILES = ['file', 'path', 'playbook', 'source'];

/** A placeholder says what it stands for: `<file>`, `<dir>`, `<pattern>`. */
function kindOf(placeholder: string, choices: readonly string[] | undefined): Kind {
  if (choices !== undefined) return { words: choices };
  if (DIRECTORIES.includes(placeholder)) return 'directory';
  return FILES.includes(placeholder) ? 'file' : 'other';
}

function typedFlag(option: Option): TypedFlag {
  const placeholder = /[<[](.+?)(?:\.\.\.)?[>\]]/.exec(option.flags)?.[1] ?? '';
  return {
    names: [option.short, option.long].filter((name) => name !== undefined),
    description: option.description,
    value: option.required || option.optional ? kindOf(placeholder, option.argChoices) : null,
    placeholder,
    repeats: option.parseArg !== undefined && (placeholder === '' || /repeatable/.test(option.description)),
  };
}

const place = (argument: Argument): Kind => kindOf(argument.name(), argument.argChoices);

/** The tree of commands as plain data: all that a script for a shell needs to know. */
export function typedWords(command: Command): TypedCommand {
  const helper = command.createHelp();
  const visible = helper.visibleCommands(command).filter((each) => each.name() !== 'help');
  const fallback = command.commands.find((each) => !visible.includes(each));
  return {
    name: command.name(),
    summary: command.summary() || command.description(),
    flags: helper.visibleOptions(command).map(typedFlag),
    places: command.registeredArguments.map(place),
    commands: visible.map(typedWords),
    ...(fallback === undefined ? {} : { fallback: typedWords(fallback) }),
  };
}
