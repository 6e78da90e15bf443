import type { ErrorCode } from '../model/error.ts';
import { ProvisionError } from '../model/error.ts';
import { endpoint } from './address.ts';
import type { Login } from './login.ts';
import { loginOf, sshCommandFor } from './stop.ts';
import type { Stop } from './stop.ts';

/** What ssh2 and node:net put on their errors; ssh2's `level` says which layer failed. */
export interface SshFailure {
  readonly message: string;
  readonly level?: string;
  readonly code?: string | number;
  /** SSH_OPEN_… of RFC 4254 section 5.1 */
  readonly reason?: string | number;
}

const BY_ERRNO: Readonly<Record<string, ErrorCode>> = {
  ENOTFOUND: 'name-not-found',
  EAI_AGAIN: 'name-not-found',
  EAI_NONAME: 'name-not-found',
  ECONNREFUSED: 'connection-refused',
  ETIMEDOUT: 'connection-timeout',
  EHOSTUNREACH: 'network-unreachable',
  EHOSTDOWN: 'network-unreachable',
  ENETUNREACH: 'network-unreachable',
  ENETDOWN: 'network-unreachable',
  EADDRNOTAVAIL: 'network-unreachable',
};

/** A jump host tells only in words why it could not reach the next one (they come from its strerror and resolver). */
const BY_WORDS: readonly (readonly [RegExp, ErrorCode])[] = [
  [/refused/i, 'connection-refused'],
  [/timed out|timeout/i, 'connection-timeout'],
  [/no route|unreachable/i, 'network-unreachable'],
  [/not known|not resolve|resolution|no address|not found/i, 'name-not-found'],
];

/** The code for a failure to connect or log in. */
export function codeOf(failure: SshFailure): ErrorCode {
  if (failure.level === 'client-authentication' || /authentication failures/i.test(failure.message))
    return 'login-refused';
  if (failure.level === 'client-timeout') return 'connection-timeout';
  return (typeof failure.code === 'string' ? BY_ERRNO[failure.code] : undefined) ?? 'ssh-protocol';
}

/** A failure to connect to or log in at a stop, as a sentence and a next step. */
export function connectError(
  stop: Stop,
  failure: SshFailure,
  login: Pick<Login, 'offered' | 'passedOver' | 'accepted'>,
): ProvisionError {
  const code = codeOf(failure);
  if (code === 'login-refused') return loginRefused(stop, failure, login);
  return new ProvisionError(code, `${stop.who}: ${adviceFor(code).sentence(stop, failure)}`, {
    hint: adviceFor(code).hint(stop),
    cause: failure,
  });
}

interface Advice {
  readonly sentence: (stop: Stop, failure: SshFailure) => string;
  readonly hint: (stop: Stop) => string;
}

const ADVICE: Readonly<Partial<Record<ErrorCode, Advice>>> = {
  'name-not-found': {
    sentence: (stop) => `the name ${stop.settings.address} of ${loginOf(stop)} cannot be resolved`,
    hint: ({ settings }) =>
      `Check \`ansible_host\` in the inventory, or look the name up with \`getent hosts ${settings.address}\`.`,
  },
  'connection-refused': {
    sentence: (stop) => `nothing accepts connections at ${loginOf(stop)}`,
    hint: (stop) => `Check \`ansible_port\` and that sshd runs there, then try \`${sshCommandFor(stop)}\`.`,
  },
  'connection-timeout': {
    sentence: (stop) => `${loginOf(stop)} does not answer`,
    hint: (stop) =>
      `Check that the host is up and that no firewall drops port ${String(stop.settings.port)}, then try \`${sshCommandFor(stop)}\`.`,
  },
  'network-unreachable': {
    sentence: (stop, failure) =>
      `there is no way to ${loginOf(stop)} (${String(failure.code ?? failure.message)})`,
    hint: (stop) =>
      `Look at the route with \`ip route get ${stop.settings.address}\`, then try \`${sshCommandFor(stop)}\`.`,
  },
};

const OTHERWISE: Advice = {
  sentence: (stop, failure) => `no SSH connection to ${loginOf(stop)}: ${plain(failure.message)}`,
  hint: (stop) =>
    `Try \`${sshCommandFor(stop)}\`; an sshd under load drops new connections (MaxStartups of sshd_config).`,
};

const adviceFor = (code: ErrorCode): Advice => ADVICE[code] ?? OTHERWISE;

function loginRefused(
  stop: Stop,
  failure: SshFailure,
  { offered, passedOver, accepted }: Pick<Login, 'offered' | 'passedOver' | 'accepted'>,
): ProvisionError {
  const ways = accepted();
  const noKeys =
    ways.length > 0 && !ways.includes('publickey') ? `; the host accepts only ${ways.join(', ')}` : '';
  const left = passedOver.length > 0 ? `; not offered: ${passedOver.join('; ')}` : '';
  const tooMany = /too many/i.test(failure.message);
  return new ProvisionError(
    'login-refused',
    `${stop.who}: ${loginOf(stop)} refuses the login${tooMany ? ' after too many keys' : ''}; offered: ${offered.join(', ')}${left}${noKeys}`,
    {
      hint: tooMany
        ? 'Name the right key with `ansible_ssh_private_key_file`, or set IdentitiesOnly in the ssh_config.'
        : `Check \`ansible_user\`, add one of these keys to ~/.ssh/authorized_keys of ${stop.settings.user} there, then try \`${sshCommandFor(stop)}\`.`,
      cause: failure,
    },
  );
}

/** A jump host that is logged in at would not, or could not, open the way to the next stop. */
export function forwardError(hop: Stop, next: Stop, failure: SshFailure): ProvisionError {
  const to = endpoint(next.settings.address, next.settings.port);
  // 1 = SSH_OPEN_ADMINISTRATIVELY_PROHIBITED
  if (failure.reason === 1) {
    return new ProvisionError('ssh-protocol', `${hop.who}: it does not allow forwarding to ${to}`, {
      hint: 'Set `AllowTcpForwarding yes` (and PermitOpen) in sshd_config of the jump host.',
      cause: failure,
    });
  }
  const said = failure.message.replace('(SSH) Channel open failure: ', '');
  const code = BY_WORDS.find(([words]) => words.test(said))?.[1] ?? 'connection-refused';
  return new ProvisionError(code, `${hop.who}: it cannot reach ${to} for ${next.who}: ${plain(said)}`, {
    hint: `Look from the jump host: \`${sshCommandFor(hop)}\`, then \`getent hosts ${next.settings.address}\`; check the port.`,
    cause: failure,
  });
}

/** The time for the whole way is over, or the run was interrupted, while this stop was being reached. */
export function gaveUpError(
  who: string,
  stop: Stop | undefined,
  timeoutMs: number | undefined,
): ProvisionError {
  const at = stop === undefined ? who : stop.who;
  const to = stop === undefined ? '' : ` to ${loginOf(stop)}`;
  const message =
    timeoutMs === undefined
      ? `${at}: the connection${to} was given up because the run was interrupted`
      : `${at}: no SSH connection${to} within ${String(timeoutMs / 1000)} s`;
  return new ProvisionError('connection-timeout', message, {
    hint: stop === undefined ? undefined : adviceFor('connection-timeout').hint(stop),
  });
}

/** One line, without what a hostile server could draw on the terminal with. */
export const plain = (text: string): string =>
  text
    .replace(/[\x00-\x1f\x7f-\x9f]+/g, ' ')
    .trim()
    .slice(0, 300);
