import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import type { Command } from 'commander';
import { refuseCommandWord } from '../../src/cli/command-words.ts';
import { program } from '../../src/cli/program.ts';
import { blocks, pages, textOf } from './pages.ts';

/** Words of a shell line: quotes, no expansion. */
const wordsOf = (line: string): string[] =>
  [...line.matchAll(/(?:'[^']*'|"[^"]*"|[^\s'"])+/g)].map(([word]) => word.replaceAll(/['"]/g, ''));

/** The commands of a shell line, without comment, variables before it and sudo. */
function commandsOf(line: string): string[][] {
  return line
    .replace(/(^|\s)#.*$/, '')
    .split(/\s*(?:&&|\||;)\s*/)
    .map((part) => wordsOf(part.replace(/\s*>.*$/, '')))
    .map((words) => {
      const start = words.findIndex((word) => !/^[A-Z_]+=/.test(word) && word !== 'sudo');
      return start < 0 ? [] : words.slice(start);
    })
    .filter((words) => words.length > 0);
}

/** What follows `provision` or `npx provision`; null for any other command. */
function provisionWords([first, second, ...rest]: readonly string[]): string[] | null {
  if (first === 'provision') return second === undefined ? [] : [second, ...rest];
  return first === 'npx' && second === 'provision' ? rest : null;
}

function withoutActions(command: Command): void {
  if (command.commands.length === 0 || command.registeredArguments.length > 0)
    command.action(() => undefined);
  command.commands.forEach(withoutActions);
}

/** Parses as the command line does, and runs nothing. */
async function parse(words: readonly string[]): Promise<void> {
  const root = program('0.0.0');
  withoutActions(root);
  if (words[0] !== undefined) refuseCommandWord(root, words[0], true);
  await root.parseAsync([...words], { from: 'user' });
}

const lines = blocks('sh').flatMap(({ file, line, text }) =>
  text
    .replaceAll('\\\n', ' ')
    .split('\n')
    .flatMap((each) => commandsOf(each).map((words) => ({ where: `${file}:${line}`, words }))),
);

const commandLines = lines.flatMap(({ where, words }) => {
  const own = provisionWords(words);
  return own === null ? [] : [{ where, words: own }];
});

const inlineCommands = pages().flatMap((page) =>
  [...textOf(page).matchAll(/`(?:sudo )?(?:npx )?provision ((?:[a-z]+ )+)?[^`]*`/g)].map(
    ([text, words = '']) => ({
      page,
      text,
      words: words.trim().split(' ').filter(Boolean),
    }),
  ),
);

describe('command lines in the documentation', () => {
  it('are there', () => {
    expect(commandLines.length).toBeGreaterThan(15);
  });

  it.each(commandLines)('$where parses: provision $words', async ({ words }) => {
    await expect(parse(words)).resolves.toBeUndefined();
  });

  it('control: a flag, a command and an argument that are not there do not parse', async () => {
    await expect(parse(['playbooks/gateway.ts', '--reprot', 'x.json'])).rejects.toThrow();
    await expect(parse(['rehears', 'playbooks/gateway.ts'])).rejects.toThrow();
    await expect(parse(['lab', 'exec', '-i', 'x'])).rejects.toThrow();
    expect(commandsOf('A=1 sudo npx provision run x > y # z').map(provisionWords)).toEqual([['run', 'x']]);
  });

  it('name scripts that package.json has', () => {
    const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as {
      scripts: Record<string, string>;
    };
    const named = pages().flatMap((page) =>
      [...textOf(page).matchAll(/\bnpm run (?:-s )?([a-z:]+)/g)].map(
        ([, script = '']) => `${page}: ${script}`,
      ),
    );
    expect(named.length).toBeGreaterThan(5);
    expect(named.filter((each) => !((each.split(': ')[1] ?? '') in scripts))).toEqual([]);
    expect(scripts).toHaveProperty('test');
  });

  it('within sentences begin with a command that there is', () => {
    const root = program('0.0.0');
    const wrong = inlineCommands.filter(({ words: [first] }) => {
      const names = root.commands.map((command) => command.name());
      return first !== undefined && !names.includes(first);
    });
    expect(wrong).toEqual([]);
  });
});
