import { describe, expect, test } from '@jest/globals';
import { fabricRuleset, nicRoutes, nicRules } from '../../../src/lab/fabric-rules.ts';
import { labNames } from '../../../src/lab/names.ts';
import { labPlan } from '../../../src/lab/plan.ts';
import { inventoryOf, labHost } from '../../lab/small-inventory.ts';

const networks = {
  a: { cidr: '10.1.0.0/24', gateway: '10.1.0.1' },
  b: { cidr: '10.2.0.0/24', gateway: '10.2.0.1' },
};
const nic = (network: string, address: string) => ({ eth0: { network, address } });
const host = (name: string, vars: Record<string, unknown>, groups: string[] = []) =>
  labHost(name, groups, { networks, ...vars });
const planOf = (...hosts: ReturnType<typeof labHost>[]) => labPlan(inventoryOf('/somewhere', hosts));
const names = labNames('pv000000');

describe('what an inventory leaves open is derived, and said', () => {
  test('a router that nobody names stands at the first free address', () => {
    const plan = planOf(
      labHost('x', [], {
        networks: { n: { cidr: '10.1.0.0/24' } },
        ansible_host: '10.1.0.1',
        nics: nic('n', '10.1.0.1/24'),
      }),
    );
    expect(plan.networks[0]?.gateway).toBe('10.1.0.2');
    expect(plan.notes).toEqual([expect.stringContaining('network n: its router is 10.1.0.2')]);
  });

  test('a NIC without a network gets the one that its address lies in, else one of its own', () => {
    const plan = planOf(
      host('x', { ansible_host: '10.1.0.5', nics: { eth0: { address: '10.1.0.5/24' } } }),
      host('y', { ansible_host: '10.9.0.5', nics: { eth0: { address: '10.9.0.5/24' } } }),
    );
    expect(plan.hosts.map(({ nics }) => nics[0]?.network)).toEqual(['a', '10.9.0.0/24']);
    expect(plan.notes).toContainEqual(
      expect.stringContaining('network 10.9.0.0/24: from `nics.eth0.address` of y'),
    );
  });

  test('a host without NICs has one, where its address lies in a network; a public one stands outside', () => {
    const plan = planOf(host('x', { ansible_host: '10.1.0.5' }), host('y', { ansible_host: '192.0.2.7' }));
    expect(plan.hosts[0]?.nics[0]).toMatchObject({ name: 'eth0', network: 'a', addresses: ['10.1.0.5/24'] });
    expect(plan.hosts[1]?.nics[0]).toMatchObject({ network: null, addresses: ['192.0.2.7/32'] });
  });

  test('a host known by a name is reached by its first address, and by the port of the inventory', () => {
    const plan = planOf(
      host('x', { ansible_host: 'x.example', ansible_port: 2222, nics: nic('a', '10.1.0.5/24') }),
    );
    expect(plan.hosts[0]).toMatchObject({ address: '10.1.0.5', sshPort: 2222 });
    expect(plan.notes).toEqual(['x: reached by 10.1.0.5, since x.example is no address of its NICs']);
  });

  test('regions may have networks of one name: each NIC stands in its own', () => {
    const of = (cidr: string, gateway: string) => ({ networks: { vpc: { cidr, gateway } } });
    const plan = planOf(
      labHost('x', [], {
        ...of('10.1.0.0/24', '10.1.0.1'),
        ansible_host: '10.1.0.5',
        nics: nic('vpc', '10.1.0.5/24'),
      }),
      labHost('y', [], {
        ...of('10.2.0.0/24', '10.2.0.1'),
        ansible_host: '10.2.0.5',
        nics: nic('vpc', '10.2.0.5/24'),
      }),
    );
    expect(plan.hosts.map(({ nics }) => nics[0]?.network)).toEqual(['vpc', 'vpc (10.2.0.0/24)']);
  });

  test('of several gateways in a network the first is its way out, unless one is marked', () => {
    const gateway = (name: string, address: string, lab = {}) =>
      host(name, { ansible_host: address, nics: nic('a', `${address}/24`), lab }, ['nat-gateway']);
    const plan = planOf(gateway('x', '10.1.0.5'), gateway('y', '10.1.0.6'));
    expect(plan.networks[0]?.gatewayHost).toBe('x');
    expect(plan.notes.join()).toContain('network a: its route table points to x');
    const marked = planOf(gateway('x', '10.1.0.5'), gateway('y', '10.1.0.6', { default_route: true }));
    expect(marked.networks[0]?.gatewayHost).toBe('y');
  });

  test('a network without a gateway of its own leaves by the one that translates it', () => {
    const gateway = host(
      'gw',
      { ansible_host: '10.1.0.5', nics: nic('a', '10.1.0.5/24'), nat: { masquerade: ['10.2.0.0/24'] } },
      ['nat-gateway'],
    );
    const plan = planOf(gateway, host('y', { ansible_host: '10.2.0.5', nics: nic('b', '10.2.0.5/24') }));
    expect(plan.networks.map(({ gatewayHost }) => gatewayHost)).toEqual(['gw', 'gw']);
    const [own] = plan.hosts[0]?.nics ?? [];
    if (!own) throw new Error('no NIC');
    expect(nicRoutes(plan, own, names).filter((line) => line.startsWith('route add default'))).toEqual([
      'route add default via 10.1.0.5 dev pv000000n0 onlink table 1000',
      'route add default via 10.1.0.5 dev pv000000n0 onlink table 1001',
    ]);
  });
});

describe('stand-ins', () => {
  const gateway = (dnat: unknown[]) =>
    host('gw', { ansible_host: '10.1.0.5', nics: nic('a', '10.1.0.5/24'), nat: { dnat } }, ['nat-gateway']);

  test('answer where entries and backends point to addresses that nobody has', () => {
    const balancer = host('lb', {
      ansible_host: '10.2.0.5',
      nics: nic('b', '10.2.0.5/24'),
      listeners: [
        {
          port: 8080,
          backends: [
            { address: '10.7.0.14' },
            { address: '192.0.2.9', port: 80 },
            { address: '10.1.0.5', port: 90 },
          ],
        },
      ],
    });
    const plan = planOf(gateway([{ port: 80, protocol: 'tcp', to: '10.1.0.8', to_port: '81-83' }]), balancer);
    expect(
      plan.hosts
        .filter(({ standIn }) => standIn)
        .map(({ name, nics, serve }) => [name, nics[0]?.network, nics[0]?.addresses, serve]),
    ).toEqual([
      ['stand-in-1', 'a', ['10.1.0.8/24'], [81, 83]],
      ['stand-in-2', '10.7.0.0/24', ['10.7.0.14/24'], [8080]],
      ['stand-in-3', null, ['192.0.2.9/32'], [80]],
    ]);
    // Control: an address that a host has needs none, and is served there.
    expect(plan.hosts.find(({ name }) => name === 'gw')?.serve).toEqual([90]);
    expect(plan.notes.join('\n')).toContain(
      'stand-in-1: answers at 10.1.0.8, which no host of the inventory has',
    );
  });

  test('are not made for what only UDP leads to', () => {
    const plan = planOf(gateway([{ port: 80, protocol: 'udp', to: '10.1.0.8' }]));
    expect(plan.hosts.some(({ standIn }) => standIn)).toBe(false);
  });
});

describe('regions', () => {
  const regional = {
    a: { ...networks.a, region: 'north' },
    b: { ...networks.b, region: 'south' },
  };
  const two = (known: object) =>
    planOf(
      labHost('x', [], { networks: known, ansible_host: '10.1.0.5', nics: nic('a', '10.1.0.5/24') }),
      labHost('y', [], { networks: known, ansible_host: '10.2.0.5', nics: nic('b', '10.2.0.5/24') }),
    );

  test('have no route to each other, networks of one region have', () => {
    const drop = 'iifname { "pv000000n0" } ip daddr { 10.2.0.0/24 } drop';
    expect(fabricRuleset(two(regional), names)).toContain(drop);
    expect(fabricRuleset(two(networks), names)).not.toContain(drop);
  });
});

describe('public networks', () => {
  const dmz = { dmz: { cidr: '192.0.2.0/24', gateway: '192.0.2.1' } };
  const plan = (more = {}) =>
    planOf(
      labHost('x', [], {
        networks: dmz,
        ansible_host: '192.0.2.5',
        nics: nic('dmz', '192.0.2.5/24'),
        ...more,
      }),
    );
  const rulesOf = (made: ReturnType<typeof plan>) =>
    made.hosts.flatMap(({ nics }) => nics.flatMap((each) => nicRules(made, each, names)));

  test('are reached as they are, and leave as they are', () => {
    expect(plan().networks[0]?.isPublic).toBe(true);
    expect(rulesOf(plan())).toEqual([]);
    expect(fabricRuleset(plan(), names)).toContain('set inside { type ipv4_addr; flags interval;  }');
  });

  test('are private all the same where an EIP or a rule translates them', () => {
    const mapped = plan({ eips: { e: { public: '203.0.113.9', private: '192.0.2.5' } } });
    expect(mapped.networks[0]?.isPublic).toBe(false);
    expect(rulesOf(mapped)).toContain('rule add priority 200 iif pv000000n0 from 192.0.2.5 lookup main');
  });
});
