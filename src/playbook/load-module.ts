import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { createJiti } from 'jiti';
import { codeFrame } from '../model/code-frame.ts';
import { ProvisionError } from '../model/error.ts';
import { cacheDirectory } from './cache-directory.ts';

interface SyntaxFailure {
  readonly message?: string;
  readonly stack?: string;
  readonly loc?: { readonly line?: number; readonly column?: number };
}

/** Where a user's file failed: a parse error knows its place, a thrown error has it in its stack. */
function placeOf(file: string, error: unknown): { line?: number; column?: number } {
  // By shape: what a playbook throws may be an Error of another realm.
  const { loc, message = '', stack = '' } = error as SyntaxFailure;
  const inText = /\((\d+):(\d+)\)/.exec(message);
  const inStack = stack
    .split('\n')
    .map((line) => (line.includes(path.basename(file)) ? /:(\d+):(\d+)\)?$/.exec(line) : null))
    .find((match) => match !== null);
  const line = loc?.line ?? Number(inText?.[1] ?? inStack?.[1] ?? Number.NaN);
  const column = loc?.column ?? Number(inText?.[2] ?? inStack?.[2] ?? Number.NaN);
  return { ...(Number.isNaN(line) ? {} : { line }), ...(Number.isNaN(column) ? {} : { column }) };
}

function frameOf(file: string, { line, column }: { line?: number; column?: number }): string | undefined {
  if (line === undefined || !existsSync(file)) return undefined;
  return codeFrame(readFileSync(file, 'utf8'), line, column);
}

/**
 * Runs a user's TypeScript file. `api` is what `import … from 'provision'` gives there: the running instance, so that
 * it works in the repository, installed, and with no local copy at all. Throws `playbook` errors.
 */
export async function loadModule(
  file: string,
  api: Readonly<Record<string, unknown>> = {},
): Promise<Record<string, unknown>> {
  const jiti = createJiti(import.meta.url, {
    // jiti runs what it finds there, and its own default is a directory in /tmp that anybody may have made.
    fsCache: cacheDirectory('playbooks'),
    moduleCache: false,
    interopDefault: false,
    sourceMaps: true,
    virtualModules: { provision: api },
  });
  try {
    return await jiti.import<Record<string, unknown>>(pathToFileURL(path.resolve(file)).href);
  } catch (error) {
    const { message: said } = error as SyntaxFailure;
    const message = typeof said === 'string' ? (said.split('\n')[0] ?? '') : String(error);
    const place = placeOf(file, error);
    throw new ProvisionError(
      'playbook',
      `${path.relative(process.cwd(), file) || file} could not be loaded: ${message}`,
      {
        hint: 'Mend the file; `npx tsc --noEmit` shows type errors before a run does.',
        place: { file, ...place },
        frame: frameOf(file, place),
        cause: error,
      },
    );
  }
}
