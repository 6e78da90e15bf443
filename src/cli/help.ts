import type { Argument, Command, Help, Option } from 'commander';

/** As narrow as the smallest terminal that people still have. */
const MOST_COLUMNS = 80;

/** The lines below a command's help. */
export const examples = (first: string, others: readonly string[] = []): string =>
  others.length === 0
    ? `Example: ${first}`
    : ['Examples:', ...[first, ...others].map((line) => `  ${line}`)].join('\n');

/** The command that runs when none is named has no name of its own in what people type. */
const DEFAULT_COMMAND = 'run';

/** `provision inventory list`: what a person types to reach the command. */
export function typedName(command: Command): string {
  const above = command.parent === null ? [] : [typedName(command.parent)];
  return [...above, ...(command.name() === DEFAULT_COMMAND ? [] : [command.name()])].join(' ');
}

/** What a flag takes, and its default, in few words. */
function optionDescription({ description, argChoices, defaultValue }: Option): string {
  const shown = typeof defaultValue === 'string' || (typeof defaultValue === 'number' && defaultValue > 0);
  const notes = [
    ...(argChoices === undefined ? [] : [argChoices.join('|')]),
    ...(shown ? [`default ${defaultValue}`] : []),
  ];
  return `${description}${notes.length > 0 ? ` (${notes.join(', ')})` : ''}`;
}

const argumentDescription = ({ description, argChoices }: Argument): string =>
  `${description}${argChoices === undefined ? '' : ` (${argChoices.join('|')})`}`;

const groupOf = (option: Option): string => option.helpGroupHeading ?? 'Flags:';

/** `-i --inventory` */
const namesOf = ({ short, long }: Option): string =>
  [short, long].filter((name) => name !== undefined).join(' ');

/** `  -i --inventory, -l --limit, …`, as many to a line as fit: the page of a run has all of them, in groups. */
function flagRows(options: readonly Option[]): string[] {
  const lines: string[] = [];
  let line = '';
  for (const [index, option] of options.entries()) {
    const text = `${namesOf(option)}${index < options.length - 1 ? ',' : ''}`;
    if (line !== '' && 3 + line.length + text.length > MOST_COLUMNS) {
      lines.push(line);
      line = '';
    }
    line += line === '' ? text : ` ${text}`;
  }
  return [...lines, line].map((text) => `  ${text}`);
}

function commandLines(command: Command, helper: Help, width: number): string[] {
  const groups = helper.groupItems(
    [...command.commands],
    helper.visibleCommands(command).filter((each) => each.name() !== 'help'),
    (each) => each.helpGroup() || 'Commands:',
  );
  return [...groups]
    .filter(([, commands]) => commands.length > 0)
    .flatMap(([heading, commands]) => [
      heading,
      ...commands.map((each) =>
        helper.formatItem(helper.subcommandTerm(each), width, helper.subcommandDescription(each), helper),
      ),
    ]);
}

/** The first screen: the main form with the flags that fingers know, then the commands. */
function rootHelp(root: Command, helper: Help): string {
  const run = root.commands.find((command) => command.name() === DEFAULT_COMMAND);
  const flags = helper.visibleOptions(run ?? root).filter(({ short, long }) => short && long !== '--help');
  const name = root.name();
  return [
    `Usage: ${name} PLAYBOOK -i INVENTORY [flags]`,
    root.description(),
    `Flags of a run that have a letter (all flags: ${name} run --help):`,
    ...flagRows([...flags, ...helper.visibleOptions(root)]),
    ...commandLines(root, helper, helper.longestSubcommandTermLength(root, helper)),
    examples(`${name} playbooks/gateway.ts -i inventory/lab --check --diff`),
  ].join('\n');
}

function commandHelp(command: Command, helper: Help): string {
  const width = helper.padWidth(command, helper);
  const item = (term: string, description: string): string =>
    helper.formatItem(term, width, description, helper);
  // Whoever reads this has found --help.
  const flags = helper.visibleOptions(command).filter((option) => option.long !== '--help');
  const options = helper.groupItems([...command.options], flags, groupOf);
  const described = helper.visibleArguments(command);
  return [
    `Usage: ${typedName(command)} ${command.usage()}`,
    helper.boxWrap(helper.commandDescription(command), MOST_COLUMNS),
    ...(described.length > 0 ? ['Arguments:'] : []),
    ...described.map((argument) => item(helper.argumentTerm(argument), helper.argumentDescription(argument))),
    ...commandLines(command, helper, width),
    ...[...options]
      .filter(([, group]) => group.length > 0)
      .flatMap(([heading, group]) => [
        heading,
        ...group.map((option) => item(helper.optionTerm(option), helper.optionDescription(option))),
      ]),
  ].join('\n');
}

/** Help that fits a screen of 80 columns and 24 lines: no empty lines between groups, notes in few words. */
export const compactHelp: Partial<Help> & { helpWidth: number } = {
  helpWidth: MOST_COLUMNS,
  optionDescription,
  argumentDescription,
  subcommandTerm: (command) => command.name(),
  formatHelp: (command, helper) =>
    `${command.parent === null ? rootHelp(command, helper) : commandHelp(command, helper)}\n`,
};
