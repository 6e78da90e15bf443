import { describe, expect, it } from '@jest/globals';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { sshTransport } from '../../src/transport/index.ts';
import { fingerprintOf } from '../../src/transport/known-hosts.ts';
import { newKeyPair } from './fake-host.ts';
import { fakeNetwork } from './fake-network.ts';
import { targetOf } from './ssh-setup.ts';

const { host: hostWith, setup: setupFor, login, unusedPort, atEnd } = fakeNetwork();

const blobOf = (line: string): Buffer => Buffer.from(line.split(' ')[1] ?? '', 'base64');
const run = { timeoutMs: 5000 };

describe('connecting', () => {
  it('runs a real command with its input, output, error output and code', async () => {
    const host = await hostWith({ banner: 'Authorised use only\n' });
    const session = await login(setupFor({ db1: host }));
    const lines: string[] = [];
    const result = await session.exec('cat; echo bad >&2; exit 3', {
      ...run,
      stdin: ' kept \nlast\n\n',
      onLine: (line) => lines.push(line),
    });
    expect(result).toEqual({ code: 3, stdout: ' kept \nlast\n\n', stderr: 'bad\n' });
    expect(lines).toEqual([' kept ', 'last', '']);
    expect(session.counts).toEqual({ execs: 1, jumps: 0, bytesIn: 17, bytesOut: 13 });
    expect(host.logins).toEqual(['tester']);
  });

  it('makes a new connection every time', async () => {
    const host = await hostWith();
    const setup = setupFor({ db1: host });
    await login(setup);
    await login(setup);
    expect(host.connections).toBe(2);
  });

  it('takes user and port of the inventory before those of the ssh_config', async () => {
    const host = await hostWith();
    const setup = setupFor({ db1: host }, { lines: { db1: ['Port 1', 'User nobody'] } });
    await login(setup, { connection: { port: host.port, user: 'me' } });
    expect(host.logins).toEqual(['me']);
  });

  it('names a refused connection', async () => {
    const host = await hostWith();
    const setup = setupFor({ db1: host });
    const free = await unusedPort();
    await expect(login(setup, { connection: { port: free } })).rejects.toMatchObject({
      code: 'connection-refused',
      message: `db1: nothing accepts connections at tester@127.0.0.1:${String(free)}`,
      hint: expect.stringContaining(`ssh -p ${String(free)} tester@db1`),
    });
  });

  it('names a name that does not exist', async () => {
    const setup = setupFor({});
    const connection = { address: 'no-such-host.invalid', privateKeyFile: (await hostWith()).clientKeyFile };
    await expect(login(setup, { connection })).rejects.toMatchObject({ code: 'name-not-found' });
  });

  it('gives up on a host that takes the connection and says nothing', async () => {
    const host = await hostWith({ hang: 'before-handshake' });
    const began = Date.now();
    const attempt = login(setupFor({ db1: host }), { options: { connectTimeoutMs: 300 } });
    await expect(attempt).rejects.toMatchObject({
      code: 'connection-timeout',
      message: `db1: no SSH connection to tester@127.0.0.1:${String(host.port)} within 0.3 s`,
    });
    expect(Date.now() - began).toBeLessThan(2000);
  });

  it('stops at once when the run is interrupted', async () => {
    const host = await hostWith({ hang: 'before-handshake' });
    const setup = setupFor({ db1: host });
    const interrupt = new AbortController();
    const transport = sshTransport({ configFile: setup.configFile, hostKeyChecking: 'strict', env: {} });
    const attempt = transport.connect(targetOf('db1'), interrupt.signal);
    setTimeout(() => interrupt.abort(), 50);
    await expect(attempt).rejects.toMatchObject({ message: expect.stringContaining('interrupted') });
  });

  it('names a server that is no SSH server', async () => {
    const server = createServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    atEnd(() => void server.close());
    const setup = setupFor({ db1: await hostWith() });
    const { port } = server.address() as AddressInfo;
    await expect(login(setup, { connection: { port } })).rejects.toMatchObject({ code: 'ssh-protocol' });
  });

  it('says what is wrong with the ssh_config', async () => {
    const setup = setupFor({});
    writeFileSync(setup.configFile, 'Bogus yes\n');
    await expect(login(setup)).rejects.toMatchObject({
      code: 'usage',
      message: expect.stringContaining('Bad configuration option: bogus'),
    });
  });
});

describe('case 36: host keys', () => {
  it('refuses an unknown host with its fingerprint and a next step', async () => {
    const host = await hostWith();
    const setup = setupFor({ db1: host }, { knownHosts: '' });
    await expect(login(setup)).rejects.toMatchObject({
      code: 'host-key-unknown',
      message: expect.stringContaining(fingerprintOf(blobOf(host.hostKey))),
      hint: expect.stringContaining('--host-key-checking accept-new'),
    });
    expect(host.logins).toEqual([]);
    expect(setup.knownHosts()).toBe('');
  });

  it('keeps an unknown key once with accept-new, in a file only its owner can read', async () => {
    const host = await hostWith();
    const setup = setupFor(
      { db1: host },
      { knownHosts: 'other ssh-ed25519 AAAA', everywhere: ['UserKnownHostsFile ~/x'] },
    );
    const file = join(setup.directory, 'new', 'known_hosts');
    writeFileSync(setup.configFile, readFileSync(setup.configFile, 'utf8').replace('~/x', file));
    const options = { hostKeyChecking: 'accept-new' } as const;
    await login(setup, { options });
    await login(setup, { options });
    await login(setup);
    expect(readFileSync(file, 'utf8')).toBe(host.knownHostsLine());
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(statSync(join(setup.directory, 'new')).mode & 0o777).toBe(0o700);
  });

  it.each(['strict', 'accept-new'] as const)(
    'refuses a changed key (%s) and names the known line',
    async (mode) => {
      const host = await hostWith();
      const known = newKeyPair().public;
      const text = `# first line\n[127.0.0.1]:${String(host.port)} ${known}\n`;
      const setup = setupFor({ db1: host }, { knownHosts: text });
      const error = await login(setup, { options: { hostKeyChecking: mode } }).catch(
        (reason: unknown) => reason,
      );
      expect(error).toMatchObject({
        code: 'host-key-changed',
        message: expect.stringContaining(`${setup.knownHostsFile}:2`),
        place: { file: setup.knownHostsFile, line: 2 },
      });
      const { message, hint } = error as { message: string; hint: string };
      expect(message).toContain(fingerprintOf(blobOf(known)));
      expect(message).toContain(fingerprintOf(blobOf(host.hostKey)));
      expect(`${message}${hint}`).not.toMatch(/ssh-keygen -R|\brm\b/);
      expect(host.logins).toEqual([]);
      expect(setup.knownHosts()).toBe(text);
    },
  );

  it('accepts a changed key with checking off', async () => {
    const host = await hostWith();
    const knownHosts = `[127.0.0.1]:${String(host.port)} ${newKeyPair().public}\n`;
    await login(setupFor({ db1: host }, { knownHosts }), { options: { hostKeyChecking: 'off' } });
    expect(host.logins).toEqual(['tester']);
  });

  it.each(['strict', 'accept-new', 'off'] as const)('refuses a revoked key (%s)', async (hostKeyChecking) => {
    const host = await hostWith();
    const knownHosts = `${host.knownHostsLine()}@revoked * ${host.hostKey}\n`;
    const attempt = login(setupFor({ db1: host }, { knownHosts }), { options: { hostKeyChecking } });
    await expect(attempt).rejects.toMatchObject({ code: 'host-key-revoked' });
  });

  it('says that host certificates are not supported', async () => {
    const host = await hostWith();
    const knownHosts = `@cert-authority * ${newKeyPair().public}\n`;
    await expect(login(setupFor({ db1: host }, { knownHosts }))).rejects.toMatchObject({
      code: 'host-key-unsupported',
    });
  });

  it('asks a host with several keys for the known one', async () => {
    const [ed25519, rsa, ecdsa] = [newKeyPair(), newKeyPair('rsa'), newKeyPair('ecdsa')];
    const host = await hostWith({ hostKeys: [ed25519, rsa, ecdsa] });
    for (const { public: known } of [rsa, ecdsa]) {
      await login(setupFor({ db1: host }, { knownHosts: `[127.0.0.1]:${String(host.port)} ${known}\n` }));
    }
    expect(host.logins).toHaveLength(2);
  });

  it('refuses a host that no longer has a key of the known type', async () => {
    const host = await hostWith();
    const knownHosts = `[127.0.0.1]:${String(host.port)} ${newKeyPair('ecdsa').public}\n`;
    const attempt = login(setupFor({ db1: host }, { knownHosts }), {
      options: { hostKeyChecking: 'accept-new' },
    });
    await expect(attempt).rejects.toMatchObject({
      code: 'host-key-changed',
      message: expect.stringContaining('does not show the host key that is known'),
    });
  });

  it('follows pinned keys instead of known_hosts', async () => {
    const host = await hostWith();
    const setup = setupFor({ db1: host }, { knownHosts: '' });
    await login(setup, { connection: { hostKeys: [`${host.hostKey} a comment`] } });
    await login(setup, { connection: { hostKeys: [fingerprintOf(blobOf(host.hostKey))] } });
    const other = newKeyPair().public;
    const known = setupFor({ db1: host });
    for (const hostKeyChecking of ['strict', 'off'] as const) {
      const attempt = login(known, { connection: { hostKeys: [other] }, options: { hostKeyChecking } });
      await expect(attempt).rejects.toMatchObject({ code: 'host-key-changed' });
    }
    expect(host.logins).toHaveLength(2);
  });

  it('looks under HostKeyAlias', async () => {
    const host = await hostWith();
    const setup = setupFor(
      { db1: host },
      { knownHosts: host.knownHostsLine('the-database'), lines: { db1: ['HostKeyAlias the-database'] } },
    );
    await login(setup);
    expect(host.logins).toHaveLength(1);
  });
});

describe('values that are no host names', () => {
  it.each([
    '-oProxyCommand=touch CANARY',
    '-oProxyCommand=touch${IFS}CANARY',
    'a;touch CANARY',
    '$(touch CANARY)',
    '`touch CANARY`',
    'a\ntouch CANARY',
    "a'b",
    'me@host',
    '',
  ])('refuses the address %j before anything starts', async (address) => {
    const host = await hostWith();
    const setup = setupFor({ db1: host });
    const canary = join(setup.directory, 'canary');
    const connection = { address: address.replace('CANARY', canary) };
    await expect(login(setup, { connection })).rejects.toMatchObject({ code: 'inventory' });
    expect(existsSync(canary)).toBe(false);
    expect(host.connections).toBe(0);
  });

  it('refuses a user that a ProxyCommand would hand to a shell, and the canary would have told', async () => {
    const host = await hostWith();
    const setup = setupFor({});
    const canary = join(setup.directory, 'canary');
    writeFileSync(
      setup.configFile,
      `Host *\n  ProxyCommand echo %r; exit 1\n  IdentityFile ${host.clientKeyFile}\n  UserKnownHostsFile none\n`,
    );
    const hostile = login(setup, { connection: { user: `$(touch ${canary})` } });
    await expect(hostile).rejects.toMatchObject({ code: 'inventory' });
    expect(existsSync(canary)).toBe(false);

    // The control: the same shell, reached by the same way, does leave the canary.
    writeFileSync(
      setup.configFile,
      `Host *\n  ProxyCommand echo $(touch ${canary}); exit 1\n  IdentityFile ${host.clientKeyFile}\n`,
    );
    await expect(login(setup)).rejects.toMatchObject({ code: 'ssh-protocol' });
    expect(existsSync(canary)).toBe(true);
  });
});
