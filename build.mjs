import { build, transform } from 'esbuild';
import Handlebars from 'handlebars';
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

/**
 * src/ to dist/, after tsc has written the declarations. All of it is one CommonJS file, libraries included, so that V8 can
 * keep what it compiled of it (src/cli/compiled-code.ts): loading modules was half of what a small run costs here. What is loaded
 * only at need and brings files of its own stays where npm put it.
 */
const EXTERNAL = ['age-encryption', 'cpu-features', 'elkjs', 'zx'];

/** zod's messages in sixty languages are half of it; ours are in one, which it loads by itself. */
const oneLanguage = {
  name: 'one-language',
  setup: ({ onLoad }) =>
    onLoad({ filter: /node_modules\/zod\/v4\/locales\/index\.js$/ }, () => ({
      contents: "export { default as en } from './en.js';",
    })),
};

/** ssh2 brings agents that carry HTTP over SSH, and with them all of Node's http and https: nobody asks for them here. */
const noHttpAgents = {
  name: 'no-http-agents',
  setup: ({ onLoad }) =>
    onLoad({ filter: /node_modules\/ssh2\/lib\/http-agents\.js$/ }, () => ({
      contents: 'module.exports = {};',
    })),
};

/** Native code of ssh2, and the compiler of jiti: asked for at need, by name, from where npm put them. */
const whereNpmPutIt = {
  name: 'where-npm-put-it',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /\.node$|\/babel\.cjs$/ }, ({ path: name, resolveDir }) => ({
      path: path.join(resolveDir, name).split('node_modules/').at(-1),
      namespace: 'npm',
    }));
    onLoad({ filter: /./, namespace: 'npm' }, ({ path: name }) => {
      const [library] = name.split('/');
      const rest = JSON.stringify(name.slice(library.length + 1));
      // Not every library lets its files be asked for, but all that are met here their package.json.
      const found = `load('node:path').join(load.resolve('${library}/package.json'), '..', ${rest})`;
      return { contents: `const load = require; module.exports = load(${found});` };
    });
  },
};

/** Our own templates, compiled: a text that is none of these is compiled when it is read. */
const compiledTemplates = {
  name: 'compiled-templates',
  setup: ({ onLoad }) =>
    onLoad({ filter: /src\/compiled-templates\.ts$/ }, async ({ path: file }) => {
      const { code } = await transform(readFileSync(file, 'utf8'), { loader: 'ts', format: 'esm' });
      const { OPTIONS } = await import(`data:text/javascript,${encodeURIComponent(code)}`);
      const entries = readdirSync('templates', { recursive: true })
        .filter((name) => name.endsWith('.hbs'))
        .toSorted()
        .map((name) => readFileSync(path.join('templates', name), 'utf8'))
        .map((text) => `[${JSON.stringify(text)}, ${Handlebars.precompile(text, OPTIONS)}]`);
      return { contents: code.replace('new Map()', () => `new Map([${entries.join(',\n')}])`) };
    }),
};

const shared = { bundle: true, platform: 'node', target: 'node20.19', write: false, logLevel: 'warning' };
const HERE = 'dist/cli';
const whole = await build({
  ...shared,
  entryPoints: ['src/cli/start.ts'],
  outfile: `${HERE}/provision.cjs`,
  format: 'cjs',
  external: EXTERNAL.flatMap((name) => [name, `${name}/*`]),
  // As deep as src/cli, so that files of the package are found from either (`../../templates`).
  define: { 'import.meta.url': 'IMPORT_META_URL' },
  banner: {
    js: "const IMPORT_META_URL = require('node:url').pathToFileURL(__filename).href;\nconst IMPORT = require('./import.cjs');",
  },
  // A third less to read at every start; names stay, for what is told of an error.
  minifyWhitespace: true,
  minifySyntax: true,
  // They stand in LICENSES.txt.
  legalComments: 'none',
  metafile: true,
  // What these give otherwise asks for its parts in a way that cannot be joined.
  alias: {
    jiti: path.resolve('node_modules/jiti/lib/jiti.cjs'),
    'jsonc-parser': 'jsonc-parser/lib/esm/main.js',
  },
  plugins: [oneLanguage, noHttpAgents, whereNpmPutIt, compiledTemplates],
});
const main = await build({
  ...shared,
  entryPoints: ['src/cli/main.ts'],
  outfile: `${HERE}/main.js`,
  format: 'esm',
});

const text = whole.outputFiles[0].text
  // A text that is compiled by vm.Script cannot `import()`, but on trial and with a warning (node:vm): a file beside it does.
  .replaceAll(/(?<=await |=> ?)import\((?="|id\))/g, 'IMPORT(')
  // What is ASCII is read byte for byte: half the memory, and no time to decode. esbuild has done so with all but the regular
  // expressions and comments.
  .replaceAll(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
// A library of `import()` that was written in another way than `await import('name')` would fail when a user comes there.
const outside = Object.values(whole.metafile.inputs)
  .flatMap(({ imports }) => imports)
  .filter(({ kind, external }) => kind === 'dynamic-import' && external);
const led = text.split('IMPORT("').length - 1;
if (led !== outside.length)
  throw new Error(`${outside.length} import() lead outside, ${led} of them by import.cjs`);

const hash = createHash('sha256').update(text).digest('hex');
const outputs = [
  { file: `${HERE}/provision.cjs`, contents: `// ${hash}\n${text}` },
  { file: `${HERE}/import.cjs`, contents: 'module.exports = (id) => import(id);\n' },
  { file: `${HERE}/main.js`, contents: main.outputFiles[0].text, mode: 0o755 },
];

/** The licences of what is bundled stand beside it, as they ask for. */
const packages = [
  ...new Set(
    Object.keys(whole.metafile.inputs).flatMap(
      (file) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0] ?? [],
    ),
  ),
];
const licences = packages.toSorted().map((directory) => {
  const file = readdirSync(directory).find((name) => /^licen[cs]e/i.test(name));
  const { name, version, license } = JSON.parse(readFileSync(path.join(directory, 'package.json'), 'utf8'));
  const words =
    file === undefined ? `Licence: ${license}\n` : readFileSync(path.join(directory, file), 'utf8');
  return `${name} ${version}\n\n${words}`;
});
outputs.push({ file: 'dist/LICENSES.txt', contents: licences.join(`\n${'-'.repeat(72)}\n\n`) });

const existing = (file) => {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
};

// `npx provision` in a clone builds first (npm's prepare) while other runs may be reading these files: what is as it was
// is not written, and nothing is ever there by half.
function write({ file, contents, mode = 0o644 }) {
  if (existing(file) === contents) return;
  mkdirSync(path.dirname(file), { recursive: true });
  const next = `${file}.${process.pid}`;
  writeFileSync(next, contents, { mode });
  renameSync(next, file);
}
outputs.forEach(write);

/** `import … from 'provision'` gives the names of src/index.ts, of the same instance that runs. */
const { api } = createRequire(import.meta.url)(path.resolve(`${HERE}/provision.cjs`));
const names = Object.keys(await api()).toSorted();
write({
  file: 'dist/index.js',
  contents: `import { createRequire } from 'node:module';
const { api } = createRequire(import.meta.url)('./cli/provision.cjs');
export const { ${names.join(', ')} } = await api();
`,
});
rmSync('dist/chunks', { recursive: true, force: true });
