import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { changesOf, gatewayLab, statusOf } from './gateway-lab.ts';
import type { GatewayLab } from './gateway-lab.ts';
import { labSupport } from './support.ts';

const MINUTES = 60_000;
const DROP_IN = '/etc/systemd/network/10-eth0.network.d/provision-eth0.conf';
const OUTSIDE = 'http://198.51.100.10/ip';

/** A gateway with two addresses that the cloud maps and the host does not have yet. */
const withSecondaries = (text: string): string =>
  text
    .replace(
      'address: 172.31.0.2/24 }',
      'address: 172.31.0.2/24, secondary: [172.31.0.3/24, 172.31.0.4/24] }',
    )
    .replace('eips:\n', 'eips:\n  shop: { public: 203.0.113.11, private: 172.31.0.3 }\n')
    .replace(
      '  dnat:\n',
      '  dnat:\n    - { name: shop-web, eip: shop, port: 8080, protocol: tcp, to: 172.31.0.21, to_port: 80 }\n',
    );

labSupport('secondary addresses of a NIC', () => {
  let lab: GatewayLab;
  beforeAll(async () => {
    lab = await gatewayLab(({ edit }) => edit('host_vars/gw1.yml', withSecondaries));
  }, 20 * MINUTES);
  afterAll(async () => lab?.down(), 2 * MINUTES);

  const addresses = (): Promise<string[]> =>
    lab
      .on('gw1', `ip -4 -o addr show dev eth0 | awk '{print $4}' | sort`)
      .then((text) => text.trim().split('\n'));
  const PRIMARY = '172.31.0.2/24';
  const ALL = [PRIMARY, '172.31.0.3/32', '172.31.0.4/32'];

  const shopAnswers = (): Promise<string> =>
    lab.on('outside1', 'curl -s -m 3 http://203.0.113.11:8080/ip || echo none').then((text) => text.trim());
  const db1LeavesBy = (): Promise<string> =>
    lab.on('db1', `curl -s -m 3 ${OUTSIDE} || echo none`).then((text) => text.trim());

  const expectInSync = async (): Promise<void> => {
    const again = await lab.run();
    expect(again.report.hosts.flatMap((host) => host.changes)).toEqual([]);
    expect(again.code).toBe(0);
  };
  const expectWhole = async (): Promise<void> => {
    expect(await addresses()).toEqual(ALL);
    expect(await shopAnswers()).toBe('198.51.100.10');
    // The primary address still is what masquerade takes.
    expect(await db1LeavesBy()).toBe('203.0.113.10');
  };

  it(
    'a host that has only its primary address gets the others, live and saved, and keeps its way out',
    async () => {
      expect(await addresses()).toEqual([PRIMARY]);
      expect(await shopAnswers()).toBe('none');
      const { code, report } = await lab.run();
      expect(code).toBe(0);
      expect(changesOf(report, 'gw1')).toEqual(
        expect.arrayContaining(['live addresses:eth0: addresses', 'saved addresses:eth0: addresses']),
      );
      await expectWhole();
      expect(await lab.on('gw1', `cat ${DROP_IN}`)).toContain('Address=172.31.0.3/32');
      await expectInSync();
    },
    5 * MINUTES,
  );

  it.each([
    ['networkctl reload', 'networkctl reload'],
    ['networkctl reconfigure', 'networkctl reconfigure eth0'],
    ['a restart of networkd', 'systemctl restart systemd-networkd'],
  ])(
    'they outlive %s',
    async (_name, event) => {
      await lab.on('gw1', `${event} && sleep 1`);
      await expectWhole();
      await expectInSync();
    },
    2 * MINUTES,
  );

  it(
    'they outlive a reboot',
    async () => {
      await lab.reboot('gw1');
      await expectWhole();
      await expectInSync();
    },
    2 * MINUTES,
  );

  it(
    'control: an address that is only live does not outlive a reload after its drop-in went',
    async () => {
      await lab.on('gw1', `rm ${DROP_IN} && networkctl reload && sleep 1`);
      expect(await addresses()).toEqual([PRIMARY]);
      expect((await lab.run()).code).toBe(0);
      await expectWhole();
    },
    2 * MINUTES,
  );

  it.each([
    ['deleted live', 'ip addr del 172.31.0.3/32 dev eth0', ['live addresses:eth0: addresses']],
    ['taken out of the file', `sed -i /0.3/d ${DROP_IN}`, ['saved addresses:eth0: addresses']],
    ['a line of somebody else in our file', `echo DHCP=yes >> ${DROP_IN}`, ['saved addresses:eth0: other']],
  ])(
    'drift: %s is named in its layer and corrected',
    async (_name, drift, expected) => {
      await lab.on('gw1', drift);
      const { code, report } = await lab.run();
      expect(code).toBe(0);
      expect(changesOf(report, 'gw1')).toEqual(expected);
      await expectWhole();
      await expectInSync();
    },
    2 * MINUTES,
  );

  it(
    'what leaves the inventory leaves the host, and an address that somebody else added stays',
    async () => {
      await lab.on('gw1', 'ip addr add 172.31.0.9/32 dev eth0');
      lab.edit('host_vars/gw1.yml', (text) => text.replace(', 172.31.0.4/24', ''));
      expect((await lab.run()).code).toBe(0);
      expect(await addresses()).toEqual([PRIMARY, '172.31.0.3/32', '172.31.0.9/32']);
      expect(await lab.on('gw1', `cat ${DROP_IN}`)).not.toContain('172.31.0.4');
      await lab.on('gw1', 'ip addr del 172.31.0.9/32 dev eth0');
      lab.edit('host_vars/gw1.yml', (text) =>
        text.replace('172.31.0.3/24]', '172.31.0.3/24, 172.31.0.4/24]'),
      );
      expect((await lab.run()).code).toBe(0);
      await expectWhole();
    },
    2 * MINUTES,
  );

  it(
    'another primary address than declared fails the host before anything is changed',
    async () => {
      const right = 'address: 172.31.0.2/24';
      lab.edit('host_vars/gw1.yml', (text) =>
        text.replace(right, 'address: 172.31.0.7/24').replace('172.31.0.4/24', '172.31.0.5/24'),
      );
      lab.edit('host_vars/gw1.yml', (text) => text.replace('private: 172.31.0.2', 'private: 172.31.0.7'));
      const { code, stderr, report } = await lab.run();
      expect(code).toBe(2);
      expect(stderr).toContain('eth0 does not hold its primary address 172.31.0.7: it has 172.31.0.2/24');
      expect(statusOf(report, 'gw1')).toBe('failed');
      expect(await addresses()).toEqual(ALL);
      lab.edit('host_vars/gw1.yml', (text) =>
        text
          .replace('address: 172.31.0.7/24', right)
          .replace('private: 172.31.0.7', 'private: 172.31.0.2')
          .replace('172.31.0.5/24', '172.31.0.4/24'),
      );
      await expectInSync();
    },
    2 * MINUTES,
  );

  it(
    'netplan’s file is not built upon: refused with what to type, and accepted once the addresses are there',
    async () => {
      await lab.on(
        'gw1',
        `mkdir -p /run/systemd/network && rm -r ${DROP_IN} && mv /etc/systemd/network/10-eth0.network /run/systemd/network/10-netplan-eth0.network && networkctl reload && sleep 1`,
      );
      const refused = await lab.run();
      expect(refused.code).toBe(2);
      expect(refused.stderr).toContain('eth0 is configured by netplan');
      expect(refused.stderr).toContain('ethernets.eth0.addresses=[172.31.0.3/32,172.31.0.4/32]');
      expect(await addresses()).toEqual([PRIMARY]);
      await lab.on('gw1', 'for a in 3 4; do ip addr add 172.31.0.$a/24 dev eth0; done');
      await expectInSync();
      await lab.on(
        'gw1',
        'for a in 3 4; do ip addr del 172.31.0.$a/24 dev eth0; done; mv /run/systemd/network/10-netplan-eth0.network /etc/systemd/network/10-eth0.network && networkctl reload && sleep 1',
      );
      expect((await lab.run()).code).toBe(0);
      await expectWhole();
    },
    3 * MINUTES,
  );

  it(
    'state: absent takes them away, and the file with its directory',
    async () => {
      lab.edit('host_vars/gw1.yml', (text) => `${text}nat_gateway: { state: absent }\n`);
      expect((await lab.run()).code).toBe(0);
      expect(await addresses()).toEqual([PRIMARY]);
      expect(await lab.on('gw1', 'ls /etc/systemd/network')).toBe('10-eth0.network\n');
      await expectInSync();
      lab.edit('host_vars/gw1.yml', (text) => text.replace('nat_gateway: { state: absent }\n', ''));
    },
    2 * MINUTES,
  );

  it(
    'under ifupdown they are stanzas of their own, also after a reboot',
    async () => {
      const interfaces = [
        'source /etc/network/interfaces.d/*',
        'auto eth0',
        'iface eth0 inet static',
        '  address 172.31.0.2/24',
        '  gateway 172.31.0.1',
      ];
      await lab.on(
        'gw1',
        `DEBIAN_FRONTEND=noninteractive apt-get -qq -y install ifupdown >/dev/null 2>&1
        printf '%s\\n' ${interfaces.map((line) => `'${line}'`).join(' ')} > /etc/network/interfaces
        systemctl -q disable systemd-networkd; systemctl -q enable networking; rm /etc/systemd/network/10-eth0.network`,
      );
      await lab.reboot('gw1');
      expect(await addresses()).toEqual([PRIMARY]);
      expect((await lab.run()).code).toBe(0);
      await expectWhole();
      expect(await lab.on('gw1', 'cat /etc/network/interfaces.d/provision-eth0')).toContain('172.31.0.3/32');
      await lab.reboot('gw1');
      await expectWhole();
      await expectInSync();
    },
    3 * MINUTES,
  );
});
