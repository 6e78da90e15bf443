import { describe, expect, it } from '@jest/globals';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { newKeyPair } from '../../fakehost/fake-host.ts';
import type { FakeAnswer } from '../../fakehost/fake-host.ts';
import { fakeNetwork } from '../../fakehost/fake-network.ts';
import type { SshSetup } from '../../fakehost/ssh-setup.ts';
import { temporary, typed } from './typed.ts';
import type { Printed } from './typed.ts';

const { host: hostWith, setup: setupFor, unusedPort } = fakeNetwork();
const directory = temporary();

/** `provision COMMAND` on an inventory of these hosts. */
function on(
  command: 'ping' | 'facts',
  setup: SshSetup,
  hosts: Readonly<Record<string, string>>,
  ...flags: string[]
): Promise<Printed> {
  const lines = Object.entries(hosts).map(([name, vars]) => `    ${name}: ${vars}\n`);
  const file = join(directory({ 'hosts.yml': `all:\n  hosts:\n${lines.join('')}` }), 'hosts.yml');
  return typed(command, '-i', file, '-F', setup.configFile, ...flags);
}

/** Answers the script of ping as a host with these tools would. */
const withTools =
  (...tools: readonly string[]) =>
  (_command: string, stdin: string): FakeAnswer => {
    const nonce = /@@([0-9a-f]+) begin/.exec(stdin)?.[1] ?? '';
    return { stdout: [`@@${nonce} begin`, ...tools.map((tool) => `@@${nonce} has ${tool}`), ''].join('\n') };
  };
const NEEDED = [
  'base64',
  'mktemp',
  'ip',
  'systemctl',
  'dpkg-query',
  'systemd-run',
  'flock',
  'sha256sum',
  'stat',
  'tail',
  'timeout',
];

describe('provision ping', () => {
  it('goes step by step to each host, over one connection and with one exec', async () => {
    const gw1 = await hostWith({ answer: withTools(...NEEDED, 'curl', 'busctl') });
    const { code, out, err } = await on('ping', setupFor({ gw1 }), { gw1: '{}' });
    expect([code, err]).toEqual([0, '']);
    expect(out).toMatch(/^gw1 {2}ok {2}name, tcp, host key, login, tools {2}\d+ ms\n$/);
    expect([gw1.connections, gw1.execs]).toEqual([1, 1]);
  });

  it('runs a script that a real shell understands, and that finds what is there', async () => {
    const gw1 = await hostWith();
    const { out } = await on('ping', setupFor({ gw1 }), { gw1: '{}' }, '--json');
    const { hosts } = JSON.parse(out) as { hosts: { error?: { message: string } }[] };
    expect(hosts[0]?.error?.message ?? '').not.toMatch(/base64|mktemp|shell/);
  });

  it('names each jump host that it passed', async () => {
    const [gw1, db1] = [await hostWith(), await hostWith({ answer: withTools(...NEEDED, 'curl', 'busctl') })];
    const { code, out } = await on('ping', setupFor({ gw1, db1 }), { db1: '{ jump: gw1 }' });
    expect(code).toBe(0);
    expect(out).toMatch(/^db1 {2}ok {2}jump host gw1, name, tcp, host key, login, tools/);
  });

  it('says what is lost without a useful tool, and ends 0', async () => {
    const gw1 = await hostWith({ answer: withTools(...NEEDED, 'busctl') });
    const { code, out } = await on('ping', setupFor({ gw1 }), { gw1: '{}' });
    expect(code).toBe(0);
    expect(out).toContain('note: no curl: checks asked from there stay unproven');
  });

  it('ends 2 when a needed tool is missing; rpm does instead of dpkg-query', async () => {
    const gw1 = await hostWith({
      answer: withTools(
        ...NEEDED.filter((tool) => tool !== 'base64' && tool !== 'dpkg-query'),
        'rpm',
        'curl',
        'busctl',
      ),
    });
    const { code, out } = await on('ping', setupFor({ gw1 }), { gw1: '{}' });
    expect(code).toBe(2);
    expect(out).toMatch(
      /^gw1 {2}failed {2}at tools \(passed: name, tcp, host key, login\)\n {6}cause: gw1: missing there: base64\.\n {6}next: {2}Install/,
    );
  });

  it.each([
    {
      what: 'a name that does not exist',
      vars: '{ ansible_host: no-such-host.invalid }',
      line: 'gw1  unreachable  at name',
      cause: 'the name no-such-host.invalid',
      next: 'getent hosts',
    },
    {
      what: 'a refused connection',
      vars: '{ ansible_port: PORT }',
      line: 'gw1  unreachable  at tcp (passed: name)',
      cause: 'nothing accepts connections',
      next: 'ansible_port',
    },
  ])('$what', async ({ vars, line, cause, next }) => {
    const [gw1, port] = [await hostWith(), await unusedPort()];
    const { code, out } = await on(
      'ping',
      setupFor(
        { gw1, 'no-such-host.invalid': gw1 },
        { lines: { 'no-such-host.invalid': ['HostName no-such-host.invalid'] } },
      ),
      {
        gw1: vars.replace('PORT', String(port)),
      },
    );
    expect(code).toBe(4);
    const lines = out.trimEnd().split('\n');
    expect(lines).toHaveLength(3);
    expect(lines[0]).toBe(line);
    expect(lines[1]).toContain(cause);
    expect(lines[2]).toContain(next);
  });

  it('an unknown host key, and the flag that takes it', async () => {
    const gw1 = await hostWith({ answer: withTools(...NEEDED, 'curl', 'busctl') });
    const setup = setupFor({ gw1 }, { knownHosts: '' });
    const { code, out } = await on('ping', setup, { gw1: '{}' });
    expect(code).toBe(4);
    expect(out).toMatch(
      /^gw1 {2}unreachable {2}at host key \(passed: name, tcp\)\n {6}cause: .*is not known.*\n {6}next: .*--host-key-checking accept-new/,
    );
    expect((await on('ping', setup, { gw1: '{}' }, '--host-key-checking', 'accept-new')).code).toBe(0);
  });

  it('a refused login', async () => {
    const gw1 = await hostWith({ authorizedKeys: [] });
    const { code, out } = await on('ping', setupFor({ gw1 }), { gw1: '{}' });
    expect(code).toBe(4);
    expect(out).toMatch(
      /^gw1 {2}unreachable {2}at login \(passed: name, tcp, host key\)\n {6}cause: .*refuses the login/,
    );
  });

  it('sudo that is refused ends 2', async () => {
    const answer = (): FakeAnswer => ({ code: 1, stderr: 'sudo: a password is required\n' });
    const gw1 = await hostWith({ answer });
    const { code, out } = await on('ping', setupFor({ gw1 }), { gw1: '{ ansible_become: true }' });
    expect(code).toBe(2);
    expect(out).toMatch(
      /^gw1 {2}failed {2}at sudo \(passed: name, tcp, host key, login\)\n {6}cause: gw1: sudo asks for a password.*\n {6}next: .*NOPASSWD/,
    );
  });

  it('takes the sudo password from a file, and says when it is wrong', async () => {
    const answer = (_command: string, stdin: string): FakeAnswer | undefined =>
      stdin.startsWith('right\n')
        ? withTools(...NEEDED, 'curl', 'busctl')(_command, stdin)
        : { code: 1, stderr: 'Sorry, try again.\n' };
    const gw1 = await hostWith({ answer });
    const setup = setupFor({ gw1 });
    const files = directory();
    for (const [text, code, says] of [
      ['right', 0, 'sudo, tools'],
      ['wrong', 2, 'the sudo password is wrong'],
    ] as const) {
      writeFileSync(join(files, text), `${text}\n`, { mode: 0o600 });
      const flags = ['--become-password-file', join(files, text)];
      const printed = await on('ping', setup, { gw1: '{ ansible_become: true }' }, ...flags);
      expect([printed.code, printed.out]).toEqual([code, expect.stringContaining(says)]);
      expect(printed.out + printed.err).not.toMatch(/right|wrong\n/);
    }
  });

  it('a login shell that runs nothing ends 2', async () => {
    const gw1 = await hostWith({ answer: () => ({ code: 1, stdout: 'This account is not available.\n' }) });
    const { code, out } = await on('ping', setupFor({ gw1 }), { gw1: '{}' });
    expect(code).toBe(2);
    expect(out).toMatch(/^gw1 {2}failed {2}at shell /);
  });

  it('a wrong key on a jump host is told of the jump host', async () => {
    const [gw1, db1] = [await hostWith(), await hostWith()];
    const knownHosts = `[127.0.0.1]:${String(gw1.port)} ${newKeyPair().public}\n${db1.knownHostsLine()}`;
    const { code, out } = await on('ping', setupFor({ gw1, db1 }, { knownHosts }), { db1: '{ jump: gw1 }' });
    expect(code).toBe(4);
    expect(out).toMatch(
      /^db1 {2}unreachable {2}at host key of jump host gw1 \(passed: name, tcp\)\n {6}cause: jump host gw1 \(for db1\): .*has changed/,
    );
    expect([gw1.logins, db1.connections]).toEqual([[], 0]);
  });

  it('a jump host that may not forward is told as such', async () => {
    const [gw1, db1] = [await hostWith({ forwarding: false }), await hostWith()];
    const { code, out } = await on('ping', setupFor({ gw1, db1 }), { db1: '{ jump: gw1 }' });
    expect(code).toBe(4);
    expect(out).toMatch(/^db1 {2}unreachable {2}at forward of jump host gw1 \(passed: login\)/);
  });

  it('the second of two jump hosts: the first was passed', async () => {
    const [gw1, gw2, db1] = [await hostWith(), await hostWith({ authorizedKeys: [] }), await hostWith()];
    const { out } = await on('ping', setupFor({ gw1, gw2, db1 }), { db1: '{ jump: [gw1, gw2] }' });
    expect(out).toMatch(
      /^db1 {2}unreachable {2}at login of jump host gw2 \(passed: jump host gw1, name, tcp, host key\)/,
    );
  });

  it('claims nothing about the steps before a timeout', async () => {
    const gw1 = await hostWith({ hang: 'before-handshake' });
    const { code, out } = await on('ping', setupFor({ gw1 }), { gw1: '{}' }, '-T', '0.3');
    expect(code).toBe(4);
    expect(out).toMatch(/^gw1 {2}unreachable {2}at tcp\n/);
  });

  it('keeps the order of the inventory and to the hosts of -l; a failed host outweighs an unreachable one', async () => {
    const slow = (command: string, stdin: string): FakeAnswer =>
      withTools(...NEEDED, 'curl', 'busctl')(command, stdin);
    const [a, c] = [await hostWith({ answer: slow }), await hostWith({ answer: withTools() })];
    const setup = setupFor({ a, b: a, c });
    const hosts = { a: '{}', b: `{ ansible_port: ${await unusedPort()} }`, c: '{}', d: '{}' };
    const { code, out } = await on('ping', setup, hosts, '-l', 'all,!d', '-f', '3', '--json');
    expect(code).toBe(2);
    const report = JSON.parse(out) as {
      exitCode: number;
      hosts: { name: string; status: string; stage?: string; error?: { hint: string } }[];
    };
    expect(report.exitCode).toBe(2);
    expect(report.hosts.map(({ name, status, stage }) => [name, status, stage])).toEqual([
      ['a', 'ok', undefined],
      ['b', 'unreachable', 'tcp'],
      ['c', 'failed', 'tools'],
    ]);
    expect(report.hosts[1]?.error?.hint).toContain('ansible_port');
  });

  it('shows what a host says without letting it draw on the terminal', async () => {
    const gw1 = await hostWith({ answer: () => ({ code: 1, stderr: '\u001B[2Jevil\u0007\n' }) });
    const { out } = await on('ping', setupFor({ gw1 }), { gw1: '{}' });
    expect(out).toContain('evil');
    expect(out).not.toMatch(/[\u001B\u0007]/);
  });

  it('a lab that is not up is said with the command that builds it', async () => {
    const { code, out } = await on('ping', setupFor({}), {
      gw1: '{ ansible_connection: lab, ansible_host: 10.99.0.2, networks: { a: { cidr: 10.99.0.0/24 } }, nics: { eth0: { network: a, address: 10.99.0.2/24 } } }',
    });
    expect(code).toBe(4);
    expect(out).toMatch(/^gw1 {2}unreachable {2}at lab\n/);
    expect(out).toContain('provision lab up');
  });
});

describe('provision facts', () => {
  it('prints a table of what hosts say of themselves', async () => {
    const gw1 = await hostWith({
      env: { ...process.env, SSH_CONNECTION: '198.51.100.7 50000 10.0.0.1 2222' },
    });
    const { code, out } = await on('facts', setupFor({ gw1 }), { gw1: '{}' });
    expect(code).toBe(0);
    expect(out).toMatch(
      /^HOST +SYSTEM +KERNEL +INIT +SSH +IPV6 ROUTE +HOSTNAME\ngw1 +\S.*port 2222 from 198\.51\.100\.7 /,
    );
    expect([gw1.connections, gw1.execs]).toEqual([1, 1]);
  });

  it('prints all facts as JSON, and the errors of the others', async () => {
    const gw1 = await hostWith();
    const hosts = { gw1: '{}', gw2: `{ ansible_host: gw1, ansible_port: ${await unusedPort()} }` };
    const { code, out } = await on('facts', setupFor({ gw1 }), hosts, '--json');
    expect(code).toBe(4);
    const report = JSON.parse(out) as { exitCode: number; hosts: object[] };
    expect(report).toMatchObject({
      exitCode: 4,
      hosts: [
        {
          name: 'gw1',
          facts: {
            hostname: expect.any(String),
            os: { id: expect.any(String) },
            ipv6Route: expect.any(Boolean),
          },
        },
        { name: 'gw2', error: { code: 'connection-refused', hint: expect.any(String) } },
      ],
    });
  });

  it('says on stderr which hosts did not answer, and prints the others', async () => {
    const gw1 = await hostWith();
    const hosts = { gw1: '{}', gw2: `{ ansible_host: gw1, ansible_port: ${await unusedPort()} }` };
    const { code, out, err } = await on('facts', setupFor({ gw1 }), hosts);
    expect(code).toBe(4);
    expect(out).toMatch(/^gw1 /m);
    expect(err).toMatch(/error \[connection-refused\] gw2: /);
  });
});
