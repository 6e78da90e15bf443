import { ProvisionError } from '../model/error.ts';
import type { ExecResult, Session, Target } from '../model/transport.ts';

/**
 * The one command that runs on hosts: a POSIX shell that reads its script from standard input, as root. sudo drops
 * SSH_CONNECTION, which says by which port we came: it is handed on.
 */
export const shellCommand = (become: boolean): string =>
  become ? `sh -c 'exec sudo -n -- env SSH_CONNECTION="$SSH_CONNECTION" sh -s'` : 'sh -s';

const SUDO_REASONS: readonly (readonly [RegExp, string, string])[] = [
  [
    /a password is required|a terminal is required/,
    'sudo asks for a password',
    'Allow it without one: `USER ALL=(ALL) NOPASSWD: ALL` in a file of /etc/sudoers.d, by visudo.',
  ],
  [
    /is not in the sudoers file|may not run sudo/,
    'the user may not use sudo',
    'Add the user to the group sudo (Debian) or wheel (RHEL), or log in as another: ansible_user.',
  ],
  [
    /must have a tty/,
    'sudo wants a terminal (requiretty)',
    'Switch it off for this user: `Defaults:USER !requiretty`, by visudo.',
  ],
  [/not found/, 'sudo is not installed', 'Install sudo, or log in as root with ansible_become: false.'],
];

/** Throws `sudo-refused` when sudo and not the script answered. */
function checkSudo({ stderr, code }: ExecResult, target: Target): void {
  if (!target.connection.become || code === 0) return;
  const line = stderr.split('\n').find((text) => /^(sudo|sh|env): /.test(text) || /sudo/.test(text)) ?? '';
  const [, reason, hint] = SUDO_REASONS.find(([pattern]) => pattern.test(stderr)) ?? [];
  if (reason === undefined && !/^sudo: /m.test(stderr)) return;
  throw new ProvisionError('sudo-refused', `${target.name}: ${reason ?? line}.`, {
    hint: hint ?? 'Run `sudo -n true` there by hand to see more.',
  });
}

/** Runs a script and returns what it printed; `begun` tells whether it started at all. */
export async function runScript(
  session: Session,
  target: Target,
  script: string,
  nonce: string,
  options: { readonly timeoutMs: number; readonly onLine?: (line: string) => void },
): Promise<ExecResult> {
  const result = await session.exec(shellCommand(target.connection.become), { ...options, stdin: script });
  if (result.stdout.includes(`@@${nonce} begin`)) return result;
  checkSudo(result, target);
  const last = (result.stderr.trim().split('\n').at(-1) ?? '').replace(/\.$/, '');
  throw new ProvisionError(
    'probe-failed',
    `${target.name}: the shell there did not run our script (exit ${result.code})${last ? `: ${last.slice(0, 200)}` : ''}.`,
    {
      hint: `Log in by hand and see what the login shell prints: it must be able to run sh.`,
    },
  );
}
