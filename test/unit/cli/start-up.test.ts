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
  it.each([[['--version']], [['--help']], [['ping', '--help']], [['completion', 'bash']]])(
    'provision %s loads nothing but commander',
    (words) => {
      const { code, files } = started(...words);
      expect(code).toBe(0);
      expect(libraries(files)).toEqual(['commander']);
      expect(files.length).toBeLessThan(40);
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
    expect(libraries(started('validate', '-i', 'inventory/lab').files)).toEqual(
      expect.arrayContaining(['commander', 'yaml', 'zod']),
    );
  });
});
