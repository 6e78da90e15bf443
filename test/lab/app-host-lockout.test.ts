import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { appHostLab, NICS } from './app-host-lab.ts';
import type { AppHostLab } from './app-host-lab.ts';
import { endOf, SNAPSHOT, startProvision, statusOf, touched } from './gateway-lab.ts';
import { labSupport } from './support.ts';

const MINUTES = 60_000;
const [A] = NICS;
const SHORT = ['--confirm-timeout', '20', '-T', '3'];

/** The kernel's default route leads out by eth1, and marks lead the answers of sshd back by eth0, where SSH comes in. */
const ASYMMETRIC = `
ip route replace default via 172.31.0.1 dev eth1 onlink
ip route replace default via 172.31.0.1 dev eth0 onlink table 100
ip rule add priority 100 fwmark 1 lookup 100
nft 'add table ip marks; add chain ip marks leaving { type route hook output priority -150; }; add rule ip marks leaving tcp sport 22 meta mark set 1'
for i in all eth0; do sysctl -qw net.ipv4.conf.$i.rp_filter=0; done`;
const SYMMETRIC = `
nft delete table ip marks
ip rule del priority 100
ip route flush table 100
ip route replace default via 172.31.0.1 dev eth0 proto static onlink`;

const STRICT = `
import { defineRole, play, playbook, sysctl } from 'provision';
const values = { 'net.ipv4.conf.eth0.rp_filter': 1 };
const strict = defineRole('strict', () => ({
  resources: [sysctl({ name: 'strict', values, content: 'net.ipv4.conf.eth0.rp_filter = 1\\n' })],
}));
export default playbook('strict', [play({ hosts: 'app-host', roles: [strict()] })]);
`;

/** A step that restarts Docker, between two that write files. */
const RESTART = `
import { command, defineRole, file, play, playbook } from 'provision';
const late = defineRole('late', () => ({
  resources: [
    file({ path: '/etc/before', content: 'new\\n' }),
    command({ name: 'restart', check: 'false', run: 'systemctl restart docker', undo: ':' }),
    file({ path: '/etc/after', content: 'new\\n' }),
  ],
}));
export default playbook('late', [play({ hosts: 'app-host', roles: [late()] })]);
`;
const HANGS = `mkdir -p /run/systemd/system/docker.service.d
printf '[Service]\\nTimeoutStartSec=infinity\\nExecStartPre=/bin/sh -c "until [ -e /run/go-on ]; do sleep 0.2; done"\\n' > /run/systemd/system/docker.service.d/hangs.conf
systemctl daemon-reload`;

labSupport('an app host that would lock its operator out', () => {
  let lab: AppHostLab;
  beforeAll(async () => {
    lab = await appHostLab(({ edit }) =>
      edit('hosts.yml', (text) =>
        text.replace(
          '          nics:\n            eth0',
          '          lab: { image: full }\n          nics:\n            eth0',
        ),
      ),
    );
    await lab.on('app1', 'systemctl -q disable --now firewalld docker docker.socket');
  }, 20 * MINUTES);
  afterAll(async () => lab?.down(), 2 * MINUTES);

  const seen = (): Promise<string> => lab.on('app1', SNAPSHOT);
  const errorOf = ({ report }: Awaited<ReturnType<AppHostLab['run']>>): string =>
    report.hosts.find(({ name }) => name === 'app1')?.error?.message ?? '';
  const lockouts = ({ report }: Awaited<ReturnType<AppHostLab['run']>>): string[] =>
    report.hosts.flatMap(({ lockouts: found = [] }) => found.map(({ sentence }) => sentence));

  it(
    'case 2: answers that would leave by a router that is not there are foretold, refused by --strict-lockout, and else put back',
    async () => {
      const before = await seen();
      lab.edit('hosts.yml', (text) => text.replace('gateway: 172.31.0.1 }', 'gateway: 172.31.0.99 }'));
      const sentence = expect.stringMatching(
        /^answers from 172\.31\.0\.8 to 198\.18\.0\.2 leave eth0 by 172\.31\.0\.1 now, and would leave it by 172\.31\.0\.99$/,
      );
      const check = await lab.run('--check');
      expect([check.code, lockouts(check)]).toEqual([0, [sentence]]);
      const strict = await lab.run('--strict-lockout');
      expect([strict.code, statusOf(strict.report, 'app1')]).toEqual([2, 'failed']);
      expect(touched(before, await seen())).toEqual([]);
      const made = await lab.run(...SHORT);
      expect([made.code, statusOf(made.report, 'app1')]).toEqual([2, 'reverted']);
      // Control: it did lock us out.
      expect(errorOf(made)).toMatch(/no new connection|the connection ended/);
      expect(touched(before, await seen())).toEqual([]);
      lab.edit('hosts.yml', (text) => text.replace('gateway: 172.31.0.99 }', 'gateway: 172.31.0.1 }'));
      const right = await lab.run('--strict-lockout');
      expect([right.code, statusOf(right.report, 'app1'), lockouts(right)]).toEqual([0, 'changed', []]);
    },
    5 * MINUTES,
  );

  it(
    'case 3: strict rp_filter on a way in that the kernel would not take back is put back',
    async () => {
      lab.edit('hosts.yml', (text) =>
        text.replace('          lab: {', '          app_host: { state: absent }\n          lab: {'),
      );
      expect((await lab.run()).code).toBe(0);
      await lab.on('app1', ASYMMETRIC);
      const before = await seen();
      const strict = lab.playbook('strict', STRICT);
      const made = await lab.runPlaybook(strict, ...SHORT);
      expect([made.code, statusOf(made.report, 'app1')]).toEqual([2, 'reverted']);
      expect(errorOf(made)).toContain('no new connection');
      expect(touched(before, await seen())).toEqual([]);
      // Control: on a way that is the same there and back the same value locks nobody out.
      await lab.on('app1', SYMMETRIC);
      const right = await lab.runPlaybook(strict);
      expect([right.code, statusOf(right.report, 'app1')]).toEqual([0, 'changed']);
      await lab.on(
        'app1',
        'rm /etc/sysctl.d/99-zz-provision-strict.conf; sysctl -qw net.ipv4.conf.eth0.rp_filter=0',
      );
      lab.edit('hosts.yml', (text) => text.replace('          app_host: { state: absent }\n', ''));
      expect(await lab.on('app1', `ip route get 198.18.0.2 from ${A.address}`)).toContain('dev eth0');
    },
    5 * MINUTES,
  );

  it(
    'case 22: a restart of Docker that hangs beyond the deadline is stopped, then taken back; nothing is written late',
    async () => {
      await lab.on('app1', `${HANGS}; echo old > /etc/before`);
      const before = await seen();
      const run = startProvision(lab.playbook('late', RESTART), '-i', lab.inventory);
      const ended = endOf(run);
      const at = (script: string): Promise<boolean> =>
        lab.on('app1', `${script} && echo yes || echo no`).then((text) => text.trim() === 'yes');
      for (let tries = 0; !(await at('pgrep -f "[s]ystemctl restart docker" >/dev/null')); tries += 1) {
        if (tries > 150) throw new Error('the step never came to the restart');
        await sleep(200);
      }
      expect(await lab.on('app1', 'cat /etc/before')).toBe('new\n');
      // What the timer does when the time is over, fifteen minutes and the window from now.
      await lab.on(
        'app1',
        'cd "$(dirname /var/lib/provision/txn/*/pending)"; systemctl start "$(cat timer).service"',
      );
      const { code, output } = await ended;
      expect([code, output]).toEqual([2, expect.stringContaining('reverted')]);
      await lab.on(
        'app1',
        'touch /run/go-on; systemctl stop docker.socket docker.service 2>/dev/null; rm -r /run/systemd/system/docker.service.d; systemctl daemon-reload',
      );
      await sleep(3000);
      expect(touched(before, await seen())).toEqual([]);
      expect(
        await lab.on(
          'app1',
          'cat /etc/before; ls /etc/after 2>/dev/null; systemctl list-units --state=active,activating --no-legend "provision-*"',
        ),
      ).toBe('old\n');
      // Control: the same playbook goes through when nothing hangs.
      const right = await lab.runPlaybook(
        lab.playbook('late', RESTART.replace(`check: 'false'`, `check: 'systemctl -q is-active docker'`)),
      );
      expect([right.code, statusOf(right.report, 'app1')]).toEqual([0, 'changed']);
      expect(await lab.on('app1', 'cat /etc/before /etc/after')).toBe('new\nnew\n');
    },
    5 * MINUTES,
  );
});
