import { describe, expect, it } from '@jest/globals';
import type { Command } from 'commander';
import { typedName } from '../../../src/cli/help.ts';
import { program } from '../../../src/cli/program.ts';
import { typed } from './typed.ts';

const everyCommand = (command: Command): Command[] => [command, ...command.commands.flatMap(everyCommand)];
const root = program('1.2.3');
const pageOf = (command: Command): string =>
  command.name() === 'run' ? 'provision run' : typedName(command);
const commands = everyCommand(root).map((command) => [pageOf(command), command] as const);

const helpOf = async (command: Command): Promise<string> => {
  const words: string[] = [];
  for (let at: Command | null = command; at?.parent; at = at.parent) words.unshift(at.name());
  return (await typed(...words, '--help')).out;
};

describe('help', () => {
  // The first screen has every command; the pages of those that take a playbook explain every flag of a run.
  const mostLines = (command: Command): number => {
    if (command === root) return 32;
    if (command.name() === 'rollback') return 33;
    if (['run', 'plan', 'apply', 'verify', 'drift', 'config'].includes(command.name())) return 60;
    // What contacts hosts has the flags of connections and of secrets.
    return command.options.some(({ long }) => long === '--host-key-checking') ? 29 : 25;
  };

  it.each(commands)(
    'of %s fits a screen of 80 columns, most of them one of 29 lines',
    async (_name, command) => {
      const lines = (await helpOf(command)).trimEnd().split('\n');
      expect(lines.filter((line) => line.length > 80)).toEqual([]);
      expect(lines.length).toBeLessThanOrEqual(mostLines(command));
    },
  );

  it.each(commands.filter(([name]) => !name.startsWith('provision lab')))(
    'of %s has an example',
    async (_name, command) => {
      expect(await helpOf(command)).toMatch(/^Examples?:(?: |\n {2})\S/m);
    },
  );

  it('shows the main form first, every flag of it that has a letter, and every command with a sentence', async () => {
    const text = await helpOf(root);
    expect(text).toMatch(/^Usage: provision PLAYBOOK -i INVENTORY \[flags\]\n/);
    const run = root.commands.find((command) => command.name() === 'run');
    for (const { short, long } of run?.options ?? []) if (short) expect(text).toContain(`${short} ${long}`);
    for (const command of root.commands.filter((each) => each !== run)) {
      expect(text).toMatch(new RegExp(`^ {2}${command.name()} +\\S.{10,}`, 'm'));
    }
  });

  it('is the first screen also behind a playbook', async () => {
    expect(await typed('playbooks/gateway.ts', '--help')).toEqual(await typed('--help'));
  });

  it('explains every flag of a run, in groups', async () => {
    const { out } = await typed('run', '--help');
    for (const heading of ['Hosts:', 'Run:', 'Connection:', 'Output:'])
      expect(out).toContain(`\n${heading}\n`);
    expect(out.replaceAll(/\s+/g, ' ')).toContain('(strict|accept-new|off, default strict)');
  });
});
