import { existsSync, readFileSync, statSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { ProvisionError } from '../model/error.ts';

const NAMES = ['ts', 'mts', 'js', 'mjs', 'json'].map((end) => `provision.config.${end}`);

export interface ConfigFile {
  /** Absolute. */
  readonly file: string;
  readonly values: Readonly<Record<string, unknown>>;
}

const refuse = (file: string, why: string, hint: string): never => {
  throw new ProvisionError('usage', why, { hint, place: { file } });
};

/** The current directory and those above it, up to the root of a repository or the home directory. */
function directories(): string[] {
  const found: string[] = [];
  for (let at = process.cwd(); ; at = path.dirname(at)) {
    found.push(at);
    if (existsSync(path.join(at, '.git')) || at === os.homedir() || at === path.dirname(at)) return found;
  }
}

/** Its code runs: it must be ours, root's, or of whoever owns the directory that we work in. */
function refuseStranger(file: string): void {
  const owners = [0, process.getuid?.() ?? 0, statSync(process.cwd()).uid];
  const { uid, mode } = statSync(file);
  if (owners.includes(uid) && (mode & 0o002) === 0) return;
  refuse(
    file,
    `${file} belongs to somebody else or can be written by everybody: it is not read.`,
    'Name it by PROVISION_CONFIG if it is yours to trust, or set PROVISION_CONFIG to nothing to go without.',
  );
}

/** The path of the file in force: PROVISION_CONFIG, else the nearest one above; null = none. Throws `usage`. */
export function findConfig(env: NodeJS.ProcessEnv): string | null {
  const named = env['PROVISION_CONFIG'];
  if (named === '') return null;
  if (named !== undefined) {
    if (existsSync(named)) return path.resolve(named);
    return refuse(named, `PROVISION_CONFIG names ${named}, which is not there.`, 'Name a file, or unset it.');
  }
  const file = directories()
    .flatMap((directory) => NAMES.map((name) => path.join(directory, name)))
    .find((each) => existsSync(each));
  if (file === undefined) return null;
  refuseStranger(file);
  return file;
}

async function exported(file: string): Promise<unknown> {
  if (file.endsWith('.json')) return JSON.parse(readFileSync(file, 'utf8')) as unknown;
  const { loadModule } = await import('../playbook/load-module.ts');
  const api = await import('../index.ts');
  return (await loadModule(file, api))['default'];
}

/** Reads the file in force; null = there is none. Throws `usage`, or `playbook` where its code fails. */
export async function readConfig(env: NodeJS.ProcessEnv): Promise<ConfigFile | null> {
  const file = findConfig(env);
  if (file === null) return null;
  const values = await exported(file).catch((error: unknown) => {
    if (error instanceof SyntaxError) return refuse(file, `${file} is no JSON: ${error.message}`, 'Mend it.');
    throw error;
  });
  if (typeof values !== 'object' || values === null || Array.isArray(values))
    return refuse(
      file,
      `${file} does not export settings as its default.`,
      "Write: export default { inventory: 'inventory/prod' };",
    );
  return { file, values: values as Readonly<Record<string, unknown>> };
}
