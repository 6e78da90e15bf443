import { describe, expect, it } from '@jest/globals';
import { execFileSync, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { generateKeyPairSync } from 'node:crypto';
import { join } from 'node:path';
import { newKeyPair } from './fake-host.ts';
import { fakeNetwork } from './fake-network.ts';
import type { SshSetup } from './ssh-setup.ts';

const { host: hostWith, setup: setupFor, login, atEnd } = fakeNetwork();

function keyFile(setup: SshSetup, name: string): { file: string; public: string } {
  const file = join(setup.directory, name);
  const pair = newKeyPair();
  writeFileSync(file, pair.private, { mode: 0o600 });
  return { file, public: pair.public };
}

/** Encrypts a key file; few rounds of bcrypt, for a fast test. */
const encrypt = (file: string, passphrase: string): void =>
  void execFileSync('ssh-keygen', ['-p', '-q', '-a', '2', '-P', '', '-N', passphrase, '-f', file]);

async function agentWith(setup: SshSetup, files: readonly string[]): Promise<string> {
  const socket = join(setup.directory, 'agent');
  const agent = spawn('ssh-agent', ['-D', '-a', socket], { stdio: ['ignore', 'pipe', 'ignore'] });
  atEnd(() => agent.kill());
  await new Promise((resolve) => agent.stdout.once('data', resolve));
  for (const file of files) {
    execFileSync('ssh-add', ['-q', file], {
      env: { ...process.env, SSH_AUTH_SOCK: socket },
      stdio: 'ignore',
    });
  }
  return socket;
}

const PATH = process.env['PATH'];

describe('logging in', () => {
  it('says which keys were refused, by whom, and what to do', async () => {
    const host = await hostWith({ authorizedKeys: [] });
    await expect(login(setupFor({ db1: host }))).rejects.toMatchObject({
      code: 'login-refused',
      message: `db1: tester@127.0.0.1:${String(host.port)} refuses the login; offered: ${host.clientKeyFile}`,
      hint: expect.stringContaining('authorized_keys of tester'),
    });
  });

  it('uses only ansible_ssh_private_key_file when it is given', async () => {
    const host = await hostWith();
    const setup = setupFor({ db1: host });
    const wrong = keyFile(setup, 'wrong');
    const attempt = login(setup, { connection: { privateKeyFile: wrong.file } });
    await expect(attempt).rejects.toMatchObject({
      message: expect.stringContaining(`offered: ${wrong.file}`),
    });
    await expect(attempt).rejects.not.toMatchObject({ message: expect.stringContaining(host.clientKeyFile) });
  });

  it('goes on to the next key file', async () => {
    const host = await hostWith();
    const wrong = keyFile(setupFor({}), 'wrong');
    const lines = { db1: ['IdentityFile /no/such/key', `IdentityFile ${wrong.file}`] };
    await login(setupFor({ db1: host }, { lines }));
    expect(host.logins).toEqual(['tester']);
  });

  it('opens an encrypted key with PROVISION_KEY_PASSPHRASE', async () => {
    const setup = setupFor({});
    const key = keyFile(setup, 'locked');
    encrypt(key.file, 'open sesame');
    const host = await hostWith({ authorizedKeys: [key.public] });
    const withKey = { connection: { privateKeyFile: key.file } };
    const hosts = setupFor({ db1: host });
    const env = { PATH, PROVISION_KEY_PASSPHRASE: 'open sesame' };
    await login(hosts, { ...withKey, options: { env } });

    await expect(login(hosts, withKey)).rejects.toMatchObject({
      code: 'key-unreadable',
      message: expect.stringContaining(`${key.file} is encrypted and PROVISION_KEY_PASSPHRASE is not set`),
      hint: expect.stringContaining('ssh-add'),
    });
    const wrong = { ...env, PROVISION_KEY_PASSPHRASE: 'not this one' };
    const attempt = login(hosts, { ...withKey, options: { env: wrong } });
    await expect(attempt).rejects.toMatchObject({ code: 'key-unreadable' });
    await expect(attempt).rejects.not.toMatchObject({ message: expect.stringContaining('not this one') });
    expect(host.connections).toBe(1);
  });

  it('uses a key that only the agent can open', async () => {
    const setup = setupFor({});
    const key = keyFile(setup, 'locked');
    const socket = await agentWith(setup, [key.file]);
    encrypt(key.file, 'open sesame');
    const host = await hostWith({ authorizedKeys: [key.public] });
    const hosts = setupFor({ db1: host }, { everywhere: ['IdentityAgent SSH_AUTH_SOCK'] });
    const env = { PATH, SSH_AUTH_SOCK: socket };
    await login(hosts, { connection: { privateKeyFile: key.file }, options: { env } });
    expect(host.logins).toHaveLength(1);
  });

  it('offers the other keys of the agent unless IdentitiesOnly', async () => {
    const setup = setupFor({});
    const key = keyFile(setup, 'known-to-the-agent');
    const env = { PATH, SSH_AUTH_SOCK: await agentWith(setup, [key.file]) };
    const host = await hostWith({ authorizedKeys: [key.public] });
    const everywhere = ['IdentityAgent SSH_AUTH_SOCK'];
    await login(setupFor({ db1: host }, { everywhere }), { options: { env } });
    const only = setupFor({ db1: host }, { everywhere: [...everywhere, 'IdentitiesOnly yes'] });
    await expect(login(only, { options: { env } })).rejects.toMatchObject({ code: 'login-refused' });
    const none = setupFor({ db1: host }, { everywhere: ['IdentityAgent none'] });
    await expect(login(none, { options: { env } })).rejects.toMatchObject({ code: 'login-refused' });
  });

  it('goes on without an agent that does not answer', async () => {
    const host = await hostWith();
    const setup = setupFor({ db1: host }, { everywhere: ['IdentityAgent SSH_AUTH_SOCK'] });
    await login(setup, { options: { env: { PATH, SSH_AUTH_SOCK: join(setup.directory, 'nobody') } } });
    expect(host.logins).toHaveLength(1);
  });

  it('tells how to convert a PKCS#8 key', async () => {
    const setup = setupFor({ db1: await hostWith() });
    const file = join(setup.directory, 'pkcs8');
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    writeFileSync(file, privateKey.export({ type: 'pkcs8', format: 'pem' }));
    await expect(login(setup, { connection: { privateKeyFile: file } })).rejects.toMatchObject({
      code: 'key-unreadable',
      hint: `Convert it: \`ssh-keygen -p -f '${file}'\`.`,
    });
  });

  it('names a key file that is missing', async () => {
    const setup = setupFor({ db1: await hostWith() });
    await expect(login(setup, { connection: { privateKeyFile: '/no/such/key' } })).rejects.toMatchObject({
      code: 'key-unreadable',
      message: expect.stringContaining('/no/such/key does not exist'),
    });
  });
});
