import { expect, it } from '@jest/globals';
import { userInfo } from 'node:os';
import {
  expandPath,
  parseSshConfig,
  settingsFrom,
  sshArguments,
  sshConfigReader,
} from '../../../src/transport/ssh-config.ts';
import { parseHop } from '../../../src/transport/route.ts';
import { expandProxyCommand } from '../../../src/transport/proxy-command.ts';
import { checkAddress, checkUser, endpoint } from '../../../src/transport/address.ts';

const { homedir, username } = userInfo();

it('puts the host after the options, whatever it is called', () => {
  expect(sshArguments({ address: '-oProxyCommand=x', port: 22, user: 'me' }, '/cfg')).toEqual(
    ['-G', '-T', '-F', '/cfg', '-p', '22', '-l', 'me', '--', '-oProxyCommand=x'], // prettier-ignore
  );
});

it('reads what ssh -G prints', () => {
  const text = [
    'user me',
    'hostname 10.0.0.5',
    'port 2222',
    'addressfamily inet6',
    'identityfile ~/.ssh/%h_key',
    'identityfile /with a/space',
    'identityfile none',
    'identitiesonly yes',
    'identityagent none',
    'userknownhostsfile ~/a /b',
    'globalknownhostsfile /c',
    'hashknownhosts yes',
    'hostkeyalias db',
    'proxyjump gw1,me@gw2:2201',
    'proxycommand none',
    'stricthostkeychecking ask',
  ].join('\n');
  expect(settingsFrom(parseSshConfig(text), { address: 'db1' })).toEqual({
    address: '10.0.0.5',
    port: 2222,
    user: 'me',
    addressFamily: 6,
    identityFiles: [`${homedir}/.ssh/10.0.0.5_key`, '/with a/space'],
    identitiesOnly: true,
    identityAgent: 'none',
    userKnownHostsFiles: [`${homedir}/a`, '/b'],
    globalKnownHostsFiles: ['/c'],
    hashKnownHosts: true,
    hostKeyAlias: 'db',
    proxyJump: 'gw1,me@gw2:2201',
    proxyCommand: undefined,
    proxyUseFdpass: false,
    strictHostKeyChecking: 'ask',
  });
});

it('has the defaults of OpenSSH when there is no ssh program', async () => {
  const settings = await sshConfigReader(undefined, { PATH: '/nowhere' })({ address: 'db1', port: 2200 });
  expect(settings).toMatchObject({
    address: 'db1',
    port: 2200,
    user: username,
    identitiesOnly: false,
    userKnownHostsFiles: [`${homedir}/.ssh/known_hosts`, `${homedir}/.ssh/known_hosts2`],
  });
});

it('asks once per question', async () => {
  const read = sshConfigReader('/dev/null', process.env);
  const first = read({ address: 'db1' });
  expect(read({ address: 'db1' })).toBe(first);
  expect(read({ address: 'db1', user: 'me' })).not.toBe(first);
  await expect(first).resolves.toMatchObject({ address: 'db1' });
  await read({ address: 'db1', user: 'me' });
});

it('expands the tokens of paths', () => {
  const values = { address: 'h', port: 22, user: 'r', name: 'n' };
  expect(expandPath('~/%h %n %p %r %% %d %u %X', values)).toBe(
    `${homedir}/h n 22 r % ${homedir} ${username} %X`,
  );
});

it('expands the tokens of a ProxyCommand once', () => {
  const values = { address: '10.0.0.5', port: 22, user: 'me', name: 'db1' };
  expect(expandProxyCommand("nc '%h' %p %r %n %%h", values, 'db1')).toBe("nc '10.0.0.5' 22 me db1 %h");
  expect(() => expandProxyCommand('nc %C', values, 'db1')).toThrow('unknown token %C');
  expect(() => expandProxyCommand('nc %h', { ...values, address: 'a;b' }, 'db1')).toThrow('not a host name');
  expect(() => expandProxyCommand('nc %r', { ...values, user: 'dom\\me' }, 'db1')).toThrow('backslash');
});

it.each([
  ['gw1', 'gw1', undefined, undefined],
  ['me@gw1:2201', 'gw1', 2201, 'me'],
  ['ssh://me@gw1:2201', 'gw1', 2201, 'me'],
  ['[fe80::1]:2201', 'fe80::1', 2201, undefined],
  ['me@corp@gw1', 'gw1', undefined, 'me@corp'],
])('reads the hop %s', (text, address, port, user) => {
  expect(parseHop(text, 'db1').connection).toMatchObject({ address, port, user });
});

it('refuses a hop that is none', () => {
  expect(() => parseHop('gw1:ssh:x', 'db1')).toThrow('which is no host');
});

it.each(['gw1', 'gw-1.example.org', '10.0.0.1', 'fe80::1%eth0', '[::1]', 'münchen', 'under_score', '_x'])(
  'takes the address %s',
  (address) => expect(() => checkAddress(address, 'h')).not.toThrow(),
);

it.each([
  '-x',
  'a b',
  'a\tb',
  'a\nb',
  'a\0b',
  'a;b',
  'a|b',
  'a&b',
  '$a',
  '`a`',
  'a"b',
  "a'b",
  'a>b',
  'a(b',
  'a\\b',
  'a*',
  'a!',
  '%h',
  '',
  'a/b',
  'a@b',
])('refuses %j as an address', (address) => expect(() => checkAddress(address, 'h')).toThrow('h: '));

it.each(['-l', 'a b', 'a;b', '$a', 'a\nb', "a'b", ''])('refuses %j as a user', (user) => {
  expect(() => checkUser(user, 'h')).toThrow('is not a user name');
});

it('writes addresses with ports', () => {
  expect(endpoint('10.0.0.1', 22)).toBe('10.0.0.1:22');
  expect(endpoint('fe80::1', 22)).toBe('[fe80::1]:22');
});
