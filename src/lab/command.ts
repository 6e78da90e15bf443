import { AsyncLocalStorage } from 'node:async_hooks';
import { $ } from 'zx/core';
import { ProvisionError } from '../model/error.ts';

export interface CommandResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The lab that commands work for. Their environment says so, and a later `down` finds those of a killed `up` by it. */
export const workingFor = new AsyncLocalStorage<string>();

const MARK = 'PROVISION_LAB_OF';

/** The variable that marks a process as one of this lab. */
export const markedFor = (id: string): NodeJS.ProcessEnv => ({ [MARK]: id });

/** What the environment of a process of this lab holds. */
export const markOf = (id: string): string => `${MARK}=${id}`;

function markedEnvironment(): NodeJS.ProcessEnv {
  const id = workingFor.getStore();
  return id === undefined ? process.env : { ...process.env, ...markedFor(id) };
}

/** Runs a command of this machine; every word is quoted by zx. A non-zero code is a result. */
export async function attempt(argv: readonly string[], input = ''): Promise<CommandResult> {
  const output = await $({
    quiet: true,
    verbose: false,
    nothrow: true,
    input,
    env: markedEnvironment(),
    prefix: '',
    postfix: '',
  })`${[...argv]}`;
  return { code: output.exitCode ?? 128, stdout: output.stdout, stderr: output.stderr };
}

/** The same, where a non-zero code is the end. */
export async function run(argv: readonly string[], input = ''): Promise<string> {
  const { code, stdout, stderr } = await attempt(argv, input);
  if (code === 0) return stdout;
  const said = (stderr || stdout).trim().split('\n').slice(-12).join('\n');
  throw new ProvisionError(
    'internal',
    `the lab could not run \`${argv.join(' ')}\` (exit ${code}): ${said}`,
    {
      hint: 'Clear what is half made with `provision lab down -i INVENTORY`, then run `lab up` again.',
    },
  );
}
