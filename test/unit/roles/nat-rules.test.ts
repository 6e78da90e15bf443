import { describe, expect, it } from '@jest/globals';
import { iptablesData } from '../../../src/roles/iptables.ts';
import { natRules } from '../../../src/roles/nat-rules.ts';
import { nftablesData } from '../../../src/roles/nftables.ts';
import { readVariables } from '../../../src/roles/variables/index.ts';
import { templates } from '../../../src/templating.ts';

const BASE = {
  networks: { 'vpc-a': { cidr: '172.31.0.0/24' }, 'vpc-b': { cidr: '10.192.0.0/24' } },
  nics: {
    wan0: { network: 'vpc-a', address: '172.31.0.2/24', secondary: ['172.31.0.3/24'] },
    lan0: { network: 'vpc-b', address: '10.192.0.1/24' },
  },
  eips: {
    office: { public: '203.0.113.10', private: '172.31.0.2' },
    shop: { public: '203.0.113.11', private: '172.31.0.3' },
  },
};
const render = templates(['templates']);
const rulesOf = (nat: object, more: object = {}) => natRules(readVariables({ ...BASE, nat, ...more }));
const nft = (nat: object, more?: object): string =>
  render('nftables/nat.nft', nftablesData(rulesOf(nat, more)));
const save = (nat: object, more?: object): string =>
  render('iptables/nat.rules', iptablesData(rulesOf(nat, more)));

describe('rules of a NAT gateway', () => {
  it('know the NICs that an EIP is mapped to as the way out, secondary addresses too', () => {
    expect(rulesOf({}).wan).toEqual(['wan0']);
    expect(rulesOf({}, { eips: {} }).wan).toEqual(['wan0', 'lan0']);
  });

  it('an entry stands for the address of the NIC and for the EIP itself', () => {
    const dnat = [
      { name: 'web', eip: 'shop', port: 80, protocol: 'tcp+udp', to: '172.31.0.8', to_port: 8080 },
    ];
    const text = nft({ dnat });
    for (const protocol of ['tcp', 'udp'])
      expect(text.replaceAll(/\s+/g, ' ')).toContain(
        `map dnat_${protocol} { type ipv4_addr . inet_service : ipv4_addr . inet_service elements = { 172.31.0.3 . 80 : 172.31.0.8 . 8080, 203.0.113.11 . 80 : 172.31.0.8 . 8080 } }`,
      );
    expect(save({ dnat }).match(/-j DNAT --to-destination 172\.31\.0\.8:8080/g)).toHaveLength(4);
  });

  it('a range keeps its ports in one element; a shifted one moves each', () => {
    const entry = { name: 'media', eip: 'office', port: '7000-7002', protocol: 'udp', to: '172.31.0.9' };
    expect(nft({ dnat: [entry] })).toContain('172.31.0.2 . udp . 7000-7002 : 172.31.0.9');
    expect(nft({ dnat: [{ ...entry, to_port: '9000-9002' }] })).toContain(
      '172.31.0.2 . 7002 : 172.31.0.9 . 9002',
    );
    expect(save({ dnat: [{ ...entry, to_port: '9000-9002' }] })).toContain(
      '--dport 7000:7002 -j DNAT --to-destination 172.31.0.9:9000-9002/7000',
    );
  });

  it('any maps the whole address both ways, after the ports of entries and the ports it keeps', () => {
    const dnat = [
      { name: 'whole', eip: 'shop', protocol: 'any', to: '172.31.0.20', except_ports: [22] },
      { name: 'web', eip: 'shop', port: 80, protocol: 'tcp', to: '172.31.0.8' },
    ];
    const text = nft({ dnat });
    expect(text).toContain('172.31.0.3 : 172.31.0.20');
    expect(text).toContain('172.31.0.20 : 172.31.0.3');
    expect(text).toContain('172.31.0.3 . tcp . 22');
    const lines = save({ dnat }).split('\n');
    const at = (part: string): number => lines.findIndex((line) => line.includes(part));
    expect(at('--dport 80 ')).toBeLessThan(at('--dports 22 -j RETURN'));
    expect(at('--dports 22 -j RETURN')).toBeLessThan(at('-d 172.31.0.3 -j DNAT'));
  });

  it('the smallest source decides; what an entry says wins over the reverse of any', () => {
    const nat = {
      snat: [
        { source: '172.31.0.0/24', to: 'office' },
        { source: '172.31.0.20', to: 'office' },
      ],
      dnat: [{ name: 'whole', eip: 'shop', protocol: 'any', to: '172.31.0.20' }],
    };
    expect(nft(nat)).toMatch(/172\.31\.0\.20 : 172\.31\.0\.2[,\s]/);
    const lines = save(nat)
      .split('\n')
      .filter((line) => line.includes('-j SNAT'));
    expect(lines).toEqual([
      '-A PROVISION-OUT -s 172.31.0.20 -j SNAT --to-source 172.31.0.2 --random-fully',
      '-A PROVISION-OUT -s 172.31.0.0/24 -j SNAT --to-source 172.31.0.2 --random-fully',
    ]);
  });

  it('one address is one source, with or without /32', () => {
    const nat = {
      snat: [{ source: '172.31.0.20/32', to: 'office' }],
      dnat: [{ name: 'whole', eip: 'shop', protocol: 'any', to: '172.31.0.20' }],
    };
    expect(nft(nat)).toMatch(/172\.31\.0\.20 : 172\.31\.0\.2[,\s]/);
    expect(save(nat).match(/-s 172\.31\.0\.20\S* -j SNAT .*/g)).toEqual([
      '-s 172.31.0.20/32 -j SNAT --to-source 172.31.0.2 --random-fully',
    ]);
  });

  it('a pool keeps each source to one address, by a seed that outlives reloads; exceptions stay as they are', () => {
    const nat = {
      snat: [{ source: '172.31.0.64/26', to: ['office', 'shop'], except: ['10.0.0.0/8', '10.1.0.0/16'] }],
    };
    expect(nft(nat)).toContain('jhash ip saddr mod 2 seed 0x70726f76 map { 0 : 172.31.0.2, 1 : 172.31.0.3 }');
    expect(nft(nat)).toContain('172.31.0.64-172.31.0.127 . 10.0.0.0-10.255.255.255');
    const text = save(nat);
    expect(text.indexOf('-d 10.0.0.0/8 -j ACCEPT')).toBeLessThan(text.indexOf('--cluster-local-node 1'));
    expect(text.match(/-m cluster/g)).toHaveLength(2);
  });

  it('filter rules take port lists of any length: 15 slots a rule in iptables, a range takes two', () => {
    const ports = ['21-25', ...Array.from({ length: 20 }, (_none, index) => 1000 + 2 * index)];
    const firewall = { filter: [{ action: 'drop', direction: 'in', protocol: 'tcp', ports }] };
    const lines = save({}, { firewall })
      .split('\n')
      .filter((line) => line.startsWith('-A PROVISION-INPUT'));
    expect(lines).toHaveLength(2);
    for (const line of lines) {
      const list = /--dports (\S+)/.exec(line)?.[1]?.split(',') ?? [];
      expect(list.reduce((slots, port) => slots + (port.includes(':') ? 2 : 1), 0)).toBeLessThanOrEqual(15);
    }
    expect(nft({}, { firewall })).toContain(`meta l4proto tcp th dport { 21-25, 1000, 1002,`);
  });

  it('ports that overlap or touch are loaded as one range: nft refuses the one and rewrites the other', () => {
    const dnat = [
      {
        name: 'whole',
        eip: 'shop',
        protocol: 'any',
        to: '172.31.0.20',
        except_ports: ['150-160', '100-200', 22],
      },
    ];
    expect(nft({ dnat }).match(/172\.31\.0\.3 \. tcp \. \S+\d/g)).toEqual([
      '172.31.0.3 . tcp . 22',
      '172.31.0.3 . tcp . 100-200',
    ]);
    const ports = ['22-25', '24-30', 21, 21];
    const firewall = { filter: [{ action: 'drop', direction: 'in', protocol: 'tcp', ports }] };
    expect(nft({}, { firewall })).toContain('th dport 21-30 drop');
  });

  it('the MSS clamp can be left out', () => {
    expect([nft({}).includes('rt mtu'), nft({ clamp_mss: false }).includes('rt mtu')]).toEqual([true, false]);
    expect([save({}).includes('TCPMSS'), save({ clamp_mss: false }).includes('TCPMSS')]).toEqual([
      true,
      false,
    ]);
  });

  it('5,000 entries are rendered in linear time and size', () => {
    const dnat = (count: number) =>
      Array.from({ length: count }, (_none, index) => ({
        name: `e${index}`,
        eip: 'office',
        port: 10_000 + index,
        protocol: 'tcp',
        to: '172.31.0.8',
      }));
    expect(nft({ dnat: dnat(5000) }).length / nft({ dnat: dnat(500) }).length).toBeLessThan(10);
  });
});
