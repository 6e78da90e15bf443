import { execFile } from 'node:child_process';
import { readdirSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** npm's cache of these tests alone: what an interrupted npx left in the user's own one must not decide. */
const CACHE = path.join(os.tmpdir(), `provision-npm-cache-${process.pid}`);
const env = { ...process.env, npm_config_cache: CACHE };

export const removeCache = (): void => rmSync(CACHE, { recursive: true, force: true });

/** Runs a command as a user would; a non-zero exit is a result. */
export const run = (cwd: string, command: string, ...argv: string[]): Promise<Ended> =>
  new Promise((resolve) => {
    execFile(command, argv, { cwd, env, maxBuffer: 64 << 20 }, (error, stdout, stderr) =>
      resolve({ code: error ? Number(error.code ?? 1) : 0, stdout, stderr }),
    );
  });

/** Packs this package into a directory and answers the tarball's path. Throws when npm cannot. */
export async function packInto(directory: string): Promise<string> {
  const flags = ['--silent', '--ignore-scripts', '--pack-destination', directory];
  const { code, stderr } = await run(process.cwd(), 'npm', 'pack', ...flags);
  const file = readdirSync(directory).find((name) => name.endsWith('.tgz'));
  if (code !== 0 || file === undefined) throw new Error(`npm pack ended ${code}: ${stderr}`);
  return path.join(directory, file);
}
