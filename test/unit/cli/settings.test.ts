import { afterEach, describe, expect, it } from '@jest/globals';
import { chmodSync, chownSync, mkdirSync, readFileSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import type { Command, Option } from 'commander';
import { typedName } from '../../../src/cli/help.ts';
import { program } from '../../../src/cli/program.ts';
import { settable, variableOf } from '../../../src/cli/settings.ts';
import { temporary, typed } from './typed.ts';

const directory = temporary();
const [home, environment] = [process.cwd(), { ...process.env }];
afterEach(() => {
  process.chdir(home);
  process.env = { ...environment };
});

/** Works in a new directory with these files. */
function within(files: Readonly<Record<string, string>>, below = '.'): string {
  const root = realpathSync(directory({ ...files, '.git/HEAD': '' }));
  mkdirSync(join(root, below), { recursive: true });
  process.chdir(join(root, below));
  return root;
}

const leaves = (command: Command): Command[] =>
  command.commands.length === 0 ? [command] : command.commands.flatMap(leaves);
const pathOf = (command: Command): string[] =>
  command.parent === null ? [] : [...pathOf(command.parent), command.name()];
const find = (root: Command, path: readonly string[]): Command =>
  path.reduce((at, name) => at.commands.find((each) => each.name() === name) as Command, root);

/** The options that a command is left with, and where each is from. */
async function settled(words: readonly string[], path = words.slice(0, 1)) {
  const root = program('1.2.3');
  const command = find(root, path);
  command.action(() => undefined);
  await root.parseAsync([...words], { from: 'user' });
  return { options: command.opts(), source: (key: string) => command.getOptionValueSource(key) };
}

/** A text that the option takes, and what it makes of it. */
function sample(option: Option, before: unknown): { text: string; value: unknown; plain: unknown } {
  const many = [
    ...['inventory', 'extraVars', 'tags', 'skipTags', 'report'],
    ...['vaultPasswordFile', 'vaultId', 'ageIdentity'],
  ].includes(option.attributeName());
  if (option.attributeName() === 'verbose') return { text: '2', value: 2, plain: 2 };
  if (!option.required && !option.optional) {
    const set = !before;
    return { text: String(set), value: set, plain: set };
  }
  // The first one is what it is anyway.
  const choice = option.argChoices?.at(-1);
  if (choice !== undefined) return { text: choice, value: choice, plain: choice };
  if (/<(n|s)>/.test(option.flags)) {
    const value = option.attributeName() === 'serial' ? '7' : 7;
    return { text: '7', value, plain: 7 };
  }
  return many ? { text: 'x=y', value: ['x=y'], plain: ['x=y'] } : { text: 'x', value: 'x', plain: 'x' };
}

const cases = leaves(program('1.2.3')).flatMap((command) =>
  settable(command).map((option) => ({
    name: typedName(command),
    path: pathOf(command),
    variable: variableOf(option),
    option,
  })),
);

describe('every flag can be set by PROVISION_NAME and by the file of settings', () => {
  it('there are many', () => {
    expect(new Set(cases.map(({ variable }) => variable)).size).toBeGreaterThan(25);
  });

  it.each(cases)('$name $variable', async ({ path, variable, option }) => {
    const key = option.attributeName();
    const command = find(program('1.2.3'), path);
    const { text, value, plain } = sample(option, command.opts()[key]);
    const needed = command.options
      .filter(({ mandatory }) => mandatory)
      .flatMap(({ long }) => [long ?? '', 'x']);
    const words = [...path, ...command.registeredArguments.map(() => 'place'), ...needed];
    const root = within({ 'provision.config.json': JSON.stringify({ [key]: plain }) });
    const byFile = await settled(words, path);
    expect([byFile.options[key], byFile.source(key)]).toEqual([value, `${root}/provision.config.json`]);
    // Control, and the order: the environment goes before the file.
    within({});
    expect((await settled(words, path)).options[key]).not.toEqual(value);
    process.env[variable] = text;
    within({ 'provision.config.json': JSON.stringify({ [key]: plain }) });
    const byVariable = await settled(words, path);
    expect([byVariable.options[key], byVariable.source(key)]).toEqual([value, variable]);
  });

  it('what is typed goes before all', async () => {
    within({ 'provision.config.ts': 'export default { forks: 3, diff: true };' });
    process.env['PROVISION_FORKS'] = '4';
    expect((await settled(['run', 'p.ts', '-f', '5'])).options).toMatchObject({ forks: 5, diff: true });
    expect((await settled(['run', 'p.ts'])).options).toMatchObject({ forks: 4 });
    expect((await settled(['plan', 'p.ts', '--no-diff'])).options).toMatchObject({ diff: false });
  });

  it('what must be typed cannot be set: a rollback of whatever PROVISION_LIMIT says', async () => {
    within({ 'provision.config.json': '{"limit": "all"}' });
    process.env['PROVISION_LIMIT'] = 'all';
    await expect(settled(['rollback', '-i', 'x'])).rejects.toMatchObject({
      message: expect.stringContaining('--limit'),
    });
  });

  it('a variable that is empty is not set', async () => {
    within({});
    process.env['PROVISION_CHECK'] = '';
    expect((await settled(['run', 'p.ts'])).options).toMatchObject({ check: false });
  });

  it.each([
    ['1', true],
    ['yes', true],
    ['TRUE', true],
    ['0', false],
    ['off', false],
    ['no', false],
  ])('PROVISION_CHECK=%s is %s', async (text, check) => {
    within({});
    process.env['PROVISION_CHECK'] = text;
    expect((await settled(['run', 'p.ts'])).options).toMatchObject({ check });
  });
});

describe('nonsense is refused by name, with a next step', () => {
  it.each([
    ['PROVISION_FORKS', 'abc', 'PROVISION_FORKS is "abc": it is no number.'],
    ['PROVISION_CHECK', 'maybe', 'PROVISION_CHECK is "maybe": it is neither true nor false.'],
    ['PROVISION_VERBOSE', 'very', 'PROVISION_VERBOSE is "very": it is no whole number.'],
    ['PROVISION_HOST_KEY_CHECKING', 'no', 'PROVISION_HOST_KEY_CHECKING is "no": allowed choices are'],
    ['PROVISION_CONFIG', 'nowhere.ts', 'PROVISION_CONFIG names nowhere.ts, which is not there.'],
  ])('%s=%s', async (variable, text, message) => {
    within({});
    process.env[variable] = text;
    const { code, err } = await typed('p.ts');
    expect(code).toBe(5);
    expect(err).toContain(message);
    expect(err).toContain('  next: ');
  });

  it.each([
    ['{ forsk: 3 }', 'sets forsk, and no flag has that name.'],
    ['{ forks: [] }', 'forks of '],
    ['{ forks: {} }', 'forks of '],
    ["{ check: 'maybe' }", 'it is neither true nor false'],
    ['[1]', 'does not export settings as its default'],
    ['(() => { throw new Error("no"); })()', 'could not be loaded: no'],
  ])('provision.config.ts: %s', async (text, message) => {
    within({ 'provision.config.ts': `export default ${text};` });
    const { code, err } = await typed('p.ts');
    expect(code).toBe(5);
    expect(err).toContain(message);
    expect(err).toContain('  next: ');
  });

  it('provision.config.json that is no JSON', async () => {
    within({ 'provision.config.json': '{' });
    expect(await typed('p.ts')).toMatchObject({ code: 5, err: expect.stringContaining('is no JSON') });
  });
});

describe('which file holds', () => {
  it('the nearest one above, up to the root of the repository; its paths count from itself', async () => {
    const root = within(
      {
        'provision.config.ts':
          "export default { inventory: 'inv/prod', extraVars: ['@vars.yml', 'a=1'], limit: '@hosts' };",
      },
      'a/b',
    );
    const { options } = await settled(['run', 'p.ts']);
    expect(options).toMatchObject({
      inventory: [`${root}/inv/prod`],
      extraVars: [`@${root}/vars.yml`, 'a=1'],
      limit: `@${root}/hosts`,
    });
    mkdirSync(join(root, 'a/b/.git'));
    expect((await settled(['run', 'p.ts'])).options['inventory']).toBeUndefined();
  });

  it('variables as a mapping, and a list of batch sizes', async () => {
    within({ 'provision.config.ts': "export default { extraVars: { a: [1] }, serial: [1, '30%'] };" });
    expect((await settled(['run', 'p.ts'])).options).toMatchObject({
      extraVars: ['{"a":[1]}'],
      serial: '1,30%',
    });
  });

  it('PROVISION_CONFIG names another, and none when it is empty', async () => {
    within({ 'provision.config.ts': 'export default { forks: 3 };', 'other.json': '{"forks": 4}' });
    process.env['PROVISION_CONFIG'] = 'other.json';
    expect((await settled(['run', 'p.ts'])).options).toMatchObject({ forks: 4 });
    process.env['PROVISION_CONFIG'] = '';
    expect((await settled(['run', 'p.ts'])).options).toMatchObject({ forks: 10 });
  });

  it('one that everybody can write, or a stranger owns, is not run', async () => {
    const root = within({ 'provision.config.ts': "throw new Error('it ran');\nexport default {};" });
    const file = join(root, 'provision.config.ts');
    chmodSync(file, 0o666);
    expect(await typed('p.ts')).toMatchObject({
      code: 5,
      err: expect.stringContaining('can be written by everybody'),
    });
    chmodSync(file, 0o644);
    expect(await typed('p.ts')).toMatchObject({ err: expect.stringContaining('it ran') });
    if (process.getuid?.() !== 0) return;
    chownSync(file, 65534, 65534);
    expect(await typed('p.ts')).toMatchObject({
      code: 5,
      err: expect.stringContaining('belongs to somebody else'),
    });
    // A checkout of somebody else's, as in a container of a pipeline: who owns the directory owns the file.
    chownSync(root, 65534, 65534);
    expect(await typed('p.ts')).toMatchObject({ err: expect.stringContaining('it ran') });
  });
});

describe('the type Config', () => {
  it('has a key for every flag, and no other', () => {
    const source = readFileSync('src/model/config.ts', 'utf8');
    const keys = [...source.matchAll(/^ {2}readonly (\w+)\?:/gm)].map(([, key]) => key);
    expect(keys.toSorted()).toEqual(
      [...new Set(cases.map(({ option }) => option.attributeName()))].toSorted(),
    );
  });
});

describe('provision config', () => {
  it('shows each flag, its value and where that is from', async () => {
    const root = within({ 'provision.config.ts': "export default { inventory: 'inv', rollback: false };" });
    process.env['PROVISION_MAX_FAIL'] = '2';
    const { code, out, err } = await typed('config', '-f', '20', '-e', 'token=hunter2');
    const lines = out.split('\n').map((line) => line.split(/ {2,}/));
    expect([code, err, lines[0]]).toEqual([0, '', ['FLAG', 'VALUE', 'FROM']]);
    expect(lines).toEqual(
      expect.arrayContaining([
        ['--inventory', 'inv', `${root}/provision.config.ts`],
        ['--no-rollback', 'true', `${root}/provision.config.ts`],
        ['--max-fail', '2', 'PROVISION_MAX_FAIL'],
        ['--forks', '20', 'command line'],
        ['--timeout', '15', 'default'],
        ['--extra-vars', 'token=•••', 'command line'],
      ]),
    );
    expect(out).not.toContain('hunter2');
    const json = JSON.parse((await typed('config', '--json')).out) as unknown;
    expect(json).toContainEqual({
      flag: '--max-fail',
      variable: 'PROVISION_MAX_FAIL',
      value: 2,
      from: 'PROVISION_MAX_FAIL',
    });
  });

  it('warns of a variable that sets nothing', async () => {
    within({});
    process.env['PROVISION_FROKS'] = '3';
    expect(await typed('config')).toMatchObject({
      code: 0,
      err: 'warning: PROVISION_FROKS sets no flag: did you mean PROVISION_FORKS?\n',
    });
  });
});
