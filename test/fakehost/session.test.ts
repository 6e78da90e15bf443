import { describe, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { OUTPUT_LIMIT_BYTES } from '../../src/transport/command-run.ts';
import { fakeNetwork } from './fake-network.ts';

const { host: hostWith, setup: setupFor, login } = fakeNetwork();
const run = { timeoutMs: 5000 };
const root = fileURLToPath(new URL('../..', import.meta.url));

describe('commands', () => {
  it('keeps characters whole that arrive in pieces', async () => {
    const text = 'a€é😀\n'.repeat(36_000); // 396 kB
    // 1021 is prime: the pieces end at every place within a character.
    const host = await hostWith({
      chunkBytes: 1021,
      answer: () => ({ stdout: text, stderr: '€'.repeat(1000) }),
    });
    const lines: string[] = [];
    const session = await login(setupFor({ db1: host }));
    const result = await session.exec('text', { ...run, onLine: (line) => lines.push(line) });
    expect(result.stdout === text).toBe(true);
    expect(result.stderr).toBe('€'.repeat(1000));
    expect(new Set(lines)).toEqual(new Set(['a€é😀']));
    expect(lines).toHaveLength(36_000);

    // The control: decoding piece by piece, as node-ssh does, breaks them.
    const bytes = Buffer.from(text);
    let broken = '';
    for (let at = 0; at < bytes.length; at += 1021) broken += bytes.subarray(at, at + 1021).toString();
    expect(broken).toContain('\uFFFD');
  });

  it('sends a large input and gets it back', async () => {
    const host = await hostWith();
    const session = await login(setupFor({ db1: host }));
    const stdin = `${'x'.repeat(99)}\n`.repeat(50_000);
    const { stdout } = await session.exec('cat', { ...run, stdin });
    expect(stdout === stdin).toBe(true);
    expect(session.counts.bytesOut).toBe(5_000_000);
  });

  it('a command is over with the line that is the last of interest, whatever it still does', async () => {
    const host = await hostWith();
    const session = await login(setupFor({ db1: host }));
    const lines: string[] = [];
    const onLine = (line: string): void => void lines.push(line);
    const command = 'echo one; echo two; sleep 20; exit 3';
    const began = Date.now();
    const result = await session.exec(command, { ...run, onLine, until: (line) => line === 'two' });
    expect(result).toMatchObject({ code: 0, stdout: 'one\ntwo\n' });
    expect(lines).toEqual(['one', 'two']);
    // It still runs, which keeps nobody from the next one, nor from going.
    await expect(session.exec('echo on', run)).resolves.toMatchObject({ stdout: 'on\n' });
    await session.close();
    expect(Date.now() - began).toBeLessThan(4000);
    // The control: one without such a line ends by itself.
    const other = await login(setupFor({ db1: host }));
    const whole = other.exec('echo one; exit 3', { ...run, until: (line) => line === 'two' });
    await expect(whole).resolves.toMatchObject({ code: 3, stdout: 'one\n' });
  });

  it('survives a command that does not read its input', async () => {
    const host = await hostWith();
    const session = await login(setupFor({ db1: host }));
    await expect(session.exec('exit 4', { ...run, stdin: 'x'.repeat(5_000_000) })).resolves.toMatchObject({
      code: 4,
    });
    await expect(session.exec('echo on', run)).resolves.toMatchObject({ stdout: 'on\n' });
  });

  it('runs several commands at once on one connection', async () => {
    const host = await hostWith();
    const session = await login(setupFor({ db1: host }));
    const results = await Promise.all(
      Array.from({ length: 12 }, (_, index) => session.exec(`echo ${String(index)}`, run)),
    );
    expect(results.map(({ stdout }) => stdout.trim())).toEqual(results.map((_, index) => String(index)));
    expect(host.connections).toBe(1);
    expect(session.counts.execs).toBe(12);
  });

  it('gives up on a command after its time and leaves the connection', async () => {
    const host = await hostWith();
    const session = await login(setupFor({ db1: host }));
    const neighbour = expect(session.exec('sleep 20', run)).rejects.toMatchObject({
      code: 'connection-lost',
    });
    await expect(session.exec('sleep 20', { timeoutMs: 100 })).rejects.toMatchObject({
      code: 'command-timeout',
      message: 'db1: a command was given up after 0.1 s',
    });
    await neighbour;
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(host.open).toBe(0);
    await expect(session.exec('true', run)).rejects.toMatchObject({ code: 'connection-lost' });
  });

  it('gives up on a command that prints without end', async () => {
    const host = await hostWith();
    const session = await login(setupFor({ db1: host }));
    const command = `head -c ${String(OUTPUT_LIMIT_BYTES + 1)} /dev/zero`;
    await expect(session.exec(command, { timeoutMs: 20_000 })).rejects.toMatchObject({
      code: 'probe-failed',
    });
  });

  it('does not take a killed command for a success', async () => {
    const host = await hostWith();
    const session = await login(setupFor({ db1: host }));
    await expect(session.exec('kill -TERM $$', run)).rejects.toMatchObject({
      code: 'connection-lost',
      message: 'db1: a command ended without an exit code (SIGTERM)',
    });
  });
});

describe('a lost connection', () => {
  it('ends every running command at once', async () => {
    const host = await hostWith({ cut: { command: /cut/, afterBytes: 5 } });
    const session = await login(setupFor({ db1: host }));
    const began = Date.now();
    const results = await Promise.allSettled([
      session.exec('sleep 20', run),
      session.exec(': cut; echo some output; sleep 20', run),
    ]);
    expect(results).toMatchObject([
      { status: 'rejected', reason: { code: 'connection-lost' } },
      { status: 'rejected', reason: { code: 'connection-lost' } },
    ]);
    expect(Date.now() - began).toBeLessThan(2000);
    await session.close();
  });

  it('is noticed when the host falls silent', async () => {
    const host = await hostWith({ hang: 'after-login' });
    const session = await login(setupFor({ db1: host }), { options: { keepaliveMs: 50 } });
    await expect(session.exec('true', run)).rejects.toMatchObject({
      code: 'connection-lost',
      message: expect.stringContaining('Keepalive timeout'),
    });
  });

  it('between two commands is told by the next one', async () => {
    const host = await hostWith();
    const session = await login(setupFor({ db1: host }));
    await session.exec('true', run);
    host.cut();
    await expect(session.exec('true', run)).rejects.toMatchObject({ code: 'connection-lost' });
  });

  it('does not end the process', async () => {
    const host = await hostWith({ cut: { afterMs: 50 } });
    const setup = setupFor({ db1: host });
    const script = join(setup.directory, 'lose.mjs');
    // The control is plain node-ssh: it shows that this cut does end a process.
    writeFileSync(
      script,
      `
      import { createJiti } from ${JSON.stringify(join(root, 'node_modules/jiti/lib/jiti.mjs'))};
      const jiti = createJiti(import.meta.url, { fsCache: false });
      const plain = process.argv[2] === 'plain';
      if (plain) {
        const { NodeSSH } = await jiti.import(${JSON.stringify(join(root, 'node_modules/node-ssh'))});
        const ssh = new NodeSSH();
        await ssh.connect({ host: '127.0.0.1', port: ${String(host.port)}, username: 'me', privateKeyPath: ${JSON.stringify(host.clientKeyFile)} });
        await ssh.execCommand('sleep 20');
      } else {
        const { sshTransport } = await jiti.import(${JSON.stringify(join(root, 'src/transport/index.ts'))});
        const { targetOf } = await jiti.import(${JSON.stringify(join(root, 'test/fakehost/ssh-setup.ts'))});
        const transport = sshTransport({ configFile: ${JSON.stringify(setup.configFile)}, hostKeyChecking: 'strict' });
        const session = await transport.connect(targetOf('db1'));
        const error = await session.exec('sleep 20', { timeoutMs: 9000 }).catch((reason) => reason);
        await session.close();
        await new Promise((resolve) => setTimeout(resolve, 200));
        console.log(error.code);
      }
      console.log('alive');
      `,
    );
    const execute = promisify(execFile);
    const ours = await execute(process.execPath, [script], { timeout: 15_000 });
    expect(ours.stdout).toBe('connection-lost\nalive\n');
    const plain = execute(process.execPath, [script, 'plain'], { timeout: 15_000 });
    await expect(plain).rejects.toMatchObject({ stderr: expect.stringContaining('ECONNRESET') });
  }, 20_000);
});

describe('closing', () => {
  it('says goodbye, twice if asked, and leaves no connection', async () => {
    const host = await hostWith();
    const session = await login(setupFor({ db1: host }));
    const pending = expect(session.exec('sleep 20', run)).rejects.toMatchObject({ code: 'connection-lost' });
    await Promise.all([session.close(), session.close()]);
    await pending;
    await expect(session.exec('true', run)).rejects.toMatchObject({
      message: expect.stringContaining('closed'),
    });
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(host.open).toBe(0);
  });

  it('does not wait for a host that has fallen silent', async () => {
    const host = await hostWith();
    const session = await login(setupFor({ db1: host }));
    host.freeze();
    const began = Date.now();
    await session.close();
    expect(Date.now() - began).toBeLessThan(1500);
  });
});
