import { execFileSync } from 'node:child_process';
import { describe, expect, it } from '@jest/globals';
import { isProvisionError } from '../../../src/model/error.ts';
import type { ProbeOutput } from '../../../src/model/resource.ts';
import { restartNetworkd } from '../../../src/resources/networkd-restart.ts';
import { secondaryAddresses } from '../../../src/resources/index.ts';
import { captured, describeResource, facts } from './conformance.ts';

const DECLARED = { nic: 'eth0', primary: '172.31.0.2/24', addresses: ['172.31.0.3/24', '172.31.0.4/24'] };
const DROP_IN = '/etc/systemd/network/10-eth0.network.d/provision-eth0.conf';
const eth0 = secondaryAddresses(DECLARED);

const primaryOnly = captured('debian-12-networkd-252-primary-only');
const whole = captured('debian-12-networkd-252-secondary');
const edited = (output: ProbeOutput, from: string | RegExp, to: string): ProbeOutput => {
  const stdout = output.stdout.replace(from, to);
  if (stdout === output.stdout) throw new Error(`nothing to replace: ${String(from)}`);
  return { ...output, stdout };
};

describeResource('addresses', {
  resource: eth0,
  matching: whole,
  absent: primaryOnly,
  different: edited(whole, /.*inet 172.31.0.4.*\n/, ''),
  differs: ['live.addresses'],
  hostile: (text) => secondaryAddresses({ nic: text, primary: null, addresses: ['172.31.0.3/24'] }),
});

const refusal = (output: ProbeOutput, over: object = {}): string => {
  try {
    secondaryAddresses({ ...DECLARED, ...over }).plan(output, facts);
  } catch (error) {
    return isProvisionError(error) ? `${error.code}: ${error.message} ${error.hint ?? ''}` : String(error);
  }
  return 'not refused';
};

describe('further addresses of a NIC', () => {
  it('are added one by one and saved beside the file that networkd reads, as /32 in the primary’s network', () => {
    const change = eth0.plan(primaryOnly, facts);
    expect(change?.apply.steps.slice(0, 2)).toEqual([
      `ip addr replace '172.31.0.3/32' dev 'eth0'`,
      `ip addr replace '172.31.0.4/32' dev 'eth0'`,
    ]);
    expect(change?.apply.paths).toEqual([DROP_IN]);
    // Or the next `networkctl reconfigure` would take them away.
    expect(change?.apply.handlers).toEqual([restartNetworkd]);
    expect(change?.text?.after).toContain('[Network]\nAddress=172.31.0.3/32\nAddress=172.31.0.4/32\n');
    expect(change?.changes[0]?.sentence).toBe(
      'eth0: missing live: address 172.31.0.3/32, address 172.31.0.4/32',
    );
  });

  it('keep their prefix length in another network', () => {
    const change = secondaryAddresses({ ...DECLARED, addresses: ['10.9.0.5/24'] }).plan(primaryOnly, facts);
    expect(change?.apply.steps[0]).toBe(`ip addr replace '10.9.0.5/24' dev 'eth0'`);
  });

  it('count as there with whatever prefix length somebody gave them in the primary’s network', () => {
    const output = edited(whole, '172.31.0.3/32 scope global', '172.31.0.3/24 scope global secondary');
    expect(eth0.plan(output, facts)).toBeNull();
  });

  it('that are no longer declared go when our file brought them; others stay', () => {
    const output = edited(whole, '== number', '2: eth0    inet 172.31.0.9/32 scope global eth0\n== number');
    const change = secondaryAddresses({ ...DECLARED, addresses: ['172.31.0.4/24'] }).plan(output, facts);
    const steps = change?.apply.steps.join('\n') ?? '';
    expect(steps).toContain(`ip addr del '172.31.0.3/32' dev 'eth0'`);
    expect(steps).not.toContain('172.31.0.9');
    expect(steps).not.toContain(`del '172.31.0.4`);
  });

  it('none declared: the file goes, and its directory when nobody else uses it', () => {
    const none = secondaryAddresses({ ...DECLARED, addresses: [] });
    const change = none.plan(whole, facts);
    expect(change?.changes.map(({ action }) => action)).toEqual(['delete', 'delete']);
    expect(change?.apply.steps.at(-1)).toBe(
      `rm -f '${DROP_IN}'\nrmdir '/etc/systemd/network/10-eth0.network.d' 2>/dev/null || true`,
    );
    // Control: the foreign address of this capture is no difference.
    expect(primaryOnly.stdout).toContain('172.31.0.9/32');
    expect(none.plan(primaryOnly, facts)).toBeNull();
  });

  it('names what somebody has written into our file', () => {
    const output = edited(whole, 'Address=172.31.0.3/32\n', 'Address=172.31.0.3/32\nDHCP=yes\n');
    expect(eth0.plan(output, facts)?.changes.map(({ sentence }) => sentence)).toEqual([
      'eth0: not declared but present in the saved configuration: line DHCP=yes',
    ]);
  });

  it('are stanzas of their own under ifupdown', () => {
    const change = eth0.plan(captured('debian-12-ifupdown-0.8.41-primary-only'), facts);
    expect(change?.apply.paths).toEqual(['/etc/network/interfaces.d/provision-eth0']);
    expect(change?.text?.after).toContain('iface eth0 inet static\n\taddress 172.31.0.3/32\n');
    expect(eth0.plan(captured('debian-12-ifupdown-0.8.41-secondary'), facts)).toBeNull();
  });

  it.each([
    [
      'netplan',
      edited(primaryOnly, '/etc/systemd/network/10-eth0', '/run/systemd/network/10-netplan-eth0'),
      'netplan set --origin-hint 90-eth0-addresses ethernets.eth0.addresses=[172.31.0.3/32,172.31.0.4/32]',
    ],
    ['cloud-init', edited(primaryOnly, '10-eth0', '10-cloud-init-eth0'), '99-disable-network-config.cfg'],
    [
      'amazon-ec2-net-utils',
      edited(primaryOnly, '[Match]', '# generated by amazon-ec2-net-utils\n[Match]'),
      'assign-private-ip-addresses',
    ],
    [
      'NetworkManager',
      edited(
        edited(primaryOnly, /.*NETWORK_FILE.*\n/, ''),
        '== interfaces',
        '[device]\nmanaged=true\n== interfaces',
      ),
      'nmcli connection modify',
    ],
    [
      'a file that is for other interfaces too',
      edited(
        primaryOnly,
        '== NetworkManager',
        '/run/systemd/netif/links/3:ADMIN_STATE=configured\n/run/systemd/netif/links/3:NETWORK_FILE=/etc/systemd/network/10-eth0.network\n== NetworkManager',
      ),
      'networkctl reload',
    ],
    [
      '/etc/network/interfaces, which reads no other files',
      edited(captured('debian-12-ifupdown-0.8.41-primary-only'), 'source /etc', '# source /etc'),
      'Add the line "source /etc/network/interfaces.d/*"',
    ],
    [
      'something that provision does not know',
      edited(primaryOnly, /.*NETWORK_FILE.*\n/, ''),
      'systemd-networkd or ifupdown',
    ],
  ])('refuses %s, with what to type, until the addresses are there', (name, output, hint) => {
    expect(refusal(output)).toMatch(/^host-unsupported: eth0 is configured by /);
    expect(refusal(output)).toContain(name);
    expect(refusal(output)).toContain(hint);
    const there = edited(
      output,
      '== number',
      '2: eth0    inet 172.31.0.3/32 scope global eth0\n2: eth0    inet 172.31.0.4/32 scope global eth0\n== number',
    );
    expect(eth0.plan(there, facts)).toBeNull();
  });

  it.each([
    ['no such interface', { stdout: 'missing\n', code: 0 }, {}, 'the host has no interface eth0'],
    [
      'another address',
      primaryOnly,
      { primary: '172.31.0.7/24' },
      'does not hold its primary address 172.31.0.7',
    ],
    [
      'an address that came second',
      edited(primaryOnly, 'brd 172.31.0.255 scope global', 'scope global secondary'),
      {},
      '172.31.0.2 is not the primary address of eth0',
    ],
    [
      'another MAC address',
      primaryOnly,
      { mac: '02:00:00:00:00:01' },
      'has the MAC address 02:79:17:32:f9:ec',
    ],
  ])('refuses a NIC that is not as declared: %s', (_name, output, over, message) => {
    expect(refusal(output, over)).toContain(message);
    // Also where nothing is to be added.
    expect(refusal(output, { ...over, addresses: [] })).toContain(message);
  });

  it('asserts nothing for a role that goes', () => {
    const gone = secondaryAddresses({ nic: 'eth0', primary: null, addresses: [] });
    expect(gone.plan({ stdout: 'missing\n', code: 0 }, facts)).toBeNull();
  });

  it('a host that prints blank lines without end is read in linear time', () => {
    const blank = edited(primaryOnly, /NETWORK_FILE=.*\n/, '').stdout.replace(
      '== interfaces\n',
      `== interfaces\niface eth0 inet static\n${'\n'.repeat(150_000)}`,
    );
    const began = performance.now();
    expect(refusal({ stdout: blank, code: 0 })).toContain('reads no other files');
    // By a pattern that begins with any white space: 15 s.
    expect(performance.now() - began).toBeLessThan(3000);
  });

  it('go alone: what came after them in their network stays, ours and that of others', () => {
    const output = edited(
      edited(
        primaryOnly,
        '== number',
        '2: eth0    inet 10.9.0.5/24 scope global eth0\n2: eth0    inet 10.9.0.6/24 scope global secondary eth0\n== number',
      ),
      '== drop-in\nabsent',
      '== drop-in\npresent\n[Network]\nAddress=10.9.0.5/24\nAddress=10.9.0.6/24',
    );
    const declared = secondaryAddresses({ ...DECLARED, addresses: ['10.9.0.6/24'] });
    const [step = ''] = declared.plan(output, facts)?.apply.steps ?? [];
    // A loopback interface in a network of its own keeps addresses as any other NIC does.
    const left = (remove: string): string =>
      execFileSync(
        'unshare',
        [
          '-Urn',
          'sh',
          '-ec',
          `echo 0 > /proc/sys/net/ipv4/conf/all/promote_secondaries
          for a in 5 6 7; do ip addr add 10.9.0.$a/24 dev lo; done
          ${remove}
          cat /proc/sys/net/ipv4/conf/lo/promote_secondaries
          ip -4 -o addr show dev lo | grep -o '10[.0-9/]*' | sort`,
        ],
        { encoding: 'utf8' },
      );
    expect(left(step.replaceAll('eth0', 'lo'))).toBe('0\n10.9.0.6/24\n10.9.0.7/24\n');
    // Control: the plain command takes all three.
    expect(left('ip addr del 10.9.0.5/24 dev lo')).toBe('0\n');
  });
});
