import { describe, expect, it } from '@jest/globals';
import { newKeyPair } from './fake-host.ts';
import { fakeNetwork } from './fake-network.ts';
import { targetOf } from './ssh-setup.ts';

const { host: hostWith, setup: setupFor, login, unusedPort } = fakeNetwork();
const run = { timeoutMs: 5000 };
const jumpVia = (name: string, jumps: ReturnType<typeof targetOf>[] = []): ReturnType<typeof targetOf> =>
  targetOf(name, {}, jumps);

describe('jump hosts', () => {
  it('goes through two hops of the inventory, each with its own key and login', async () => {
    const [gw1, gw2, db1] = [await hostWith(), await hostWith(), await hostWith()];
    const setup = setupFor({ gw1, gw2, db1 });
    const session = await login(setup, { jumps: [jumpVia('gw1'), jumpVia('gw2')] });
    await expect(session.exec('echo there', run)).resolves.toMatchObject({ stdout: 'there\n' });
    expect(session.counts.jumps).toBe(2);
    expect(gw1.forwards).toEqual([`127.0.0.1:${String(gw2.port)}`]);
    expect(gw2.forwards).toEqual([`127.0.0.1:${String(db1.port)}`]);
    await session.close();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect([gw1.open, gw2.open, db1.open]).toEqual([0, 0, 0]);
  });

  it('follows ProxyJump of the ssh_config, also of the first hop', async () => {
    const [gw1, gw2, db1] = [await hostWith(), await hostWith(), await hostWith()];
    const lines = { db1: ['ProxyJump gw2'], gw2: ['ProxyJump gw1'] };
    const session = await login(setupFor({ gw1, gw2, db1 }, { lines }));
    expect(session.counts.jumps).toBe(2);
    expect([gw1.logins.length, gw2.logins.length, db1.logins.length]).toEqual([1, 1, 1]);
  });

  it('prefers the hops of the inventory to ProxyJump and ProxyCommand', async () => {
    const [gw1, db1] = [await hostWith(), await hostWith()];
    const setup = setupFor({ gw1, db1 }, { lines: { db1: ['ProxyJump nowhere.invalid'] } });
    const session = await login(setup, { jumps: [jumpVia('gw1')] });
    expect(session.counts.jumps).toBe(1);
  });

  it('case 37: names the hop whose host key is wrong', async () => {
    const [gw1, db1] = [await hostWith(), await hostWith()];
    const knownHosts = `[127.0.0.1]:${String(gw1.port)} ${newKeyPair().public}\n${db1.knownHostsLine()}`;
    const attempt = login(setupFor({ gw1, db1 }, { knownHosts }), { jumps: [jumpVia('gw1')] });
    await expect(attempt).rejects.toMatchObject({
      code: 'host-key-changed',
      message: expect.stringMatching(
        /^jump host gw1 \(for db1\): the host key of tester@127\.0\.0\.1:\d+ has changed/,
      ),
    });
    expect(gw1.logins).toEqual([]);
  });

  it('case 37: checks the key of the host behind the hop', async () => {
    const [gw1, db1] = [await hostWith(), await hostWith()];
    const setup = setupFor({ gw1, db1 }, { knownHosts: gw1.knownHostsLine() });
    const attempt = login(setup, { jumps: [jumpVia('gw1')] });
    await expect(attempt).rejects.toMatchObject({
      code: 'host-key-unknown',
      message: expect.stringMatching(/^db1: /),
    });
    expect(db1.logins).toEqual([]);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(gw1.open).toBe(0);
  });

  it('names the hop that refuses the login', async () => {
    const [gw1, db1] = [await hostWith({ authorizedKeys: [] }), await hostWith()];
    const attempt = login(setupFor({ gw1, db1 }), { jumps: [jumpVia('gw1')] });
    await expect(attempt).rejects.toMatchObject({
      code: 'login-refused',
      message: expect.stringMatching(/^jump host gw1 \(for db1\): /),
    });
  });

  it('names the hop that cannot reach the host, or may not', async () => {
    const [gw1, gw2, db1] = [await hostWith(), await hostWith({ forwarding: false }), await hostWith()];
    const setup = setupFor({ gw1, gw2, db1 });
    const port = await unusedPort();
    await expect(login(setup, { connection: { port }, jumps: [jumpVia('gw1')] })).rejects.toMatchObject({
      code: 'connection-refused',
      message: expect.stringMatching(/^jump host gw1 \(for db1\): it cannot reach 127\.0\.0\.1:\d+ for db1/),
    });
    await expect(login(setup, { jumps: [jumpVia('gw2')] })).rejects.toMatchObject({
      message: expect.stringMatching(/^jump host gw2 \(for db1\): /),
    });
  });

  it('notices a hop that is cut', async () => {
    const [gw1, db1] = [await hostWith(), await hostWith()];
    const session = await login(setupFor({ gw1, db1 }), { jumps: [jumpVia('gw1')] });
    const pending = expect(session.exec('sleep 20', run)).rejects.toMatchObject({ code: 'connection-lost' });
    setTimeout(() => gw1.cut(), 50);
    await pending;
  });

  it('stops at a jump host that is its own jump host', async () => {
    const gw1 = await hostWith();
    const setup = setupFor({ gw1 }, { lines: { gw1: ['ProxyJump gw1:22,gw1:23'] } });
    await expect(login(setup, { name: 'gw1' })).rejects.toMatchObject({
      code: 'inventory',
      message: 'gw1: more than 8 jump hosts lie before it',
    });
  });
});

describe('ProxyCommand of the ssh_config', () => {
  // A relay that needs nothing but node.
  const relay = `${process.execPath} -e 'const s = require("net").connect(process.argv[2], process.argv[1]); process.stdin.pipe(s).pipe(process.stdout)'`;

  it('carries the connection, and ends with it', async () => {
    const db1 = await hostWith();
    const setup = setupFor({ db1 }, { lines: { db1: [`ProxyCommand ${relay} %h %p`] } });
    const session = await login(setup);
    const text = 'é'.repeat(100_000);
    await expect(session.exec('cat', { ...run, stdin: text })).resolves.toMatchObject({ stdout: text });
    await session.close();
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(db1.open).toBe(0);
  });

  it('reports what the command complained about', async () => {
    const db1 = await hostWith();
    const setup = setupFor({ db1 }, { lines: { db1: ['ProxyCommand echo no way to %n >&2; exit 7'] } });
    await expect(login(setup)).rejects.toMatchObject({
      code: 'ssh-protocol',
      message: expect.stringContaining('failed: no way to db1'),
    });
    expect(db1.connections).toBe(0);
  });

  it('is ended when the host does not answer in time', async () => {
    const db1 = await hostWith({ hang: 'before-handshake' });
    const setup = setupFor({ db1 }, { lines: { db1: [`ProxyCommand ${relay} %h %p`] } });
    await expect(login(setup, { options: { connectTimeoutMs: 400 } })).rejects.toMatchObject({
      code: 'connection-timeout',
    });
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(db1.open).toBe(0);
  });
});
