import { newNonce, framedLines } from '../engine/frame.ts';
import { reported } from '../model/reported.ts';
import { runScript } from '../engine/remote-shell.ts';
import { ERROR_EXIT_CODES, ProvisionError } from '../model/error.ts';
import type { Session, Target } from '../model/transport.ts';
import { coloursFor } from '../reporters/colour.ts';
import { printable } from '../reporters/printable.ts';
import { contactHosts } from './contact.ts';
import type { Answer, ContactFlags } from './contact.ts';
import { failureOf, stagesOf } from './ping-stages.ts';

const TIMEOUT_MS = 30_000;

/** Without one of each row no run works there. */
const NEEDED: readonly (readonly string[])[] = [
  ['base64'],
  ['mktemp'],
  ['ip'],
  ['systemctl'],
  ['systemd-run'],
  ['flock'],
  ['sha256sum'],
  ['stat'],
  ['tail'],
  ['timeout'],
  ['dpkg-query', 'rpm'],
];

/** What a run can do without, and what is lost then. */
const USEFUL: Readonly<Record<string, string>> = {
  curl: 'checks asked from there stay unproven',
  busctl: 'what firewalld does now cannot be read',
};

/** Only printf and `command -v`, which every POSIX shell has built in. */
function toolScript(nonce: string): string {
  const tools = [...NEEDED.flat(), ...Object.keys(USEFUL)];
  return [
    'PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"; export PATH',
    'main() {',
    `printf '@@${nonce} begin\\n'`,
    `for tool in ${tools.join(' ')}; do`,
    `  if command -v "$tool" >/dev/null 2>&1; then printf '@@${nonce} has %s\\n' "$tool"; fi`,
    'done',
    '}',
    'main </dev/null',
    '',
  ].join('\n');
}

/** The useful tools that are missing; throws `host-unsupported` when a needed one is. */
async function lookForTools(session: Session, target: Target): Promise<string[]> {
  const nonce = newNonce();
  const { stdout } = await runScript(session, target, toolScript(nonce), nonce, { timeoutMs: TIMEOUT_MS });
  const has = new Set(
    framedLines(stdout, nonce).flatMap(([word, tool]) => (word === 'has' && tool ? [tool] : [])),
  );
  const missing = NEEDED.filter((row) => !row.some((tool) => has.has(tool))).map((row) => row.join(' or '));
  if (missing.length > 0) {
    throw new ProvisionError('host-unsupported', `${target.name}: missing there: ${missing.join(', ')}.`, {
      hint: 'Install what is missing; provision manages Debian, Ubuntu and RHEL families with systemd.',
    });
  }
  return Object.keys(USEFUL).filter((tool) => !has.has(tool));
}

function linesOf({ target, milliseconds, loggedIn, value, error }: Answer<readonly string[]>): string[] {
  const colours = coloursFor(process.stdout, process.env);
  if (!error) {
    const passed = stagesOf(target).join(', ');
    const notes = (value ?? []).map(
      (tool) => `      ${colours.yellow('note')}: no ${tool}: ${USEFUL[tool] ?? ''}`,
    );
    return [
      `${target.name}  ${colours.green('ok')}  ${passed}  ${colours.dim(`${milliseconds} ms`)}`,
      ...notes,
    ];
  }
  const { jump, stage, passed } = failureOf(error, target, loggedIn);
  const word = ERROR_EXIT_CODES[error.code] === 4 ? 'unreachable' : 'failed';
  const at = `${stage}${jump === undefined ? '' : ` of jump host ${jump}`}`;
  return [
    `${target.name}  ${colours.red(word)}  at ${at}${passed.length > 0 ? ` (passed: ${passed.join(', ')})` : ''}`,
    `      cause: ${printable(error.message)}`,
    ...(error.hint === undefined ? [] : [`      ${colours.cyan('next')}:  ${printable(error.hint)}`]),
  ];
}

/** One host of `--json`. */
function entryOf({ target, milliseconds, loggedIn, value, error }: Answer<readonly string[]>): object {
  if (!error)
    return { name: target.name, status: 'ok', milliseconds, passed: stagesOf(target), missing: value ?? [] };
  const { jump, stage, passed } = failureOf(error, target, loggedIn);
  return {
    name: target.name,
    status: ERROR_EXIT_CODES[error.code] === 4 ? 'unreachable' : 'failed',
    milliseconds,
    stage,
    ...(jump === undefined ? {} : { jump }),
    passed,
    error: reported(error),
  };
}

/** `provision ping`: one connection and one exec per host. Changes nothing. */
export async function ping(flags: ContactFlags): Promise<number> {
  const entries: object[] = [];
  const exitCode = await contactHosts(flags, lookForTools, (answer) => {
    if (flags.json) entries.push(entryOf(answer));
    else linesOf(answer).forEach((line) => process.stdout.write(`${line}\n`));
  });
  if (flags.json) process.stdout.write(`${JSON.stringify({ exitCode, hosts: entries }, null, 2)}\n`);
  return exitCode;
}
