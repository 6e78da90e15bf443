import { ProvisionError } from '../model/error.ts';
import type { ErrorCode } from '../model/error.ts';
import { connectError, forwardError, plain } from './connect-errors.ts';
import { loginOf, sshCommandFor } from './stop.ts';
import type { Stop } from './stop.ts';

/** errno names that `connectError` knows, by the words that the system's ssh uses for them. */
const ERRNO: readonly (readonly [RegExp, string])[] = [
  [/refused/i, 'ECONNREFUSED'],
  [/timed out|timeout/i, 'ETIMEDOUT'],
  [/no route to host/i, 'EHOSTUNREACH'],
  [/unreachable/i, 'ENETUNREACH'],
];

const NO_LOGIN = { offered: [], passedOver: [], accepted: () => [] };

const ASK =
  "Ask the host's owner which key is right; `--transport openssh` follows known_hosts and @cert-authority as ssh does.";

/** Host keys, in the order in which ssh says more than one thing; sentences of OpenSSH's sshconnect.c and sshkey.c. */
const HOST_KEYS: readonly (readonly [RegExp, ErrorCode, (stop: Stop, found: RegExpExecArray) => string])[] = [
  [
    /REVOKED HOST KEY|marked as revoked|revoked by file/,
    'host-key-revoked',
    (stop) => `the host key of ${loginOf(stop)} is revoked`,
  ],
  [
    /REMOTE HOST IDENTIFICATION HAS CHANGED/,
    'host-key-changed',
    (stop) => `the host key of ${loginOf(stop)} has changed`,
  ],
  [
    /Certificate invalid: ([^\r\n]+)/,
    'host-key-unknown',
    (stop, [, why = '']) => `the host certificate of ${loginOf(stop)} is not valid: ${plain(why)}`,
  ],
  [
    /No (\S+) host key is known|Host key verification failed/,
    'host-key-unknown',
    (stop) => `the host key of ${loginOf(stop)} is not known`,
  ],
];

const LOGIN =
  /^.*(?:Permission denied|Too many authentication failures|No supported authentication methods).*$/m;

const lastLine = (log: string): string => log.trim().split('\n').at(-1) ?? '';

/** What one ssh on the way complained about; undefined = it has not failed by itself. `next` is where it led to. */
function failureOf(stop: Stop, next: Stop | undefined, log: string): ProvisionError | undefined {
  const forward = /channel \d+: open failed: ([^\r\n]*)/.exec(log);
  if (forward && next) {
    const [, message = ''] = forward;
    return forwardError(stop, next, { message, ...(/prohibited/.test(message) ? { reason: 1 } : {}) });
  }
  if (/Could not resolve hostname/.test(log))
    return connectError(stop, { message: lastLine(log), code: 'ENOTFOUND' }, NO_LOGIN);
  const [, words = ''] = /(?:connect to host .*|Connection to .*) (?:port \d+: )?(.+)$/m.exec(log) ?? [];
  const [, errno] = ERRNO.find(([pattern]) => pattern.test(words)) ?? [];
  if (errno !== undefined) return connectError(stop, { message: plain(words), code: errno }, NO_LOGIN);
  for (const [pattern, code, sentence] of HOST_KEYS) {
    const found = pattern.exec(log);
    if (found) return new ProvisionError(code, `${stop.who}: ${sentence(stop, found)}`, { hint: ASK });
  }
  const [refused] = LOGIN.exec(log) ?? [];
  if (refused === undefined) return undefined;
  return new ProvisionError(
    'login-refused',
    `${stop.who}: ${loginOf(stop)} refuses the login: ${plain(refused)}`,
    {
      hint: `Try \`${sshCommandFor(stop)}\`; nobody is asked for a password or a passphrase: load the key with ssh-add.`,
    },
  );
}

/** Why there is no connection, by what each ssh on the way has written, the nearest first. */
export function opensshError(
  stops: readonly Stop[],
  logs: readonly string[],
  stderr: string,
): ProvisionError {
  for (const [index, stop] of stops.entries()) {
    const failure = failureOf(stop, stops[index + 1], logs[index] ?? '');
    if (failure) return failure;
  }
  const last = stops.at(-1) as Stop;
  // What a ProxyCommand of the user said comes by standard error.
  const said = lastLine(stderr) || lastLine(logs.findLast((log) => log.trim() !== '') ?? '');
  return connectError(last, { message: said || 'ssh ended without a word' }, NO_LOGIN);
}
