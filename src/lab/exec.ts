import { spawn } from 'node:child_process';
import type { CommandResult } from './command.ts';
import { attempt } from './command.ts';

const ENVIRONMENT = [
  'HOME=/root',
  'USER=root',
  'LANG=C.UTF-8',
  'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
];

const enter = (init: number, argv: readonly string[], terminal: string | undefined): string[] => [
  ...[
    'nsenter',
    '--target',
    String(init),
    '--mount',
    '--uts',
    '--ipc',
    '--net',
    '--pid',
    '--cgroup',
    '--root',
    '--wd',
    '--',
  ],
  ...['/usr/bin/env', '-i', ...ENVIRONMENT, ...(terminal === undefined ? [] : [`TERM=${terminal}`]), ...argv],
];

/** Runs a command as root inside the host whose process 1 this is. */
export const execInside = (init: number, argv: readonly string[], stdin = ''): Promise<CommandResult> =>
  attempt(enter(init, argv, undefined), stdin);

/** The same on this terminal; resolves to the exit code. */
export function execOnTerminal(init: number, argv: readonly string[]): Promise<number> {
  const [command = '', ...rest] = enter(init, argv, process.env.TERM ?? 'dumb');
  return new Promise((resolve, reject) => {
    const child = spawn(command, rest, { stdio: 'inherit' });
    child.once('error', reject);
    child.once('exit', (code) => resolve(code ?? 128));
  });
}
