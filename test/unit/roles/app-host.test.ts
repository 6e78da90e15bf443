import { execFileSync } from 'node:child_process';
import { describe, expect, it } from '@jest/globals';
import type { Host } from '../../../src/model/host.ts';
import type { RoleContext } from '../../../src/model/playbook.ts';
import { appHost } from '../../../src/roles/app-host.ts';
import { natGateway } from '../../../src/roles/nat-gateway.ts';
import { egressRouting } from '../../../src/roles/egress-ways.ts';
import { readVariables } from '../../../src/roles/variables/index.ts';
import { templates } from '../../../src/templating.ts';
import { facts } from '../resources/conformance.ts';

/** The seed's host, with a second address on eth1. */
const SEED = {
  networks: { 'vpc-a': { cidr: '172.31.0.0/24', gateway: '172.31.0.1' } },
  echo_url: ['http://198.51.100.10/ip'],
  nics: {
    eth0: { network: 'vpc-a', address: '172.31.0.8/24' },
    eth1: { network: 'vpc-a', address: '172.31.0.14/24', secondary: ['172.31.0.15/24'] },
  },
  eips: {
    a: { public: '109.25.48.65', private: '172.31.0.8' },
    b: { public: '119.26.38.75', private: '172.31.0.14' },
    c: { public: '119.26.38.76', private: '172.31.0.15' },
  },
};
const WEB_B = {
  ...{ name: 'web-b', nic: 'eth1', scheme: 'bridge', bridge: 'br-eip2', address: '172.19.0.101' },
  publish: ['8090:8080', '53:53/udp'],
};
const CRAWLER = { name: 'crawler', nic: 'eth1', eip: 'c', scheme: 'bind', users: ['crawler', 1001] };

const DOCKER = {
  ...{ name: 'web-a', nic: 'eth0', scheme: 'docker', network: { name: 'n', subnet: '172.20.0.0/16' } },
  containers: [{ name: 'web-a', image: 'eip', ip: '172.20.0.9' }],
};

function contextOf(over: object): RoleContext {
  const vars: Record<string, unknown> = { ...SEED, ...over };
  const host: Host = {
    name: 'app1',
    groups: ['all', 'app-host'],
    vars,
    connection: { address: '172.31.0.8', become: true, jumps: [], hostKeys: [], via: 'ssh' },
    place: () => undefined,
  };
  const hosts = { app1: vars, outside1: { ansible_host: '198.51.100.10' } };
  const groups = { probes: ['outside1'] };
  return { host, vars, hosts, groups, play: ['app1'], template: templates(['templates']) };
}

function build(over: object = {}) {
  const context = contextOf(over);
  const result = appHost().build(context);
  return { ...result, proofs: (result.checks ?? []).flatMap((spec) => spec(context)) };
}

const ABSENT = { stdout: '', code: 127 };
const tableOf = (over: object): string =>
  build(over)
    .resources.find(({ id }) => id === 'rules:egress')
    ?.plan(ABSENT, facts)?.text?.after ?? '';
const routing = (over: object) => egressRouting(readVariables({ ...SEED, ...over }));
const section = (text: string, name: string): string =>
  new RegExp(`\\t(?:set|map|chain) ${name} \\{\\n([^}]*(?:\\{[^}]*\\}[^}]*)*?)\\n\\t\\}`).exec(text)?.[1] ??
  '';

describe('app host', () => {
  it('makes bridges and routes before what translates, and routes nothing without NICs', () => {
    const ids = build({ egress: [WEB_B] }).resources.map(({ id }) => id);
    expect(ids.indexOf('bridges:egress')).toBeLessThan(ids.indexOf('policy-routing:egress'));
    expect(ids.indexOf('policy-routing:egress')).toBeLessThan(ids.indexOf('rules:egress'));
    expect(ids).toEqual(
      expect.arrayContaining([
        'addresses:eth0',
        'addresses:eth1',
        'sysctl:app-host',
        'service:provision-egress.service',
      ]),
    );
  });

  it('is refused without NICs', () => {
    expect(() => build({ nics: undefined, eips: {} })).toThrow('app1: an app host needs nics.');
  });

  it('has loose rp_filter and no ARP for other NICs, on each NIC', () => {
    const file = build()
      .resources.find(({ id }) => id === 'sysctl:app-host')
      ?.plan(ABSENT, facts)?.text?.after;
    for (const nic of ['eth0', 'eth1'])
      for (const value of ['rp_filter = 2', 'arp_ignore = 1', 'arp_announce = 2'])
        expect(file).toContain(`net.ipv4.conf.${nic}.${value}`);
  });

  it('gives each NIC a table by its position, and every address a source of its own', () => {
    const { nics, sources } = routing({});
    expect(nics.map(({ name, table, gateway }) => [name, table, gateway])).toEqual([
      ['eth0', 5200, '172.31.0.1'],
      ['eth1', 5201, '172.31.0.1'],
    ]);
    expect(sources).toEqual([
      { block: '172.31.0.8', nic: 'eth0' },
      { block: '172.31.0.14', nic: 'eth1' },
      { block: '172.31.0.15', nic: 'eth1' },
    ]);
  });

  it('keys rules on what an app sends as before anything translates it', () => {
    const docker = { name: 'n', subnet: '172.20.0.0/16' };
    const container = (name: string, ip: string) => ({ name, image: 'eip', ip });
    const one = { scheme: 'docker', network: docker };
    expect(
      routing({
        egress: [WEB_B, { ...one, name: 'x', nic: 'eth0', containers: [container('x1', '172.20.0.9')] }],
      }).sources.slice(3),
    ).toEqual([
      { block: '172.19.0.101', nic: 'eth1' },
      { block: '172.20.0.0/16', nic: 'eth0' },
    ]);
    // A network that containers of two NICs share: each container is named.
    const shared = [
      { ...one, name: 'x', nic: 'eth0', containers: [container('x1', '172.20.0.9')] },
      { ...one, name: 'y', nic: 'eth1', containers: [container('y1', '172.20.0.10')] },
    ];
    expect(routing({ egress: shared }).sources.slice(3)).toEqual([
      { block: '172.20.0.9', nic: 'eth0' },
      { block: '172.20.0.10', nic: 'eth1' },
    ]);
  });

  it('reaches directly what the prefix of an address says, and nothing by a /32', () => {
    const nics = { eth0: { network: 'vpc-a', address: '172.31.0.8/32', secondary: ['10.9.0.5/24'] } };
    expect(routing({ nics, eips: {} }).nics[0]?.networks).toEqual([
      { cidr: '10.9.0.0/24', address: '10.9.0.5' },
    ]);
  });

  it('leads ports of the NIC and its EIP to the bridge, and its source out as the NIC', () => {
    const text = tableOf({ egress: [WEB_B] });
    expect(section(text, 'dnat_tcp')).toContain(
      ['172.31.0.14 . 8090 : 172.19.0.101 . 8080', '119.26.38.75 . 8090 : 172.19.0.101 . 8080'].join(
        ',\n\t\t\t',
      ),
    );
    expect(section(text, 'dnat_udp')).toContain('119.26.38.75 . 53 : 172.19.0.101 . 53');
    expect(section(text, 'snat_to')).toContain('172.19.0.101 : 172.31.0.14');
  });

  it('leaves by another address of the NIC where an entry says which EIP stands for it', () => {
    const text = tableOf({ egress: [{ ...WEB_B, eip: 'c' }, CRAWLER] });
    expect(section(text, 'dnat_tcp')).toContain('119.26.38.76 . 8090');
    expect(section(text, 'dnat_tcp')).not.toContain('172.31.0.14');
    expect(section(text, 'snat_to')).toContain('172.19.0.101 : 172.31.0.15');
    const users = ['crawler', '1001'].map(
      (user) => `oifname "eth1" meta skuid "${user}" ip saddr 172.31.0.14 snat to 172.31.0.15`,
    );
    for (const rule of users) expect(section(text, 'postrouting')).toContain(rule);
  });

  it('guards its own sources only: what a gateway forwards inwards keeps the client’s address', () => {
    const guard = section(tableOf({ egress: [WEB_B] }), 'guard');
    expect(guard).toContain('ip saddr != @own accept');
    expect(guard).toContain('oifname "eth0" ip saddr { 172.31.0.8 } accept');
    expect(guard).toContain('oifname "eth1" ip saddr { 172.31.0.14, 172.31.0.15 } accept');
    expect(guard.trim().split('\n').at(-1)).toContain('counter drop');
    // Neighbours are one range in an interval set.
    expect(section(tableOf({ egress: [WEB_B] }), 'own')).toContain('172.31.0.14-172.31.0.15');
  });

  it('asks from each mapped address, each user and each bridge, and at each port from outside', () => {
    const asked = build({ egress: [WEB_B, CRAWLER] }).proofs.map(({ from, to, expect: wanted, name }) => [
      from,
      wanted === 'open' ? to : wanted,
      name,
    ]);
    expect(asked).toEqual([
      ['app1', '109.25.48.65', '172.31.0.8 leaves eth0 as 109.25.48.65'],
      ['app1', '119.26.38.75', '172.31.0.14 leaves eth1 as 119.26.38.75'],
      ['app1', '119.26.38.76', '172.31.0.15 leaves eth1 as 119.26.38.76'],
      ['app1', '119.26.38.75', 'web-b: 172.19.0.101 leaves eth1 as 119.26.38.75'],
      ['outside1', '119.26.38.75:8090', 'web-b answers at 119.26.38.75:8090'],
      ['app1#crawler', '119.26.38.76', 'crawler: user crawler leaves eth1 as 119.26.38.76'],
      ['app1#1001', '119.26.38.76', 'crawler: user 1001 leaves eth1 as 119.26.38.76'],
    ]);
  });

  it('foretells that a published port would take the SSH connection of the run', () => {
    const rules = build({ egress: [{ ...WEB_B, publish: ['22:22'] }] }).resources.find(
      ({ id }) => id === 'rules:egress',
    );
    const lockout = (address: string) =>
      rules?.plan(ABSENT, {
        ...facts,
        ssh: { client: '198.18.0.2', clientPort: 50022, address, port: 22, nic: 'eth1' },
      })?.lockout;
    expect(lockout('172.31.0.14')).toBe('the entry web-b of egress takes 172.31.0.14:22 to 172.19.0.101:22');
    expect(lockout('172.31.0.8')).toBeUndefined();
  });

  it('absent: names of ours go, the rest returns to its baseline, in the reverse order', () => {
    const { resources, warnings } = build({ egress: [WEB_B], app_host: { state: 'absent' } });
    const ids = resources.map(({ id }) => id);
    expect(ids.indexOf('rules:egress')).toBeLessThan(ids.indexOf('policy-routing:egress'));
    expect(ids.indexOf('policy-routing:egress')).toBeLessThan(ids.indexOf('addresses:eth0'));
    const back = resources.filter(({ toBaseline }) => toBaseline).map(({ id }) => id);
    expect(back).toEqual(['bridges:egress', 'sysctl:app-host']);
    expect(warnings?.[0]).toContain('app_host is absent');
  });

  it.each([
    ['stay while the host is a gateway too', ['nat-gateway'], {}, ['172.31.0.15/24']],
    ['go where it is none any more', ['nat_gateway'], { nat_gateway: { state: 'absent' } }, []],
    ['go where it never was one', [], {}, []],
  ])('absent: addresses that the role added %s', (_what, groups, over, addresses) => {
    const context = contextOf({ app_host: { state: 'absent' }, ...over });
    const host = { ...context.host, groups: [...context.host.groups, ...groups] };
    const eth1 = appHost()
      .build({ ...context, host })
      .resources.find(({ id }) => id === 'addresses:eth1');
    expect(JSON.parse(eth1?.declared ?? '{}')).toMatchObject({ nic: 'eth1', addresses });
  });

  it.each([
    ['stays with a gateway that goes, while containers need it', { egress: [DOCKER] }, false],
    ['goes with a gateway that goes, where nobody else needs it', { egress: [WEB_B] }, true],
  ])('forwarding %s', (_what, over, asked) => {
    const context = contextOf({ nat_gateway: { state: 'absent' }, ...over });
    const host = { ...context.host, groups: [...context.host.groups, 'nat-gateway'] };
    const parameters = natGateway()
      .build({ ...context, host })
      .resources.find(({ id }) => id === 'sysctl:nat-gateway');
    const probe = JSON.stringify(parameters?.probe);
    expect(probe.includes('/proc/sys/net/ipv4/ip_forward')).toBe(asked);
    expect(probe).toContain('send_redirects');
  });

  it('a host that is a gateway too: nothing is declared twice and differently', () => {
    const both = contextOf({
      egress: [WEB_B],
      nat: { engine: 'nftables', masquerade: ['172.31.0.32/28'] },
    });
    const resources = [...natGateway().build(both).resources, ...appHost().build(both).resources];
    const byId = new Map<string, string | null>();
    for (const { id, declared } of resources) {
      expect([id, byId.get(id) ?? declared]).toEqual([id, declared]);
      byId.set(id, declared);
    }
    expect([...byId.keys()]).toEqual(
      expect.arrayContaining(['rules:nat', 'rules:egress', 'sysctl:nat-gateway', 'sysctl:app-host']),
    );
  });
});

const hasNft = process.platform === 'linux' && process.getuid?.() === 0;
(hasNft ? describe : describe.skip)('the table of an app host', () => {
  it.each([
    [
      'with everything',
      [
        WEB_B,
        { ...WEB_B, name: 'c', eip: 'c', bridge: 'br-c', address: '172.19.0.102' },
        { ...CRAWLER, users: ['www-data', 1001] },
      ],
    ],
    ['with NICs alone', []],
  ])('%s is taken by nft', (_what, egress) => {
    const text = tableOf({ egress });
    const load =
      'command -v nft >/dev/null || exit 0; unshare -n sh -c "nft -f - && nft list table ip provision_egress" >/dev/null';
    expect(() =>
      execFileSync('sh', ['-c', load], { input: text, stdio: ['pipe', 'ignore', 'pipe'] }),
    ).not.toThrow();
  });
});
