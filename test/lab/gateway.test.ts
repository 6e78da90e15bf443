import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { notPrinted, transcripts } from '../docs/transcripts.ts';
import { changesOf, gatewayLab, predicted, SNAPSHOT, statusOf, touched } from './gateway-lab.ts';
import type { GatewayLab } from './gateway-lab.ts';
import { labSupport } from './support.ts';

const MINUTES = 60_000;
const OUTSIDE = 'http://198.51.100.10/ip';

labSupport('NAT gateway on a bare Debian 12 host (row A)', () => {
  let lab: GatewayLab;
  beforeAll(async () => {
    lab = await gatewayLab();
  }, 20 * MINUTES);
  afterAll(async () => lab?.down(), 2 * MINUTES);

  /** What the outside sees of a request from there; "none" = no way out. */
  const seen = (host: string): Promise<string> =>
    lab.on(host, `curl -s -m 3 ${OUTSIDE} || echo none`).then((text) => text.trim());

  const expectInSync = async (): Promise<void> => {
    const again = await lab.run();
    expect(again.code).toBe(0);
    expect(again.report.hosts.flatMap((host) => host.changes)).toEqual([]);
  };

  it(
    '--check changes nothing, and predicts what the run then does',
    async () => {
      const before = await lab.on('gw1', SNAPSHOT);
      const check = await lab.run('--check', '--diff');
      expect(check.code).toBe(0);
      expect(await lab.on('gw1', SNAPSHOT)).toBe(before);
      expect(check.stdout).toContain('package firewalld is not installed');
      expect(await seen('db1')).toBe('none');

      const run = await lab.run();
      expect(run.code).toBe(0);
      expect(changesOf(run.report, 'gw1')).toEqual(changesOf(check.report, 'gw1'));
      expect(statusOf(run.report, 'gw1')).toBe('changed');
      // Control: the comparison of snapshots can fail.
      const after = await lab.on('gw1', SNAPSHOT);
      expect(after).not.toBe(before);
      // Each prediction is to be found in the independent snapshot.
      expect(after).toContain('/etc/firewalld/policies/provision-forward.xml');
      expect(after).toContain('/etc/firewalld/zones/public.xml');
      expect(after).toContain('/etc/sysctl.d/99-zz-provision-nat-gateway.conf');
      expect(after).toContain('net.ipv4.ip_forward = 1');
      expect(after).toMatch(/^firewalld\.service$/m);
      expect(after).toContain('ip daddr != 172.31.0.0/24 ip saddr 172.31.0.16/28 oifname != "lo" masquerade');
    },
    5 * MINUTES,
  );

  it(
    'a private host leaves by the gateway: checks failed before and pass after',
    async () => {
      expect(await seen('db1')).toBe('203.0.113.10');
      expect(await seen('web1')).toBe('203.0.113.10');
      expect(await seen('iso1')).toBe('none');
    },
    MINUTES,
  );

  it(
    'the backend of a DNAT entry sees its client',
    async () => {
      expect((await lab.on('outside1', 'curl -s -m 3 http://203.0.113.10:8080/ip')).trim()).toBe(
        '198.51.100.10',
      );
    },
    MINUTES,
  );

  it(
    'the second run changes nothing and arms nothing: one connection and one exec for every host (case 28)',
    async () => {
      const ARMED =
        "wc -l </var/lib/provision/journal; systemctl show -p NRestarts,ExecReload firewalld -p ActiveEnterTimestamp; journalctl -q -o cat -g 'provision-(rollback|window)' | wc -l";
      const armed = await lab.on('gw1', ARMED);
      // Control: the first run did leave a line and timers.
      expect(armed).toMatch(/^1\n/);
      expect(armed).not.toMatch(/\n0\n$/);
      const { code, report, stdout } = await lab.run();
      expect(await lab.on('gw1', ARMED)).toBe(armed);
      expect(code).toBe(0);
      expect(stdout).toMatch(/gw1\s+: ok=\d+ changed=0 /);
      expect(report.hosts.map(({ name, ssh }) => [name, ssh.connections, ssh.execs])).toEqual(
        report.hosts.map(({ name }) => [name, 1, 1]),
      );
      expect(report.hosts.map(({ name }) => name).sort()).toEqual(['db1', 'gw1', 'iso1', 'outside1', 'web1']);
    },
    MINUTES,
  );

  it(
    'a drift live and one in a file are told as the README has it, and corrected',
    async () => {
      await lab.on(
        'gw1',
        `sysctl -qw net.ipv4.ip_forward=0; sed -i '/<source address="172.31.0.16.28"/d' /etc/firewalld/policies/provision-forward.xml`,
      );
      expect(notPrinted(transcripts()[2], await lab.run('--check', '--diff'))).toEqual([]);
      expect((await lab.run()).code).toBe(0);
      await expectInSync();
      // Control: without the drift it does not say that.
      expect(notPrinted(transcripts()[2], await lab.run('--check', '--diff'))).toContain(
        'gw1       ~ net.ipv4.ip_forward is 0 live, should be 1',
      );
    },
    2 * MINUTES,
  );

  it(
    'what --check predicts is what independent snapshots show after the run, and nothing else',
    async () => {
      const drift =
        'systemctl -q disable firewalld; rm /etc/firewalld/policies/provision-forward.xml; firewall-cmd -q --reload; sysctl -qw net.ipv4.ip_forward=0';
      await lab.on('gw1', drift);
      const before = await lab.on('gw1', SNAPSHOT);
      const check = await lab.run('--check');
      expect(touched(before, await lab.on('gw1', SNAPSHOT))).toEqual([]);
      await lab.run();
      const seenByTools = touched(before, await lab.on('gw1', SNAPSHOT));
      expect(seenByTools).toEqual(predicted(check.report, 'gw1'));
      expect(seenByTools).toEqual([
        'file /etc/firewalld/policies/provision-forward.xml',
        'firewalld',
        'sysctl net.ipv4.ip_forward',
        'unit firewalld.service',
      ]);
    },
    2 * MINUTES,
  );

  it(
    'no packet has left with a wrong source so far',
    async () => {
      expect(await lab.wrongSource()).toEqual({
        'gw1/eth0': 0,
        'db1/eth0': 0,
        'web1/eth0': 0,
        'iso1/eth0': 0,
        'outside1/eth0': 0,
      });
    },
    MINUTES,
  );

  it(
    'after a reboot of the gateway all of it holds without a run (case 9)',
    async () => {
      await lab.reboot('gw1');
      expect(await seen('db1')).toBe('203.0.113.10');
      expect((await lab.on('outside1', 'curl -s -m 3 http://203.0.113.10:8080/ip')).trim()).toBe(
        '198.51.100.10',
      );
      await expectInSync();
    },
    3 * MINUTES,
  );

  const MASQUERADE = `'rule family="ipv4" source address="172.31.0.16/28" destination NOT address="172.31.0.0/24" masquerade'`;

  it.each([
    ['live ip_forward', 'sysctl -qw net.ipv4.ip_forward=0', ['live sysctl:nat-gateway: net.ipv4.ip_forward']],
    [
      'the drop-in file edited',
      'sed -i s/ip_forward.*/ip_forward=0/ /etc/sysctl.d/99-zz-provision-nat-gateway.conf',
      ['saved sysctl:nat-gateway: net.ipv4.ip_forward'],
    ],
    [
      'masquerade removed at run time only',
      `firewall-cmd -q --zone=public --remove-rich-rule=${MASQUERADE}`,
      ['live firewalld-zone:public: rules'],
    ],
    [
      'masquerade removed permanently only',
      `firewall-cmd -q --permanent --zone=public --remove-rich-rule=${MASQUERADE}`,
      ['saved firewalld-zone:public: rules'],
    ],
    [
      'the policy file removed',
      'rm /etc/firewalld/policies/provision-forward.xml',
      expect.arrayContaining(['saved firewalld-policy:provision-forward: target']),
    ],
    [
      'firewalld stopped',
      'systemctl stop firewalld',
      expect.arrayContaining(['live service:firewalld: running', 'live firewalld-zone:public: rules']),
    ],
    ['firewalld disabled', 'systemctl -q disable firewalld', ['saved service:firewalld: enabled']],
    [
      'firewalld masked',
      'systemctl -q mask firewalld',
      expect.arrayContaining(['saved service:firewalld: masked']),
    ],
    [
      'its package removed',
      'DEBIAN_FRONTEND=noninteractive apt-get -qq -y remove firewalld >/dev/null 2>&1',
      expect.arrayContaining(['saved package:firewalld: installed', 'live service:firewalld: running']),
    ],
  ])(
    'drift: %s is named in its layer and corrected',
    async (_name, drift, expected) => {
      await lab.on('gw1', drift);
      const check = await lab.run('--check');
      expect(check.code).toBe(0);
      const { code, report } = await lab.run();
      expect(code).toBe(0);
      expect(changesOf(report, 'gw1')).toEqual(expected);
      expect(changesOf(check.report, 'gw1')).toEqual(changesOf(report, 'gw1'));
      expect(await seen('db1')).toBe('203.0.113.10');
      await expectInSync();
    },
    3 * MINUTES,
  );

  it(
    'at most one reload of firewalld a run, none when nothing changed',
    async () => {
      const reloads = async (): Promise<number> =>
        Number(await lab.on('gw1', 'cat /run/reloads 2>/dev/null | wc -l'));
      // busctl in our way: it counts reloads and passes on.
      await lab.on(
        'gw1',
        `mkdir -p /usr/local/sbin && printf '%s\\n' '#!/bin/sh' 'case "$*" in *FirewallD1\\ reload) echo x >> /run/reloads;; esac' 'exec /usr/bin/busctl "$@"' > /usr/local/sbin/busctl && chmod +x /usr/local/sbin/busctl`,
      );
      await lab.run();
      expect(await reloads()).toBe(0);
      await lab.on(
        'gw1',
        'rm /etc/firewalld/policies/provision-forward.xml /etc/firewalld/zones/public.xml; /usr/bin/firewall-cmd -q --reload',
      );
      expect((await lab.run()).code).toBe(0);
      expect(await reloads()).toBe(1);
      await lab.on('gw1', 'rm /usr/local/sbin/busctl /run/reloads');
    },
    2 * MINUTES,
  );

  it(
    'what leaves the inventory leaves the host',
    async () => {
      lab.edit('host_vars/gw1.yml', (text) =>
        text.replace('172.31.0.16/28', '172.31.0.20/32').replace(/ {2}dnat:\n.*\n/, ''),
      );
      const { code, stdout } = await lab.run();
      expect(stdout).toContain('not declared but present');
      // web1 is no declared source any more: its own check goes with its declaration.
      expect(code).toBe(0);
      expect(await seen('db1')).toBe('203.0.113.10');
      expect(await seen('web1')).toBe('none');
      expect(await lab.on('outside1', 'curl -s -m 2 http://203.0.113.10:8080/ip || echo none')).toBe(
        'none\n',
      );
      expect(
        await lab.on(
          'gw1',
          'cat /etc/firewalld/zones/public.xml /etc/firewalld/policies/provision-forward.xml',
        ),
      ).not.toContain('172.31.0.16/28');
      await expectInSync();
    },
    2 * MINUTES,
  );

  it(
    'control of the counter: with forwarding and without the role, wrong sources leave',
    async () => {
      const before = (await lab.wrongSource())['gw1/eth0'] ?? 0;
      await lab.on('gw1', 'systemctl stop firewalld && sysctl -qw net.ipv4.ip_forward=1');
      expect(await seen('db1')).toBe('none');
      expect((await lab.wrongSource())['gw1/eth0']).toBeGreaterThan(before);
      expect((await lab.run()).code).toBe(0);
    },
    2 * MINUTES,
  );

  it(
    'state: absent gives the host back as it was, and nothing leaves untranslated meanwhile',
    async () => {
      const wrong = (await lab.wrongSource())['gw1/eth0'];
      lab.edit('host_vars/gw1.yml', (text) => `${text}nat_gateway: { state: absent }\n`);
      const { code } = await lab.run();
      expect(code).toBe(0);
      expect(await seen('db1')).toBe('none');
      const left = await lab.on(
        'gw1',
        'ls /etc/sysctl.d /etc/firewalld/policies /etc/firewalld/zones; sysctl -n net.ipv4.ip_forward; systemctl is-active firewalld; true',
      );
      expect(left).not.toContain('provision-forward');
      expect(left).not.toContain('provision-nat-gateway');
      // firewall-cmd itself leaves a public.xml.old.
      expect(left).not.toMatch(/public\.xml$/m);
      expect(left).toMatch(/\n0\ninactive\n$/);
      await expectInSync();
      expect((await lab.wrongSource())['gw1/eth0']).toBe(wrong);
    },
    2 * MINUTES,
  );
});
