import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { gatewayLab, provision, statusOf } from './gateway-lab.ts';
import type { GatewayLab } from './gateway-lab.ts';
import { labSupport } from './support.ts';

const MINUTES = 60_000;

const PLAYBOOK = `
import { defineRole, file, play, playbook } from 'provision';
const motd = defineRole('motd', () => ({ resources: [file({ path: '/etc/motd', content: 'hello\\n' })] }));
export default playbook('motd', [play({ hosts: 'web1', roles: [motd()] })]);
`;

labSupport('a host certificate authority, and two hops', () => {
  let lab: GatewayLab;
  let directory = '';
  let playbook = '';
  const at = (name: string): string => path.join(directory, name);
  const keygen = (...argv: string[]): string =>
    execFileSync('ssh-keygen', ['-q', ...argv], { encoding: 'utf8' });
  const sshConfig = (): string => {
    const { stdout } = execOf('lab', 'up', '-i', lab.inventory);
    return /ssh -F (\S+)/.exec(stdout)?.[1] ?? '';
  };
  const execOf = (...argv: string[]): { stdout: string } => ({
    stdout: execFileSync(process.execPath, ['dist/cli/main.js', ...argv], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }),
  });

  /** The lab's own ssh_config, but for who is known: these lines and nobody else. */
  function configKnowing(knownHosts: string, more = ''): string {
    const known = at(`known-${knownHosts.length}-${Math.random().toString(36).slice(2)}`);
    writeFileSync(known, knownHosts);
    const text = readFileSync(sshConfig(), 'utf8').replaceAll(
      /^\s*UserKnownHostsFile .*$/gm,
      `  UserKnownHostsFile ${known}`,
    );
    const file = `${known}.config`;
    writeFileSync(file, `${more}${text}`);
    return file;
  }
  const authority = (): string => `@cert-authority * ${readFileSync(at('ca.pub'), 'utf8')}`;

  /** Gives a host a certificate for its key, signed by the authority. */
  async function certify(host: string, principals: string, ...validity: string[]): Promise<void> {
    writeFileSync(at('host.pub'), await lab.on(host, 'cat /etc/ssh/ssh_host_ed25519_key.pub'));
    keygen('-s', at('ca'), '-I', host, '-h', '-n', principals, ...validity, at('host.pub'));
    const certificate = readFileSync(at('host-cert.pub'), 'utf8').trim();
    await lab.on(
      host,
      `echo '${certificate}' > /etc/ssh/ssh_host_ed25519_key-cert.pub; echo 'HostCertificate /etc/ssh/ssh_host_ed25519_key-cert.pub' > /etc/ssh/sshd_config.d/ca.conf; systemctl reload ssh`,
    );
  }

  const ping = (config: string, transport: string, hosts = 'web1') =>
    provision('ping', '-i', lab.inventory, '-F', config, '-l', hosts, '--transport', transport, '--json');
  const errorOf = ({ stdout }: { stdout: string }): unknown =>
    (JSON.parse(stdout) as { hosts: { error?: { code: string; hint: string } }[] }).hosts[0]?.error;

  beforeAll(async () => {
    directory = mkdtempSync(path.join(os.tmpdir(), 'provision-openssh-'));
    lab = await gatewayLab(({ edit }) => {
      // With a configuration of our own in the place of the lab's.
      edit('group_vars/all.yml', (text) => text.replace(/^ansible_connection: .*$/m, ''));
      for (const group of ['private', 'isolated'])
        edit(`group_vars/${group}.yml`, (text) => text.replace(/^jump: .*$/m, '{}'));
      edit('hosts.yml', (text) =>
        text.replace('ansible_host: 172.31.0.21', 'ansible_host: 172.31.0.21\n          jump: [gw1, db1]'),
      );
    });
    playbook = lab.playbook('motd', PLAYBOOK);
    keygen('-t', 'ed25519', '-N', '', '-f', at('ca'));
    keygen('-t', 'ed25519', '-N', '', '-f', at('other-ca'));
    for (const [host, address] of [
      ['gw1', '172.31.0.2'],
      ['db1', '172.31.0.20'],
      ['web1', '172.31.0.21'],
    ] as const)
      await certify(host, address, '-V', '+1h');
  }, 20 * MINUTES);
  afterAll(async () => {
    await lab?.down();
    rmSync(directory, { recursive: true, force: true });
  }, 2 * MINUTES);

  it(
    'known by the authority alone: openssh runs, second run changes nothing, drift is corrected; ssh2 says what to type',
    async () => {
      const config = configKnowing(authority());
      const run = (...flags: string[]) =>
        lab.runPlaybook(playbook, '-F', config, '--transport', 'openssh', ...flags);
      const first = await run();
      expect([first.code, statusOf(first.report, 'web1'), first.report.hosts[0]?.ssh]).toEqual([
        0,
        'changed',
        expect.objectContaining({ connections: 2, execs: 4, jumps: 4 }),
      ]);
      const second = await run();
      expect([second.code, statusOf(second.report, 'web1'), second.report.hosts[0]?.ssh]).toEqual([
        0,
        'ok',
        expect.objectContaining({ connections: 1, execs: 1, jumps: 2 }),
      ]);
      await lab.on('web1', 'echo drift > /etc/motd');
      expect((await run('--check', '--detailed-exitcode')).code).toBe(2);
      expect((await run()).code).toBe(0);
      expect(await lab.on('web1', 'cat /etc/motd')).toBe('hello\n');
      const ssh2 = await ping(config, 'ssh2', 'gw1');
      expect([ssh2.code, errorOf(ssh2)]).toEqual([
        4,
        expect.objectContaining({
          code: 'host-key-unsupported',
          hint: expect.stringContaining('--transport openssh'),
        }),
      ]);
    },
    4 * MINUTES,
  );

  it(
    'another authority, a certificate for another name, and one that has run out: refused, and nobody logs in',
    async () => {
      const logins = (): Promise<string> =>
        lab.on('gw1', "journalctl -u ssh --no-pager -o cat | grep -c 'Accepted publickey' || true");
      // Control: with the right authority the login is counted.
      const before = Number(await logins());
      expect((await ping(configKnowing(authority()), 'openssh', 'gw1')).code).toBe(0);
      const after = Number(await logins());
      expect(after).toBeGreaterThan(before);
      const other = `@cert-authority * ${readFileSync(at('other-ca.pub'), 'utf8')}`;
      const refused = [
        await ping(configKnowing(other, 'Host *\n  StrictHostKeyChecking no\n'), 'openssh', 'gw1'),
      ];
      await certify('gw1', 'some.other.name', '-V', '+1h');
      refused.push(await ping(configKnowing(authority()), 'openssh', 'gw1'));
      await certify('gw1', '172.31.0.2', '-V', '20200101:20200102');
      refused.push(await ping(configKnowing(authority()), 'openssh', 'gw1'));
      await certify('gw1', '172.31.0.2', '-V', '+1h');
      expect(refused.map((each) => [each.code, errorOf(each)])).toEqual(
        refused.map(() => [4, expect.objectContaining({ code: 'host-key-unknown' })]),
      );
      expect(Number(await logins())).toBe(after);
      expect((await ping(configKnowing(authority()), 'openssh', 'gw1')).code).toBe(0);
    },
    4 * MINUTES,
  );

  it(
    'a certificate of the user, with no key in authorized_keys',
    async () => {
      keygen('-t', 'ed25519', '-N', '', '-f', at('me'));
      const ours = (): string => {
        const file = configKnowing(authority());
        const mine = `  IdentityFile ${at('me')}`;
        writeFileSync(file, readFileSync(file, 'utf8').replaceAll(/^\s*IdentityFile .*$/gm, mine));
        return file;
      };
      const without = await ping(ours(), 'openssh', 'gw1');
      expect([without.code, errorOf(without)]).toEqual([
        4,
        expect.objectContaining({ code: 'login-refused' }),
      ]);
      await lab.on(
        'gw1',
        `echo '${readFileSync(at('ca.pub'), 'utf8').trim()}' > /etc/ssh/user-ca.pub; echo 'TrustedUserCAKeys /etc/ssh/user-ca.pub' > /etc/ssh/sshd_config.d/user-ca.conf; systemctl reload ssh`,
      );
      const user = (await lab.on('gw1', 'getent passwd 1000 | cut -d: -f1')).trim();
      keygen('-s', at('ca'), '-I', 'me', '-n', user, '-V', '+1h', at('me.pub'));
      expect((await ping(ours(), 'openssh', 'gw1')).code).toBe(0);
      expect((await ping(ours(), 'ssh2', 'gw1')).code).toBe(4);
    },
    4 * MINUTES,
  );

  it.each(['ssh2', 'openssh'])(
    'two hops by %s: by the inventory, and by ProxyJump of the ssh_config',
    async (transport) => {
      const known = sshConfig();
      const facts = async (config: string, host: string): Promise<string> => {
        const { code, stdout } = await provision(
          'facts',
          '-i',
          lab.inventory,
          '-F',
          config,
          '-l',
          host,
          '--transport',
          transport,
        );
        expect(code).toBe(0);
        return stdout;
      };
      // web1 sees the last hop, db1, and not the operator.
      expect(await facts(known, 'web1')).toContain('port 22 from 172.31.0.20');
      const jumps = 'Host 172.31.0.40\n  ProxyJump 172.31.0.21\nHost 172.31.0.21\n  ProxyJump 172.31.0.2\n';
      const file = at(`jumps-${transport}.config`);
      writeFileSync(file, `${jumps}${readFileSync(known, 'utf8')}`);
      expect(await facts(file, 'iso1')).toContain('port 22 from 172.31.0.21');
    },
    2 * MINUTES,
  );
});
