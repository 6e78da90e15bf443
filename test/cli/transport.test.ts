import { existsSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import { newKeyPair } from '../fakehost/fake-host.ts';
import { fakeNetwork } from '../fakehost/fake-network.ts';
import { errorsIn, MARKS, playbookOf, projectFor, SLOW, until, whenBegun } from './project.ts';

const network = fakeNetwork();
const OPENSSH = ['--transport', 'openssh'];

describe.each([
  ['ssh2', []],
  ['openssh', OPENSSH],
])('a run by %s', (_name, flags) => {
  it('changes a host, and the second run costs one connection and one exec', async () => {
    const host = await network.host({ banner: 'Authorised use only\n' });
    const project = projectFor(network, { db1: host }, MARKS);
    const first = await project.run(flags);
    expect([first.code, first.report.hosts[0]?.status]).toEqual([0, 'changed']);
    expect(first.report.hosts[0]?.ssh).toMatchObject({ connections: 2, execs: 4, jumps: 0 });
    expect(host.connections).toBe(2);
    const second = await project.run(flags);
    expect([second.code, second.report.hosts[0]?.status]).toEqual([0, 'ok']);
    expect(second.report.hosts[0]?.ssh).toMatchObject({ connections: 1, execs: 1 });
    expect([host.connections, second.stderr]).toEqual([3, expect.not.stringContaining('Authorised')]);
  });

  it('through two hops of the inventory', async () => {
    const [gw1, gw2, db1] = [await network.host(), await network.host(), await network.host()];
    const hostVars = { db1: { jump: ['gw1', 'gw2'] } };
    const project = projectFor(network, { gw1, gw2, db1 }, MARKS, { hostVars });
    const run = await project.run([...flags, '-l', 'db1']);
    expect([run.code, run.report.hosts[0]?.status, run.report.hosts[0]?.ssh.jumps]).toEqual([
      0,
      'changed',
      4,
    ]);
    expect([gw1.forwards.length, gw2.forwards.length]).toEqual([2, 2]);
  });

  it('a host that is unknown or has another key is unreachable, and nobody logs in', async () => {
    const host = await network.host();
    for (const [knownHosts, code] of [
      ['', 'host-key-unknown'],
      [`[127.0.0.1]:${host.port} ${newKeyPair().public}\n`, 'host-key-changed'],
    ] as const) {
      const project = projectFor(network, { db1: host }, MARKS, {
        knownHosts,
        everywhere: ['StrictHostKeyChecking no'],
      });
      const run = await project.run(flags);
      expect([
        run.code,
        run.report.hosts[0]?.status,
        errorsIn(run.stderr).map((error) => error.code),
      ]).toEqual([4, 'unreachable', [code]]);
    }
    expect(host.logins).toEqual([]);
  });

  it('a host that hangs after the login is told, and keeps no other from its end', async () => {
    const [mute, db1] = [await network.host({ hang: 'after-login' }), await network.host()];
    const run = await projectFor(network, { mute, db1 }, MARKS).run(flags, { patienceMs: 60_000 });
    const [silent, fine] = run.report.hosts;
    expect([run.code, silent?.status, silent?.error?.code, fine?.status]).toEqual([
      2,
      'failed',
      'connection-lost',
      'changed',
    ]);
  });

  it('SIGINT while a host is being changed: whole, or as before', async () => {
    const project = projectFor(network, { db1: await network.host() }, SLOW);
    const run = await project.run(flags, {
      meanwhile: (child) => whenBegun(project, 'db1', () => child.kill('SIGINT')),
    });
    expect(run.code).toBe(130);
    expect(existsSync(project.at('remote/db1'))).toBe(run.report.hosts[0]?.status === 'changed');
  });

  it('a link that is cut in the middle of the changes: found again and put back', async () => {
    const host = await network.host();
    const project = projectFor(network, { db1: host }, SLOW);
    const run = await project.run(flags, { meanwhile: () => whenBegun(project, 'db1', () => host.cut()) });
    expect(run.report.hosts[0]?.ssh.connections).toBeGreaterThan(1);
    expect([2, 3]).toContain(run.code);
  });
});

describe('--connect-retries', () => {
  it('a host that takes connections only later is reached; without retries it is not', async () => {
    const host = await network.host();
    // Cuts the first two of each three connections before a word is said, as a busy sshd does (MaxStartups).
    let asked = 0;
    const busy = createServer((from) => {
      asked += 1;
      if (asked % 3 !== 0) return void from.resetAndDestroy();
      const to = connect(host.port, '127.0.0.1');
      from.pipe(to).pipe(from);
      [from, to].forEach((end) => end.on('error', () => [from, to].forEach((each) => each.destroy())));
    });
    await new Promise<void>((resolve) => busy.listen(0, '127.0.0.1', resolve));
    network.atEnd(() => busy.close());
    const { port } = busy.address() as AddressInfo;
    const project = projectFor(network, { db1: host }, MARKS, { lines: { db1: [`Port ${port}`] } });
    const ping = (retries: string) =>
      project.provision([
        'ping',
        ...['-i', 'inventory.yml', '-F', project.setup.configFile],
        ...['--connect-retries', retries, '--host-key-checking', 'off'],
      ]);
    const [code, after] = [(await ping('0')).code, asked];
    expect([code, after, host.connections]).toEqual([4, 1, 0]);
    asked = 0;
    expect([(await ping('2')).code, asked, host.connections]).toEqual([0, 3, 1]);
  });

  it.each(['-1', 'x', '1.5', '1000'])('%s is refused', async (value) => {
    const host = await network.host();
    const run = await projectFor(network, { db1: host }, MARKS).run([`--connect-retries=${value}`]);
    expect([run.code, host.connections, errorsIn(run.stderr)[0]?.code]).toEqual([5, 0, 'usage']);
  });
});

it('many hosts behind one jump host: none is dropped, each is reached', async () => {
  const gw = await network.host();
  const db = await network.host();
  const names = Array.from({ length: 24 }, (_, index) => `db${index + 1}`);
  const hostVars = Object.fromEntries(names.map((name) => [name, { ansible_host: 'db', jump: 'gw' }]));
  const project = projectFor(network, { gw, db }, playbookOf('[]'), { hostVars });
  const run = await project.run(['-l', 'db*,!db', '-f', '24', '--check'], { patienceMs: 60_000 });
  expect([run.code, run.report.hosts.filter(({ status }) => status === 'ok').length, gw.connections]).toEqual(
    [0, 24, 24],
  );
  await until(() => gw.open === 0);
});
