import { describe, expect, it } from '@jest/globals';
import type { Host } from '../../../src/model/host.ts';
import type { Resource } from '../../../src/model/resource.ts';
import { balanceConf } from '../../../src/roles/balance-conf.ts';
import { balanceIptables } from '../../../src/roles/balance-iptables.ts';
import { balanceNftables } from '../../../src/roles/balance-nftables.ts';
import { balanceRules, shortId } from '../../../src/roles/balance-rules.ts';
import { loadBalancer } from '../../../src/roles/load-balancer.ts';
import { readVariables } from '../../../src/roles/variables/index.ts';
import { templates } from '../../../src/templating.ts';

const BASE = {
  networks: { 'vpc-b': { cidr: '10.192.0.0/24' }, servers: { cidr: '10.1.160.0/24' } },
  nics: {
    eth0: { network: 'vpc-b', address: '10.192.0.65/24', secondary: ['10.192.0.66/24'] },
    eth1: { network: 'servers', address: '10.1.160.2/24' },
  },
  eips: { web: { public: '203.0.113.65', private: '10.192.0.66' } },
};
const BACKENDS = [{ address: '10.1.160.14' }, { address: '10.1.160.15' }];
const WEB = { name: 'web', address: '203.0.113.65', port: 80, backends: BACKENDS };

const render = templates(['templates']);
const rulesOf = (...listeners: object[]) => balanceRules(readVariables({ ...BASE, listeners }));
const nft = (...listeners: object[]): string =>
  render('nftables/lb.nft', balanceNftables(rulesOf(...listeners)));
const save = (...listeners: object[]): string =>
  render('iptables/lb.rules', balanceIptables(rulesOf(...listeners)));

describe('rules of a load balancer', () => {
  it('a listener stands for the address of the NIC and for the EIP', () => {
    const text = nft(WEB);
    for (const address of ['10.192.0.66', '203.0.113.65']) {
      expect(text).toContain(`${address} . tcp . 80 : goto S-web`);
      expect(save(WEB)).toContain(`-d ${address} -p tcp -m tcp --dport 80 -g PROVISION_LB-S-web`);
    }
    expect(nft({ ...WEB, address: '10.192.0.66' })).toBe(text);
  });

  it('answers come back to the address of the NIC that leads to the backend, of balanced connections only', () => {
    expect(nft(WEB)).toContain(
      'snat to oifname map { "eth0" : 10.192.0.66, "eth1" : 10.1.160.2 } fully-random',
    );
    expect(save(WEB)).toContain(
      '-A PROVISION_LB-B-web -o eth0 -j SNAT --to-source 10.192.0.66 --random-fully',
    );
    expect(save(WEB)).toContain(
      '--ctstate DNAT --ctorigdst 203.0.113.65 --ctorigdstport 80 -g PROVISION_LB-B-web',
    );
    // Never by the backend: it has other traffic too.
    expect(`${nft(WEB)}${save(WEB)}`).not.toContain('10.1.160.14');
  });

  it('snat: false keeps the client, but for clients of the backends’ own networks', () => {
    const seen = { ...WEB, snat: false };
    expect(nft(seen)).toContain('ip saddr 10.1.160.0/24 masquerade fully-random comment "hairpin"');
    expect(nft(seen)).toContain('snat to ip saddr');
    expect(save(seen)).toContain('-A PROVISION_LB-B-web -s 10.1.160.0/24 -j MASQUERADE');
    expect(save(seen)).toContain('-A PROVISION_LB-B-web -j ACCEPT');
    expect(`${nft(seen)}${save(seen)}`).not.toContain('10.192.0.66 fully-random');
  });

  it('without a live backend clients are refused at once, whatever the chain of the listener holds', () => {
    expect(nft(WEB)).toContain('ip daddr { 10.192.0.66, 203.0.113.65 } tcp dport 80 reject with tcp reset');
    expect(nft({ ...WEB, protocol: 'udp' })).toMatch(/udp dport 80 reject$/m);
    expect(save(WEB)).toContain('-d 203.0.113.65 -p tcp -m tcp --dport 80 -j REJECT --reject-with tcp-reset');
  });

  it('a list of ports is one set, and rules of at most 15 ports in iptables', () => {
    const ports = Array.from({ length: 40 }, (_none, index) => 9000 + index * 2);
    const many = { ...WEB, port: [...ports, '20000-20100'] };
    expect(nft(many)).toContain('set ports-web {');
    expect(nft(many)).toContain('203.0.113.65 . tcp . 9078 : goto S-web');
    expect(nft(many)).toContain('203.0.113.65 . tcp . 20000-20100 : goto S-web');
    const lists = save(many).match(/--dports \S+/g) ?? [];
    const slots = lists.map((list) => list.split(/[,:]/).length);
    expect(Math.max(...slots)).toBeLessThanOrEqual(15);
    expect(lists.length).toBeGreaterThan(3);
  });

  it('a port is spread by chance: by a map in nft, with --random in iptables, for this host alone', () => {
    const spread = { name: 's', redirect: { port: 80, to: '8001-8003' } };
    expect(nft(spread)).toContain(
      'tcp dport 80 redirect to :numgen random mod 3 map { 0 : 8001, 1 : 8002, 2 : 8003 }',
    );
    expect(nft(spread)).not.toContain('offset');
    expect(save(spread)).toContain('-m addrtype --dst-type LOCAL -j REDIRECT --to-ports 8001-8003 --random');
    expect(save(spread)).toContain('-d 203.0.113.65 -j REDIRECT');
  });

  it('names that are too long for a chain are cut, and stay the same and different', () => {
    expect(shortId('web')).toBe('web');
    expect(shortId('a-long-name-of-mine')).toHaveLength(9);
    expect(shortId('a-long-name-of-mine')).toBe(shortId('a-long-name-of-mine'));
    expect(shortId('a-long-name-of-mine')).not.toBe(shortId('a-long-name-of-yours'));
    const chains = save({ ...WEB, name: 'a'.repeat(64) }).match(/PROVISION_LB-\S+/g) ?? [];
    expect(Math.max(...chains.map((name) => name.length))).toBeLessThanOrEqual(28);
  });

  it('the checker gets turns, times in milliseconds, and one line for each backend', () => {
    const conf = balanceConf(
      rulesOf({
        ...WEB,
        algorithm: 'weighted',
        affinity: { by: 'client-ip', timeout: '5m' },
        backends: [
          { address: '10.1.160.14', weight: 3 },
          { address: '10.1.160.15', port: 8080, state: 'draining' },
        ],
        health: { http: { path: '/healthz', body: 'all is well' }, interval: '2s', timeout: '1500ms' },
      }),
    );
    expect(conf.split('\n').slice(1)).toEqual([
      'service web web',
      'protocols tcp',
      'addresses 10.192.0.66 203.0.113.65',
      'ports 80-80',
      'by turn',
      'turns 0 1 0 0',
      'affinity 300',
      'all-down reject',
      'times 2000 1500 500 2 2',
      'path /healthz',
      'body all is well',
      'check http 200',
      'backend 10.1.160.14 80 3 active',
      'backend 10.1.160.15 8080 1 draining',
      '',
    ]);
  });
});

const host: Host = {
  name: 'lb1',
  groups: ['all', 'load-balancer'],
  vars: {},
  connection: { address: 'lb1', become: true, jumps: [], hostKeys: [], via: 'ssh' },
  place: () => undefined,
};
const built = (vars: object) =>
  loadBalancer().build({
    host,
    vars: { ...BASE, ...vars },
    hosts: { lb1: {}, out: {} },
    groups: { probes: ['out'] },
    play: ['lb1'],
    template: render,
  });
const ids = (vars: object): string[] => built(vars).resources.map(({ id }) => id);
const find = (vars: object, id: string): Resource | undefined =>
  built(vars).resources.find((resource) => resource.id === id);

describe('the role load-balancer', () => {
  it('makes what fills the chains before the rules, and forwarding last', () => {
    const order = ids({ listeners: [{ ...WEB, health: {} }] });
    const at = (id: string): number => order.indexOf(id);
    expect(at('file:/etc/provision/lb-checker')).toBeLessThan(at('balance:lb'));
    expect(at('balance:lb')).toBeLessThan(at('rules:lb'));
    expect(at('rules:lb')).toBeLessThan(at('service:provision-lb-checker.service'));
    expect(order.at(-1)).toBe('sysctl:load-balancer');
    expect(ids({ listeners: [WEB], load_balancer: { state: 'absent' } }).slice(0, 2)).toEqual([
      'adopted-lines:iptables',
      'sysctl:load-balancer',
    ]);
  });

  it('chooses nftables where iptables has no words, else leaves it to the host', () => {
    const engine = (...listeners: object[]): unknown =>
      (JSON.parse(find({ listeners }, 'rules:lb')?.declared ?? '{}') as { engine?: unknown }).engine;
    expect(engine(WEB)).toBe('auto');
    expect(engine({ ...WEB, algorithm: 'source-hash' })).toBe('nftables');
    expect(engine({ ...WEB, affinity: { by: 'client-ip' } })).toBe('nftables');
    const many = Array.from({ length: 101 }, (_none, index) => ({ address: `10.1.161.${index + 1}` }));
    expect(engine({ ...WEB, backends: many })).toBe('nftables');
    expect(engine({ ...WEB, backends: many, algorithm: 'random' })).toBe('auto');
  });

  it('runs a checker only where there is something to check', () => {
    const idle = find({ listeners: [WEB] }, 'service:provision-lb-checker.service');
    const busy = find({ listeners: [{ ...WEB, health: {} }] }, 'service:provision-lb-checker.service');
    expect(idle?.declared).toContain('"running":false');
    expect(busy?.declared).toContain('"running":true');
    expect(ids({ listeners: [{ ...WEB, health: { source: '10.192.0.65' } }] })).toContain('package:curl');
  });

  it('asks listeners from outside, and counts answers where they tell backends apart', () => {
    const checks = (vars: object) =>
      (built(vars).checks ?? []).flatMap((spec) =>
        spec({ hosts: { lb1: {}, out: {} }, groups: { probes: ['out'] }, play: [] }),
      );
    const named = checks({ listeners: [{ ...WEB, identity: { path: '/' } }] });
    expect(named.map(({ name, from, when, to }) => [name, from, when, to])).toEqual([
      ['web answers from outside', 'out', 'always', '203.0.113.65:80'],
      ['web is spread by weight', 'out', 'change', 'http://203.0.113.65:80/'],
    ]);
    // One client has one backend: there is no spread to see.
    expect(
      checks({ listeners: [{ ...WEB, identity: { path: '/' }, affinity: { by: 'client-ip' } }] }),
    ).toHaveLength(1);
    // No way from outside: the balancer asks itself.
    expect(checks({ listeners: [{ ...WEB, address: '10.192.0.65' }] }).map(({ from }) => from)).toEqual([
      'lb1',
    ]);
    expect(checks({ listeners: [{ ...WEB, protocol: 'udp' }] })).toEqual([]);
  });

  it('adds a route for each backend that names its router, on the NIC that reaches it', () => {
    const backends = [{ address: '192.0.2.10', via: '10.192.0.1' }, { address: '192.0.2.20' }];
    expect(find({ listeners: [{ ...WEB, backends }] }, 'routes:eth0')?.declared).toContain('192.0.2.10');
    expect(find({ listeners: [{ ...WEB, backends }] }, 'routes:eth0')?.declared).not.toContain('192.0.2.20');
    expect(find({ listeners: [{ ...WEB, backends }] }, 'routes:eth1')?.declared).toContain('"routes":[]');
  });

  it('foretells that a listener takes the port of the run’s own SSH', () => {
    const facts = {
      ssh: { client: '198.18.0.2', clientPort: 5, address: '10.192.0.66', port: 80, nic: 'eth0' },
    };
    const change = find({ listeners: [WEB], load_balancer: { engine: 'nftables' } }, 'rules:lb')?.plan(
      { stdout: '', code: 0 },
      facts as never,
    );
    expect(change?.lockout).toBe('the listener web takes port 80 of 10.192.0.66');
  });
});
