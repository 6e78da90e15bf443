import { build } from 'esbuild';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/**
 * src/ to dist/, after tsc has written the declarations. Half of what a small run costs the controller is the loading of
 * modules, so that what is made of many small files becomes a few larger ones. What is loaded only at need, or brings
 * files of its own (native code, a compiler), stays where npm put it.
 */
const BUNDLED = ['commander', 'diff', 'fast-xml-parser', 'handlebars', 'p-limit', 'yaml', 'zod'];
const { dependencies } = JSON.parse(readFileSync('package.json', 'utf8'));
const external = Object.keys(dependencies)
  .filter((name) => !BUNDLED.includes(name))
  .flatMap((name) => [name, `${name}/*`]);

/** zod's messages in sixty languages are half of it; ours are in one, which it loads by itself. */
const oneLanguage = {
  name: 'one-language',
  setup: ({ onLoad }) =>
    onLoad({ filter: /node_modules\/zod\/v4\/locales\/index\.js$/ }, () => ({
      contents: "export { default as en } from './en.js';",
    })),
};

/** By `import`, Node reads the whole text of a CommonJS module once more, to find out what it exports. */
const COMMONJS = { jiti: ['createJiti'], 'node-ssh': ['NodeSSH'] };
const byRequire = {
  name: 'by-require',
  setup({ onResolve, onLoad }) {
    onResolve(
      { filter: new RegExp(`^(${Object.keys(COMMONJS).join('|')})$`) },
      ({ path: name, namespace }) =>
        namespace === 'by-require' ? { path: name, external: true } : { path: name, namespace: 'by-require' },
    );
    onLoad({ filter: /./, namespace: 'by-require' }, ({ path: name }) => ({
      contents: `export const { ${COMMONJS[name].join(', ')} } = require('${name}');`,
    }));
  },
};

const { outputFiles, metafile } = await build({
  entryPoints: ['src/cli/main.ts', 'src/index.ts'],
  outdir: 'dist',
  outbase: 'src',
  // As deep as `cli/`, so that files of the package are found from either (`../../templates`).
  chunkNames: 'chunks/[name]-[hash]',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  external,
  // Libraries in CommonJS ask for Node's own modules by `require`.
  banner: {
    js: "import { createRequire } from 'node:module';\nconst require = createRequire(import.meta.url);",
  },
  sourcemap: true,
  metafile: true,
  write: false,
  logLevel: 'warning',
  plugins: [oneLanguage, byRequire],
});

/** The licences of what is bundled stand beside it, as they ask for. */
const packages = [
  ...new Set(
    Object.keys(metafile.inputs).flatMap(
      (file) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0] ?? [],
    ),
  ),
];
const licences = packages.toSorted().map((directory) => {
  const file = readdirSync(directory).find((name) => /^licen[cs]e/i.test(name));
  const { name, version, license } = JSON.parse(readFileSync(path.join(directory, 'package.json'), 'utf8'));
  const text =
    file === undefined ? `Licence: ${license}\n` : readFileSync(path.join(directory, file), 'utf8');
  return `${name} ${version}\n\n${text}`;
});
outputFiles.push({
  path: path.resolve('dist/LICENSES.txt'),
  contents: Buffer.from(licences.join(`\n${'-'.repeat(72)}\n\n`)),
});

const existing = (file) => {
  try {
    return readFileSync(file);
  } catch {
    return undefined;
  }
};

// `npx provision` in a clone builds first (npm's prepare) while other runs may be reading these files: what is as it was
// is not written, and nothing is ever there by half.
for (const { path: file, contents } of outputFiles) {
  if (existing(file)?.equals(contents)) continue;
  mkdirSync(path.dirname(file), { recursive: true });
  const next = `${file}.${process.pid}`;
  writeFileSync(next, contents, { mode: file.endsWith('main.js') ? 0o755 : 0o644 });
  renameSync(next, file);
}
const made = new Set(outputFiles.map(({ path: file }) => path.basename(file)));
for (const name of readdirSync('dist/chunks'))
  if (!made.has(name)) rmSync(path.join('dist/chunks', name), { force: true });
