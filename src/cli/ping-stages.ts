import type { ErrorCode, ProvisionError } from '../model/error.ts';
import type { Target } from '../model/transport.ts';

/** The steps to one host, in order. A jump host has those up to `login`, and `forward` to the next. */
export const STAGES = ['name', 'tcp', 'host key', 'login', 'sudo', 'tools'] as const;
export type Stage = (typeof STAGES)[number] | 'forward' | 'shell' | 'lab' | 'configuration';

const BY_CODE: Readonly<Partial<Record<ErrorCode, Stage>>> = {
  'lab-not-up': 'lab',
  'name-not-found': 'name',
  'connection-refused': 'tcp',
  'connection-timeout': 'tcp',
  'network-unreachable': 'tcp',
  // The other side speaks, but not as an SSH server should.
  'ssh-protocol': 'tcp',
  'host-key-unknown': 'host key',
  'host-key-changed': 'host key',
  'host-key-revoked': 'host key',
  'host-key-unsupported': 'host key',
  'key-unreadable': 'login',
  'login-refused': 'login',
  'sudo-refused': 'sudo',
  'host-unsupported': 'tools',
  'probe-failed': 'shell',
  'connection-lost': 'shell',
  'command-timeout': 'shell',
};

/** Known to come only after the steps before it; a timeout or a missing key says nothing about those. */
const PROVES: ReadonlySet<ErrorCode> = new Set([
  'connection-refused',
  'network-unreachable',
  'host-key-unknown',
  'host-key-changed',
  'host-key-revoked',
  'host-key-unsupported',
  'login-refused',
]);

export interface Failure {
  /** The jump host that failed; undefined = the host itself. */
  readonly jump: string | undefined;
  readonly stage: Stage;
  /** What is known to work, in order: `gw1` for a jump host that was passed, else a stage. */
  readonly passed: readonly string[];
}

/** Errors of a jump host begin with its name, and say in words when it was the way onward that failed. */
const JUMP = /^jump host (.+?) \(for [^)]*\): (it cannot reach|it does not allow forwarding)?/;

const jumpsOf = (names: readonly string[]): string[] => names.map((name) => `jump host ${name}`);

const untilLogin = ({ connection }: Target): readonly string[] =>
  connection.via === 'local' ? [] : STAGES.slice(0, STAGES.indexOf('sudo'));

/** Every step to a host that answered. */
export const stagesOf = (target: Target): string[] => [
  ...jumpsOf(target.jumps.map(({ name }) => name)),
  ...untilLogin(target),
  ...(target.connection.become ? ['sudo'] : []),
  'tools',
];

/** At which step of the way an error happened. */
export function failureOf(error: ProvisionError, target: Target, loggedIn: boolean): Failure {
  const [, jump, onward] = JUMP.exec(error.message) ?? [];
  const hops = target.jumps.map(({ name }) => name);
  const before = jump === undefined ? hops : hops.slice(0, Math.max(0, hops.indexOf(jump)));
  const way = jumpsOf(before);
  if (onward !== undefined) return { jump, stage: 'forward', passed: [...way, 'login'] };
  const stage = BY_CODE[error.code] ?? 'configuration';
  const steps = STAGES.slice(0, Math.max(0, STAGES.indexOf(stage as (typeof STAGES)[number])));
  if (loggedIn) {
    const sudo = stage === 'tools' && target.connection.become ? ['sudo'] : [];
    return { jump: undefined, stage, passed: [...way, ...untilLogin(target), ...sudo] };
  }
  if (stage === 'configuration' || stage === 'lab') return { jump, stage, passed: [] };
  return { jump, stage, passed: [...way, ...(PROVES.has(error.code) ? steps : [])] };
}
