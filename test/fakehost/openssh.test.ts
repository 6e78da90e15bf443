import { execFileSync, spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { opensshTransport } from '../../src/transport/index.ts';
import { fingerprintOf } from '../../src/transport/known-hosts.ts';
import { newKeyPair } from './fake-host.ts';
import type { FakeHost } from './fake-host.ts';
import { fakeNetwork } from './fake-network.ts';
import type { LoginOptions } from './fake-network.ts';
import { targetOf } from './ssh-setup.ts';
import type { SshSetup } from './ssh-setup.ts';

const network = fakeNetwork();
const { host: hostWith, setup: setupFor, unusedPort } = network;
const run = { timeoutMs: 10_000 };
const login = (setup: SshSetup, options: LoginOptions = {}) =>
  network.login(setup, { ...options, by: opensshTransport });
const jumpVia = (name: string): ReturnType<typeof targetOf> => targetOf(name);

const leftovers = (): string[] => readdirSync(tmpdir()).filter((name) => name.startsWith('provision-ssh-'));
let before: string[] = [];
beforeEach(() => {
  before = leftovers();
});

/** Nothing of ours is left: connections, processes, files. */
async function expectNothingLeft(...hosts: FakeHost[]): Promise<void> {
  for (let tries = 0; tries < 200 && hosts.some(({ open }) => open > 0); tries += 1)
    await new Promise((resume) => setTimeout(resume, 20));
  expect(hosts.map(({ open }) => open)).toEqual(hosts.map(() => 0));
  expect(leftovers().filter((name) => !before.includes(name))).toEqual([]);
}

describe('commands by the system ssh', () => {
  it('input, output, error output and code; one connection for all of a session, and nothing is left', async () => {
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
    await Promise.all(
      [1, 2, 3].map(async (number) => {
        const { stdout } = await session.exec(`cat; echo ${number}`, { ...run, stdin: `in ${number} ` });
        expect(stdout).toBe(`in ${number} ${number}\n`);
      }),
    );
    expect(session.counts).toMatchObject({ execs: 4, jumps: 0, bytesOut: 13 + 15 });
    expect([host.connections, host.logins]).toEqual([1, ['tester']]);
    await session.close();
    await expectNothingLeft(host);
  });

  it('a new connection for every session', async () => {
    const host = await hostWith();
    const setup = setupFor(
      { db1: host },
      { everywhere: ['ControlMaster auto', 'ControlPath ~/.ssh/%C', 'ControlPersist 60'] },
    );
    await login(setup);
    await login(setup);
    expect(host.connections).toBe(2);
  });

  it('a command that ends 255 is a result; one that is killed is not', async () => {
    const session = await login(setupFor({ db1: await hostWith() }));
    await expect(session.exec('exit 255', run)).resolves.toMatchObject({ code: 255 });
    await expect(session.exec('kill -9 $$', run)).resolves.not.toMatchObject({ code: 0 });
  });

  it('text in pieces, and a large input', async () => {
    const session = await login(setupFor({ db1: await hostWith({ chunkBytes: 7 }) }));
    const euro = '€'.repeat(20_000);
    await expect(session.exec('cat', { ...run, stdin: euro })).resolves.toMatchObject({ stdout: euro });
  });

  it('gives up on a command after its time, and the connection with it', async () => {
    const host = await hostWith();
    const session = await login(setupFor({ db1: host }));
    await expect(session.exec('sleep 30', { timeoutMs: 300 })).rejects.toMatchObject({
      code: 'command-timeout',
    });
    await expect(session.exec('true', run)).rejects.toMatchObject({ code: 'connection-lost' });
    await expectNothingLeft(host);
  });

  it('a cut link ends the running command at once', async () => {
    const host = await hostWith();
    const session = await login(setupFor({ db1: host }));
    const running = session.exec('sleep 30', run);
    setTimeout(() => host.cut(), 300);
    await expect(running).rejects.toMatchObject({
      code: 'connection-lost',
      message: expect.stringMatching(/^db1: /),
    });
    await expect(session.exec('true', run)).rejects.toMatchObject({ code: 'connection-lost' });
    await expectNothingLeft(host);
  });

  it('a host that falls silent is lost after three signs of life that it owes', async () => {
    const host = await hostWith();
    const session = await login(setupFor({ db1: host }), { options: { keepaliveMs: 1000 } });
    const running = session.exec('sleep 30', { timeoutMs: 30_000 });
    await new Promise((resume) => setTimeout(resume, 300));
    host.freeze();
    await expect(running).rejects.toMatchObject({ code: 'connection-lost' });
  });

  it('a controller that is killed leaves no connection behind', async () => {
    const host = await hostWith();
    const setup = setupFor({ db1: host });
    const script = `
      import { createJiti } from 'jiti';
      const { opensshTransport } = await createJiti(process.cwd()).import(${JSON.stringify(resolve('src/transport/index.ts'))});
      const transport = opensshTransport({ configFile: ${JSON.stringify(setup.configFile)}, hostKeyChecking: 'strict' });
      const target = { name: 'db1', connection: { address: 'db1', become: false, jumps: [], hostKeys: [], via: 'ssh' }, jumps: [] };
      await transport.connect(target);
      console.log('connected');
      setInterval(() => undefined, 1000);`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await new Promise((resume) => child.stdout.once('data', resume));
    expect(host.open).toBe(1);
    child.kill('SIGKILL');
    for (let tries = 0; tries < 200 && host.open > 0; tries += 1)
      await new Promise((resume) => setTimeout(resume, 20));
    expect(host.open).toBe(0);
    // Killed, it could not take its directory along.
    leftovers()
      .filter((name) => !before.includes(name))
      .forEach((name) => execFileSync('rm', ['-r', join(tmpdir(), name)]));
  });
});

describe('trouble on the way, in the words and codes of the other transport', () => {
  it('nothing listens', async () => {
    const setup = setupFor({ db1: await hostWith() });
    const port = await unusedPort();
    await expect(login(setup, { connection: { port } })).rejects.toMatchObject({
      code: 'connection-refused',
      message: `db1: nothing accepts connections at tester@127.0.0.1:${String(port)}`,
    });
  });

  it('a name that does not exist', async () => {
    await expect(login(setupFor({}), { connection: { address: 'no.such.invalid' } })).rejects.toMatchObject({
      code: 'name-not-found',
    });
  });

  it('a host that takes the connection and says nothing', async () => {
    const host = await hostWith({ hang: 'before-handshake' });
    const attempt = login(setupFor({ db1: host }), { options: { connectTimeoutMs: 700 } });
    await expect(attempt).rejects.toMatchObject({
      code: 'connection-timeout',
      message: expect.stringContaining('within 0.7 s'),
    });
    await expectNothingLeft(host);
  });

  it('a run that is interrupted', async () => {
    const host = await hostWith({ hang: 'before-handshake' });
    const setup = setupFor({ db1: host });
    const stop = new AbortController();
    setTimeout(() => stop.abort(), 200);
    const transport = opensshTransport({ configFile: setup.configFile, hostKeyChecking: 'strict' });
    await expect(transport.connect(targetOf('db1'), stop.signal)).rejects.toMatchObject({
      message: expect.stringContaining('interrupted'),
    });
    await expectNothingLeft(host);
  });

  it('a login that is refused', async () => {
    const attempt = login(setupFor({ db1: await hostWith({ authorizedKeys: [] }) }));
    await expect(attempt).rejects.toMatchObject({
      code: 'login-refused',
      message: expect.stringMatching(/^db1: tester@127/),
    });
  });

  it('ansible_ssh_private_key_file is offered before the keys of the ssh_config', async () => {
    const host = await hostWith();
    const everywhere = ['IdentityFile /nowhere/key'];
    const setup = setupFor({}, { everywhere, knownHosts: host.knownHostsLine() });
    const connection = { address: '127.0.0.1', port: host.port, user: 'tester' };
    await expect(login(setup, { connection })).rejects.toMatchObject({ code: 'login-refused' });
    const key = { privateKeyFile: host.clientKeyFile };
    await expect(login(setup, { connection: { ...connection, ...key } })).resolves.toBeDefined();
  });

  it('reports what a ProxyCommand of the user complained about', async () => {
    const setup = setupFor(
      { db1: await hostWith() },
      // ssh puts `exec` before it: a redirection of its own would close standard output before a word is said.
      { lines: { db1: ['ProxyCommand sh -c "echo no way through >&2; exit 1"'] } },
    );
    await expect(login(setup)).rejects.toMatchObject({
      code: 'ssh-protocol',
      message: expect.stringContaining('no way through'),
    });
  });

  it('goes through a ProxyCommand of the user', async () => {
    const forward = fileURLToPath(new URL('proxy-command.mjs', import.meta.url));
    const setup = setupFor(
      { db1: await hostWith() },
      { lines: { db1: [`ProxyCommand "${process.execPath}" "${forward}" %h %p`] } },
    );
    const session = await login(setup);
    await expect(session.exec('echo there', run)).resolves.toMatchObject({ stdout: 'there\n' });
  });
});

describe('host keys stay strict', () => {
  const loose = { everywhere: ['StrictHostKeyChecking no'] };

  it('unknown: refused, whatever StrictHostKeyChecking of the ssh_config says', async () => {
    const host = await hostWith();
    const setup = setupFor({ db1: host }, { ...loose, knownHosts: '' });
    await expect(login(setup)).rejects.toMatchObject({ code: 'host-key-unknown' });
    expect([host.logins, setup.knownHosts()]).toEqual([[], '']);
  });

  it('accept-new: kept, and strict from then on', async () => {
    const host = await hostWith();
    const setup = setupFor({ db1: host }, { knownHosts: '' });
    await login(setup, { options: { hostKeyChecking: 'accept-new' } });
    expect(setup.knownHosts()).toContain(host.hostKey.split(' ')[1]);
    await expect(login(setup)).resolves.toBeDefined();
  });

  it.each(['strict', 'accept-new'] as const)('changed: refused (%s)', async (hostKeyChecking) => {
    const host = await hostWith();
    const knownHosts = `[127.0.0.1]:${host.port} ${newKeyPair().public}\n`;
    const setup = setupFor({ db1: host }, { ...loose, knownHosts });
    await expect(login(setup, { options: { hostKeyChecking } })).rejects.toMatchObject({
      code: 'host-key-changed',
    });
    expect(host.logins).toEqual([]);
  });

  it('off: any key will do, and nothing is kept', async () => {
    const host = await hostWith();
    const unknown = setupFor({ db1: host }, { knownHosts: '' });
    await login(unknown, { options: { hostKeyChecking: 'off' } });
    expect(unknown.knownHosts()).toBe('');
    const changed = setupFor(
      { db1: host },
      { knownHosts: `[127.0.0.1]:${host.port} ${newKeyPair().public}\n` },
    );
    await expect(login(changed, { options: { hostKeyChecking: 'off' } })).resolves.toBeDefined();
  });

  it.each(['strict', 'accept-new', 'off'] as const)(
    'revoked: refused in every mode (%s)',
    async (hostKeyChecking) => {
      const host = await hostWith();
      const line = host.knownHostsLine();
      const setup = setupFor({ db1: host }, { ...loose, knownHosts: `@revoked ${line}${line}` });
      await expect(login(setup, { options: { hostKeyChecking } })).rejects.toMatchObject({
        code: 'host-key-revoked',
      });
      expect(host.logins).toEqual([]);
    },
  );

  it('pinned keys stand in for known_hosts; a revoked one does not; a fingerprint is refused with what to do', async () => {
    const host = await hostWith();
    const other = newKeyPair().public;
    const setup = setupFor({ db1: host }, { knownHosts: `[127.0.0.1]:${host.port} ${other}\n` });
    await expect(login(setup, { connection: { hostKeys: [host.hostKey] } })).resolves.toBeDefined();
    await expect(login(setup, { connection: { hostKeys: [other] } })).rejects.toMatchObject({
      code: expect.stringMatching(/^host-key-/),
    });
    const revoked = setupFor({ db1: host }, { knownHosts: `@revoked ${host.knownHostsLine()}` });
    await expect(login(revoked, { connection: { hostKeys: [host.hostKey] } })).rejects.toMatchObject({
      code: 'host-key-revoked',
    });
    const print = fingerprintOf(Buffer.from(host.hostKey.split(' ')[1] ?? '', 'base64'));
    await expect(login(setup, { connection: { hostKeys: [print] } })).rejects.toMatchObject({
      code: 'host-key-unsupported',
      hint: expect.stringContaining('whole key'),
    });
  });
});

describe('jump hosts', () => {
  it('two hops of the inventory, each with its own key and login; nothing is left', async () => {
    const [gw1, gw2, db1] = [await hostWith(), await hostWith(), await hostWith()];
    const setup = setupFor({ gw1, gw2, db1 });
    const session = await login(setup, { jumps: [jumpVia('gw1'), jumpVia('gw2')] });
    await expect(session.exec('echo there', run)).resolves.toMatchObject({ stdout: 'there\n' });
    expect(session.counts.jumps).toBe(2);
    expect(gw1.forwards).toEqual([`127.0.0.1:${String(gw2.port)}`]);
    expect(gw2.forwards).toEqual([`127.0.0.1:${String(db1.port)}`]);
    expect([gw1, gw2, db1].map(({ connections }) => connections)).toEqual([1, 1, 1]);
    await session.close();
    await expectNothingLeft(gw1, gw2, db1);
  });

  it('ProxyJump of the ssh_config, also of the first hop', async () => {
    const [gw1, gw2, db1] = [await hostWith(), await hostWith(), await hostWith()];
    const lines = { db1: ['ProxyJump gw2'], gw2: ['ProxyJump gw1'] };
    const session = await login(setupFor({ gw1, gw2, db1 }, { lines }));
    expect(session.counts.jumps).toBe(2);
    expect([gw1, gw2, db1].map(({ logins }) => logins.length)).toEqual([1, 1, 1]);
  });

  it('names the hop whose host key is wrong, and logs in nowhere', async () => {
    const [gw1, gw2, db1] = [await hostWith(), await hostWith(), await hostWith()];
    const knownHosts = [
      gw1.knownHostsLine(),
      `[127.0.0.1]:${gw2.port} ${newKeyPair().public}\n`,
      db1.knownHostsLine(),
    ].join('');
    const setup = setupFor({ gw1, gw2, db1 }, { knownHosts, everywhere: ['StrictHostKeyChecking no'] });
    await expect(login(setup, { jumps: [jumpVia('gw1'), jumpVia('gw2')] })).rejects.toMatchObject({
      code: 'host-key-changed',
      message: expect.stringMatching(
        /^jump host gw2 \(for db1\): the host key of tester@127\.0\.0\.1:\d+ has changed/,
      ),
    });
    expect([gw2.logins, db1.logins]).toEqual([[], []]);
  });

  it('names the hop that refuses the login, and the one that does not forward', async () => {
    const [shut, closed, db1] = [
      await hostWith({ authorizedKeys: [] }),
      await hostWith({ forwarding: false }),
      await hostWith(),
    ];
    const setup = setupFor({ shut, closed, db1 });
    await expect(login(setup, { jumps: [jumpVia('shut')] })).rejects.toMatchObject({
      code: 'login-refused',
      message: expect.stringMatching(/^jump host shut \(for db1\): /),
    });
    await expect(login(setup, { jumps: [jumpVia('closed')] })).rejects.toMatchObject({
      message: expect.stringMatching(/^jump host closed \(for db1\): /),
    });
  });
});

describe('hostile names are inert', () => {
  it.each([
    '-oProxyCommand=touch CANARY',
    '--',
    '-F/dev/null',
    '$(touch CANARY)',
    '`touch CANARY`',
    'db1;touch CANARY',
    'db1\ntouch CANARY',
    "db1'",
    'db1"',
    'db1 -oProxyCommand=x',
    '%h',
    'user@db1',
    '*',
    '',
  ])('an address %j', async (address) => {
    const host = await hostWith();
    const setup = setupFor({ db1: host });
    const canary = join(setup.directory, 'canary');
    const hostile = address.replaceAll('CANARY', canary);
    const options = { by: opensshTransport, connection: { address: hostile } };
    await expect(network.login(setup, options)).rejects.toMatchObject({ name: 'ProvisionError' });
    await expect(login(setup, { jumps: [targetOf('gw', { address: hostile })] })).rejects.toMatchObject({
      name: 'ProvisionError',
    });
    expect([existsSync(canary), host.connections]).toEqual([false, 0]);
  });

  it.each(['-oProxyCommand=touch CANARY', '$(touch CANARY)', 'a;touch CANARY', 'a b', "a'b", '%r'])(
    'a user %j',
    async (user) => {
      const host = await hostWith();
      const setup = setupFor({ db1: host });
      const canary = join(setup.directory, 'canary');
      const hostile = user.replaceAll('CANARY', canary);
      await expect(login(setup, { connection: { user: hostile } })).rejects.toMatchObject({
        name: 'ProvisionError',
      });
      expect([existsSync(canary), host.connections]).toEqual([false, 0]);
    },
  );

  it.each(["key'$(touch CANARY)", 'key %h %% %d', 'key;touch CANARY', '-oProxyCommand=touch CANARY'])(
    'a key file %j of the last host and of a hop',
    async (name) => {
      const [gw1, db1] = [await hostWith(), await hostWith()];
      const setup = setupFor({ gw1, db1 });
      const canary = join(setup.directory, 'canary');
      // A path is the user's own, and may have any character: it is used as it stands.
      const file = join(setup.directory, name.replaceAll('CANARY', 'canary').replaceAll('/', '_'));
      const keys = (host: FakeHost): string => {
        writeFileSync(file, readFileSync(host.clientKeyFile), { mode: 0o600 });
        return file;
      };
      const direct = await login(setup, { connection: { privateKeyFile: keys(db1) } });
      await expect(direct.exec('echo there', run)).resolves.toMatchObject({ stdout: 'there\n' });
      const hop = targetOf('gw1', { privateKeyFile: keys(gw1) });
      const through = await login(setup, { jumps: [hop] });
      await expect(through.exec('echo there', run)).resolves.toMatchObject({ stdout: 'there\n' });
      expect(existsSync(canary)).toBe(false);
    },
  );

  it('control: a ProxyCommand of the user itself does touch the canary', async () => {
    const host = await hostWith();
    const first = setupFor({ db1: host });
    const canary = join(first.directory, 'canary');
    const setup = setupFor({ db1: host }, { lines: { db1: [`ProxyCommand touch ${canary}; exit 1`] } });
    await expect(login(setup)).rejects.toMatchObject({ code: 'ssh-protocol' });
    expect(existsSync(canary)).toBe(true);
  });
});
