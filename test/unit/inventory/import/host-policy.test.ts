import { describe, expect, it, test } from '@jest/globals';
import type { ImportedBridge } from '../../../../src/inventory/import/host-egress.ts';
import type { ImportedListener } from '../../../../src/inventory/import/host-listeners.ts';
import { importNics } from '../../../../src/inventory/import/host-nics.ts';
import { importPolicy, tellRoutes, tellUnled } from '../../../../src/inventory/import/host-policy.ts';
import { policyRuleOf, routeOf } from '../../../../src/inventory/import/host-routes.ts';
import { viasOf } from '../../../../src/inventory/import/host-vias.ts';
import { notes } from '../../../../src/inventory/import/import-notes.ts';

const ADDRESSES = [
  { nic: 'eth0', address: '172.31.0.8', prefix: 24, kind: '' },
  { nic: 'eth1', address: '172.31.0.14', prefix: 24, kind: '' },
  { nic: 'br-eip2', address: '172.19.0.101', prefix: 32, kind: 'bridge' },
];
const ROUTES = [
  'default via 172.31.0.1 dev eth1 table 101',
  '172.31.0.0/24 dev eth1 table 101 scope link',
  'unreachable default table 101 metric 4278198272',
  'default via 172.31.0.1 dev eth0 table isp1',
  'default via 172.31.0.1 dev eth0 table 150',
  '10.0.0.0/8 via 172.31.0.9 dev eth0 table 150',
  'default dev tun0 table 200 scope link',
  'default via 172.31.0.1 dev eth0',
  '172.31.0.0/24 dev eth0 proto kernel scope link src 172.31.0.8',
  'local 172.31.0.8 dev eth0 table local proto kernel scope host src 172.31.0.8',
];
const BRIDGE: ImportedBridge = {
  ...{ name: 'web', nic: 'eth1', bridge: 'br-eip2', address: '172.19.0.101', publish: [] },
  scheme: 'bridge',
};

function policyOf(rules: readonly string[], routes: readonly string[] = ROUTES) {
  const told = notes();
  const reading = {
    addresses: ADDRESSES,
    routes: routes.flatMap(routeOf),
    policyRules: rules.map(policyRuleOf),
  };
  return { ...importPolicy(reading, [BRIDGE], told), notes: told.list };
}

describe('rules of routing', () => {
  it('of a NIC’s address, of a user and of a bridge are what egress does by itself', () => {
    const made = policyOf([
      '32763:\tfrom 172.19.0.101 lookup 101',
      '32764:\tfrom all uidrange 33-33 lookup isp1',
      '32765:\tfrom 172.31.0.8 lookup isp1',
      '32766:\tfrom 172.31.0.14 lookup 101',
    ]);
    // eth1 has the entry of the bridge; its rules come with that.
    expect(made.found).toEqual([{ name: 'eth0', nic: 'eth0', scheme: 'bind', users: [33] }]);
    expect(made.notes).toHaveLength(4);
    for (const note of made.notes) expect(note).toMatch(/^ip rule \d+: from .*: egress does the same/);
    expect([...made.routers]).toEqual([
      ['eth1', '172.31.0.1'],
      ['eth0', '172.31.0.1'],
    ]);
  });

  test.each([
    ['100: from 172.31.0.14 lookup isp1', /leads what belongs to eth1 out by eth0, which no entry says/],
    ['100: from 172.31.0.14 fwmark 0x1 lookup 101', /stays as it is; app hosts get rules of their own/],
    ['100: from 172.31.0.14 lookup 150', /table 150 is not just the way out of one NIC/],
    ['100: from 172.31.0.14 lookup 200', /table 200 is not just the way out of one NIC/],
    ['100: from 172.31.0.14 lookup 999', /table 999 is not just the way out of one NIC/],
    ['100: from 10.0.0.0/8 lookup 101', /stays as it is/],
    ['100: from all uidrange 1000-1999 lookup 101', /an entry names single users/],
    ['100: from all iif eth1 lookup 101', /stays as it is/],
    ['100: not from 172.31.0.14 lookup 101', /stays as it is/],
    ['100: from 172.31.0.14 unreachable', /stays as it is/],
  ])('%s is told', (rule, why) => {
    const made = policyOf([rule]);
    expect([made.found, made.notes]).toEqual([[], [expect.stringContaining(`ip rule ${rule}: `)]]);
    expect(made.notes[0]).toMatch(why);
  });

  it('a table of two ways out is none of one NIC', () => {
    const two = [...ROUTES, 'default via 172.31.0.9 dev eth0 table 101 metric 9'];
    expect(policyOf(['100: from 172.31.0.14 lookup 101'], two).found).toEqual([]);
  });
});

describe('NICs that nothing leads to', () => {
  const toldOf = (more: readonly string[], mapped: readonly string[], rules: readonly string[]) => {
    const told = notes();
    const others = more.map((address, index) => ({ nic: `eth${index + 2}`, address, prefix: 24, kind: '' }));
    const reading = {
      addresses: [...ADDRESSES, ...others],
      routes: [],
      policyRules: rules.map(policyRuleOf),
    };
    tellUnled({ ...reading, defaultNic: 'eth0' }, mapped, told);
    return told.list.map((note) => note.split(': ')[0]);
  };

  it('are told where they are ways out: in the network of the default route, or with an EIP', () => {
    expect(toldOf(['10.0.0.2'], [], [])).toEqual(['eth1 (172.31.0.14)']);
    expect(toldOf(['10.0.0.2'], ['10.0.0.2'], [])).toEqual(['eth1 (172.31.0.14)', 'eth2 (10.0.0.2)']);
    expect(toldOf([], [], ['100: from 172.31.0.14 lookup 101'])).toEqual([]);
  });
});

describe('NICs and their networks', () => {
  const routes = ROUTES.flatMap(routeOf);
  it('have the routers that the host knows', () => {
    const made = importNics(
      { addresses: ADDRESSES, routes },
      { networks: { office: { cidr: '10.0.0.0/8' } } },
      new Map(),
    );
    expect(made).toEqual({
      nics: {
        eth0: { network: 'net-eth0', address: '172.31.0.8/24', secondary: [] },
        eth1: { network: 'net-eth0', address: '172.31.0.14/24', secondary: [] },
      },
      networks: {
        office: { cidr: '10.0.0.0/8' },
        'net-eth0': { cidr: '172.31.0.0/24', gateway: '172.31.0.1' },
      },
    });
  });

  it('go by the name that the inventory has for them; NICs that it has stay its own', () => {
    const vars = { networks: { 'vpc-a': { cidr: '172.31.0.0/24', gateway: '172.31.0.1' } } };
    const made = importNics({ addresses: ADDRESSES, routes }, vars, new Map());
    expect([made.nics?.['eth1']?.network, made.networks]).toEqual(['vpc-a', null]);
    const own = importNics({ addresses: ADDRESSES, routes }, { nics: {} }, new Map());
    expect(own).toEqual({ nics: null, networks: null });
  });
});

describe('routes', () => {
  const via = ['192.0.2.10 via 172.31.0.1 dev eth0', '192.0.2.20 via 10.9.9.9 dev eth0'].flatMap(routeOf);
  const found: readonly ImportedListener[] = [
    {
      ...{ name: 'web', address: '172.31.0.8', port: 80, snat: true },
      ...{ protocol: 'tcp', algorithm: 'random' },
      backends: [{ address: '192.0.2.10' }, { address: '192.0.2.20' }],
    },
  ];

  it('to a backend, by a router that a NIC reaches, are its via; others that were typed are told', () => {
    const { listeners, taken } = viasOf({ found, used: [] }, { routes: via, addresses: ADDRESSES });
    expect(listeners).toEqual([
      {
        ...found[0],
        backends: [{ address: '192.0.2.10', via: '172.31.0.1' }, { address: '192.0.2.20' }],
      },
    ]);
    const told = notes();
    const others = ['blackhole 10.8.0.0/16', '10.7.0.0/16 dev eth0 scope link', ...ROUTES].flatMap(routeOf);
    tellRoutes([...via, ...others], taken, told);
    expect(told.list).toEqual([
      'ip route 192.0.2.20 via 10.9.9.9 dev eth0: stays as it is, and is lost at a reboot',
      'ip route blackhole 10.8.0.0/16: stays as it is, and is lost at a reboot',
    ]);
  });
});
