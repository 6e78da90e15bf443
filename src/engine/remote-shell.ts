import { ProvisionError } from '../model/error.ts';
import { masked } from '../model/mask.ts';
import type { Connection } from '../model/host.ts';
import type { ExecOptions, ExecResult, Session, Target } from '../model/transport.ts';
import { quote } from '../shell/quote.ts';

/** sudo drops SSH_CONNECTION, which says by which port we came: it is handed on. */
const asRoot = (flags: string, shell: string): string =>
  `sh -c ${quote(`exec sudo ${flags} -- env SSH_CONNECTION="$SSH_CONNECTION" ${shell}`)}`;

/**
 * The one command that runs on hosts: a POSIX shell that reads its script from standard input, as root. With a
 * password the input starts with it and a line of ours: sudo takes the first or leaves it, as its rules say, and
 * whatever is left before our line never reaches the script.
 */
function shellCommand({ become, becomePassword }: Connection, nonce: string): string {
  if (!become) return 'sh -s';
  if (becomePassword === undefined) return asRoot('-n', 'sh -s');
  const skip = `IFS= read -r line; [ "$line" = ${nonce} ] || IFS= read -r line; [ "$line" = ${nonce} ] || exit 97; exec sh -s`;
  return asRoot("-k -S -p ''", `sh -c ${quote(skip)}`);
}

/** Hosts whose password sudo has taken in this process. */
const validated = new WeakSet<Target>();

/**
 * One exec of its own: a wrong password would make sudo take the next line of its input for another try, and that
 * must never be a line of a script.
 */
async function validatePassword(session: Session, target: Target): Promise<void> {
  const { become, becomePassword } = target.connection;
  if (!become || becomePassword === undefined || validated.has(target)) return;
  await becomePassword.read();
  const stdin = `${becomePassword.reveal()}\n`;
  const result = await session.exec("sudo -k -S -p '' true", { stdin, timeoutMs: SUDO_TIMEOUT_MS });
  if (result.code !== 0) {
    checkSudo(result, target);
    throw new ProvisionError(
      'sudo-refused',
      `${target.name}: sudo did not take the password (exit ${result.code}).`,
      {
        hint: 'Run `sudo -k true` there by hand to see more.',
      },
    );
  }
  validated.add(target);
}

/** A host that cannot resolve its own name makes sudo wait for DNS. */
const SUDO_TIMEOUT_MS = 60_000;

const SUDO_REASONS: readonly (readonly [RegExp, string, string])[] = [
  [
    /incorrect password|Sorry, try again|no password was provided/,
    'the sudo password is wrong',
    'Give the password of the login user: -K, --become-password-file FILE, or PROVISION_BECOME_PASSWORD.',
  ],
  [
    /a password is required|a terminal is required/,
    'sudo asks for a password',
    'Give it by -K or --become-password-file FILE, or allow it without: `USER ALL=(ALL) NOPASSWD: ALL` in a file of /etc/sudoers.d, by visudo.',
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
  options: Omit<ExecOptions, 'stdin'>,
): Promise<ExecResult> {
  await validatePassword(session, target);
  const { becomePassword } = target.connection;
  const password = becomePassword === undefined ? '' : `${becomePassword.reveal()}\n${nonce}\n`;
  const result = await session.exec(shellCommand(target.connection, nonce), {
    ...options,
    stdin: password + script,
  });
  if (result.stdout.includes(`@@${nonce} begin`)) return result;
  checkSudo(result, target);
  const last = (masked(result.stderr).trim().split('\n').at(-1) ?? '').replace(/\.$/, '');
  throw new ProvisionError(
    'probe-failed',
    `${target.name}: the shell there did not run our script (exit ${result.code})${last ? `: ${last.slice(0, 200)}` : ''}.`,
    {
      hint: `Log in by hand and see what the login shell prints: it must be able to run sh.`,
    },
  );
}
