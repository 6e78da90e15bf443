import { describe, expect, it } from '@jest/globals';
import type { Command, Option } from 'commander';
import { typedName } from '../../../src/cli/help.ts';
import { program } from '../../../src/cli/program.ts';
import { typed } from './typed.ts';

const leaves = (command: Command): Command[] =>
  command.commands.length === 0 ? [command] : command.commands.flatMap(leaves);

const find = (root: Command, path: readonly string[]): Command =>
  path.reduce((at, name) => at.commands.find((each) => each.name() === name) as Command, root);

function pathOf(command: Command): string[] {
  return command.parent === null ? [] : [...pathOf(command.parent), command.name()];
}

const sampleOf = ({ argChoices, flags }: Option): string =>
  argChoices?.[0] ?? (/<(n|s)>/.test(flags) ? '7' : 'sample');

/** Parses without running anything: every action is replaced. */
async function parsed(path: readonly string[], words: readonly string[]): Promise<Record<string, unknown>> {
  const root = program('1.2.3');
  const command = find(root, path);
  let ran = false;
  command.action(() => void (ran = true));
  await root.parseAsync([...path, ...words], { from: 'user' });
  expect(ran).toBe(true);
  return command.opts();
}

const cases = leaves(program('1.2.3')).flatMap((command) =>
  command.options.map((option) => ({
    name: typedName(command),
    path: pathOf(command),
    option,
    flags: option.flags,
  })),
);

describe('every flag that help names is accepted', () => {
  it.each(cases)('$name $flags', async ({ path, option }) => {
    const command = find(program('1.2.3'), path);
    const needed = command.options
      .filter((each) => each.mandatory && each.long !== option.long)
      .flatMap((each) => [each.long ?? '', sampleOf(each)]);
    const places = command.registeredArguments.map((argument) => argument.argChoices?.[0] ?? 'place');
    const names = [option.short, option.long].filter((name) => name !== undefined);
    for (const name of names) {
      const value = option.required || option.optional ? [sampleOf(option)] : [];
      const options = await parsed(path, [...needed, name, ...value, ...places]);
      const got = options[option.attributeName()];
      expect(option.negate ? [false] : [true, 1, 7, sampleOf(option)]).toContain(
        Array.isArray(got) ? got[0] : got,
      );
    }
  });

  it('control: a flag that is not there is refused, for every command', async () => {
    for (const command of leaves(program('1.2.3'))) {
      await expect(parsed(pathOf(command), ['--no-such-flag'])).rejects.toMatchObject({ code: 'usage' });
    }
  });

  it('takes -i several times, and from the environment when it is not given', async () => {
    expect(await parsed(['ping'], ['-i', 'a', '-i', 'b'])).toMatchObject({ inventory: ['a', 'b'] });
    process.env['PROVISION_INVENTORY'] = 'from-environment';
    try {
      expect(await parsed(['ping'], [])).toMatchObject({ inventory: ['from-environment'] });
      expect(await parsed(['ping'], ['-i', 'given'])).toMatchObject({ inventory: ['given'] });
    } finally {
      delete process.env['PROVISION_INVENTORY'];
    }
  });
});

describe('slips of the fingers end with exit 5 and a next step', () => {
  it.each([
    {
      words: ['vaildate'],
      says: 'vaildate is neither a command nor a playbook.',
      next: 'Did you mean "provision validate"?',
    },
    {
      words: ['vaildate', '--json'],
      says: 'vaildate is neither',
      next: 'Did you mean "provision validate"?',
    },
    {
      words: ['-i', 'inventory/lab', 'ping'],
      says: 'ping is a command: it stands before its flags.',
      next: 'Type: provision ping …',
    },
    {
      words: ['ping', '--jsno'],
      says: "unknown option '--jsno'.",
      next: 'Did you mean --json? See: provision ping --help',
    },
    {
      words: ['play.ts', '--chekc'],
      says: "unknown option '--chekc'.",
      next: 'Did you mean --check? See: provision run --help',
    },
    {
      words: ['inventory', 'lst'],
      says: "unknown command 'lst'.",
      next: 'Did you mean list? See: provision inventory --help',
    },
    {
      words: ['schema', 'reprot'],
      says: "'reprot' is invalid for argument 'what'.",
      next: 'See: provision schema --help',
    },
    {
      words: ['completion'],
      says: "missing required argument 'shell'.",
      next: 'See: provision completion --help',
    },
    {
      words: ['render', 'p.ts', '-i', 'x'],
      says: "required option '--out <dir>' not specified.",
      next: 'See: provision render --help',
    },
    {
      words: ['ping', '-f', '0'],
      says: 'It must be a whole number from 1 up.',
      next: 'See: provision ping --help',
    },
    {
      words: ['ping', '-T', 'soon'],
      says: 'It must be a number of seconds above 0.',
      next: 'See: provision ping --help',
    },
    { words: ['ping'], says: 'No inventory was given.', next: 'Add -i INVENTORY' },
  ])('provision $words', async ({ words, says, next }) => {
    const { code, out, err } = await typed(...words);
    expect([code, out]).toEqual([5, '']);
    expect(err).toMatch(/^error \[usage\] /);
    expect(err).toContain(says);
    expect(err).toContain(`next: ${next}`);
  });

  it('provision alone: the help on stderr', async () => {
    const { code, out, err } = await typed();
    expect([code, out]).toEqual([5, '']);
    expect(err).toContain('Usage: provision PLAYBOOK');
  });

  it('provision inventory without a verb: its help on stderr', async () => {
    const { code, out, err } = await typed('inventory');
    expect([code, out]).toEqual([5, '']);
    expect(err).toContain('Usage: provision inventory list|host|blame');
  });
});
