import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { gatewayLab, provision, SNAPSHOT, startProvision, statusOf, touched } from './gateway-lab.ts';
import type { Ended, GatewayLab } from './gateway-lab.ts';
import { labSupport } from './support.ts';

const MINUTES = 60_000;

/** A playbook of one command. */
const commandOf = (check: string, run: string, undo: string): string => `
import { command, defineRole, file, play, playbook } from 'provision';
const one = defineRole('one', () => ({
  resources: [
    file({ path: '/etc/provision-test', content: 'new\\n' }),
    command({ name: 'trap', check: ${JSON.stringify(check)}, run: ${JSON.stringify(run)}, undo: ${JSON.stringify(undo)} }),
  ],
}));
export default playbook('one', [play({ hosts: 'gw1', roles: [one()] })]);
`;

const LOCK =
  "nft 'add table inet lockout; add chain inet lockout first { type filter hook input priority -300; }; add rule inet lockout first tcp dport 22 ct state new drop'";
const UNLOCK = 'nft delete table inet lockout';

labSupport('rollback of a confirmed run on a real host', () => {
  let lab: GatewayLab;
  beforeAll(async () => {
    lab = await gatewayLab();
  }, 20 * MINUTES);
  afterAll(async () => lab?.down(), 2 * MINUTES);

  // What one case leaves behind must not fail the next.
  beforeEach(() => lab.on('gw1', 'rm -f /run/trap /run/jam /etc/provision-test').then(() => undefined));

  const typed = (...words: string[]): Promise<Ended> => provision(...words, '-i', lab.inventory, '-l', 'gw1');
  const seen = (): Promise<string> => lab.on('gw1', SNAPSHOT);
  const untilHost = async (script: string, seconds = 30): Promise<void> => {
    for (let tries = 0; tries < seconds * 5; tries += 1) {
      if ((await lab.on('gw1', `${script} && echo yes || echo no`)).trim() === 'yes') return;
      await sleep(200);
    }
    throw new Error(`gw1 never came to: ${script}`);
  };
  const unitsLeft = (): Promise<string> =>
    lab.on(
      'gw1',
      "systemctl list-units --all --plain --no-legend 'provision-*' | grep -v boot.service || true",
    );

  describe('a NAT gateway', () => {
    let bare = '';
    let gateway = '';

    it(
      'the first run is rolled back: of the gateway only the packages stay',
      async () => {
        const before = await seen();
        expect((await lab.run()).code).toBe(0);
        gateway = await seen();
        // Control: there is a gateway to roll back.
        expect(touched(before, gateway)).toEqual(
          expect.arrayContaining(['firewalld', 'sysctl net.ipv4.ip_forward', 'unit firewalld.service']),
        );
        const check = await typed('rollback', '--check');
        expect([check.code, touched(gateway, await seen())]).toEqual([0, []]);
        expect(check.stdout).toContain(
          'take back: net.ipv4.ip_forward is 0 live and not set in the saved configuration, should be 1',
        );
        const { code, stdout } = await typed('rollback');
        expect([code, stdout]).toEqual([0, expect.stringMatching(/gw1 +: ok=\d+ changed=[1-9]/)]);
        bare = await seen();
        // Packages bring files and units of their own.
        expect(touched(before, bare).filter((word) => !/^(file|unit) /.test(word))).toEqual([]);
        expect(bare).not.toContain('/etc/firewalld/policies/provision-forward.xml');
        expect(bare).not.toContain('/etc/sysctl.d/99-zz-provision-nat-gateway.conf');
        expect(bare).toContain('net.ipv4.ip_forward = 0');
      },
      10 * MINUTES,
    );

    it(
      'applied again and rolled back: the whole visible state is as before, to the line',
      async () => {
        const { code, report } = await lab.run();
        expect(code).toBe(0);
        gateway = await seen();
        expect(touched(bare, gateway)).toEqual([
          'file /etc/firewalld/policies/provision-forward.xml',
          'file /etc/firewalld/zones/public.xml',
          'file /etc/sysctl.d/99-zz-provision-nat-gateway.conf',
          'firewalld',
          'sysctl net.ipv4.conf.all.send_redirects',
          'sysctl net.ipv4.conf.default.send_redirects',
          'sysctl net.ipv4.conf.eth0.send_redirects',
          'sysctl net.ipv4.ip_forward',
          'unit firewalld.service',
        ]);
        expect((await typed('rollback')).code).toBe(0);
        expect(touched(bare, await seen())).toEqual([]);
        const status = await typed('status');
        expect(status.stdout).toContain(`rolled back to before run ${report.runId}`);
        expect(await unitsLeft()).toBe('');
      },
      5 * MINUTES,
    );

    it(
      'the rollback is rolled back: the gateway is there again, and a run finds nothing to change',
      async () => {
        expect((await typed('rollback')).code).toBe(0);
        expect(touched(gateway, await seen())).toEqual([]);
        const again = await lab.run();
        expect([again.code, again.report.hosts.flatMap((host) => host.changes)]).toEqual([0, []]);
        expect((await lab.on('db1', 'curl -s -m 3 http://198.51.100.10/ip')).trim()).toBe('203.0.113.10');
      },
      5 * MINUTES,
    );

    it(
      'a zone that firewalld refuses is put back before it is loaded, and named with its line',
      async () => {
        const before = await seen();
        lab.edit('host_vars/gw1.yml', (text) => text.replace('services: [ssh]', 'services: [ssh, httpx]'));
        const { code, report, stderr } = await lab.run();
        lab.edit('host_vars/gw1.yml', (text) => text.replace('services: [ssh, httpx]', 'services: [ssh]'));
        expect([code, statusOf(report, 'gw1')]).toEqual([2, 'reverted']);
        expect(stderr).toMatch(/host_vars\/gw1\.yml:\d+:\d+/);
        expect(stderr).toContain("'httpx' not among existing services");
        expect(touched(before, await seen())).toEqual([]);
        // Control: one that it knows is loaded.
        lab.edit('host_vars/gw1.yml', (text) => text.replace('services: [ssh]', 'services: [ssh, https]'));
        expect((await lab.run()).code).toBe(0);
        expect(touched(before, await seen())).toEqual(['file /etc/firewalld/zones/public.xml', 'firewalld']);
        lab.edit('host_vars/gw1.yml', (text) => text.replace('services: [ssh, https]', 'services: [ssh]'));
        expect((await lab.run()).code).toBe(0);
      },
      5 * MINUTES,
    );

    it(
      'two runs are taken back in one go by --run, and made again in one go',
      async () => {
        const before = await seen();
        lab.edit('host_vars/gw1.yml', (text) => text.replace('ports: []', 'ports: [9999/tcp]'));
        const first = await lab.run();
        expect(first.code).toBe(0);
        const middle = await seen();
        const file = lab.playbook(
          'one',
          commandOf('test -e /run/trap', 'touch /run/trap', 'rm -f /run/trap'),
        );
        expect((await lab.runPlaybook(file)).code).toBe(0);
        const after = await seen();
        expect(touched(before, middle)).toEqual(['file /etc/firewalld/zones/public.xml', 'firewalld']);
        expect(touched(middle, after)).toEqual(['file /etc/provision-test']);
        expect((await typed('rollback', '--run', first.report.runId)).code).toBe(0);
        expect([touched(before, await seen()), await lab.on('gw1', 'ls /run/trap 2>&1 || true')]).toEqual([
          [],
          expect.stringContaining('No such file'),
        ]);
        expect((await typed('rollback')).code).toBe(0);
        expect([touched(after, await seen()), await lab.on('gw1', 'ls /run/trap')]).toEqual([
          [],
          '/run/trap\n',
        ]);
      },
      5 * MINUTES,
    );
  });

  it(
    'case 1: a rollback that would lock us out puts itself back',
    async () => {
      // Made again by its way back: what was locked is opened.
      const opens = commandOf(
        'test -e /run/trap',
        `touch /run/trap; ${UNLOCK} 2>/dev/null || true`,
        `rm /run/trap; ${LOCK}`,
      );
      expect((await lab.runPlaybook(lab.playbook('unlocks', opens))).code).toBe(0);
      const before = await seen();
      const { code, stdout, stderr } = await typed('rollback', '--timeout', '3', '--confirm-timeout', '20');
      expect([code, stdout]).toEqual([2, expect.stringMatching(/gw1 .*reverted=1/)]);
      expect(stderr).toContain('no new connection after the change');
      expect([touched(before, await seen()), await lab.on('gw1', 'ls /run/trap')]).toEqual([
        [],
        '/run/trap\n',
      ]);
      expect((await typed('status')).stdout).toMatch(/rollback to before run \S+ taken back: by a check/);
    },
    3 * MINUTES,
  );

  it(
    'a way back that is asked for runs as a unit of its own, and a cut of the link in its middle does not end it',
    async () => {
      const undo =
        "cat /proc/self/cgroup > /run/undone; pkill -f '^sshd(-session)?: ops' || true; sleep 3; echo whole >> /run/undone";
      const file = lab.playbook('cut', commandOf('false', 'true', undo));
      const { code, report } = await lab.runPlaybook(file, '--confirm-timeout', '30');
      expect([code, statusOf(report, 'gw1')]).toEqual([2, 'reverted']);
      expect(report.hosts[0]?.error?.code).toBe('still-different');
      expect(
        await lab.on('gw1', 'cat /run/undone; rm /run/undone; ls /etc/provision-test 2>&1 || true'),
      ).toMatch(/provision-back-\S+\.service\nwhole\n.*No such file/);
      expect(await unitsLeft()).toBe('');
    },
    2 * MINUTES,
  );

  it(
    'case 23: stuck on a real host: refused, told, tried again with success',
    async () => {
      const jam = 'test ! -e /run/jam && rm -f /run/trap';
      await lab.on('gw1', 'touch /run/jam');
      const file = lab.playbook('jam', commandOf('false', 'touch /run/trap', jam));
      const stuck = await lab.runPlaybook(file);
      expect([stuck.code, statusOf(stuck.report, 'gw1'), stuck.report.hosts[0]?.error?.code]).toEqual([
        3,
        'unknown',
        'revert-failed',
      ]);
      const refused = await lab.runPlaybook(file);
      expect([refused.code, refused.report.hosts[0]?.error?.code]).toEqual([3, 'stuck']);
      expect((await lab.runPlaybook(file, '--check')).code).toBe(0);
      expect((await typed('lock', 'status')).stdout).toMatch(/gw1 {2}taken back only in part: run/);
      expect((await typed('rollback')).code).toBe(3);
      await lab.on('gw1', 'rm /run/jam');
      expect((await typed('rollback')).code).toBe(0);
      expect(await lab.on('gw1', 'ls /run/trap /etc/provision-test 2>&1 || true')).not.toMatch(/^\//m);
      expect((await typed('lock', 'status')).stdout).toBe('gw1  free\n');
      expect(await unitsLeft()).toBe('');
    },
    3 * MINUTES,
  );

  it(
    'lock: the live holder is named and left alone; a pending change is left to its timer, and taken back without one',
    async () => {
      // As in every container, /proc/locks of this host does not show it.
      const held = startProvision(
        'lab',
        'exec',
        '-i',
        lab.inventory,
        'gw1',
        'sh',
        '-c',
        // It waits: whoever looks below takes the lock for a moment.
        'exec 8>>/run/provision/lock; flock 8; exec sleep 30',
      );
      await untilHost('! flock -n /run/provision/lock true');
      const status = await typed('lock', 'status');
      const [, pid = ''] = /^gw1 {2}locked by run .* \(pid (\d+)\)$/m.exec(status.stdout) ?? [];
      expect(await lab.on('gw1', `cat /proc/${pid}/comm`)).toBe('sleep\n');
      expect((await typed('lock', 'release')).code).toBe(6);
      expect(await lab.on('gw1', `kill ${pid}; echo`)).toBe('\n');
      held.kill();

      const file = lab.playbook(
        'slow',
        commandOf('test -e /run/trap', 'touch /run/trap; sleep 10', 'rm -f /run/trap'),
      );
      const run = startProvision(file, '-i', lab.inventory, '--confirm-timeout', '60');
      await untilHost('test -e /run/trap');
      const during = await typed('lock', 'release');
      expect([during.code, during.stderr]).toEqual([6, expect.stringContaining('at work there')]);
      run.kill('SIGKILL');
      await untilHost('systemctl list-units --plain --no-legend "provision-window-*.timer" | grep -q .');
      const waiting = await typed('lock', 'status');
      expect(waiting.stdout).toMatch(/gw1 {2}not confirmed yet: .*; its timer takes it back in [1-6]?\d s/);
      const refused = await typed('lock', 'release');
      expect([refused.code, refused.stderr]).toEqual([6, expect.stringMatching(/its timer in \d+ s/)]);
      expect((await typed('rollback')).code).toBe(6);
      // Its timer goes, as by the hand of somebody who does not know what it is for.
      await lab.on('gw1', 'systemctl stop "provision-window-*.timer"');
      expect((await typed('lock', 'status')).stdout).toContain('its timer is gone');
      const released = await typed('lock', 'release');
      expect([released.code, released.stdout]).toEqual([
        0,
        expect.stringMatching(/^gw1 {2}taken back: run /),
      ]);
      expect(await lab.on('gw1', 'ls /run/trap /etc/provision-test 2>&1 || true')).not.toMatch(/^\//m);
      expect((await typed('lock', 'status')).stdout).toBe('gw1  free\n');
      expect(await lab.on('gw1', 'ls /etc/systemd/system | grep provision || true')).toBe('');
      expect(await unitsLeft()).toBe('');
    },
    3 * MINUTES,
  );
});
