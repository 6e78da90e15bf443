import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { printable } from '../../src/reporters/printable.ts';
import { newKeyPair } from '../fakehost/fake-host.ts';
import type { FakeHost, FakeHostOptions } from '../fakehost/fake-host.ts';
import { fakeNetwork } from '../fakehost/fake-network.ts';
import {
  errorsIn,
  everythingOf,
  fakeProgram,
  keyMaterialOf,
  MARKS,
  playbookOf,
  projectFor,
  SECRET,
  SLOW,
  until,
  whenBegun,
} from './project.ts';
import type { PrintedError, Project, ProjectOptions, Run, RunOptions } from './project.ts';

const network = fakeNetwork();

interface Trouble {
  readonly host: FakeHost;
  readonly project: Project;
  readonly run: Run;
  readonly error: PrintedError;
}

/** What a person needs, and nothing that a person should not see: whatever goes wrong. */
async function troubleWith(
  host: FakeHost,
  project: Project,
  exitCode: number,
  options?: RunOptions,
): Promise<Trouble> {
  // A host that goes away takes its key with it.
  const keyMaterial = keyMaterialOf(host.clientKeyFile);
  const run = await project.run([], options);
  const errors = errorsIn(run.stderr);
  expect(errors).toHaveLength(1);
  const [error] = errors as [PrintedError];
  expect(error.message).toMatch(/\bdb1\b/);
  expect(error.next).not.toBeNull();
  const { message = '', ...reported } = run.report.hosts[0]?.error ?? {};
  expect(reported).toMatchObject({ code: error.code, hint: error.next, ...error.place });
  expect(printable(message)).toBe(error.message);
  expect([run.code, run.report.exitCode]).toEqual([exitCode, exitCode]);
  expect(run.stdout).toContain('db1 : ok=0 changed=0');
  const everything = everythingOf(run);
  expect(run.stdout + run.stderr).not.toMatch(/\n\s+at /);
  for (const secret of [SECRET, ...keyMaterial]) expect(everything).not.toContain(secret);
  // Nobody shall be one paste away from trusting whoever stands between.
  expect(everything).not.toMatch(/ssh-keygen -R|\brm\b|sed -i|truncate|> ?\S*known_hosts/);
  return { host, project, run, error };
}

async function trouble(
  exitCode: number,
  options: FakeHostOptions = {},
  more: ProjectOptions = {},
): Promise<Trouble> {
  const host = await network.host(options);
  return troubleWith(host, projectFor(network, { db1: host }, MARKS, more), exitCode);
}

/** As `ssh-keygen -H` keeps it. */
function hashed(line: string): string {
  const directory = mkdtempSync(join(tmpdir(), 'known-hosts-'));
  const file = join(directory, 'known_hosts');
  writeFileSync(file, line);
  execFileSync('ssh-keygen', ['-q', '-H', '-f', file], { stdio: 'ignore' });
  const text = readFileSync(file, 'utf8');
  rmSync(directory, { recursive: true });
  expect(text).toMatch(/^\|1\|/);
  return text;
}

const knownAs = ({ port }: FakeHost, key: string, marker = ''): string =>
  `${marker}[127.0.0.1]:${port} ${key}\n`;

/** How a run ends, by what known_hosts says of the host; null = it logs in. */
const VERDICTS: readonly (readonly [string, (host: FakeHost) => string, PrintedError['code'] | null])[] = [
  ['unknown', () => '', 'host-key-unknown'],
  ['changed', (host) => knownAs(host, newKeyPair().public), 'host-key-changed'],
  ['revoked', (host) => host.knownHostsLine() + knownAs(host, host.hostKey, '@revoked '), 'host-key-revoked'],
  ['hashed', (host) => hashed(host.knownHostsLine()), null],
  ['hashed, another key', (host) => hashed(knownAs(host, newKeyPair().public)), 'host-key-changed'],
  ['[host]:port', (host) => host.knownHostsLine(), null],
  ['[host]:port of another port', (host) => `[127.0.0.1]:1 ${host.hostKey}\n`, 'host-key-unknown'],
  [
    'only @cert-authority',
    (host) => knownAs(host, newKeyPair().public, '@cert-authority '),
    'host-key-unsupported',
  ],
];

describe('case 36: host keys', () => {
  it.each(VERDICTS)('known_hosts says %s', async (_name, knownHosts, code) => {
    const host = await network.host();
    const project = projectFor(network, { db1: host }, MARKS, { knownHosts: knownHosts(host) });
    const before = project.setup.knownHosts();
    if (code === null) expect((await project.run()).code).toBe(0);
    else expect((await troubleWith(host, project, 4)).error.code).toBe(code);
    expect(host.logins.length > 0).toBe(code === null);
    expect(project.setup.knownHosts()).toBe(before);
  });

  it('unknown: shows the fingerprint to compare, and does not log in', async () => {
    const { host, project, error } = await trouble(4, {}, { knownHosts: '' });
    expect(error.code).toBe('host-key-unknown');
    expect(error.message).toMatch(
      new RegExp(
        `^db1: the host key of tester@127\\.0\\.0\\.1:${host.port} is not known; it shows ssh-ed25519 SHA256:`,
      ),
    );
    expect(error.next).toContain('Compare this fingerprint');
    expect(host.logins).toEqual([]);
    expect(project.setup.knownHosts()).toBe('');
  });

  it('unknown, with --host-key-checking accept-new: kept, and known from then on', async () => {
    const host = await network.host();
    const project = projectFor(network, { db1: host }, MARKS, { knownHosts: '' });
    expect((await project.run(['--host-key-checking', 'accept-new'])).code).toBe(0);
    expect(project.setup.knownHosts()).toContain(host.hostKey);
    expect((await project.run()).code).toBe(0);
  });

  it('changed: names both keys and the line, and offers no way to forget the old one', async () => {
    const host = await network.host();
    const knownHosts = `# a comment\n${knownAs(host, newKeyPair().public)}`;
    const project = projectFor(network, { db1: host }, MARKS, { knownHosts });
    const { error, run } = await troubleWith(host, project, 4);
    expect(error.code).toBe('host-key-changed');
    expect(error.message).toContain(`127.0.0.1:${host.port}`);
    expect(error.message.match(/SHA256:/g)).toHaveLength(2);
    expect(error.place).toMatchObject({ file: project.setup.knownHostsFile, line: 2 });
    expect(run.stderr).toContain('Somebody may be between you and the host');
    expect(host.logins).toEqual([]);
    expect(project.setup.knownHosts()).toBe(knownHosts);
  });

  it('changed stays refused with accept-new', async () => {
    const host = await network.host();
    const knownHosts = knownAs(host, newKeyPair().public);
    const project = projectFor(network, { db1: host }, MARKS, { knownHosts });
    const run = await project.run(['--host-key-checking', 'accept-new']);
    expect([run.code, errorsIn(run.stderr)[0]?.code]).toEqual([4, 'host-key-changed']);
    expect(project.setup.knownHosts()).toBe(knownHosts);
  });

  it('revoked: refused in every mode', async () => {
    const host = await network.host();
    const knownHosts = host.knownHostsLine() + knownAs(host, host.hostKey, '@revoked ');
    const project = projectFor(network, { db1: host }, MARKS, { knownHosts });
    const { error } = await troubleWith(host, project, 4);
    expect(error.code).toBe('host-key-revoked');
    expect(error.message).toContain(`127.0.0.1:${host.port}`);
    const off = await project.run(['--host-key-checking', 'off']);
    expect([off.code, host.logins]).toEqual([4, []]);
  });

  it('case 37: wrong on a jump host: names the hop, whom it was for, and logs in nowhere', async () => {
    const [gw1, db1] = [await network.host(), await network.host()];
    const knownHosts = knownAs(gw1, newKeyPair().public) + db1.knownHostsLine();
    const project = projectFor(network, { db1, gw1 }, MARKS, {
      knownHosts,
      hostVars: { db1: { jump: 'gw1' } },
    });
    const run = await project.run(['-l', 'db1']);
    expect(run.code).toBe(4);
    expect(errorsIn(run.stderr)).toEqual([
      expect.objectContaining({
        code: 'host-key-changed',
        message: expect.stringMatching(
          new RegExp(`^jump host gw1 \\(for db1\\): .*127\\.0\\.0\\.1:${gw1.port}`),
        ),
      }),
    ]);
    expect([gw1.logins, db1.connections]).toEqual([[], 0]);
  });
});

describe('sudo', () => {
  const sudo = (stderr: string, code = 1): Promise<Trouble> =>
    trouble(2, { answer: () => ({ code, stderr }) }, { vars: { ansible_become: true } });

  it.each([
    ['wants a password', 'sudo: a password is required\n', 'sudo asks for a password', 'NOPASSWD'],
    [
      'wants a terminal to ask on',
      'sudo: a terminal is required to read the password; either use the -S option to read from standard input or configure an askpass helper\n',
      'sudo asks for a password',
      'NOPASSWD',
    ],
    [
      'does not know the user',
      'tester is not in the sudoers file.  This incident will be reported.\n',
      'the user may not use sudo',
      'Add the user to the group',
    ],
    [
      'allows the user something else',
      'Sorry, user tester may not run sudo on db1.\n',
      'the user may not use sudo',
      'Add the user to the group',
    ],
    ['requires a tty', 'sudo: sorry, you must have a tty to run sudo\n', 'requiretty', '!requiretty'],
    ['is broken', 'sudo: /etc/sudoers is world writable\n', 'world writable', 'by hand'],
  ])('%s', async (_name, stderr, says, next) => {
    const { error, host } = await sudo(stderr);
    expect(error).toMatchObject({
      code: 'sudo-refused',
      message: expect.stringContaining(says),
      next: expect.stringContaining(next),
    });
    expect(error.message).toMatch(/^db1: /);
    expect(host.execs).toBe(1);
  });

  it('is not there', async () => {
    const { error } = await sudo('sh: 1: exec: sudo: not found\n', 127);
    expect(error).toMatchObject({
      code: 'sudo-refused',
      message: expect.stringContaining('sudo is not installed'),
      next: expect.stringContaining('ansible_become: false'),
    });
  });

  it('is asked without a terminal, and never for a password', async () => {
    const { host } = await sudo('sudo: a password is required\n');
    expect(host.commands[0]).toContain('sudo -n ');
  });
});

describe('the link', () => {
  it('is cut while the host is being read: nothing has changed, exit 2', async () => {
    const host = await network.host();
    const slow = playbookOf(
      "[mark(host.name), command({ name: 'slow', check: sh`touch ${here('read')}; sleep 0.5`, run: 'true', undo: 'true' })]",
    );
    const project = projectFor(network, { db1: host }, slow);
    const cut = async (): Promise<void> => {
      await until(() => existsSync(project.at('remote/read')));
      host.cut();
    };
    const { error } = await troubleWith(host, project, 2, { meanwhile: cut });
    expect(error.code).toBe('connection-lost');
    expect(error.message).toContain(`127.0.0.1:${host.port}`);
    expect(existsSync(project.at('remote/db1'))).toBe(false);
    expect(host.execs).toBe(1);
  });

  it('loses the end of what the host says about itself: nothing is taken for a state, exit 2', async () => {
    const { project, error } = await trouble(2, { cut: { afterBytes: 40 } });
    // Which of the two is seen first, the end of the answer or that of the connection, is the network's affair.
    expect(['probe-failed', 'connection-lost']).toContain(error.code);
    expect(error.message).toMatch(/^db1: .*(in the middle|was lost)/);
    expect(existsSync(project.at('remote/db1'))).toBe(false);
  });

  it('is cut while the host is being changed: found again and put back, exit 2', async () => {
    const host = await network.host();
    const project = projectFor(network, { db1: host }, SLOW);
    const { error } = await troubleWith(host, project, 2, {
      meanwhile: () => whenBegun(project, 'db1', () => host.cut()),
    });
    expect(error.message).toContain('was put back');
    expect(existsSync(project.at('remote/db1'))).toBe(false);
  });

  it('is cut while the host is being changed, and the host stays away: unknown, exit 3', async () => {
    const host = await network.host();
    const project = projectFor(network, { db1: host }, SLOW);
    const { error } = await troubleWith(host, project, 3, {
      meanwhile: () => whenBegun(project, 'db1', () => host.close()),
    });
    expect(error.code).toBe('outcome-unknown');
    expect(error.message).toContain(`127.0.0.1:${host.port}`);
    expect(error.next).toContain('--check');
  });
});

describe('case 39: hosts that talk', () => {
  it('a banner with control characters reaches no terminal', async () => {
    const host = await network.host({ banner: '\u001B[2J\u001B]0;owned\u0007Welcome!\r\n' });
    const run = await projectFor(network, { db1: host }, MARKS).run(['-vvv']);
    expect(run.code).toBe(0);
    expect(run.stdout + run.stderr).not.toMatch(/[\u001B\u0007]/);
  });

  it('a shell that greets: what it says around the answers is no answer', async () => {
    const host = await network.host();
    const project = projectFor(network, { db1: host }, MARKS);
    // As a login shell whose start file prints.
    const greeting = fakeProgram(
      project,
      'sh',
      'echo "Welcome to @@db1 end"; echo "begin @@" >&2; /bin/sh "$@"; echo bye',
    );
    const noisy = await network.host({ env: greeting });
    const other = projectFor(network, { db1: noisy }, MARKS);
    const first = await other.run();
    expect([first.code, first.report.hosts[0]?.status]).toEqual([0, 'changed']);
    const second = await other.run();
    expect([second.code, second.report.hosts[0]?.status]).toEqual([0, 'ok']);
    expect(everythingOf(first) + everythingOf(second)).not.toContain('Welcome');
  });

  it('an account that cannot run sh, and says so in colours: exit 2, one plain line', async () => {
    const { error, run } = await trouble(2, {
      answer: () => ({
        code: 1,
        stdout: 'no\u001B[31m shell\n',
        stderr: 'This account is \u001B[1mclosed\u0007.\n',
      }),
    });
    expect(error.code).toBe('probe-failed');
    expect(error.message).toMatch(/closed\S*[^.]\.$/);
    expect(run.stderr).not.toMatch(/[\u001B\u0007]/);
  });
});
