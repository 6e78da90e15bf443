import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { gatewayLab, SNAPSHOT, statusOf, touched } from './gateway-lab.ts';
import type { GatewayLab } from './gateway-lab.ts';
import { labSupport } from './support.ts';

const MINUTES = 60_000;

/** firewalld with one zone, as somebody might write it who does not think of SSH. */
const playbookWith = (inside: string): string => `
import { firewalldZone, packageInstalled, play, playbook, service } from 'provision';
const zone = '<?xml version="1.0" encoding="utf-8"?>\\n<zone>\\n  ${inside}\\n</zone>\\n';
const role = {
  name: 'web',
  build: () => ({
    resources: [
      packageInstalled({ name: 'firewalld' }),
      firewalldZone({ name: 'public', xml: () => zone }),
      service({ name: 'firewalld', running: true, enabled: true }),
    ],
  }),
};
export default playbook('web', [play({ hosts: 'gw1', roles: [role] })]);
`;

labSupport('case 31: a zone that would keep our own SSH out', () => {
  let lab: GatewayLab;
  let closed: string;
  let open: string;
  beforeAll(async () => {
    lab = await gatewayLab();
    closed = lab.playbook('closed', playbookWith('<interface name="eth0"/><service name="http"/>'));
    open = lab.playbook(
      'open',
      playbookWith('<interface name="eth0"/><service name="http"/><service name="ssh"/>'),
    );
  }, 20 * MINUTES);
  afterAll(async () => lab?.down(), 2 * MINUTES);

  const seen = (): Promise<string> => lab.on('gw1', SNAPSHOT);
  const lockoutsOf = (report: Awaited<ReturnType<GatewayLab['run']>>['report']): string[] =>
    report.hosts.flatMap(({ lockouts = [] }) => lockouts.map(({ sentence }) => sentence));
  const SENTENCE =
    /^zone public, where SSH from 198\.18\.0\.2 to 172\.31\.0\.2:22 arrives \(interface eth0\): no service, port or rich rule accepts 22\/tcp/;

  it(
    'on a host without firewalld: the plan warns and names the zone, and --strict-lockout leaves all as it is',
    async () => {
      const before = await seen();
      const check = await lab.runPlaybook(closed, '--check');
      expect([check.code, statusOf(check.report, 'gw1')]).toEqual([0, 'planned']);
      expect(lockoutsOf(check.report)).toEqual([expect.stringMatching(SENTENCE)]);
      expect(check.stderr).toMatch(/gw1 +warning: this would lock us out: zone public, /);
      expect(check.stdout).toMatch(/gw1 +! would lock us out: zone public, /);
      const strict = await lab.runPlaybook(closed, '--strict-lockout');
      expect([strict.code, statusOf(strict.report, 'gw1')]).toEqual([2, 'failed']);
      expect(strict.stderr).toContain('error [lockout] gw1: ');
      expect(touched(before, await seen())).toEqual([]);
      expect(await lab.on('gw1', 'ls /var/lib/provision/txn 2>/dev/null | wc -l')).toBe('0\n');
    },
    5 * MINUTES,
  );

  it(
    'a zone that lets us in is said nothing of, and passes --strict-lockout',
    async () => {
      const result = await lab.runPlaybook(open, '--strict-lockout');
      expect([result.code, statusOf(result.report, 'gw1')]).toEqual([0, 'changed']);
      expect(lockoutsOf(result.report)).toEqual([]);
      expect(result.stderr).not.toContain('lock us out');
    },
    5 * MINUTES,
  );

  it(
    'with firewalld running: refused by --strict-lockout, untouched',
    async () => {
      const before = await seen();
      const strict = await lab.runPlaybook(closed, '--strict-lockout');
      expect([strict.code, statusOf(strict.report, 'gw1')]).toEqual([2, 'failed']);
      expect(touched(before, await seen())).toEqual([]);
    },
    5 * MINUTES,
  );

  it(
    'control: without --strict-lockout it is made, it does lock us out, and it is put back within the window',
    async () => {
      const before = await seen();
      const start = Date.now();
      const result = await lab.runPlaybook(closed, '--confirm-timeout', '20', '-T', '3');
      expect([result.code, statusOf(result.report, 'gw1')]).toEqual([2, 'reverted']);
      expect(result.report.hosts.find(({ name }) => name === 'gw1')?.error?.message).toContain(
        'no new connection',
      );
      expect(lockoutsOf(result.report)).toEqual([expect.stringMatching(SENTENCE)]);
      expect(Date.now() - start).toBeLessThan(60_000);
      expect(touched(before, await seen())).toEqual([]);
      expect((await lab.runPlaybook(open)).code).toBe(0);
    },
    5 * MINUTES,
  );

  it(
    'the same where the run starts firewalld: nothing is confirmed before its rules are loaded',
    async () => {
      // firewalld's start is over for systemd before it has loaded anything, and one that loads slowly shows it each time.
      await lab.on(
        'gw1',
        `systemctl disable --now firewalld.service
        mkdir -p /etc/systemd/system/firewalld.service.d
        printf '[Service]\\nCPUQuota=20%%\\n' > /etc/systemd/system/firewalld.service.d/slow.conf
        systemctl daemon-reload`,
      );
      const before = await seen();
      const result = await lab.runPlaybook(closed, '--confirm-timeout', '30', '-T', '3');
      expect([result.code, statusOf(result.report, 'gw1')]).toEqual([2, 'reverted']);
      expect(touched(before, await seen())).toEqual([]);
      expect(await lab.on('gw1', 'systemctl is-active firewalld.service || true')).toBe('inactive\n');
      // Control: with SSH in its zone the same start is confirmed, and new connections come in.
      const opened = await lab.runPlaybook(open);
      expect([opened.code, statusOf(opened.report, 'gw1')]).toEqual([0, 'changed']);
      expect((await lab.runPlaybook(open)).code).toBe(0);
    },
    5 * MINUTES,
  );
});
