import { describe, expect, it } from '@jest/globals';
import { behindOf, egressDiagnosis } from '../../../src/checks/egress-diagnosis.ts';
import { ofGateway, ofPackets, undeclared } from '../../../src/checks/egress-steps.ts';
import type { Behind } from '../../../src/checks/egress-steps.ts';
import { parsePackets, sendFrom, watchPackets } from '../../../src/checks/packet-watch.ts';
import type { CheckResult } from '../../../src/model/check.ts';
import type { PlayContext } from '../../../src/model/playbook.ts';

const context: PlayContext = {
  hosts: {
    gw1: {
      nics: { eth0: { network: 'vpc-a', address: '172.31.0.2/24' } },
      eips: {
        office: { public: '203.0.113.10', private: '172.31.0.2' },
        shop: { public: '203.0.113.11', private: '172.31.0.3' },
      },
      nat: {
        masquerade: ['172.31.0.16/28'],
        snat: [{ source: '172.31.0.64/26', to: 'shop' }],
        dnat: [{ protocol: 'any', to: '172.31.0.99' }],
      },
    },
    gw2: {
      nics: { eth0: { address: '172.31.0.5/24' } },
      eips: { other: { public: '203.0.113.20', private: '172.31.0.5' } },
    },
    far: { nics: { eth0: { address: '10.9.0.5/24' } } },
    db1: {
      networks: { 'vpc-a': { cidr: '172.31.0.0/24' } },
      nics: { eth0: { network: 'vpc-a', address: '172.31.0.20/24' } },
    },
    stray: { nics: { eth0: { address: '172.31.0.40/24' } } },
    whole: { nics: { eth0: { address: '172.31.0.99/24' } } },
    outside1: { ansible_host: '198.51.100.10' },
  },
  groups: { 'nat-gateway': ['gw1', 'gw2'] },
  play: ['gw1'],
};
const db1 = behindOf('db1', ['203.0.113.10'], context) as Behind;
const stepOf = (hint: { step: string } | null): string | null => hint?.step ?? null;

describe('which gateway a host stands behind', () => {
  it('one in its network, the one of the expected address before others', () => {
    expect(db1).toMatchObject({
      ...{
        gateway: 'gw1',
        address: '172.31.0.20',
        inner: '172.31.0.2',
        own: '172.31.0.2',
        nic: 'eth0',
        declared: true,
      },
      ...{
        eip: { name: 'office', public: '203.0.113.10' },
        network: { name: 'vpc-a', cidr: '172.31.0.0/24' },
      },
    });
    expect(behindOf('db1', ['203.0.113.20'], context)).toMatchObject({ gateway: 'gw2', own: '172.31.0.5' });
    expect(behindOf('db1', ['203.0.113.11'], context)).toMatchObject({ gateway: 'gw1', own: '172.31.0.3' });
  });

  it('none: another network, the gateway itself, the outside, the controller, a container', () => {
    // A name that is no host is an error of whoever writes a playbook.
    const strict = new Proxy(context.hosts, {
      get: (hosts, name) => {
        if (!Reflect.has(hosts, name)) throw new Error(`asked for ${String(name)}`);
        return Reflect.get(hosts, name) as unknown;
      },
    });
    for (const from of ['far', 'outside1', 'controller', 'db1/web', 'nobody'])
      expect(behindOf(from, ['203.0.113.10'], { ...context, hosts: strict })).toBeNull();
    expect(behindOf('gw1', ['203.0.113.10'], { ...context, groups: { 'nat-gateway': ['gw1'] } })).toBeNull();
    expect(egressDiagnosis('far', ['203.0.113.10'], ['http://198.51.100.10/ip'], context)).toBeUndefined();
    expect(egressDiagnosis('db1', ['203.0.113.10'], [], context)).toBeUndefined();
  });

  it('an address for packets of nobody is nobody’s in the inventory', () => {
    expect(db1.third).toBe('172.31.0.253');
    const hosts = { ...context.hosts, last: { nics: { eth0: { address: '172.31.0.253/24' } } } };
    expect(behindOf('db1', ['203.0.113.10'], { ...context, hosts })?.third).toBe('172.31.0.252');
  });

  it('hosts behind one gateway have one reason; one that is not declared has its own', () => {
    const key = (from: string): string | undefined =>
      egressDiagnosis(from, ['203.0.113.10'], ['http://x/ip'], context)?.key;
    const other = {
      ...context,
      hosts: {
        ...context.hosts,
        db2: { ...(context.hosts['db1'] as object), nics: { eth0: { address: '172.31.0.21/24' } } },
      },
    } as PlayContext;
    expect(egressDiagnosis('db2', ['203.0.113.10'], ['http://x/ip'], other)?.key).toBe(
      egressDiagnosis('db1', ['203.0.113.10'], ['http://x/ip'], other)?.key,
    );
    expect(key('stray')).not.toBe(key('db1'));
  });
});

describe('what the inventory tells alone', () => {
  it.each([
    ['db1', null],
    ['whole', null],
    ['stray', 'masquerade'],
  ])('%s', (from, step) => {
    const behind = behindOf(from, ['203.0.113.10'], context);
    expect(behind && stepOf(undeclared(behind))).toBe(step);
  });
});

it('a host that leaves by another address is not held to be untranslated', () => {
  const [inventory] = egressDiagnosis('stray', ['203.0.113.10'], ['http://x/ip'], context)?.rounds ?? [];
  const failed = (got: string) =>
    stepOf(inventory?.conclude(new Map(), { got, expected: '203.0.113.10' } as CheckResult) ?? null);
  expect([failed('no way out'), failed('203.0.113.77')]).toEqual(['masquerade', null]);
});

describe('what the gateway tells of itself', () => {
  it.each([
    ['all is well', { forwards: true, leavesBy: '203.0.113.10' }, null],
    ['it does not forward', { forwards: false, leavesBy: '203.0.113.10' }, 'forwarding'],
    ['it has no way out itself', { forwards: true, leavesBy: null }, 'eip-binding'],
    ['it leaves by another address', { forwards: true, leavesBy: '203.0.113.77' }, 'eip-binding'],
    ['it could not ask', { forwards: true, leavesBy: undefined }, null],
    ['it said nothing', { forwards: null, leavesBy: undefined }, null],
  ])('%s', (_name, look, step) => expect(stepOf(ofGateway(db1, look))).toBe(step));
});

describe('what packets tell', () => {
  // As tapped on hosts of the lab (Debian 12), with each step left out.
  const tap = (...lines: string[]) => parsePackets(['watching 4711', ...lines].join('\n'));
  const OUT = '198.51.100.10';
  const nothing = { got: 'no way out', expected: '203.0.113.10' };
  const heard = ['in 172.31.0.20 172.31.0.2 begins', 'out 172.31.0.2 172.31.0.20 goes-on'];
  const fromGateway = 'in 172.31.0.2 172.31.0.20 udp';
  const fromThird = 'in 172.31.0.253 172.31.0.20 udp';

  it.each([
    ['nothing arrives, others’ packets do pass', tap(...heard), tap(fromGateway, fromThird), 'route-table'],
    [
      'nothing arrives, others’ packets do not pass',
      tap(...heard),
      tap(fromGateway),
      'source-destination-check',
    ],
    ['nothing at all arrives', tap(), tap(), 'security-group'],
    [
      'answers of an SSH session are no proof that it is heard',
      tap('in 172.31.0.20 172.31.0.2 goes-on'),
      tap(),
      'security-group',
    ],
    ['the host’s own firewall hides everything', tap(...heard), tap(), 'cloud-side'],
    ['nobody could watch on the host', tap(...heard), null, 'cloud-side'],
    ['nobody could watch on the gateway', null, tap(fromGateway), 'cloud-side'],
    [
      'it leaves untranslated',
      tap(`in 172.31.0.20 ${OUT} begins`, `out 172.31.0.20 ${OUT} begins`),
      tap(),
      'masquerade',
    ],
    ['it arrives and does not leave', tap(`in 172.31.0.20 ${OUT} begins`), tap(), 'gateway-rules'],
    [
      'it leaves translated, and no answer comes',
      tap(`in 172.31.0.20 ${OUT} begins`, `out 172.31.0.2 ${OUT} begins`),
      tap(),
      'answer',
    ],
  ])('%s', (_name, atGateway, atHost, step) =>
    expect(stepOf(ofPackets(db1, { ...nothing, atGateway, atHost }))).toBe(step),
  );

  it.each([
    [
      'by another address of the gateway',
      tap(`in 172.31.0.20 ${OUT} begins`, `out 172.31.0.2 ${OUT} begins`),
      'snat',
    ],
    ['past the gateway', tap(...heard), 'other-way'],
    ['and nobody could watch', null, null],
  ])('it leaves, but not as expected: %s', (_name, atGateway, step) =>
    expect(
      stepOf(ofPackets(db1, { ...nothing, got: '203.0.113.77', atGateway, atHost: tap(fromGateway) })),
    ).toBe(step),
  );

  it('each sentence names who and what, and what to do', () => {
    expect(ofPackets(db1, { ...nothing, atGateway: tap(), atHost: tap() })?.sentence).toBe(
      'gw1 does not hear db1 at all, not even when it is asked by its own address 172.31.0.2. Likely missing: an entry of the security group of gw1 that lets 172.31.0.0/24 in.',
    );
  });
});

describe('what a host prints is somebody else’s text', () => {
  it('only whole lines of the known form count', () => {
    expect(
      parsePackets(
        'motd\nwatching 12\nin 1.2.3.4 5.6.7.8 begins\nin 1.2.3.4 5.6.7.8 begins; rm -rf /\nin <b> x begins\nout 1.2.3.4 5.6.7.8 udp\n',
      ),
    ).toEqual([
      { way: 'in', source: '1.2.3.4', target: '5.6.7.8', kind: 'begins' },
      { way: 'out', source: '1.2.3.4', target: '5.6.7.8', kind: 'udp' },
    ]);
    expect(parsePackets(undefined)).toBeNull();
    expect(parsePackets('watching')).toBeNull();
  });

  it('what the gateway says it leaves by is an address or nothing', () => {
    const diagnosis = egressDiagnosis('db1', ['203.0.113.10'], ['http://x/ip'], context);
    const say = (text: string): string | null =>
      stepOf(diagnosis?.rounds[1]?.conclude(new Map([['gateway', text]]), {} as CheckResult) ?? null);
    expect(say('forwards 1\nleaves <script>')).toBeNull();
    expect(say('forwards 1\nleaves none')).toBe('eip-binding');
    expect(say('forwards 0')).toBe('forwarding');
    expect(say('')).toBeNull();
  });

  it('what is asked of a host is one quoted word each', () => {
    expect(watchPackets(3, ["1.2.3.4'; reboot"])).toContain(`'1.2.3.4'\\''; reboot'`);
    expect(sendFrom(['$(reboot)'], '1.2.3.4', 9)).toContain(`'$(reboot)'`);
  });
});
