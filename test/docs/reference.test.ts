import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import type { Command } from 'commander';
import { program } from '../../src/cli/program.ts';
import { ERROR_EXIT_CODES } from '../../src/model/error.ts';
import { reportSchema } from '../../src/reporters/report-schema.ts';
import { pages, proseOf, textOf } from './pages.ts';

const CLI = textOf('docs/cli.md');
const root = program('0.0.0');

/** Section of docs/cli.md → the command it describes. */
const sectionOf = (command: Command): string => {
  const words = command.name() === 'run' ? 'PLAYBOOK' : command.name();
  const found = CLI.split(/^## /m).find((section) => section.startsWith(`\`provision ${words}`));
  return found ?? '';
};

const flagsOf = (command: Command): string[] =>
  [command, ...command.commands].flatMap((each) =>
    each.options.flatMap(({ short, long }) => [short, long].filter((name) => name !== undefined)),
  );

const known = new Set(['--help', '-h', '--version', '-V', ...root.commands.flatMap(flagsOf)]);

/** Flags of other programs that these pages name, and one that we say we do not have. */
const FOREIGN = new Set(['--list']);

describe('docs/cli.md', () => {
  it.each(root.commands.filter((command) => command.name() !== 'help').map((command) => command.name()))(
    'has a section for %s with every flag and verb of it',
    (name) => {
      const command = root.commands.find((each) => each.name() === name);
      const section = command ? sectionOf(command) : '';
      expect(section).not.toBe('');
      // `facts` takes what `ping` takes, `plan` what a run takes, and they say so.
      const text = /those of (`ping`|a run)/.test(section) ? CLI : section;
      expect(flagsOf(command as Command).filter((flag) => !text.includes(`\`${flag}`))).toEqual([]);
      const verbs = (command?.commands ?? []).map((verb) => `\`provision ${name} ${verb.name()}`);
      expect(verbs.filter((verb) => !section.includes(verb))).toEqual([]);
    },
  );

  it('has every exit code', () => {
    const codes = new Set([0, 130, 143, ...Object.values(ERROR_EXIT_CODES)]);
    const listed = [...CLI.matchAll(/^\| (\d+) +\|/gm)].map(([, code]) => Number(code));
    expect(listed.sort((a, b) => a - b)).toEqual([...codes].sort((a, b) => a - b));
  });

  it('has every field of the report', () => {
    const report = CLI.slice(CLI.indexOf('## Report'));
    const names = (schema: unknown): string[] =>
      typeof schema === 'object' && schema !== null
        ? Object.entries(schema).flatMap(([key, value]) => [
            ...(key === 'properties' ? Object.keys(value as object) : []),
            ...names(value),
          ])
        : [];
    const fields = [...new Set(names(reportSchema))];
    expect(fields.length).toBeGreaterThan(30);
    expect(fields.filter((field) => !report.includes(`\`${field}\``))).toEqual([]);
  });

  it('has every variable of the environment that is ours', () => {
    const sources = readdirSync('src', { recursive: true, encoding: 'utf8' }).filter((file) =>
      file.endsWith('.ts'),
    );
    const text = sources.map((file) => readFileSync(`src/${file}`, 'utf8')).join('\n');
    const named = new Set([...text.matchAll(/\bPROVISION_[A-Z_]+\b/g)].map(([name]) => name));
    // Set by us on a host, for the scripts there.
    named.delete('PROVISION_STARTED');
    named.delete('PROVISION_TRANSACTION');
    // A mark in the environment of the lab's own programs.
    named.delete('PROVISION_LAB_OF');
    // A chain of iptables.
    named.delete('PROVISION_DOCKER');
    expect(named.size).toBeGreaterThan(3);
    expect([...named].filter((name) => !CLI.includes(`| \`${name}\``))).toEqual([]);
  });
});

it('flags that any page names exist', () => {
  const named = pages()
    .filter((page) => page !== 'CHANGELOG.md')
    .flatMap((page) =>
      [...proseOf(textOf(page)).matchAll(/`(--[a-z][a-z-]+)/g)].map(([, flag = '']) => ({ page, flag })),
    );
  expect(named.length).toBeGreaterThan(30);
  expect(named.filter(({ flag }) => !known.has(flag) && !FOREIGN.has(flag))).toEqual([]);
});

it('docs/troubleshooting.md has a section for every error code, with its exit code, and for no other', () => {
  const headings = [...textOf('docs/troubleshooting.md').matchAll(/^### `([a-z-]+)` \(exit (\d)\)$/gm)];
  expect(Object.fromEntries(headings.map(([, code = '', exit]) => [code, Number(exit)]))).toEqual(
    ERROR_EXIT_CODES,
  );
});

describe('ARCHITECTURE.md', () => {
  const page = textOf('ARCHITECTURE.md');

  it('has at most 150 lines', () => {
    expect(page.trimEnd().split('\n').length).toBeLessThanOrEqual(150);
  });

  it('has the layers that the test of the layers holds', () => {
    const source = readFileSync('test/unit/architecture.test.ts', 'utf8');
    const tableOf = (name: string): Record<string, string[]> => {
      const text = new RegExp(`const ${name}\\b[^=]*= \\{\\n([\\s\\S]*?)\\n\\};`).exec(source)?.[1] ?? '';
      const rows = text.matchAll(/^\s*'?([\w.-]+)'?: \[([\s\S]*?)\],$/gm);
      return Object.fromEntries(
        [...rows].map(([, key = '', list = '']) => [
          key,
          [...list.matchAll(/'([^']+)'/g)].map(([, item = '']) => item),
        ]),
      );
    };
    const [arrows, owners] = [tableOf('ARROWS'), tableOf('OWNERS')];
    const libraries = (layer: string): string[] =>
      Object.keys(owners).filter((library) => owners[library]?.includes(layer));
    const words = (cell: string): string[] =>
      cell
        .split(/, | and /)
        .map((word) => word.trim())
        .filter(Boolean);
    const rows = [...page.matchAll(/^\| (`[^|]+?) +\| ([^|]*?) *\| ([^|]*?) *\|$/gm)]
      .slice(0, Object.keys(arrows).length)
      .flatMap(([, layers = '', allowed = '', own = '']) =>
        words(layers.replaceAll('`', '')).map((layer) => [
          layer,
          [allowed === 'nothing' ? [] : words(allowed), words(own)],
        ]),
      );
    const shown = Object.fromEntries(rows.filter(([layer]) => String(layer) in arrows)) as object;
    // A library that two layers share is listed at both.
    const wanted = Object.fromEntries(
      Object.entries(arrows).map(([layer, allowed]) => [layer, [allowed, libraries(layer)]]),
    );
    expect(Object.keys(arrows).length).toBeGreaterThan(10);
    expect(shown).toEqual(wanted);
  });
});

it('a decision has context, decision and price in at most 40 lines', () => {
  const decisions = pages().filter((page) => page.startsWith('docs/adr/'));
  expect(decisions.length).toBeGreaterThan(5);
  for (const page of decisions) {
    const text = textOf(page);
    expect([page, [...text.matchAll(/^## (.+)$/gm)].map(([, title]) => title)]).toEqual([
      page,
      ['Context', 'Decision', 'Price'],
    ]);
    expect(text.trimEnd().split('\n').length).toBeLessThanOrEqual(40);
  }
});

it('docs/dependencies.md has a line for every dependency, and for no other', () => {
  const { dependencies, devDependencies } = JSON.parse(readFileSync('package.json', 'utf8')) as Record<
    'dependencies' | 'devDependencies',
    Record<string, string>
  >;
  const listed = [...textOf('docs/dependencies.md').matchAll(/^\| `([^`]+)` +\|/gm)].map(([, name]) => name);
  expect(listed.sort()).toEqual([...Object.keys(dependencies), ...Object.keys(devDependencies)].sort());
});

it('the changelog names the version of the package', () => {
  const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
  expect(textOf('CHANGELOG.md')).toContain(`## [${version}]`);
});
