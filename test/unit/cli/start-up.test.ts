import { describe, expect, it } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporary } from './typed.ts';

const directory = temporary();

interface Coverage {
  readonly result: readonly { readonly url: string }[];
}

/** The files that node loads for a command line, and what that prints. Needs `npm run build`. */
function started(...words: string[]): { out: string; code: number | null; files: string[] } {
  const into = directory();
  const { stdout, status } = spawnSync(process.execPath, ['dist/cli/main.js', ...words], {
    encoding: 'utf8',
    env: { ...process.env, NODE_V8_COVERAGE: into },
  });
  const files = readdirSync(into)
    .flatMap((name) => (JSON.parse(readFileSync(join(into, name), 'utf8')) as Coverage).result)
    .map(({ url }) => url)
    .filter((url) => url.startsWith('file:'));
  return { out: stdout, code: status, files };
}

const libraries = (files: readonly string[]): string[] => [
  ...new Set(files.flatMap((file) => /\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(file)?.[1] ?? [])),
];

describe('starting', () => {
  /** The text of what was loaded: libraries of many small files are part of ours (build.mjs). */
  const loaded = (files: readonly string[]): string =>
    files.map((file) => readFileSync(new URL(file), 'utf8')).join('');
  const IN_YAML = 'lineStarts';
  const IN_ZOD = 'ZodObject';
  const IN_COMMANDER = 'CommanderError';

  it.each([[['--version']], [['--help']], [['ping', '--help']], [['completion', 'bash']]])(
    'provision %s loads no library but commander, which is joined with it',
    (words) => {
      const { code, files } = started(...words);
      expect(code).toBe(0);
      expect(libraries(files)).toEqual([]);
      expect(files.length).toBeLessThan(40);
      expect([IN_YAML, IN_ZOD, IN_COMMANDER].filter((word) => loaded(files).includes(word))).toEqual([
        IN_COMMANDER,
      ]);
    },
  );

  it('prints the version of the package', () => {
    const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
    expect(started('--version').out).toBe(`${version}\n`);
  });

  it('a layout of pictures is loaded only to draw one', () => {
    expect(libraries(started('inventory', 'list', '-i', 'inventory/lab').files)).not.toContain('elkjs');
    expect(
      libraries(started('inventory', 'graph', '--format', 'mermaid', '-i', 'inventory/lab').files),
    ).not.toContain('elkjs');
    expect(libraries(started('inventory', 'graph', '-i', 'inventory/lab').files)).toContain('elkjs');
  });

  it('control: a command that reads an inventory loads more', () => {
    const { files } = started('validate', '-i', 'inventory/lab');
    expect([IN_YAML, IN_ZOD].filter((word) => !loaded(files).includes(word))).toEqual([]);
    // Few, since each costs about a millisecond.
    expect(files.length).toBeLessThan(100);
  });
});
