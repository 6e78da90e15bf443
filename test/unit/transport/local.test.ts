import { expect, it } from '@jest/globals';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ProvisionError } from '../../../src/model/error.ts';
import { localTransport, recordedTransport } from '../../../src/transport/index.ts';
import { publicKeyInside } from '../../../src/transport/keys.ts';
import { targetOf } from '../../fakehost/ssh-setup.ts';

const here = targetOf('here', { via: 'local' });
const run = { timeoutMs: 5000 };

it('runs a command on this machine, behind a prefix that no shell reads', async () => {
  const session = await localTransport(['env', 'GREETING=$(id) "x"']).connect(here);
  const lines: string[] = [];
  const result = await session.exec('cat; echo "$GREETING"; printf é >&2; exit 3', {
    ...run,
    stdin: ' a\n',
    onLine: (line) => lines.push(line),
  });
  expect(result).toEqual({ code: 3, stdout: ' a\n$(id) "x"\n', stderr: 'é' });
  expect(lines).toEqual([' a', '$(id) "x"']);
  expect(session.counts).toEqual({ execs: 1, jumps: 0, bytesIn: 15, bytesOut: 3 });
});

it('ends what a command has started when its time is over', async () => {
  const session = await localTransport().connect(here);
  const began = Date.now();
  const attempt = session.exec('sleep 20 & sleep 20', { timeoutMs: 100 });
  await expect(attempt).rejects.toMatchObject({ code: 'command-timeout' });
  await expect(session.exec('kill -9 $$', run)).rejects.toMatchObject({ code: 'connection-lost' });
  const pending = expect(session.exec('sleep 20', run)).rejects.toMatchObject({ code: 'connection-lost' });
  await session.close();
  await pending;
  expect(Date.now() - began).toBeLessThan(3000);
});

it('says which program is missing', async () => {
  const session = await localTransport(['no-such-program']).connect(here);
  await expect(session.exec('true', run)).rejects.toMatchObject({
    code: 'probe-failed',
    message: expect.stringContaining('no-such-program cannot be started'),
  });
});

it('does not mind a command that leaves its input', async () => {
  const session = await localTransport().connect(here);
  await expect(session.exec('true', { ...run, stdin: 'x'.repeat(1_000_000) })).resolves.toMatchObject({
    code: 0,
  });
});

it('reports what a listener throws as the outcome of its command', async () => {
  const session = await localTransport().connect(here);
  const onLine = (): void => {
    throw new Error('not understood');
  };
  await expect(session.exec('echo a; sleep 20', { ...run, onLine })).rejects.toThrow('not understood');
});

it('answers from a function and counts', async () => {
  const transport = recordedTransport(
    (target, command, stdin) =>
      command === 'fail'
        ? new ProvisionError('connection-lost', 'cut')
        : { code: 0, stdout: `${target.name} ${stdin}\n`, stderr: '' },
    (target) => (target.name === 'gone' ? new ProvisionError('name-not-found', 'gone') : undefined),
  );
  await expect(transport.connect(targetOf('gone'))).rejects.toMatchObject({ code: 'name-not-found' });
  const session = await transport.connect(targetOf('db1', {}, [targetOf('gw1')]));
  const lines: string[] = [];
  await session.exec('probe', { ...run, stdin: 'in', onLine: (line) => lines.push(line) });
  await expect(session.exec('fail', run)).rejects.toMatchObject({ code: 'connection-lost' });
  expect(lines).toEqual(['db1 in']);
  expect(session.counts).toEqual({ execs: 2, jumps: 1, bytesIn: 7, bytesOut: 2 });
  expect(transport.calls).toEqual([
    { host: 'db1', command: 'probe', stdin: 'in' },
    { host: 'db1', command: 'fail', stdin: '' },
  ]);
  expect([transport.connections, transport.open]).toEqual([['db1'], 1]);
  await session.close();
  expect(transport.open).toBe(0);
});

it('finds the public key in an encrypted file', () => {
  const directory = mkdtempSync(join(tmpdir(), 'key-'));
  const file = join(directory, 'key');
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-a', '1', '-N', 'secret', '-f', file]);
  const read = (path: string): string => readFileSync(path, 'utf8');
  const blob = Buffer.from(read(`${file}.pub`).split(' ')[1] ?? '', 'base64');
  expect(publicKeyInside(read(file))?.equals(blob)).toBe(true);
  expect(publicKeyInside('-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END')).toBeUndefined();
  expect(publicKeyInside('something else')).toBeUndefined();
  rmSync(directory, { recursive: true });
});
