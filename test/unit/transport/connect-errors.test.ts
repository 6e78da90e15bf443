import { expect, it } from '@jest/globals';
import { codeOf, connectError, forwardError, plain } from '../../../src/transport/connect-errors.ts';
import type { SshFailure } from '../../../src/transport/connect-errors.ts';
import { hostKeyAlgorithms } from '../../../src/transport/ssh.ts';
import { chooseAgentKeys, agentSocket } from '../../../src/transport/login.ts';
import { isPinned, pinnedKeyTypes } from '../../../src/transport/host-key-pins.ts';
import { fingerprintOf } from '../../../src/transport/known-hosts.ts';
import { settingsFrom } from '../../../src/transport/ssh-config.ts';
import type { Stop } from '../../../src/transport/stop.ts';

const connection = { address: 'db1', become: false, jumps: [], hostKeys: [], via: 'ssh' as const };
const settings = settingsFrom(new Map(), { address: '10.0.0.5', port: 2222, user: 'me' });
const stop: Stop = { who: 'db1', connection, settings };
const login = { offered: ['/k'], passedOver: [], accepted: () => [] as string[] };

it.each([
  ['name-not-found', { level: 'client-socket', code: 'ENOTFOUND' }],
  ['name-not-found', { level: 'client-socket', code: 'EAI_AGAIN' }],
  ['connection-refused', { level: 'client-socket', code: 'ECONNREFUSED' }],
  ['connection-timeout', { level: 'client-socket', code: 'ETIMEDOUT' }],
  ['connection-timeout', { level: 'client-timeout' }],
  ['network-unreachable', { level: 'client-socket', code: 'EHOSTUNREACH' }],
  ['network-unreachable', { level: 'client-socket', code: 'ENETUNREACH' }],
  ['ssh-protocol', { level: 'client-socket', code: 'ECONNRESET' }],
  ['ssh-protocol', { level: 'handshake' }],
  ['ssh-protocol', { level: 'protocol' }],
  ['login-refused', { level: 'client-authentication' }],
  ['login-refused', { code: 2, message: 'Too many authentication failures' }],
  ['ssh-protocol', { code: 2, message: 'Protocol error' }],
] as [string, Partial<SshFailure>][])('%s for %j', (code, failure) => {
  const error = connectError(stop, { message: 'm', ...failure }, login);
  expect(codeOf({ message: 'm', ...failure })).toBe(code);
  expect(error).toMatchObject({ code, message: expect.stringContaining('10.0.0.5:2222') });
  expect(error.message).toMatch(/^db1: /);
  expect(error.hint).toMatch(/^\S.{10,}\.$/);
});

it('names the ways to log in that a host has instead of keys', () => {
  const refused = { message: 'All configured authentication methods failed', level: 'client-authentication' };
  const error = connectError(stop, refused, {
    ...login,
    passedOver: ['/x is encrypted'],
    accepted: () => ['password'],
  });
  expect(error.message).toContain(
    'offered: /k; not offered: /x is encrypted; the host accepts only password',
  );
});

it.each([
  ['ssh-protocol', { message: 'm', reason: 1 }],
  ['connection-refused', { message: '(SSH) Channel open failure: Connection refused', reason: 2 }],
  ['connection-timeout', { message: 'Connection timed out', reason: 2 }],
  ['network-unreachable', { message: 'No route to host', reason: 2 }],
  ['name-not-found', { message: 'Name or service not known', reason: 2 }],
])('%s for a forward that failed with %j', (code, failure) => {
  const hop = { ...stop, who: 'jump host gw1 (for db1)' };
  expect(forwardError(hop, stop, failure)).toMatchObject({
    code,
    message: expect.stringMatching(/^jump host gw1 \(for db1\): /),
  });
});

it('takes what could draw on the terminal out of a message', () => {
  expect(plain('a\u001b[2Jb\r\nc')).toBe('a [2Jb c');
});

it('asks for the known key types first', () => {
  expect(hostKeyAlgorithms(['ssh-rsa', 'ssh-dss'])).toEqual([
    'rsa-sha2-512',
    'rsa-sha2-256',
    'ssh-ed25519',
    'ecdsa-sha2-nistp256',
    'ecdsa-sha2-nistp384',
    'ecdsa-sha2-nistp521', // prettier-ignore
  ]);
});

it('offers named agent keys first, and others only if they may be used', () => {
  const keys = ['a', 'b', 'c'].map((name) => ({ name, getPublicSSH: () => Buffer.from(name) }));
  const named = [Buffer.from('c'), Buffer.from('x')];
  expect(chooseAgentKeys(keys, named, false).map(({ name }) => name)).toEqual(['c', 'a', 'b']);
  expect(chooseAgentKeys(keys, named, true).map(({ name }) => name)).toEqual(['c']);
});

it('finds the agent as IdentityAgent says', () => {
  const env = { SSH_AUTH_SOCK: '/s', OTHER: '/o' };
  const socket = (identityAgent?: string): string | undefined =>
    agentSocket({ ...stop, settings: { ...settings, identityAgent } }, env);
  expect([
    socket(),
    socket('SSH_AUTH_SOCK'),
    socket('none'),
    socket('$OTHER'),
    socket('${OTHER}'),
    socket('/p'),
  ]).toEqual(
    ['/s', '/s', undefined, '/o', '/o', '/p'], // prettier-ignore
  );
});

it('compares pinned keys by key and by fingerprint', () => {
  const key = Buffer.from('key');
  const typed = `ssh-ed25519 ${key.toString('base64')}`;
  expect(isPinned([typed], key)).toBe(true);
  expect(isPinned([`${typed} comment`], key)).toBe(true);
  expect(isPinned([fingerprintOf(key)], key)).toBe(true);
  expect(isPinned([`${fingerprintOf(key)}=`], key)).toBe(true);
  expect(isPinned(['SHA256:', 'ssh-ed25519', ''], key)).toBe(false);
  expect(pinnedKeyTypes([typed, fingerprintOf(key)])).toEqual(['ssh-ed25519']);
});
