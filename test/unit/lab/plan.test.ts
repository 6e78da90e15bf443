import { describe, expect, test } from '@jest/globals';
import { fabricRuleset, nicRoutes, nicRules } from '../../../src/lab/fabric-rules.ts';
import { imageName } from '../../../src/lab/image-spec.ts';
import { labIdOf, labNames } from '../../../src/lab/names.ts';
import { labPlan } from '../../../src/lab/plan.ts';
import { missingPackages, requireRoot } from '../../../src/lab/requirements.ts';
import { knownHostsLine, sshConfigText } from '../../../src/lab/ssh-config.ts';
import { problemsOf } from '../../../src/model/error.ts';
import { inventoryOf, labHost, smallInventory } from '../../lab/small-inventory.ts';

const networks = { 'vpc-a': { cidr: '172.31.0.0/24', gateway: '172.31.0.1' } };
const nics = (address: string, more = {}) => ({ eth0: { network: 'vpc-a', address, ...more } });
const plain = (name: string, vars: Record<string, unknown>, groups: string[] = []) =>
  labHost(name, groups, { networks, ...vars });
const planOf = (...hosts: ReturnType<typeof labHost>[]) => labPlan(inventoryOf('/somewhere', hosts));

function problemsWith(...hosts: ReturnType<typeof labHost>[]) {
  try {
    planOf(...hosts);
  } catch (error) {
    return problemsOf(error).map((problem) => `${problem.code} ${problem.message} → ${problem.hint}`);
  }
  return [];
}

describe('the plan of a lab', () => {
  const plan = labPlan(smallInventory('/somewhere'));
  const host = (name: string) => plan.hosts.find((known) => known.name === name);

  test('has every host with its part, its addresses and its EIPs', () => {
    expect(plan.hosts.map(({ name, role, image, user }) => [name, role, imageName(image), user])).toEqual([
      ['out', 'probe', 'debian-12 bare', 'ops'],
      ['gate', 'gateway', 'debian-12 bare', 'ops'],
      ['inner', 'plain', 'debian-12 bare', 'ops'],
    ]);
    expect(host('gate')?.nics[0]).toMatchObject({
      network: 'vpc-t',
      addresses: ['10.77.0.2/24', '10.77.0.3/24'],
      router: '10.77.0.1',
      eips: [{ name: 'office', public: '203.0.113.77', private: '10.77.0.2' }],
    });
    expect(host('out')?.nics[0]).toMatchObject({ network: null, addresses: ['198.51.100.77/32'] });
  });

  test('gives a gateway only its primary addresses at boot, as a cloud does, and other hosts all', () => {
    expect(host('gate')?.nics[0]?.atBoot).toEqual(['10.77.0.2/24']);
    const two = { eth0: { network: 'vpc-a', address: '172.31.0.5/24', secondary: ['172.31.0.6/24'] } };
    const atBoot = (vars: object) =>
      planOf(plain('a', { ansible_host: '172.31.0.5', nics: two, ...vars })).hosts[0]?.nics[0]?.atBoot;
    expect(atBoot({})).toEqual(['172.31.0.5/24', '172.31.0.6/24']);
    expect(atBoot({ lab: { addresses: 'primary' } })).toEqual(['172.31.0.5/24']);
    // What the operator connects to is there before anybody adds it.
    expect(atBoot({ lab: { addresses: 'primary' }, ansible_host: '172.31.0.6' })).toHaveLength(2);
    expect(problemsWith(plain('a', { nics: two, lab: { addresses: 'some' } }))).toEqual([
      expect.stringContaining('neither primary nor all'),
    ]);
  });

  test('routes a network through its gateway', () => {
    expect(plan.networks).toEqual([
      {
        ...{ name: 'vpc-t', cidr: '10.77.0.0/24', gateway: '10.77.0.1', gatewayHost: 'gate' },
        ...{ region: '', isPublic: false },
      },
    ]);
  });

  test('serves what DNAT entries point to, what hosts ask for, and the echo port of probes', () => {
    expect(host('out')?.serve).toEqual([80]);
    expect(host('inner')?.serve).toEqual([80]);
    expect(host('gate')?.serve).toEqual([]);
    const asked = planOf(
      plain('a', { ansible_host: '172.31.0.5', nics: nics('172.31.0.5/24'), lab: { serve: [8091, 22] } }),
    );
    expect(asked.hosts[0]?.serve).toEqual([8091]);
  });

  test('puts the operator where no address of the inventory is', () => {
    expect(plan.controller.direct).toBe('198.18.0.2');
    const bench = { bench: { cidr: '198.18.0.0/24', gateway: '198.18.0.1' } };
    const moved = planOf(
      labHost('a', [], {
        networks: bench,
        ansible_host: '198.18.0.9',
        nics: { eth0: { network: 'bench', address: '198.18.0.9/24' } },
      }),
    );
    expect(moved.controller.direct).toBe('198.18.1.2');
  });

  test('leaves out hosts that are this machine itself', () => {
    const local = plain('localhost', {});
    const rest = plain('a', { ansible_host: '172.31.0.5', nics: nics('172.31.0.5/24') });
    expect(
      planOf({ ...local, connection: { ...local.connection, via: 'local' } }, rest).hosts.map(
        ({ name }) => name,
      ),
    ).toEqual(['a']);
  });
});

describe('what a lab cannot derive is refused with the host and the key', () => {
  const good = { ansible_host: '172.31.0.5', nics: nics('172.31.0.5/24') };
  test.each<[string, ReturnType<typeof labHost>[], string]>([
    ['no NIC', [plain('a', { ansible_host: 'a.example' })], 'nics: { eth0:'],
    [
      'an unknown network',
      [plain('a', { nics: { eth0: { network: 'vpc-x', address: '172.31.0.5/24' } } })],
      'one of: vpc-a',
    ],
    ['no prefix length', [plain('a', { nics: nics('172.31.0.5') })], 'nics.eth0.address: a.b.c.d/nn'],
    [
      'an address of another network',
      [plain('a', { ansible_host: '10.0.0.5', nics: nics('10.0.0.5/24') })],
      'nics.eth0.network',
    ],
    [
      'the router’s address',
      [plain('a', { ansible_host: '172.31.0.1', nics: nics('172.31.0.1/24') })],
      'nics.eth0.address',
    ],
    [
      'an EIP of nobody',
      [plain('a', { ...good, eips: { e: { public: '203.0.113.1', private: '172.31.0.6' } } })],
      'eips.e.private',
    ],
    [
      'two ssh ports',
      [plain('a', { ...good, ansible_port: 22, lab: { ssh_port: 2222 } })],
      'leave `lab.ssh_port` out',
    ],
    ['another image', [plain('a', { ...good, lab: { image: 'alpine' } })], 'lab: { image: bare }'],
    ['a probe without an address', [labHost('p', ['probes'], { networks })], 'ansible_host: 198.51.100.10'],
    [
      'a probe inside',
      [plain('a', good), labHost('p', ['probes'], { networks, ansible_host: '172.31.0.99' })],
      '`ansible_host` of p',
    ],
    ['one address twice', [plain('a', good), plain('b', good)], 'nics.eth0.address'],
    ['nothing at all', [], 'nics:'],
  ])('%s', (_, hosts, key) => {
    expect(problemsWith(...hosts).join('\n')).toContain(key);
    for (const problem of problemsWith(...hosts)) expect(problem).toMatch(/^usage /);
  });

  test('several problems are told at once', () => {
    expect(problemsWith(plain('a', {}), plain('b', { nics: nics('x') }))).toHaveLength(2);
  });

  test.each(['../up', 'a b', 'a;reboot', '-rf', 'a/b', 'a\nb', '', '..', 'ä', 'x'.repeat(64)])(
    'the host name %j',
    (name) => {
      expect(problemsWith(plain(name, good)).join('\n')).toContain('cannot be built');
    },
  );

  test.each(['eth0; reboot', '../x', 'a\nb', 'a b', 'x'.repeat(16), 'lo'])('the NIC name %j', (name) => {
    expect(problemsWith(plain('a', { ...good, nics: { [name]: good.nics.eth0 } })).join('\n')).toContain(
      'cannot be the name of a NIC',
    );
  });

  test.each([
    '172.31.0.5/24; x',
    '172.31.0.5/33',
    '172.31.0.5/-1',
    '::1/64',
    '172.31.0.05/24',
    ['172.31.0.5/24'],
    5,
    null,
  ])('the address %j', (address) => {
    expect(problemsWith(plain('a', { ...good, nics: { eth0: { network: 'vpc-a', address } } }))).toHaveLength(
      1,
    );
  });

  test.each(['root; x', 'a b', '$(id)', 'A', '-x'])('the user %j becomes one that Debian has', (user) => {
    const host = plain('a', good);
    const derived = planOf({ ...host, connection: { ...host.connection, user } });
    expect(derived.hosts[0]?.user).toBe('ops');
    expect(derived.notes.join()).toContain('the user is ops');
  });

  test.each(['zz', '01:00:00:00:00:01', '02:00:00:00:00:01 x'])('the MAC %j', (mac) => {
    expect(problemsWith(plain('a', { ...good, nics: nics('172.31.0.5/24', { mac }) })).join('\n')).toContain(
      'mac',
    );
  });
});

describe('what is made from a plan', () => {
  const plan = labPlan(smallInventory('/somewhere'));
  const names = labNames(labIdOf('/somewhere'));
  const [, gate, inner] = plan.hosts;
  const nicOf = (host: typeof gate) => {
    const nic = host?.nics[0];
    if (nic === undefined) throw new Error('no NIC');
    return nic;
  };

  test('interface names fit the kernel, whatever the number', () => {
    expect(names.link(999_999).length).toBeLessThanOrEqual(15);
  });

  test('two inventories never share a name', () => {
    expect(labIdOf('/a')).not.toBe(labIdOf('/b'));
    expect(names.namespace('fabric')).not.toBe(names.fabric);
  });

  test('only gateways may deliver foreign sources inwards', () => {
    const chains = fabricRuleset(plan, names)
      .split('chain nic_')
      .map((chain) => chain.split('}\n')[0] ?? '');
    expect(chains.find((chain) => chain.includes('10.77.0.2, 10.77.0.3'))).toContain(
      'ip daddr @inside return',
    );
    expect(chains.find((chain) => chain.includes('{ 10.77.0.20 }'))).not.toContain('@inside');
  });

  test('a NIC without an EIP is routed to the gateway, the gateway itself nowhere but by its EIP', () => {
    expect(nicRules(plan, nicOf(inner), names)).toEqual([
      `rule add priority 300 iif ${names.link(2)} lookup 1000`,
    ]);
    expect(nicRules(plan, nicOf(gate), names)).toEqual([
      `rule add priority 200 iif ${names.link(1)} from 10.77.0.2 lookup main`,
      `rule add priority 300 iif ${names.link(1)} unreachable`,
    ]);
    expect(nicRoutes(plan, nicOf(gate), names)).toContain(
      `route add default via 10.77.0.2 dev ${names.link(1)} onlink table 1000`,
    );
  });

  test('ssh finds hosts by name, keys by address and port', () => {
    expect(sshConfigText(plan, names)).toContain(
      'Host inner\n  HostName 10.77.0.20\n  Port 2222\n  User ops\n',
    );
    if (inner === undefined || gate === undefined) throw new Error('no host');
    expect(knownHostsLine(inner, 'ssh-ed25519 AAAA inner\n')).toBe('[10.77.0.20]:2222 ssh-ed25519 AAAA');
    expect(knownHostsLine(gate, 'ssh-ed25519 AAAA gate\n')).toBe(
      '10.77.0.2,10.77.0.3,203.0.113.77 ssh-ed25519 AAAA',
    );
  });
});

describe('what a machine must have', () => {
  test('each refusal says what to type', () => {
    expect(() => requireRoot('up', 'darwin', 0)).toThrow('needs Linux');
    try {
      requireRoot('up', 'linux', 1000);
    } catch (error) {
      expect(problemsOf(error)[0]).toMatchObject({
        code: 'usage',
        hint: 'Type: sudo npx provision lab up -i INVENTORY',
      });
    }
    expect(() => requireRoot('up', 'linux', 0)).not.toThrow();
  });

  test('missing packages are named once each', () => {
    expect(missingPackages(() => true)).toEqual([]);
    expect(missingPackages((command) => !['nsenter', 'setpriv', 'systemd-nspawn'].includes(command))).toEqual(
      ['systemd-container', 'util-linux'],
    );
  });
});
