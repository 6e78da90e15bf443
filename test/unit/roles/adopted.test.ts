import { describe, expect, it } from '@jest/globals';
import type { Host } from '../../../src/model/host.ts';
import type { Role } from '../../../src/model/playbook.ts';
import { appHost, loadBalancer, natGateway } from '../../../src/index.ts';
import { templates } from '../../../src/templating.ts';

const LINE = '-t nat -A POSTROUTING -s 172.19.0.100/32 -j SNAT --to-source 172.31.0.8';
const VARS = {
  networks: { a: { cidr: '172.31.0.0/24', gateway: '172.31.0.1' } },
  nics: { eth0: { network: 'a', address: '172.31.0.8/24' } },
  nat: { masquerade: ['172.31.0.16/28'] },
  listeners: [{ name: 'web', address: '172.31.0.8', port: 80, backends: [{ address: '172.31.0.20' }] }],
  adopt: { iptables: [LINE] },
};
const ID = 'adopted-lines:iptables';

function ids(role: () => Role, groups: readonly string[], more: object = {}): string[] {
  const vars = { ...VARS, ...more };
  const host: Host = {
    name: 'h1',
    groups: ['all', ...groups],
    vars,
    connection: {
      address: 'h1',
      port: undefined,
      user: undefined,
      become: true,
      jumps: [],
      hostKeys: [],
      via: 'ssh',
    },
    place: () => undefined,
  };
  const context = { host, vars, hosts: {}, groups: {}, play: ['h1'], template: templates(['templates']) };
  return role()
    .build(context as unknown as Parameters<Role['build']>[0])
    .resources.map(({ id }) => id);
}

const ROLES = [
  ['nat-gateway', natGateway, 'nat_gateway'],
  ['app-host', appHost, 'app_host'],
  ['load-balancer', loadBalancer, 'load_balancer'],
] as const;

describe('rules made by hand', () => {
  it.each(ROLES)(
    'go last, when the role %s has loaded its own, and come back first when it goes',
    (group, role, key) => {
      const present = ids(role, [group]);
      expect(present.at(-1)).toBe(ID);
      expect(present.findIndex((id) => id.startsWith('rules:'))).toBeGreaterThanOrEqual(0);
      const absent = ids(role, [group], { [key]: { state: 'absent' } });
      expect(absent[0]).toBe(ID);
      // Control: without a line that is named there is nothing to take over, and still something that may come back.
      expect(ids(role, [group], { adopt: undefined })).not.toContain(ID);
      expect(ids(role, [group], { adopt: undefined, [key]: { state: 'absent' } })).toContain(ID);
    },
  );

  it('go with the last role of a host, and come back when the last one is gone', () => {
    const all = ROLES.map(([group]) => group);
    expect(ROLES.map(([, role]) => ids(role, all).includes(ID))).toEqual([false, false, true]);
    const one = { load_balancer: { state: 'absent' } };
    expect(ROLES.map(([, role]) => ids(role, all, one).includes(ID))).toEqual([false, true, false]);
    const every = { ...one, app_host: { state: 'absent' }, nat_gateway: { state: 'absent' } };
    expect(ROLES.map(([, role]) => ids(role, all, every).includes(ID))).toEqual([true, true, true]);
  });
});
