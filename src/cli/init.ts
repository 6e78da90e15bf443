import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { quote } from '../index.ts';
import { inventoryJsonSchema, variablesJsonSchema } from '../inventory/json-schema.ts';
import { ProvisionError } from '../model/error.ts';
import { templates } from '../templating.ts';

/** The package, from `src/cli` and from `dist/cli`. */
const PACKAGE = fileURLToPath(new URL('../../', import.meta.url));

/** What a new project has from the package as it stands. */
const COPIED = ['inventory/lab', 'playbooks/gateway.ts'];

/** What is rendered for it: template to file. */
const RENDERED: Readonly<Record<string, string>> = {
  'init/package.json': 'package.json',
  'init/tsconfig.json': 'tsconfig.json',
  'init/settings.json': '.vscode/settings.json',
  'init/gitignore': '.gitignore',
  'init/templates.md': 'templates/README.md',
};

interface OwnPackage {
  readonly version: string;
  readonly devDependencies: Readonly<Record<string, string>>;
}

/** A name that npm takes: lower case, and nothing but letters, digits, `.`, `_` and `-`. */
const packageName = (directory: string): string =>
  path
    .basename(path.resolve(directory))
    .toLowerCase()
    .replaceAll(/[^a-z0-9._-]+/g, '-')
    .replace(/^[._-]+/, '') || 'provision-project';

/** Somebody's files are never mixed with ours; a fresh `git init` is fine. Throws `usage`. */
function refuseUsed(directory: string): void {
  const refuse = (what: string): never => {
    throw new ProvisionError('usage', what, { hint: 'Name a directory that is new or empty.' });
  };
  try {
    mkdirSync(directory, { recursive: true });
    const found = readdirSync(directory).filter((name) => name !== '.git');
    if (found.length > 0) refuse(`${directory} is not empty: it holds ${found[0] ?? ''}.`);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === undefined || !/^E[A-Z]+$/.test(code)) throw error;
    refuse(`${directory} cannot be used: ${message}.`);
  }
}

/** Every file of a new project, by its path inside it. */
function filesOf(directory: string): Map<string, string> {
  const own = JSON.parse(readFileSync(path.join(PACKAGE, 'package.json'), 'utf8')) as OwnPackage;
  const render = templates([path.join(PACKAGE, 'templates')]);
  const values = {
    name: packageName(directory),
    version: own.version,
    typescript: own.devDependencies['typescript'] ?? '*',
  };
  const json = (data: object): string => `${JSON.stringify(data, null, 2)}\n`;
  return new Map([
    ...Object.entries(RENDERED).map(([template, file]) => [file, render(template, values)] as const),
    ['.provision/inventory.schema.json', json(inventoryJsonSchema())],
    ['.provision/variables.schema.json', json(variablesJsonSchema())],
  ]);
}

/** `provision init DIR`: a project that can be validated and rehearsed as it stands. Throws `usage`. */
export async function initProject(directory: string): Promise<number> {
  refuseUsed(directory);
  for (const name of COPIED)
    cpSync(path.join(PACKAGE, name), path.join(directory, name), { recursive: true });
  for (const [file, text] of filesOf(directory)) {
    const target = path.join(directory, file);
    if (!existsSync(path.dirname(target))) mkdirSync(path.dirname(target), { recursive: true });
    writeFileSync(target, text);
  }
  const word = /^[\w./-]+$/.test(directory) ? directory : quote(directory);
  const into = path.resolve(directory) === process.cwd() ? '' : `cd ${word} && `;
  process.stdout.write(
    `${into}npx provision validate playbooks/gateway.ts -i inventory/lab\n` +
      'sudo npx provision rehearse playbooks/gateway.ts -i inventory/lab\n',
  );
  return Promise.resolve(0);
}
