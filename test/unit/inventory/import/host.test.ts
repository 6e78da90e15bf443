import { readFileSync } from 'node:fs';
import { describe, expect, it, test } from '@jest/globals';
import { parse } from 'yaml';
import { importHost } from '../../../../src/inventory/import/host.ts';
import type { ImportedHost } from '../../../../src/inventory/import/host.ts';
import { parseReading } from '../../../../src/inventory/import/host-reading.ts';
import type { HostReading } from '../../../../src/inventory/import/host-reading.ts';
import { hostYaml } from '../../../../src/inventory/import/host-yaml.ts';
import { readRuleText } from '../../../../src/inventory/import/iptables-text.ts';
import { hostIn } from '../fixture.ts';

const captured = (name: string): HostReading =>
  parseReading(readFileSync(`test/fixtures/hosts/${name}.txt`, 'utf8'));

const NOBODY = 'all: { hosts: { gw1: { ansible_host: 192.0.2.1 } } }\n';

/** What is made of it, for a host that the inventory knows no more of than its address. */
const importOf = async (reading: HostReading, inventory = NOBODY): Promise<ImportedHost> =>
  importHost(reading, await hostIn(inventory));

const EMPTY = parseReading('');
const ADDRESSES = [
  { nic: 'eth0', address: '10.0.0.2', prefix: 24, kind: '' },
  { nic: 'eth1', address: '10.0.1.2', prefix: 24, kind: '' },
];
/** A host with these rules in nat, whose files have them too. */
const withRules = (...rules: string[]): HostReading => {
  const text = `*nat\n${rules.join('\n')}\nCOMMIT\n`;
  return { ...EMPTY, addresses: ADDRESSES, defaultNic: 'eth0', rules: text, saved: text, forwarding: true };
};
const notesOf = async (...rules: string[]): Promise<readonly string[]> =>
  (await importOf(withRules(...rules))).notes;

describe('hosts as the articles set them up', () => {
  it('the balancer by statistic, and its redirect', async () => {
    const host = await importOf(captured('debian-12-seed-004'));
    expect(host.roles).toEqual(['load-balancer']);
    expect(host.listeners).toEqual([
      {
        ...{ name: 'tcp-8080', address: '10.192.0.65', port: 8080, protocol: 'tcp', snat: true },
        algorithm: 'round-robin',
        backends: [{ address: '10.1.160.14' }, { address: '10.1.160.15' }],
      },
      { name: 'redirect-80', redirect: { port: 80, to: '8001-8002', protocol: 'tcp' } },
    ]);
    expect(host.adopted).toHaveLength(5);
    expect(host.nics).toEqual({ eth0: { address: '10.192.0.65/24', secondary: [] } });
    // Fail2ban's chain, and what jumps there, is nobody's business.
    expect(host.notes).toEqual([
      expect.stringMatching(/^10\.192\.0\.65:8080\/tcp: today whatever goes to these backends/),
      expect.stringMatching(/^chain BY-HAND of nat \(1 rule\): is left as it is/),
      expect.stringMatching(
        /^-t filter -A INPUT .*--dports 21:25,135:139 -j DROP: a filter; firewall\.filter can say most of them\. It stays in force as it is$/,
      ),
      'No rule of adopt is saved: a reboot loses them today.',
      'net.ipv4.ip_forward is 0: nothing is forwarded today, and will be.',
    ]);
  });

  it('the bridges of an app host; policy rules and qdiscs are told', async () => {
    const host = await importOf(captured('debian-12-seed-003-bridge'));
    expect(host.roles).toEqual(['app-host']);
    expect(host.egress).toEqual([
      expect.objectContaining({
        nic: 'eth0',
        bridge: 'br-eip1',
        address: '172.19.0.100',
        publish: ['8090:8090'],
      }),
      expect.objectContaining({
        nic: 'eth1',
        bridge: 'br-eip2',
        address: '172.19.0.101',
        publish: ['8090:8090'],
      }),
    ]);
    expect([host.nat, host.adopted.length]).toEqual([null, 4]);
    expect(host.eips).toEqual({
      eth0: { public: 'FILL-IN', private: '172.31.0.8' },
      eth1: { public: 'FILL-IN', private: '172.31.0.14' },
    });
    expect(host.notes).toEqual(
      expect.arrayContaining([
        expect.stringMatching(
          /^bridge br-eip1: its address 172\.19\.0\.100\/16 puts all of that network behind/,
        ),
        expect.stringMatching(/^ip rule \d+:\s+from 172\.31\.0\.14 lookup 100: /),
        expect.stringMatching(/^tc: qdisc tbf .* dev eth1 root /),
      ]),
    );
  });

  it('the gateway and balancer to other regions: an SNAT entry, a listener, a router for each backend', async () => {
    const host = await importOf(captured('debian-12-seed-001'));
    expect([host.roles, host.adopted.length]).toEqual([['nat-gateway', 'load-balancer'], 5]);
    expect(host.nat).toMatchObject({
      snat: [{ source: '10.192.0.0/24', to: 'eth0' }],
      masquerade: [],
      dnat: [],
    });
    expect(host.listeners).toEqual([
      {
        ...{ name: 'tcp-8090', address: '10.192.0.65', port: 8090, protocol: 'tcp', snat: true },
        algorithm: 'round-robin',
        backends: [
          { address: '192.0.2.10', port: 80, via: '10.192.0.1' },
          { address: '192.0.2.20', port: 80, via: '10.192.0.1' },
        ],
      },
    ]);
    expect([host.nics, host.networks]).toEqual([
      { eth0: { network: 'net-eth0', address: '10.192.0.65/24', secondary: [] } },
      { 'net-eth0': { cidr: '10.192.0.0/24', gateway: '10.192.0.1' } },
    ]);
    expect(host.conntrack).toEqual({ tcp_timeout_established: '7200s' });
    expect(host.notes).toEqual([
      expect.stringMatching(/^10\.192\.0\.65:8090\/tcp: today whatever goes to these backends/),
      'sysctl net.core.somaxconn = 1024 (/etc/sysctl.d/60-by-hand.conf): stays as it is: no variable says it',
      'No rule of adopt is saved: a reboot loses them today.',
    ]);
  });

  it('the gateway of two EIPs: entries of names of their own, and the bandwidth that both share', async () => {
    const host = await importOf(captured('debian-12-seed-002'));
    expect([host.roles, host.adopted.length]).toEqual([['nat-gateway'], 2]);
    expect(host.nat?.dnat).toEqual([
      expect.objectContaining({ name: 'tcp-80', eip: 'eth0', to: '172.31.0.20' }),
      expect.objectContaining({ name: 'tcp-80-2', eip: 'eth0-2', to: '172.31.0.21' }),
    ]);
    expect(host.bandwidth).toEqual([{ name: 'eth0', cap: '1500mbit', eips: ['eth0', 'eth0-2'] }]);
    expect(host.notes).toContainEqual(expect.stringMatching(/^tc on eth0: .* Before the run: tc qdisc del/));
    expect(parse(hostYaml(host), { version: '1.1' })).toMatchObject({
      nat: { conntrack: { tcp_timeout_established: '7200s' } },
      bandwidth: host.bandwidth,
    });
  });

  it('the policy routing of an app host', async () => {
    const host = await importOf(captured('debian-12-seed-003-policy-routing'));
    expect([host.roles, host.adopted]).toEqual([['app-host'], []]);
    expect(host.egress).toEqual([
      { name: 'eth1', nic: 'eth1', scheme: 'bind', users: [33] },
      { name: 'eth0', nic: 'eth0', scheme: 'bind' },
    ]);
    expect(host.networks).toEqual({ 'net-eth0': { cidr: '172.31.0.0/24', gateway: '172.31.0.1' } });
    expect(host.notes.filter((note) => note.startsWith('ip rule'))).toEqual([
      expect.stringMatching(/^ip rule \d+: from all fwmark 0x7 lookup 101: stays as it is/),
      expect.stringMatching(/^ip rule \d+: from all uidrange 33-33 lookup 101: egress does the same/),
      expect.stringMatching(/^ip rule \d+: from 172\.31\.0\.14 lookup 101: egress does the same/),
      expect.stringMatching(/^ip rule \d+: from 172\.31\.0\.8 lookup 100: egress does the same/),
    ]);
  });

  it('containers of fixed addresses; what an entry cannot say of them, and no value of an environment', async () => {
    const host = await importOf(captured('debian-12-seed-003-docker'));
    const network = { name: 'eip_bridge', subnet: '172.19.0.0/16', bridge: 'eip_bridge' };
    const plain = { image: 'eip:latest', restart: 'no', publish: ['8090:8080'] };
    expect([host.roles, host.adopted.length]).toEqual([['app-host'], 3]);
    expect(host.egress).toEqual([
      {
        name: 'first',
        nic: 'eth0',
        scheme: 'docker',
        network,
        containers: [{ ...plain, name: 'first', ip: '172.19.0.100' }],
      },
      {
        ...{ name: 'third', nic: 'eth1', scheme: 'docker', network },
        containers: [
          {
            ...{ name: 'third', image: 'eip:latest', ip: '172.19.0.103', restart: 'always', publish: [] },
            environment: { TOKEN: 'FILL-IN' },
            command: ['/usr/bin/perl', '-e', 'sleep 999'],
          },
          { ...plain, name: 'second', ip: '172.19.0.101' },
        ],
      },
    ]);
    expect(host.notes).toEqual([
      expect.stringMatching(
        /^container third, port 5353:53\/udp on 0\.0\.0\.0: an entry publishes on 172\.31\.0\.14 alone/,
      ),
      expect.stringMatching(/^container third, TOKEN: its value is not read/),
      // The error of the article: SNAT comes after routing.
      expect.stringMatching(
        /^eth1 \(172\.31\.0\.14\): no rule of routing leads what has this address out by it: that leaves by eth0/,
      ),
      expect.stringMatching(
        /^container typo .*: cannot start: 172\.18\.0\.101 is not in 172\.19\.0\.0\/16 of eip_bridge$/,
      ),
      'No rule of adopt is saved: a reboot loses them today.',
    ]);
    const yaml = hostYaml(host);
    expect(yaml).not.toContain('hunter2');
    expect(parse(yaml, { version: '1.1' })).toMatchObject({ egress: host.egress });
  });

  it('the masquerade of a zone, beside Docker, whose own rules are never told', async () => {
    const inventory =
      'all: { hosts: { gw1: { ansible_host: 192.0.2.1, nics: { eth0: { address: 172.31.0.2/24 } }, eips: { office: { public: 203.0.113.10, private: 172.31.0.2 } } } } }\n';
    const host = await importOf(captured('debian-12-seed-000-beside-docker'), inventory);
    expect([host.roles, host.nics, host.eips]).toEqual([['nat-gateway'], null, null]);
    expect(host.nat).toEqual({
      masquerade: ['172.31.0.0/24'],
      snat: [{ source: '172.31.0.21', to: 'office' }],
      dnat: [
        { name: 'tcp-8080', eip: 'office', protocol: 'tcp', port: '8080', to: '172.31.0.21', toPort: '80' },
      ],
      zones: { public: { interfaces: ['eth0'], services: ['ssh', 'dhcpv6-client'], ports: [] } },
    });
    expect(host.notes).toEqual([
      expect.stringMatching(
        /^-t nat -A PREROUTING -i eth0 .*: the entry holds for whoever asks 172\.31\.0\.2, also by another NIC/,
      ),
      expect.stringMatching(/^zone public has masquerade: .* only 172\.31\.0\.0\/24 is let out/),
      expect.stringMatching(
        /^-t nat -A PREROUTING -d 172\.31\.0\.2\/32 -p icmp -j DNAT .*: no entry says this/,
      ),
    ]);
  });
});

describe('rules as iptables 1.8.11 prints them (Debian 13)', () => {
  const printed = (name: string): string =>
    readFileSync(`test/fixtures/hosts/debian-13-iptables-1.8.11-${name}.txt`, 'utf8');

  it('the balancer is the same', async () => {
    const before = captured('debian-12-seed-004');
    const [old, now] = [await importOf(before), await importOf({ ...before, rules: printed('seed-004') })];
    expect([now.listeners, now.adopted]).toEqual([old.listeners, old.adopted]);
  });

  it('a gateway beside Docker, fail2ban and an earlier provision: a pool, weights, what is left', async () => {
    const addresses = ['172.31.0.2', '172.31.0.3'].map((address) => ({
      nic: 'eth0',
      address,
      prefix: 24,
      kind: '',
    }));
    const rules = printed('gateway-and-strangers');
    const host = await importOf({
      ...EMPTY,
      addresses,
      defaultNic: 'eth0',
      rules,
      saved: rules,
      forwarding: true,
    });
    expect(host.roles).toEqual(['nat-gateway', 'load-balancer']);
    expect(host.nat).toMatchObject({
      masquerade: ['172.31.0.0/24'],
      snat: [
        { source: '172.31.1.0/24', to: 'eth0' },
        { source: '172.31.2.0/24', to: ['eth0-2', 'eth0'] },
      ],
      dnat: [
        { name: 'tcp-8022', port: '8022', to: '172.31.0.20', toPort: '22' },
        { name: 'udp-5000-5009', port: '5000-5009', to: '172.31.0.21', toPort: null },
        { name: 'tcp-9000', port: '9000', to: '172.31.0.22', toPort: null },
      ],
    });
    expect(host.listeners).toEqual([
      expect.objectContaining({ name: 'tcp-80', algorithm: 'random', snat: false }),
    ]);
    expect(host.adopted.filter((line) => /DOCKER|docker0|PROVISION|f2b/.test(line))).toEqual([]);
    expect(host.notes.filter((note) => !note.includes('also by another NIC'))).toEqual([
      expect.stringMatching(
        /^-t nat -A POSTROUTING -o eth0 .* -j MASQUERADE: it translates whatever is routed/,
      ),
      expect.stringMatching(
        /^-t mangle -A FORWARD .* -j TCPMSS --clamp-mss-to-pmtu: nat\.clamp_mss does this too/,
      ),
      expect.stringMatching(/^-t filter -A FORWARD -s 172\.31\.0\.0\/24 -j ACCEPT: a filter/),
    ]);
  });
});

describe('what is said of a balancer', () => {
  const to = (share: string, backend: string): string =>
    `-A PREROUTING -d 10.0.0.2/32 -p tcp -m tcp --dport 80 ${share}-j DNAT --to-destination ${backend}`;
  const chance = (probability: string): string => `-m statistic --mode random --probability ${probability} `;

  test.each([
    ['equal', [chance('0.33333333349'), chance('0.50000000000'), ''], [undefined, undefined, undefined]],
    ['3 to 1', [chance('0.75000000000'), ''], [3, 1]],
    ['2 to 3', [chance('0.39999999991'), ''], [2, 3]],
  ])('weights: %s', async (_name, shares, weights) => {
    const rules = shares.map((share, index) => to(share, `10.0.1.${index + 10}:8080`));
    const [listener] = (await importOf(withRules(...rules))).listeners;
    expect(listener).toMatchObject({ algorithm: 'random', snat: false });
    if (!listener || 'redirect' in listener) throw new Error('no listener');
    expect(listener.backends.map(({ weight }) => weight)).toEqual(weights);
    expect(listener.backends.map(({ port }) => port)).toEqual(shares.map(() => 8080));
  });

  it('connections that meet no rule are told', async () => {
    expect(await notesOf(to(chance('0.50000000000'), '10.0.1.10:80'))).toEqual([
      '10.0.0.2:80/tcp: 50 % of its connections meet no rule today, and no backend',
    ]);
  });

  it('what is no share at all is told, not guessed', async () => {
    const rule = to('-m statistic --mode nth --every x --packet 0 ', '10.0.1.10:80');
    const host = await importOf(withRules(rule));
    expect([host.listeners, host.adopted]).toEqual([[], []]);
    expect(host.notes).toEqual([expect.stringContaining(`-t nat ${rule}: no entry says this`)]);
  });

  it.each([
    ['of another protocol', '-p udp -m udp --dport 80'],
    ['of all ports', '-p tcp'],
  ])('an SNAT %s towards a backend is not the way back of the listener', async (_name, match) => {
    const back = `-A POSTROUTING -d 10.0.1.10/32 ${match} -j SNAT --to-source 10.0.1.2`;
    const host = await importOf(withRules(to('', '10.0.1.10:80'), back));
    expect(host.adopted).toEqual([`-t nat ${to('', '10.0.1.10:80')}`]);
    expect(host.notes).toEqual([expect.stringContaining(`-t nat ${back}: no entry says this`)]);
  });

  it('one backend whose clients are hidden is a service; without that it is a DNAT entry', async () => {
    const dnat = to('', '10.0.1.10:80');
    const back = '-A POSTROUTING -d 10.0.1.10/32 -p tcp -m tcp --dport 80 -j SNAT --to-source 10.0.1.2';
    const [service, plain] = [await importOf(withRules(dnat, back)), await importOf(withRules(dnat))];
    expect([service.roles, service.adopted.length]).toEqual([['load-balancer'], 2]);
    expect([plain.roles, plain.nat?.dnat]).toEqual([
      ['nat-gateway'],
      [{ name: 'tcp-80', eip: 'eth0', protocol: 'tcp', port: '80', to: '10.0.1.10', toPort: null }],
    ]);
  });
});

describe('what no entry says stays, and is told with its text', () => {
  test.each([
    ['-A POSTROUTING ! -s 10.0.0.0/8 -j MASQUERADE'],
    ['-A POSTROUTING -s 10.9.0.0/24 -m mark --mark 0x1 -j MASQUERADE'],
    ['-A POSTROUTING -s 10.9.0.0/24 -j SNAT --to-source 198.51.100.1'],
    ['-A PREROUTING -d 198.51.100.1/32 -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.9.0.1'],
    ['-A PREROUTING -d 10.0.0.2/32 -p tcp -m tcp --dport 80:90 -j DNAT --to-destination 10.9.0.1:8080'],
    ['-A PREROUTING -d 10.0.0.2/32 -j DNAT --to-destination 10.9.0.1'],
    ['-A PREROUTING -d 10.0.0.2/32 -p tcp -m tcp --dport 80 -j REDIRECT --to-ports 8080'],
    ['-A OUTPUT -d 10.0.0.2/32 -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.9.0.1'],
  ])('%s', async (rule) => {
    const host = await importOf(withRules(rule));
    expect([host.roles, host.adopted]).toEqual([[], []]);
    expect(host.notes).toEqual([expect.stringContaining(`-t nat ${rule}: no entry says this`)]);
  });

  it('a masquerade without a source lets out the networks of the other NICs, and that is told', async () => {
    const { nat, adopted, notes } = await importOf(withRules('-A POSTROUTING -o eth0 -j MASQUERADE'));
    expect([nat?.masquerade, adopted]).toEqual([
      ['10.0.1.0/24'],
      ['-t nat -A POSTROUTING -o eth0 -j MASQUERADE'],
    ]);
    expect(notes).toEqual([expect.stringContaining('from any source; here only 10.0.1.0/24 is let out')]);
  });

  it('an exception from translation is told as one', async () => {
    const host = await importOf(
      withRules(
        '-A POSTROUTING -s 10.9.0.0/24 -d 10.8.0.0/16 -j ACCEPT',
        '-A POSTROUTING -s 10.9.0.0/24 -j MASQUERADE',
      ),
    );
    expect([host.adopted, host.nat?.masquerade]).toEqual([
      ['-t nat -A POSTROUTING -s 10.9.0.0/24 -j MASQUERADE'],
      ['10.9.0.0/24'],
    ]);
    expect(host.notes).toEqual([
      expect.stringMatching(/^-t nat -A POSTROUTING .* -j ACCEPT: an exception from the rules after it/),
    ]);
  });

  it.each([
    ['-A POSTROUTING -s 10.9.0.0/24 -o tun0 -j MASQUERADE', 'another way out than the default route'],
    ['-A POSTROUTING -s 10.9.0.0/24 -o eth1 -j SNAT --to-source 10.0.1.2', 'the same'],
    [
      '-A PREROUTING -d 10.0.0.2/32 -i eth1 -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.9.0.1',
      'another NIC',
    ],
  ])('%s: %s', async (rule) => {
    const host = await importOf(withRules(rule));
    expect([host.adopted, host.notes]).toEqual([
      [],
      [expect.stringContaining(`-t nat ${rule}: no entry says this`)],
    ]);
  });

  it.each([
    [
      'a masquerade before an SNAT of the same sources',
      [
        '-A POSTROUTING -s 10.9.0.0/24 -j MASQUERADE',
        '-A POSTROUTING -s 10.9.0.5/32 -j SNAT --to-source 10.0.0.2',
      ],
    ],
    [
      'a masquerade of everything first',
      ['-A POSTROUTING -o eth0 -j MASQUERADE', '-A POSTROUTING -s 10.9.0.0/24 -j SNAT --to-source 10.0.0.2'],
    ],
    [
      'a masquerade of some, then an SNAT of all',
      [
        '-A POSTROUTING -s 10.9.0.5/32 -j MASQUERADE',
        '-A POSTROUTING -s 10.9.0.0/24 -j SNAT --to-source 10.0.0.2',
      ],
    ],
    [
      'two for one port',
      [
        '-A PREROUTING -d 10.0.0.2/32 -p tcp -m tcp --dport 80:90 -j DNAT --to-destination 10.9.0.1',
        '-A PREROUTING -i eth0 -p tcp -m tcp --dport 85 -j DNAT --to-destination 10.9.0.2',
      ],
    ],
  ])('the first that matches decides: %s', async (_name, [first = '', second = '']) => {
    const host = await importOf(withRules(first, second));
    expect(host.adopted).toEqual([`-t nat ${first}`]);
    expect(host.notes).toContainEqual(expect.stringContaining(`-t nat ${second}: an earlier rule `));
  });

  it('an SNAT of some before a masquerade of all is both, as an inventory has it', async () => {
    const { nat, notes } = await importOf(
      withRules(
        '-A POSTROUTING -s 10.9.0.5/32 -j SNAT --to-source 10.0.0.2',
        '-A POSTROUTING -s 10.9.0.0/24 -j MASQUERADE',
      ),
    );
    expect([nat?.snat, nat?.masquerade, notes]).toEqual([
      [{ source: '10.9.0.5', to: 'eth0' }],
      ['10.9.0.0/24'],
      [],
    ]);
  });

  it('beside firewalld before 2.0 it says that a reload deletes it', async () => {
    const reading = withRules('-A PREROUTING -d 10.0.0.2/32 -j DNAT --to-destination 10.9.0.1');
    const version = (text: string): HostReading => ({
      ...reading,
      reloadDeletes: parseReading(`section firewalld ${Buffer.from(text).toString('base64')}`).reloadDeletes,
    });
    expect((await importOf(version('1.3.3\n'))).notes[0]).toMatch(
      /until firewalld is reloaded by anybody but a run: before 2\.0 that deletes it$/,
    );
    expect((await importOf(version('2.3.1\n'))).notes[0]).toMatch(/It stays in force as it is$/);
  });

  it('ranges, and addresses of a NIC by its name, are DNAT entries', async () => {
    const { nat } = await importOf(
      withRules(
        '-A PREROUTING -d 10.0.0.2/32 -p udp -m udp --dport 5000:5009 -j DNAT --to-destination 10.9.0.1:6000-6009',
        '-A PREROUTING -i eth1 -p tcp -m tcp --dport 443 -m comment --comment "the \\"shop\\"" -j DNAT --to-destination 10.9.0.1:443',
      ),
    );
    expect(nat?.dnat).toEqual([
      expect.objectContaining({ eip: 'eth0', port: '5000-5009', toPort: '6000-6009', protocol: 'udp' }),
      expect.objectContaining({ eip: 'eth1', port: '443', toPort: null }),
    ]);
  });
});

describe('a host is not trusted', () => {
  it('what is no answer is as if it were not there', () => {
    const section = (name: string, text: string): string =>
      `section ${name} ${Buffer.from(text).toString('base64')}\n`;
    const strange = ['addresses', 'docker-networks', 'docker-containers'].flatMap((name) =>
      ['{', 'null', '[1, null, {"addr_info": 3, "Names": {}, "NetworkSettings": 1}]'].map((text) =>
        section(name, text),
      ),
    );
    const addressed = (local: string, prefixlen: number): string =>
      section('addresses', JSON.stringify([{ ifname: 'br0', addr_info: [{ local, prefixlen }] }]));
    for (const text of [addressed('((', 24), addressed('10.0.0.1', 99), addressed('10.0.0.1/24', 24)])
      expect(parseReading(text).addresses).toEqual([]);
    expect(parseReading(addressed('10.0.0.1', 24)).addresses).toHaveLength(1);
    const reading = parseReading(`noise\n${strange.join('')}section zone !!\n`);
    expect([reading.addresses, reading.networks, reading.zones]).toEqual([[], [], []]);
  });

  it('its words cannot leave a comment or a value of the YAML', async () => {
    const rule = String.raw`-A POSTROUTING -s 10.9.0.0/24 -m comment --comment "x: [y] # \"z\"" -j MASQUERADE`;
    const host = await importOf({
      ...withRules(rule),
      qdiscs: ['qdisc htb 1: dev eth0\u2028ansible_host: 6.6.6.6\u001b[2J'],
    });
    const yaml = hostYaml(host);
    expect(parse(yaml)).toEqual({
      nics: { eth0: { address: '10.0.0.2/24' }, eth1: { address: '10.0.1.2/24' } },
      nat: { masquerade: ['10.9.0.0/24'] },
      adopt: { iptables: [`-t nat ${rule}`] },
    });
    expect(yaml).not.toMatch(/\u001b|\u2028/);
  });
});

test('rules with counters, quotes and negated options', () => {
  const { rules, ownChains } = readRuleText(
    '*nat\n:PREROUTING ACCEPT [0:0]\n:MINE - [0:0]\n[12:34] -A MINE ! -i eth0 -m comment --comment "a \\"b\\" -j DROP" -m owner --uid-owner 5 -j DNAT --to-destination 10.0.0.1\n',
  );
  expect(ownChains).toEqual(['nat MINE']);
  expect(rules[0]?.line).toMatch(/^-A MINE ! -i eth0/);
  expect(Object.fromEntries(rules[0]?.options ?? [])).toEqual({
    '! -i': 'eth0',
    '-m owner': '',
    '--uid-owner': '5',
    '-j': 'DNAT',
    '--to-destination': '10.0.0.1',
  });
});
