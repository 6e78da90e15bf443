import { describe, expect, it } from '@jest/globals';
import type { RoleContext } from '../../../src/model/playbook.ts';
import { bandwidthResources, shapingPlan } from '../../../src/roles/bandwidth.ts';
import { readVariables } from '../../../src/roles/variables/index.ts';
import { templates } from '../../../src/templating.ts';
import { facts } from '../resources/conformance.ts';

const GATEWAY = {
  nics: { eth0: { address: '172.31.0.2/24', secondary: ['172.31.0.3/24', '172.31.0.4/24'] } },
  eips: {
    office: { public: '203.0.113.10', private: '172.31.0.2' },
    shop: { public: '203.0.113.11', private: '172.31.0.3', peak: '200mbit' },
    solo: { public: '203.0.113.12', private: '172.31.0.4', peak: '20mbit' },
  },
  networks: { 'vpc-a': { cidr: '172.31.0.0/24' } },
};
const SHARED = { name: 'shared', cap: '50mbit', eips: ['office', 'shop'] };
const planOf = (over: object) => shapingPlan(readVariables({ ...GATEWAY, ...over }));
const brief = (over: object, direction: 'egress' | 'ingress' = 'egress') =>
  planOf(over)?.classes[direction].map(
    ({ kind, name, member, id, parent, rate, ceil }) =>
      `${kind} ${[name, member].filter(Boolean).join('/')} ${id} of ${parent} ${rate / 1e6}..${ceil / 1e6}`,
  );

describe('shared bandwidth, planned', () => {
  it('has a class for the package, one below it for each member, and one for each EIP with a peak of its own', () => {
    expect(brief({ bandwidth: [SHARED] })).toEqual([
      'cap shared 1:10 of 1: 50..50',
      'share shared/office 1:11 of 1:10 25..50',
      // Its own peak of 200mbit does not count inside a package.
      'share shared/shop 1:12 of 1:10 25..50',
      'peak solo 1:13 of 1: 20..20',
    ]);
    expect(brief({ bandwidth: [SHARED] }, 'ingress')).toEqual(brief({ bandwidth: [SHARED] }));
  });

  it('gives members what they are guaranteed, and the others equal parts of the rest', () => {
    const eips = ['office', 'shop', 'solo'];
    const guarantee = { office: '30mbit' };
    expect(brief({ bandwidth: [{ ...SHARED, eips, guarantee }] })?.slice(1)).toEqual([
      'share shared/office 1:11 of 1:10 30..50',
      'share shared/shop 1:12 of 1:10 10..50',
      'share shared/solo 1:13 of 1:10 10..50',
    ]);
  });

  it('one way only: the other way has no package, and peaks count there', () => {
    const bandwidth = [{ ...SHARED, direction: 'egress' }];
    expect(brief({ bandwidth }, 'ingress')).toEqual([
      'peak shop 1:10 of 1: 200..200',
      'peak solo 1:11 of 1: 20..20',
    ]);
    const plan = planOf({ bandwidth });
    expect(plan?.nics[0]?.addresses).toEqual({
      egress: ['172.31.0.2', '172.31.0.3', '172.31.0.4'],
      ingress: ['172.31.0.3', '172.31.0.4'],
    });
  });

  it('numbers classes in base 16, as tc does', () => {
    const eips = Object.fromEntries(
      Array.from({ length: 20 }, (_, at) => [
        `e${at}`,
        { public: `203.0.113.${at + 1}`, private: `172.31.0.${at + 2}`, peak: '1mbit' },
      ]),
    );
    const secondary = Object.values(eips).map(({ private: address }) => `${address}/32`);
    const ids = planOf({
      eips,
      nics: { eth0: { address: '172.31.0.254/24', secondary } },
    })?.classes.egress.map(({ id }) => id);
    expect(ids?.slice(9, 11)).toEqual(['1:19', '1:1a']);
    expect(new Set(ids).size).toBe(20);
  });

  it('is nothing without packages and peaks', () => {
    const eips = { office: GATEWAY.eips.office };
    expect(planOf({ eips })).toBeNull();
    expect(planOf({ eips, bandwidth: [] })).toBeNull();
    expect(planOf({})).not.toBeNull();
  });
});

describe('shared bandwidth, declared', () => {
  const context = { template: templates(['templates']) } as unknown as RoleContext;
  const declared = (over: object) => bandwidthResources(readVariables({ ...GATEWAY, ...over }), context);
  const absent = { stdout: '', code: 127 };

  it('writes the unit before the script, and takes it away after', () => {
    expect(declared({ bandwidth: [SHARED] }).map(({ id }) => id)).toEqual([
      'file:/etc/systemd/system/provision-net.service',
      'shaping:bandwidth',
    ]);
    expect(declared({ eips: {} }).map(({ id }) => id)).toEqual([
      'shaping:bandwidth',
      'file:/etc/systemd/system/provision-net.service',
    ]);
  });

  it('the unit comes after the network, and stopping it takes nothing away', () => {
    const unit = declared({ bandwidth: [SHARED] })[0]?.plan(absent, facts);
    expect(unit?.text?.after).toMatch(/^After=systemd-networkd.service .*network.target$/m);
    expect(unit?.text?.after).toContain('ExecStart=/bin/sh /etc/provision/shape.sh');
    expect(unit?.text?.after).not.toContain('ExecStop');
    expect(unit?.apply.handlers?.map(({ id }) => id)).toEqual(['systemctl daemon-reload']);
  });

  it('the script names every device, class and filter of both ways', () => {
    const script = declared({ bandwidth: [SHARED] })[1]?.plan(absent, facts)?.text?.after ?? '';
    for (const line of [
      `tc class add dev 'pv-pe' parent '1:10' classid '1:12' htb rate '25mbit' ceil '50mbit' burst '65536' cburst '65536' quantum '15000'`,
      `tc filter add dev 'pv-pi' parent 1: protocol ip prio 10 u32 match ip 'dst' '172.31.0.3'/32 flowid '1:12'`,
      `tc filter add dev 'eth0' 'egress' protocol ip prio 4209 u32 match ip 'dst' '172.31.0.0/24' flowid :1`,
      `tc filter add dev 'eth0' 'ingress' protocol ip prio 4210 u32 match ip 'dst' '172.31.0.4'/32 action mirred egress redirect dev 'pv-pi'`,
    ])
      expect(script.split('\n')).toContain(line);
    expect(script).not.toMatch(/qdisc (add|del|replace) dev 'eth0' (root|ingress)/);
  });

  it('gives a burst of 2 ms, and of one offloaded packet at least', () => {
    const script = (cap: string) =>
      declared({ bandwidth: [{ ...SHARED, cap }] })[1]?.plan(absent, facts)?.text?.after ?? '';
    expect(script('1500mbit')).toContain(`ceil '1500mbit' burst '375000' cburst '375000'`);
    expect(script('1mbit')).toContain(`ceil '1mbit' burst '65536' cburst '65536'`);
  });
});
