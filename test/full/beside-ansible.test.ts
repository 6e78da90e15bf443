import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { openRoad } from '../../bench/road.ts';
import type { Road } from '../../bench/road.ts';
import { loadInventory } from '../../src/inventory/load.ts';
import { labOf } from '../../src/lab/index.ts';
import { gatewayLab, provision, statusOf } from '../lab/gateway-lab.ts';
import type { Ended, GatewayLab } from '../lab/gateway-lab.ts';
import { labSupport } from '../lab/support.ts';

/** What docs/comparison.md says of Ansible: the same events on the same host, and what either side makes of them. */
const MINUTES = 60_000;

const RULE = (rest: string): string =>
  `{ name: rule, ansible.builtin.iptables: { table: nat, chain: PREROUTING, protocol: tcp, ${rest} } }`;
const WEB = RULE('destination_port: "8080", jump: DNAT, to_destination: "172.31.0.21:80"');
const MORE = RULE('destination_port: "8081", jump: DNAT, to_destination: "172.31.0.20:80"');
const FORWARDING =
  '{ name: forwarding, ansible.builtin.copy: { content: "net.ipv4.ip_forward = 1\\n", dest: /etc/sysctl.d/99-a.conf, mode: "0644" } }';

const theirRules = 'iptables -t nat -S PREROUTING | grep -- "--dport 808" || true';
const ourRules = 'iptables -t nat -S | grep -- "--dport 808" || true';

labSupport('the same events, met by Ansible and by provision', () => {
  let lab: GatewayLab;
  let road: Road;
  const work = mkdtempSync(path.join(os.tmpdir(), 'provision-beside-'));

  beforeAll(async () => {
    lab = await gatewayLab(({ edit }) =>
      edit(
        'host_vars/gw1.yml',
        (text) =>
          `${text.replace('engine: firewalld', 'engine: iptables').replace(/^firewall:\n( .*\n)+/m, '')}lab: { image: full }\n`,
      ),
    );
    // Of the image only Python is wanted; an iptables of its own goes with neither.
    await lab.on('gw1', 'systemctl -q disable --now firewalld docker.socket docker');
    await lab.reboot('gw1');
    const up = await labOf(await loadInventory([lab.inventory]));
    if (up === undefined || up === null) throw new Error('the lab is not up');
    road = await openRoad(up, work, 0);
    writeFileSync(
      path.join(work, 'ansible.cfg'),
      '[ssh_connection]\nssh_args = -o ControlMaster=no -o ServerAliveInterval=5\n',
    );
    writeFileSync(
      path.join(work, 'hosts.ini'),
      `gw1 ansible_host=127.0.0.1 ansible_port=${road.portOf.get('gw1') ?? ''} ansible_user=ops ansible_become=true ansible_ssh_private_key_file=${road.keyFile} ansible_python_interpreter=/usr/bin/python3 ansible_ssh_common_args="-F none -o IdentitiesOnly=yes -o UserKnownHostsFile=${road.knownHosts}"\n`,
    );
  }, 20 * MINUTES);
  afterAll(async () => {
    road?.close();
    rmSync(work, { recursive: true, force: true });
    await lab?.down();
  }, 2 * MINUTES);

  /** Runs a play of these tasks on the gateway. */
  const ansible = (tasks: readonly string[], flags: readonly string[] = []): Promise<Ended> => {
    const file = path.join(work, 'play.yml');
    writeFileSync(
      file,
      `- hosts: gw1\n  gather_facts: false\n  tasks:\n${tasks.map((task) => `    - ${task}\n`).join('')}`,
    );
    return new Promise((resolve) => {
      execFile(
        'ansible-playbook',
        ['-i', path.join(work, 'hosts.ini'), '-T', '5', ...flags, file],
        { env: { ...process.env, ANSIBLE_CONFIG: path.join(work, 'ansible.cfg'), ANSIBLE_NOCOLOR: '1' } },
        (error, stdout, stderr) => resolve({ code: error ? Number(error.code ?? 1) : 0, stdout, stderr }),
      );
    });
  };
  const settle = async (): Promise<void> => {
    const { code, stderr } = await lab.run();
    expect([code, stderr]).toEqual([0, expect.anything()]);
  };
  const recap = (ended: Ended): string =>
    /gw1 +: (ok=\d+ +changed=\d+ +unreachable=\d+ +failed=\d+)/
      .exec(ended.stdout)?.[1]
      ?.replace(/ +/g, ' ') ?? ended.stdout + ended.stderr;

  it(
    'a rule that somebody put above ours: Ansible finds its own and says ok; provision is first again',
    async () => {
      const ABOVE =
        'iptables -t nat -I PREROUTING -p tcp --dport 8080 -m comment --comment above -j DNAT --to-destination 172.31.0.40:80';
      expect(recap(await ansible([WEB]))).toContain('changed=1');
      await lab.on('gw1', ABOVE);
      expect(recap(await ansible([WEB]))).toBe('ok=1 changed=0 unreachable=0 failed=0');
      expect((await lab.on('gw1', theirRules)).split('\n')[0]).toContain('above');
      await lab.on('gw1', 'iptables -t nat -F PREROUTING');

      await settle();
      await lab.on('gw1', ABOVE);
      const again = await lab.run();
      expect([again.code, statusOf(again.report, 'gw1')]).toEqual([0, 'changed']);
      const [first, ...rest] = (await lab.on('gw1', 'iptables -t nat -S PREROUTING | sed 1d')).split('\n');
      expect(first).toContain('PROVISION');
      expect(rest.join('\n')).toContain('above');
      await lab.on('gw1', 'iptables -t nat -D PREROUTING 2');
    },
    10 * MINUTES,
  );

  it(
    'an entry that is no longer written: Ansible leaves its rule, provision takes it away',
    async () => {
      await ansible([WEB, MORE]);
      expect(recap(await ansible([WEB]))).toContain('changed=0');
      expect(await lab.on('gw1', theirRules)).toContain('8081');
      await lab.on(
        'gw1',
        'iptables -t nat -S PREROUTING | sed -n "s/^-A \\(.* --dport 808.*\\)/-D \\1/p" | while read -r rule; do eval "iptables -t nat $rule"; done',
      );

      const more =
        '    - { name: more, eip: office, port: 8081, protocol: tcp, to: 172.31.0.21, to_port: 80 }\n';
      lab.edit('host_vars/gw1.yml', (text) => text.replace(/( +- \{ name: web)/, `${more}$1`));
      await settle();
      expect(await lab.on('gw1', ourRules)).toContain('8081');
      lab.edit('host_vars/gw1.yml', (text) => text.replace(more, ''));
      const without = await lab.run();
      expect([without.code, statusOf(without.report, 'gw1')]).toEqual([0, 'changed']);
      expect(await lab.on('gw1', ourRules)).not.toContain('8081');
      expect(await lab.on('gw1', ourRules)).toContain('8080');
    },
    10 * MINUTES,
  );

  it(
    'after a reboot: the rules of the iptables module are gone, those of provision are there',
    async () => {
      await settle();
      await ansible([MORE]);
      expect(await lab.on('gw1', theirRules)).toContain('8081');
      await lab.reboot('gw1');
      expect(await lab.on('gw1', theirRules)).not.toContain('8081');
      expect(await lab.on('gw1', ourRules)).toContain('8080');
      const after = await lab.run();
      expect([after.code, statusOf(after.report, 'gw1')]).toEqual([0, 'ok']);
    },
    10 * MINUTES,
  );

  it(
    'what a check shows of a shell task is nothing, and its exit code does not tell that something is pending',
    async () => {
      const shell =
        '{ name: by hand, ansible.builtin.shell: iptables -t nat -A PREROUTING -p tcp --dport 8089 -j ACCEPT }';
      const check = await ansible([shell, MORE], ['--check']);
      expect(check.stdout).toMatch(/skipping: \[gw1\][^]*changed: \[gw1\]/);
      expect(check.code).toBe(0);

      await lab.on('gw1', 'sysctl -qw net.ipv4.ip_forward=0');
      const ours = await lab.run('--check', '--detailed-exitcode');
      expect([ours.code, statusOf(ours.report, 'gw1')]).toEqual([2, 'planned']);
      await settle();
      expect((await lab.run('--check', '--detailed-exitcode')).code).toBe(0);
    },
    10 * MINUTES,
  );

  it(
    'a run that is killed: what Ansible had done stays (for provision: controller-killed.test.ts)',
    async () => {
      const wait = '{ name: wait, ansible.builtin.pause: { seconds: 600 } }';
      const file = path.join(work, 'play.yml');
      const started = ansible([FORWARDING, wait]);
      for (
        let tries = 0;
        (await lab.on('gw1', 'ls /etc/sysctl.d')).includes('99-a.conf') === false;
        tries += 1
      )
        if (tries > 60) throw new Error('the first task has not run');
      await new Promise<void>((resolve) => {
        execFile('pkill', ['-9', '-f', `ansible-playbook.*${file}`], () => resolve());
      });
      expect((await started).code).not.toBe(0);
      expect(await lab.on('gw1', 'ls /etc/sysctl.d')).toContain('99-a.conf');
      await lab.on('gw1', 'rm /etc/sysctl.d/99-a.conf');
    },
    10 * MINUTES,
  );

  it(
    'a target that nobody serves: Ansible says ok; provision fails and puts back what was',
    async () => {
      const dead = 'destination_port: "8082", jump: DNAT, to_destination: "172.31.0.21:4444"';
      const theirs = await ansible([RULE(dead)]);
      expect([theirs.code, recap(theirs)]).toEqual([0, 'ok=1 changed=1 unreachable=0 failed=0']);

      lab.edit('host_vars/gw1.yml', (text) => text.replace('to_port: 80 }', 'to_port: 4444 }'));
      const ours = await lab.run();
      expect([ours.code, statusOf(ours.report, 'gw1')]).toEqual([2, 'reverted']);
      expect(await lab.on('gw1', ourRules)).toContain('172.31.0.21:80');
      lab.edit('host_vars/gw1.yml', (text) => text.replace('to_port: 4444 }', 'to_port: 80 }'));
      await settle();
    },
    10 * MINUTES,
  );

  it(
    'a rule that keeps SSH out: Ansible does not get in again; provision is put back by the host itself',
    async () => {
      const out =
        '{ name: out, ansible.builtin.iptables: { chain: INPUT, protocol: tcp, destination_port: "22", jump: DROP, action: insert } }';
      const ping = '{ name: ping, ansible.builtin.ping: {} }';
      const theirs = await ansible([out, ping]);
      expect(theirs.code).not.toBe(0);
      await new Promise((resume) => setTimeout(resume, 90_000));
      const later = await ansible([ping]);
      expect([later.code, recap(later)]).toEqual([4, 'ok=0 changed=0 unreachable=1 failed=0']);
      await lab.on('gw1', 'iptables -D INPUT -p tcp --dport 22 -j DROP');

      const filter = 'firewall: { filter: [{ direction: in, action: drop, protocol: tcp, ports: 22 }] }\n';
      lab.edit('host_vars/gw1.yml', (text) => text.replace('nat:\n', `${filter}nat:\n`));
      const foreseen = await provision('plan', 'playbooks/gateway.ts', '-i', lab.inventory);
      expect(foreseen.stderr).toContain('firewall.filter would drop tcp port 22');
      const ours = await lab.run('--confirm-timeout', '20', '-T', '3');
      expect([ours.code, statusOf(ours.report, 'gw1')]).toEqual([2, 'reverted']);
      lab.edit('host_vars/gw1.yml', (text) => text.replace(filter, ''));
      const after = await lab.run();
      expect([after.code, statusOf(after.report, 'gw1')]).toEqual([0, 'ok']);
    },
    10 * MINUTES,
  );
});
