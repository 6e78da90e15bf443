import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, expect, it } from '@jest/globals';
import { endOf, gatewayLab, provision, SNAPSHOT, startProvision, statusOf } from './gateway-lab.ts';
import type { GatewayLab } from './gateway-lab.ts';
import { labSupport } from './support.ts';

const MINUTES = 60_000;

/** A playbook that writes a file, then runs shell text; `undo` takes the text back. */
const trap = (run: string, undo = 'true', check = 'test -e /run/trap', checks = ''): string => `
import { command, defineRole, file, play, playbook } from 'provision';
const trap = defineRole('trap', () => ({
  resources: [
    file({ path: '/etc/provision-test', content: 'new\\n' }),
    command({ name: 'trap', check: ${JSON.stringify(check)}, run: ${JSON.stringify(run)}, undo: ${JSON.stringify(undo)} }),
  ],
}));
export default playbook('trap', [play({ hosts: 'gw1', roles: [trap()], checks: [${checks}] })]);
`;

/** A check that takes so long that the window stays open while a test does something. */
const SLOW_CHECK = `() => [{
  name: 'slow', from: 'gw1', kind: 'slow', to: 'itself', expect: 'yes', when: 'change', onFail: 'warn', retries: 0, timeout: 20,
  script: 'sleep 15; echo yes', read: (output) => output.trim(),
}]`;

const LOCK = (rule: string): string =>
  `nft 'add table inet lockout; add chain inet lockout first { type filter hook input priority -300; }; add rule inet lockout first ${rule}'`;
/** Something to come back to, with an owner, a mode and a time of its own. */
const RESTORE =
  'rm -f /run/trap; echo old > /etc/provision-test; chown 1000:0 /etc/provision-test; chmod 640 /etc/provision-test; touch -d 2020-01-01 /etc/provision-test';
const UNLOCK = 'nft delete table inet lockout';
const LOCKED = 'nft list table inet lockout';

labSupport('transactions on a real host', () => {
  let lab: GatewayLab;
  let before = '';

  beforeAll(async () => {
    lab = await gatewayLab();
    await lab.on('gw1', RESTORE);
    before = await lab.on('gw1', SNAPSHOT);
  }, 20 * MINUTES);
  afterAll(async () => lab?.down(), 2 * MINUTES);

  const argv = (playbook: string, ...flags: string[]): string[] => [playbook, '-i', lab.inventory, ...flags];

  /** Polls the host from inside until a transaction is in that state. */
  const untilHost = async (script: string, seconds = 30): Promise<void> => {
    for (let tries = 0; tries < seconds * 5; tries += 1) {
      if ((await lab.on('gw1', `${script} && echo yes || echo no`)).trim() === 'yes') return;
      await sleep(200);
    }
    throw new Error(`gw1 never came to: ${script}`);
  };
  const PENDING = 'ls /var/lib/provision/txn/*/pending >/dev/null 2>&1';

  /** The host is whole: as it was, nothing pending, no unit, timer, lock or boot unit left. */
  const expectAsBefore = async (): Promise<void> => {
    await untilHost(`! ${PENDING}`);
    expect(await lab.on('gw1', SNAPSHOT)).toBe(before);
    expect(
      await lab.on(
        'gw1',
        "systemctl list-units --all --plain --no-legend 'provision-*' | grep -v boot.service || true",
      ),
    ).toBe('');
    expect(await lab.on('gw1', 'flock -n /run/provision/lock echo free')).toBe('free\n');
    expect(await lab.on('gw1', "stat -c '%U %a' /etc/provision-test")).toBe('ops 640\n');
  };

  // What one case leaves behind must not fail the next.
  beforeEach(async () => {
    await untilHost(`! ${PENDING}`, 90);
    await lab.on('gw1', RESTORE);
  }, 2 * MINUTES);

  it(
    'control: the snapshot sees a change of one byte',
    async () => {
      await lab.on('gw1', "printf 'x' >> /etc/provision-test");
      expect(await lab.on('gw1', SNAPSHOT)).not.toBe(before);
      await lab.on('gw1', 'echo old > /etc/provision-test; touch -d 2020-01-01 /etc/provision-test');
      expect(await lab.on('gw1', SNAPSHOT)).toBe(before);
    },
    MINUTES,
  );

  it(
    'case 1, 14: new connections blocked, the old one still works: put back over it, exit 2; the next run tells',
    async () => {
      const playbook = lab.playbook(
        'block-new',
        trap(LOCK('tcp dport 22 ct state new drop'), UNLOCK, LOCKED),
      );
      const { code, report, stderr } = await lab.runPlaybook(
        playbook,
        '--timeout',
        '3',
        '--confirm-timeout',
        '20',
      );
      expect(code).toBe(2);
      expect(statusOf(report, 'gw1')).toBe('reverted');
      expect(stderr).toContain('no new connection after the change');
      await expectAsBefore();
      const next = await lab.run('--check');
      expect(next.stderr).toMatch(/run \S+ of \S+ was taken back at/);
    },
    2 * MINUTES,
  );

  it(
    'case 1: SSH blocked altogether: the host puts itself back within the window, and the controller says so',
    async () => {
      const playbook = lab.playbook('block-all', trap(LOCK('tcp dport 22 drop'), UNLOCK, LOCKED));
      const { code, report } = await lab.runPlaybook(playbook, '--timeout', '3', '--confirm-timeout', '8');
      expect(code).toBe(2);
      expect(statusOf(report, 'gw1')).toBe('reverted');
      await expectAsBefore();
      const ended = JSON.parse(await lab.on('gw1', 'tail -n 1 /var/lib/provision/journal')) as {
        reason: string;
      };
      expect(ended.reason).toBe('timeout');
    },
    2 * MINUTES,
  );

  it(
    'case 1: the host answers again within the window and two seconds',
    async () => {
      const playbook = lab.playbook('block-all', trap(LOCK('tcp dport 22 drop'), UNLOCK, LOCKED));
      const child = startProvision(...argv(playbook, '--timeout', '3', '--confirm-timeout', '6'));
      await untilHost(`${LOCKED} >/dev/null 2>&1`);
      const start = Date.now();
      await untilHost(`! ${LOCKED} >/dev/null 2>&1`);
      expect(Date.now() - start).toBeLessThan(6000 + 2000 + 1500);
      expect((await endOf(child)).code).toBe(2);
      await expectAsBefore();
    },
    2 * MINUTES,
  );

  it(
    'case 4, 16: the controller is killed after arming: a rerun exits 6 until the window ends, and succeeds after it',
    async () => {
      const playbook = lab.playbook('slow', trap('sleep 2; touch /run/trap', 'rm -f /run/trap'));
      const child = startProvision(...argv(playbook, '--confirm-timeout', '6'));
      await untilHost(PENDING);
      child.kill('SIGKILL');
      const rerun = await lab.runPlaybook(playbook, '--confirm-timeout', '6');
      expect(rerun.code).toBe(6);
      expect(rerun.stderr).toMatch(/run \S+ of \S+ since/);
      await expectAsBefore();
      const after = await lab.runPlaybook(playbook);
      expect(after.code).toBe(0);
      expect(after.stderr).toContain('was taken back');
      expect(await lab.on('gw1', 'cat /etc/provision-test')).toBe('new\n');
      // Case 9, 28: confirmed stays, and a second run arms nothing.
      const again = await lab.runPlaybook(playbook);
      expect(again.report.hosts.map(({ ssh }) => [ssh.connections, ssh.execs])).toEqual([[1, 1]]);
      await lab.on('gw1', RESTORE);
      await expectAsBefore();
    },
    2 * MINUTES,
  );

  it(
    'case 5: the controller is killed before arming: nothing changed, nothing locked',
    async () => {
      const playbook = lab.playbook(
        'slow-probe',
        trap('touch /run/trap', 'rm -f /run/trap', 'sleep 3; test -e /run/trap'),
      );
      const child = startProvision(...argv(playbook));
      await sleep(1500);
      child.kill('SIGKILL');
      await sleep(500);
      await expectAsBefore();
    },
    MINUTES,
  );

  it(
    'case 6: the link is cut in the middle: the controller does not crash, finds the host again and puts it back',
    async () => {
      const playbook = lab.playbook(
        'cut',
        trap("pkill -f '^sshd(-session)?: ops' || true; sleep 1; touch /run/trap", 'rm -f /run/trap'),
      );
      const { code, report, stderr } = await lab.runPlaybook(playbook, '--confirm-timeout', '10');
      expect(stderr).not.toMatch(/\n\s+at /);
      expect(statusOf(report, 'gw1')).toBe('reverted');
      expect(code).toBe(2);
      await expectAsBefore();
    },
    2 * MINUTES,
  );

  it(
    'case 8: a reboot in the window: files are back before anything reads them',
    async () => {
      const playbook = lab.playbook(
        'reboot',
        trap('touch /run/trap', 'rm -f /run/trap', undefined, SLOW_CHECK),
      );
      const child = startProvision(...argv(playbook, '--confirm-timeout', '60'));
      await untilHost(`${PENDING} && test -e /run/trap`);
      child.kill('SIGKILL');
      await lab.reboot('gw1');
      expect(await lab.on('gw1', 'cat /etc/provision-test')).toBe('old\n');
      const ended = JSON.parse(await lab.on('gw1', 'tail -n 1 /var/lib/provision/journal')) as {
        reason: string;
      };
      expect(ended.reason).toBe('boot');
      before = await lab.on('gw1', SNAPSHOT);
      await expectAsBefore();
    },
    2 * MINUTES,
  );

  it(
    'case 10: sshd restarted by the change itself: verified over a new connection, confirmed',
    async () => {
      const playbook = lab.playbook(
        'sshd',
        trap('systemctl restart ssh; touch /run/trap', 'rm -f /run/trap'),
      );
      const { code, report } = await lab.runPlaybook(playbook);
      expect([code, statusOf(report, 'gw1')]).toEqual([0, 'changed']);
      await lab.on('gw1', RESTORE);
      await expectAsBefore();
    },
    MINUTES,
  );

  it(
    'case 11: KillUserProcesses=yes does not kill the rollback with the session',
    async () => {
      await lab.on(
        'gw1',
        "mkdir -p /run/systemd/logind.conf.d; printf '[Login]\\nKillUserProcesses=yes\\n' > /run/systemd/logind.conf.d/kill.conf; systemctl restart systemd-logind",
      );
      const playbook = lab.playbook(
        'kill-user',
        trap('touch /run/trap', 'rm -f /run/trap', undefined, SLOW_CHECK),
      );
      const child = startProvision(...argv(playbook, '--confirm-timeout', '5'));
      await untilHost(`${PENDING} && test -e /run/trap`);
      child.kill('SIGKILL');
      await expectAsBefore();
      await lab.on('gw1', 'rm -r /run/systemd/logind.conf.d; systemctl restart systemd-logind');
    },
    MINUTES,
  );

  it(
    'case 15: two controllers at once: one proceeds, the other exits 6 and names it',
    async () => {
      const go = 'for i in $(seq 400); do [ ! -e /run/go ] || break; sleep 0.1; done; rm -f /run/go';
      const playbook = lab.playbook('slow', trap(`${go}; touch /run/trap`, 'rm -f /run/trap'));
      const first = startProvision(...argv(playbook));
      const firstEnd = endOf(first);
      await untilHost(PENDING);
      const status = await provision('status', '-i', lab.inventory, '-l', 'gw1');
      expect(status.stdout).toMatch(/gw1 {2}not confirmed yet: run \S+ of \S+@\S+ since/);
      const second = await lab.runPlaybook(playbook);
      expect(second.code).toBe(6);
      expect(second.stderr).toMatch(/run \S+ of \S+@\S+ since/);
      await lab.on('gw1', 'touch /run/go');
      expect((await firstEnd).code).toBe(0);
      const told = (await provision('status', '-i', lab.inventory, '-l', 'gw1')).stdout;
      expect(told).toMatch(/gw1 +\S+Z +confirmed/);
      expect(told).toContain('taken back: not confirmed in time');
      expect(told).toContain('taken back: rebooted before it was confirmed');
      await lab.on('gw1', RESTORE);
      await expectAsBefore();
    },
    MINUTES,
  );

  it(
    'an unprivileged local user can neither hold the lock nor forge a confirm',
    async () => {
      const as = (script: string): Promise<string> =>
        lab.on('gw1', `su ops -s /bin/sh -c ${JSON.stringify(script)} 2>&1 || true`);
      expect(await as('flock -n /run/provision/lock echo held')).not.toContain('held');
      expect(await as('touch /var/lib/provision/txn/x && echo made')).not.toContain('made');
      expect(await as('ls /var/lib/provision')).toContain('denied');
    },
    MINUTES,
  );

  it.each([
    [
      'case 17: systemd cannot set the timer',
      'chmod a-x /usr/bin/systemd-run',
      'chmod a+x /usr/bin/systemd-run',
    ],
    [
      'case 18: no space for the snapshot',
      'mkdir -p /var/lib/provision && mount -t tmpfs -o size=16k,mode=0700 tmpfs /var/lib/provision',
      'umount /var/lib/provision',
    ],
    ['case 20: /etc is read-only', 'mount --bind /etc /etc && mount -o remount,ro,bind /etc', 'umount /etc'],
  ])(
    '%s: refused before anything, exit 2',
    async (_name, cause, mend) => {
      const playbook = lab.playbook('plain', trap('touch /run/trap', 'rm -f /run/trap'));
      await lab.on('gw1', cause);
      const { code, report, stderr } = await lab.runPlaybook(playbook).finally(() => lab.on('gw1', mend));
      expect(stderr).toContain('nothing was changed');
      expect([code, statusOf(report, 'gw1')]).toEqual([2, 'failed']);
      await expectAsBefore();
      expect(await lab.on('gw1', 'test -e /run/trap && echo made || echo not')).toBe('not\n');
    },
    MINUTES,
  );

  it(
    'case 19: no space in the middle: taken back, old files whole, no temporary file left',
    async () => {
      const playbook = lab.playbook(
        'full',
        trap(
          'mkdir -p /run/full && mount -t tmpfs -o size=8k tmpfs /run/full && head -c 100k /dev/zero > /run/full/x',
          'umount /run/full',
        ),
      );
      const { code, report } = await lab.runPlaybook(playbook);
      expect([code, statusOf(report, 'gw1')]).toEqual([2, 'reverted']);
      await expectAsBefore();
      expect(await lab.on('gw1', "find /etc -name '.provision*' -o -name '*.provision-back'")).toBe('');
    },
    MINUTES,
  );

  it(
    'case 21: firewalld does not reload: put back at once, its old permanent files too',
    async () => {
      expect((await lab.run()).code).toBe(0);
      before = await lab.on('gw1', SNAPSHOT);
      await lab.on(
        'gw1',
        `mkdir -p /usr/local/sbin; printf '%s\\n' '#!/bin/sh' 'case "$*" in *FirewallD1\\ reload) [ -e /run/failed ] || { touch /run/failed; exit 13; };; esac' 'exec /usr/bin/busctl "$@"' > /usr/local/sbin/busctl; chmod +x /usr/local/sbin/busctl`,
      );
      lab.edit('host_vars/gw1.yml', (text) => text.replace('172.31.0.16/28', '172.31.0.0/26'));
      const { code, report, stderr } = await lab.run();
      expect([code, statusOf(report, 'gw1')]).toEqual([2, 'reverted']);
      expect(stderr).toContain('could not be changed');
      await lab.on('gw1', 'rm -f /usr/local/sbin/busctl /run/failed');
      await expectAsBefore();
      lab.edit('host_vars/gw1.yml', (text) => text.replace('172.31.0.0/26', '172.31.0.16/28'));
      expect((await lab.run()).report.hosts.flatMap((host) => host.changes)).toEqual([]);
    },
    2 * MINUTES,
  );

  it.each([
    ['the apply', 'sleep 4; touch /run/trap', 'test -e /run/trap', PENDING, 'SIGINT', 130],
    ['the apply', 'sleep 4; touch /run/trap', 'test -e /run/trap', PENDING, 'SIGTERM', 143],
    [
      'the probe',
      'touch /run/trap',
      'sleep 3; test -e /run/trap',
      'pgrep -f "[s]leep 3" >/dev/null',
      'SIGINT',
      130,
    ],
  ] as const)(
    'case 40: stopped in %s by a signal: clean, as before',
    async (_phase, run, check, moment, signal, expected) => {
      const playbook = lab.playbook('stopped', trap(run, 'rm -f /run/trap', check));
      const child = startProvision(...argv(playbook));
      const end = endOf(child);
      await untilHost(moment);
      child.kill(signal);
      const { code, output } = await end;
      expect(code).toBe(expected);
      expect(output).toMatch(/gw1 .*(skipped=1|reverted=1)/);
      await expectAsBefore();
    },
    MINUTES,
  );

  it(
    '--no-rollback says so loudly, and works without systemd-run',
    async () => {
      const playbook = lab.playbook('plain', trap('touch /run/trap', 'rm -f /run/trap'));
      await lab.on('gw1', 'chmod a-x /usr/bin/systemd-run');
      const { code, stderr } = await lab
        .runPlaybook(playbook, '--no-rollback')
        .finally(() => lab.on('gw1', 'chmod a+x /usr/bin/systemd-run'));
      expect(code).toBe(0);
      expect(stderr).toContain('--no-rollback');
    },
    MINUTES,
  );

  it(
    'two hosts, one whose check passed before and fails then: both are as before, and the report names the culprit',
    async () => {
      const isolated = await lab.on('iso1', SNAPSHOT);
      const together = lab.playbook(
        'together',
        `import { command, defineRole, file, play, playbook, reach } from 'provision';
         const both = defineRole('both', ({ host }) => ({
           resources: [
             file({ path: '/etc/provision-test', content: 'new\\n' }),
             ...(host.name === 'iso1'
               ? [command({
                   name: 'closed',
                   check: 'nft list table ip closed',
                   run: ${JSON.stringify("nft 'add table ip closed; add chain ip closed arriving { type filter hook input priority 0; }; add rule ip closed arriving ip saddr 172.31.0.20 tcp dport 22 drop'")},
                   undo: 'nft delete table ip closed',
                 })]
               : []),
           ],
         }));
         export default playbook('together', [
           play({
             hosts: 'gw1,iso1',
             roles: [both()],
             checks: [reach({ from: 'db1', to: '172.31.0.40:22', expect: 'open', retries: 0 })],
           }),
         ]);`,
      );
      const run = await lab.runPlaybook(together);
      expect(run.code).toBe(2);
      expect([statusOf(run.report, 'gw1'), statusOf(run.report, 'iso1')]).toEqual(['reverted', 'reverted']);
      const check = run.report.hosts.flatMap(({ checks }) => checks)[0];
      expect([check?.baseline, check?.status]).toEqual(['pass', 'fail']);
      const causeOf = (host: string): unknown => run.report.hosts.find(({ name }) => name === host)?.cause;
      expect([causeOf('gw1'), causeOf('iso1')]).toEqual([{ host: 'iso1' }, undefined]);
      await expectAsBefore();
      expect(await lab.on('iso1', SNAPSHOT)).toBe(isolated);
    },
    2 * MINUTES,
  );
});
