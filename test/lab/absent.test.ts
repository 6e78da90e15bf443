import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { changesOf, gatewayLab, SNAPSHOT, statusOf, touched } from './gateway-lab.ts';
import type { GatewayLab } from './gateway-lab.ts';
import { release } from './release.ts';
import { labSupport } from './support.ts';

const MINUTES = 60_000;

/** Every parameter that the kernel moves along with ip_forward, beside those that the role sets. */
const PARAMETERS = `sysctl -a 2>/dev/null | grep -E '^net.ipv4.(ip_forward|conf\\..*\\.(send_redirects|accept_redirects|forwarding)) ' | sort`;

/** firewalld prints rules of one kind in an order that changes with every start of it: sorted. */
function inOrder(snapshot: string): string {
  const [files = '', rest = ''] = snapshot.split('## firewalld\n');
  const [rules = '', ...others] = rest.split('## net\n');
  return [files, ...rules.split('\n').toSorted(), ...others].join('\n');
}

const stateOf = async (lab: GatewayLab): Promise<{ snapshot: string; parameters: string }> => ({
  snapshot: await lab.on('gw1', SNAPSHOT),
  parameters: await lab.on('gw1', PARAMETERS),
});

const sorted = ({ snapshot, parameters }: Awaited<ReturnType<typeof stateOf>>) => ({
  snapshot: inOrder(snapshot),
  parameters,
});

const BASELINES = 'ls -A /var/lib/provision/baseline 2>/dev/null | wc -l';
/** Names, content, mode and time of every baseline. */
const BASELINE_CONTENT = `cd /var/lib/provision/baseline && find . -type f -printf '%p %m %T@\\n' -exec sha256sum {} \\; | sort`;

const ABSENT = 'nat_gateway: { state: absent }\n';

labSupport('state: absent of a NAT gateway', () => {
  let lab: GatewayLab;
  let bare = { snapshot: '', parameters: '' };
  beforeAll(async () => {
    lab = await gatewayLab();
  }, 20 * MINUTES);
  afterAll(async () => lab?.down(), 2 * MINUTES);

  const declare = (state: 'present' | 'absent'): void =>
    lab.edit('host_vars/gw1.yml', (text) => text.replace(ABSENT, '') + (state === 'absent' ? ABSENT : ''));

  const expectNoChange = async (): Promise<void> => {
    const again = await lab.run();
    expect(again.code).toBe(0);
    expect(again.report.hosts.flatMap((host) => host.changes)).toEqual([]);
    const gw1 = again.report.hosts.find((host) => host.name === 'gw1');
    expect([gw1?.ssh.connections, gw1?.ssh.execs]).toEqual([1, 1]);
  };

  it(
    'a host that was never taken over is left alone, and told so',
    async () => {
      bare = await stateOf(lab);
      declare('absent');
      const { code, report, stderr } = await lab.run();
      expect(code).toBe(0);
      expect(changesOf(report, 'gw1')).toEqual([]);
      expect(stderr).toContain('has no baseline of sysctl:nat-gateway');
      expect(await stateOf(lab)).toEqual(bare);
      expect(await lab.on('gw1', 'ls /var/lib/provision 2>&1 || true')).toContain('No such file');
      declare('present');
    },
    2 * MINUTES,
  );

  it(
    'a run that is taken back leaves no baseline, and what the kernel couples to ip_forward as it was',
    async () => {
      // A hardened host that forwards on one NIC only: the kernel overwrites both with ip_forward.
      await lab.on('gw1', 'sysctl -qw net.ipv4.conf.all.accept_redirects=0 net.ipv4.conf.eth0.forwarding=1');
      const before = await lab.on('gw1', PARAMETERS);
      const fails = lab.playbook(
        'fails',
        `import { command, defineRole, natGateway, play, playbook } from 'provision';
const trap = defineRole('trap', () => ({ resources: [command({ name: 'trap', check: 'false', run: 'sysctl -n net.ipv4.ip_forward > /run/forwarding; exit 1', undo: 'true' })] }));
export default playbook('fails', [play({ hosts: 'gw1', roles: [natGateway(), trap()] })]);`,
      );
      const { report } = await lab.runPlaybook(fails);
      expect(statusOf(report, 'gw1')).toBe('reverted');
      // Control: forwarding was on in between.
      expect(await lab.on('gw1', 'cat /run/forwarding')).toBe('1\n');
      expect(await lab.on('gw1', PARAMETERS)).toBe(before);
      expect((await lab.on('gw1', BASELINES)).trim()).toBe('0');
      await lab.on(
        'gw1',
        'rm /run/forwarding; sysctl -qw net.ipv4.conf.all.accept_redirects=1 net.ipv4.conf.eth0.forwarding=0',
      );
      expect(await lab.on('gw1', PARAMETERS)).toBe(bare.parameters);
    },
    5 * MINUTES,
  );

  it(
    'a bare host: present, then absent gives back what it was; what is left is what dpkg brought',
    async () => {
      const present = await lab.run();
      expect(present.code).toBe(0);
      const between = await stateOf(lab);
      expect(between.parameters).toContain('net.ipv4.ip_forward = 1');
      expect(touched(bare.snapshot, between.snapshot)).toContain('firewalld');
      // At least zone, policy, service, sysctl, package.
      expect(Number(await lab.on('gw1', BASELINES))).toBeGreaterThanOrEqual(5);
      expect(await lab.on('gw1', "stat -c '%U %a' /var/lib/provision/baseline")).toBe('root 700\n');
      expect(
        await lab.on('gw1', 'find /var/lib/provision/baseline -name record.json ! -perm 600 | wc -l'),
      ).toBe('0\n');

      declare('absent');
      const predicted = await lab.run('--check');
      const absent = await lab.run();
      expect(absent.code).toBe(0);
      expect(changesOf(absent.report, 'gw1')).toEqual(changesOf(predicted.report, 'gw1'));
      const after = await stateOf(lab);
      expect(after.parameters).toBe(bare.parameters);
      const left = touched(bare.snapshot, after.snapshot);
      expect(left.filter((what) => !/^(file|unit) /.test(what))).toEqual([]);
      // Control: the same comparison sees the role's own things while it is there.
      expect(touched(bare.snapshot, between.snapshot)).toEqual(
        expect.arrayContaining([
          'file /etc/firewalld/zones/public.xml',
          'firewalld',
          'sysctl net.ipv4.ip_forward',
        ]),
      );
      // Another bare host, on which somebody installs the package by hand and switches its service off.
      const other = await lab.on('iso1', SNAPSHOT);
      await lab.on(
        'iso1',
        'export DEBIAN_FRONTEND=noninteractive; { apt-get -q update; apt-get -q -y --no-install-recommends install firewalld; systemctl -q disable --now firewalld; } >/dev/null 2>&1',
      );
      const brought = touched(other, await lab.on('iso1', SNAPSHOT));
      expect(brought).toContain('file /etc/firewalld/firewalld.conf');
      expect(left.filter((what) => !brought.includes(what))).toEqual([]);
      expect(
        await lab.on(
          'gw1',
          'systemctl is-active firewalld; systemctl is-enabled firewalld; dpkg-query -W -f "\\${db:Status-Status}" firewalld; true',
        ),
      ).toBe('inactive\ndisabled\ninstalled');
    },
    6 * MINUTES,
  );

  it(
    'a second absent run changes nothing; the baseline stays, and a later present does not overwrite it',
    async () => {
      await expectNoChange();
      const kept = await lab.on('gw1', BASELINE_CONTENT);
      declare('present');
      const again = await lab.run();
      expect(again.code).toBe(0);
      expect(changesOf(again.report, 'gw1')).toContain('live sysctl:nat-gateway: net.ipv4.ip_forward');
      expect((await lab.on('db1', 'curl -s -m 3 http://198.51.100.10/ip')).trim()).toBe('203.0.113.10');
      await expectNoChange();
      expect(await lab.on('gw1', BASELINE_CONTENT)).toBe(kept);

      declare('absent');
      expect((await lab.run()).code).toBe(0);
      expect((await stateOf(lab)).parameters).toBe(bare.parameters);
      expect(await lab.on('gw1', 'ls /etc/firewalld/zones /etc/firewalld/policies')).not.toContain('.xml');
    },
    4 * MINUTES,
  );

  it(
    'absent is taken back too when it cannot be verified: the gateway works on',
    async () => {
      declare('present');
      expect((await lab.run()).code).toBe(0);
      const before = await stateOf(lab);
      declare('absent');
      const wants = lab.playbook(
        'wants',
        `import { egress, natGateway, play, playbook } from 'provision';
export default playbook('wants', [play({ hosts: 'gw1', roles: [natGateway()], checks: [egress({ from: 'db1', expect: '203.0.113.10' })] })]);`,
      );
      const { report } = await lab.runPlaybook(wants);
      expect(statusOf(report, 'gw1')).toBe('reverted');
      expect(sorted(await stateOf(lab))).toEqual(sorted(before));
      expect((await lab.on('db1', 'curl -s -m 3 http://198.51.100.10/ip')).trim()).toBe('203.0.113.10');
      expect((await lab.run()).code).toBe(0);
    },
    4 * MINUTES,
  );

  it(
    'a host prepared by hand: exactly the hand-made state comes back, with owner, mode and time of its files',
    async () => {
      declare('present');
      // By firewalld before 1.0 it lets every host of the network out, and going back to that fails the check of iso1.
      const masquerade = release === 'debian-11' ? '' : '<masquerade/>';
      // As if provision had never been there, and somebody had made a gateway of it by hand.
      await lab.on(
        'gw1',
        `systemctl -q stop firewalld; rm -rf /var/lib/provision/baseline /etc/firewalld/policies/provision-forward.xml
printf '%s\\n' '<?xml version="1.0" encoding="utf-8"?>' '<!-- by hand -->' '<zone><short>Mine</short><interface name="eth0"/><service name="ssh"/><port port="9100" protocol="tcp"/>${masquerade}</zone>' > /etc/firewalld/zones/public.xml
chown 1000:4 /etc/firewalld/zones/public.xml; chmod 640 /etc/firewalld/zones/public.xml; touch -d 2020-01-01 /etc/firewalld/zones/public.xml
printf '# by hand\\nnet.ipv4.ip_forward=1\\n' > /etc/sysctl.d/99-zz-provision-nat-gateway.conf; chmod 600 /etc/sysctl.d/99-zz-provision-nat-gateway.conf
systemctl -q start firewalld; sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.eth0.send_redirects=1 net.ipv4.conf.all.accept_redirects=1`,
      );
      const times = `stat -c '%n %U %G %a %y' /etc/firewalld/zones/public.xml /etc/sysctl.d/99-zz-provision-nat-gateway.conf`;
      const before = await stateOf(lab);
      const files = await lab.on('gw1', times);
      expect(files).toContain('ops adm 640 2020-01-01');

      expect((await lab.run()).code).toBe(0);
      const between = await stateOf(lab);
      expect(between.snapshot).not.toContain('public.xml f 640');
      // Control: what is compared below did move.
      expect(touched(before.snapshot, between.snapshot)).toEqual(
        expect.arrayContaining([
          'file /etc/firewalld/policies/provision-forward.xml',
          'file /etc/firewalld/zones/public.xml',
          'file /etc/sysctl.d/99-zz-provision-nat-gateway.conf',
          'firewalld',
          'sysctl net.ipv4.conf.eth0.send_redirects',
        ]),
      );

      declare('absent');
      expect((await lab.run()).code).toBe(0);
      expect(sorted(await stateOf(lab))).toEqual(sorted(before));
      expect(await lab.on('gw1', times)).toBe(files);
      await expectNoChange();
    },
    5 * MINUTES,
  );
});
