import { describe, expect, it } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporary } from './typed.ts';

const directory = temporary();

interface Coverage {
  readonly result: readonly {
    readonly url: string;
    readonly functions: readonly {
      readonly functionName: string;
      readonly ranges: readonly { readonly count: number }[];
    }[];
  }[];
}

/** The modules that a command line runs, and what that prints. Needs `npm run build`. */
function started(...words: string[]): { out: string; code: number | null; modules: string[] } {
  const into = directory();
  const { stdout, status } = spawnSync(process.execPath, ['dist/cli/main.js', ...words], {
    encoding: 'utf8',
    env: { ...process.env, NODE_V8_COVERAGE: into },
  });
  const modules = readdirSync(into)
    .flatMap((name) => (JSON.parse(readFileSync(join(into, name), 'utf8')) as Coverage).result)
    .filter(({ url }) => url.startsWith('file:'))
    .flatMap(({ url, functions }) => [
      url,
      // Joined into one file, a module is a function of its path, called when it is first needed (esbuild).
      ...functions
        .filter(
          ({ functionName, ranges }) => /^(src|node_modules)\//.test(functionName) && ranges[0]?.count !== 0,
        )
        .map(({ functionName }) => functionName),
    ]);
  return { out: stdout, code: status, modules };
}

const libraries = (modules: readonly string[]): string[] => [
  ...new Set(modules.flatMap((name) => /(?:^|\/)node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(name)?.[1] ?? [])),
];

describe('starting', () => {
  it.each([[['--version']], [['--help']], [['ping', '--help']], [['completion', 'bash']]])(
    'provision %s runs no library but commander',
    (words) => {
      const { code, modules } = started(...words);
      expect(code).toBe(0);
      expect(libraries(modules)).toEqual(['commander']);
      expect(modules.length).toBeLessThan(40);
    },
  );

  it('prints the version of the package', () => {
    const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
    expect(started('--version').out).toBe(`${version}\n`);
  });

  it('a layout of pictures is loaded only to draw one', () => {
    expect(libraries(started('inventory', 'list', '-i', 'inventory/lab').modules)).not.toContain('elkjs');
    expect(
      libraries(started('inventory', 'graph', '--format', 'mermaid', '-i', 'inventory/lab').modules),
    ).not.toContain('elkjs');
    expect(libraries(started('inventory', 'graph', '-i', 'inventory/lab').modules)).toContain('elkjs');
  });

  it('control: a command that reads an inventory runs more, and nothing of SSH or the lab', () => {
    const { modules } = started('validate', '-i', 'inventory/lab');
    expect(libraries(modules)).toEqual(expect.arrayContaining(['commander', 'yaml', 'zod']));
    expect(libraries(modules)).not.toEqual(expect.arrayContaining(['ssh2']));
    expect(libraries(modules)).not.toEqual(expect.arrayContaining(['listr2']));
    expect(modules).not.toContain('src/lab/up.ts');
  });
});
