import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { changesOf, gatewayLab } from '../lab/gateway-lab.ts';
import type { GatewayLab } from '../lab/gateway-lab.ts';
import { labSupport } from '../lab/support.ts';

const MINUTES = 60_000;

const GATEWAY = `ansible_host: 172.31.0.2
nics:
  eth0: { network: vpc-a, address: 172.31.0.2/24, secondary: [172.31.0.3/24] }
eips:
  office: { public: 203.0.113.10, private: 172.31.0.2 }
  shop: { public: 203.0.113.11, private: 172.31.0.3 }
nat:
  masquerade: [172.31.0.16/28]
  snat: [{ source: 172.31.0.21, to: shop }]
  dnat: [{ name: web, eip: shop, port: 8080, protocol: tcp, to: 172.31.0.21, to_port: 80 }]
`;

/** Rules of somebody else, in the same tables. */
const FOREIGN =
  'iptables -N foreign; iptables -A foreign -s 192.0.2.1 -j DROP; iptables -A INPUT -j foreign; iptables -t nat -A POSTROUTING -s 192.0.2.0/24 -j ACCEPT';
const OTHERS = "iptables-legacy-save | grep -v -e '^[#*:C]' -e PROVISION-";

labSupport('a gateway with iptables-legacy', () => {
  let lab: GatewayLab;
  beforeAll(async () => {
    lab = await gatewayLab(({ edit }) => edit('host_vars/gw1.yml', () => GATEWAY));
    await lab.on('gw1', `update-alternatives --set iptables /usr/sbin/iptables-legacy; ${FOREIGN}`);
  }, 20 * MINUTES);
  afterAll(async () => lab?.down(), 2 * MINUTES);

  const seen = (host: string): Promise<string> =>
    lab.on(host, 'curl -s -m 3 http://198.51.100.10/ip || echo none').then((text) => text.trim());

  it(
    'without firewalld and Docker auto takes it: translated, and nothing of others touched',
    async () => {
      const others = await lab.on('gw1', OTHERS);
      expect((await lab.run()).code).toBe(0);
      expect(await seen('web1')).toBe('203.0.113.11');
      expect(await seen('db1')).toBe('203.0.113.10');
      const client = await lab.on('outside1', 'curl -s -m 3 http://203.0.113.11:8080/ip');
      expect(client.trim()).toBe('198.51.100.10');
      expect(await lab.on('gw1', 'iptables-legacy-save | grep -c PROVISION-')).not.toBe('0\n');
      const again = await lab.run();
      expect(again.report.hosts.flatMap((host) => host.changes)).toEqual([]);
      await lab.on('gw1', 'iptables -t nat -D PROVISION-OUT 1');
      expect(changesOf((await lab.run()).report, 'gw1')).toEqual(['live rules:nat: nat PROVISION-OUT']);
      expect(await seen('web1')).toBe('203.0.113.11');
      expect(await lab.on('gw1', OTHERS)).toBe(others);
    },
    2 * MINUTES,
  );

  it(
    'where iptables-nft holds rules as well, it is refused with the reason, and nothing is changed',
    async () => {
      await lab.on('gw1', 'iptables-nft -N mixed; iptables-nft -A mixed -j ACCEPT');
      const before = await lab.on('gw1', 'iptables-legacy-save | sed "/^[#:]/d"');
      const run = await lab.run();
      expect(run.code).toBe(2);
      const { error } = run.report.hosts.find(({ name }) => name === 'gw1') ?? {};
      expect(error?.code).toBe('rules-refused');
      expect(error?.message).toContain('iptables-legacy and iptables-nft both hold rules');
      expect(await lab.on('gw1', 'iptables-legacy-save | sed "/^[#:]/d"')).toBe(before);
      await lab.on('gw1', 'iptables-nft -F mixed; iptables-nft -X mixed');
    },
    MINUTES,
  );

  it(
    'absent: nothing of ours is left, and everything of others is',
    async () => {
      const others = await lab.on('gw1', OTHERS);
      lab.edit('host_vars/gw1.yml', (text) => `${text}nat_gateway: { state: absent }\n`);
      const run = await lab.run();
      expect(run.code).toBe(0);
      expect(run.stdout).toContain('the rules of provision are loaded, and should not be');
      expect(await lab.on('gw1', 'iptables-legacy-save | grep -c PROVISION- || true')).toBe('0\n');
      expect(await lab.on('gw1', 'ls /etc/provision; cat /proc/sys/net/ipv4/ip_forward')).toBe('0\n');
      expect(await lab.on('gw1', 'ip -4 -o addr show dev eth0')).not.toContain('172.31.0.3');
      expect(await lab.on('gw1', OTHERS)).toBe(others);
      expect(await seen('db1')).toBe('none');
      expect((await lab.run()).report.hosts.flatMap((host) => host.changes)).toEqual([]);
      // Control: the same count was above zero while it was present.
      lab.edit('host_vars/gw1.yml', () => GATEWAY);
      expect((await lab.run()).code).toBe(0);
      expect(await lab.on('gw1', 'iptables-legacy-save | grep -c PROVISION- || true')).not.toBe('0\n');
    },
    2 * MINUTES,
  );
});
