import { describe, expect, it } from '@jest/globals';
import type { Host } from '../../../src/model/host.ts';
import type { RoleContext } from '../../../src/model/playbook.ts';
import { natGateway } from '../../../src/roles/nat-gateway.ts';
import { templates } from '../../../src/templating.ts';
import { loadText } from '../inventory/fixture.ts';

const INVENTORY = `all:
  vars:
    echo_url: [http://198.51.100.10/ip]
    networks: { vpc-a: { cidr: 172.31.0.0/24, gateway: 172.31.0.1 } }
  children:
    nat-gateway:
      hosts:
        gw1:
          ansible_host: 172.31.0.2
          nics:
            eth0: { network: vpc-a, address: 172.31.0.2/24, secondary: [172.31.0.3/24] }
          eips:
            office: { public: 203.0.113.10, private: 172.31.0.2 }
          firewall:
            zones:
              public: { interfaces: [eth0], services: [ssh] }
          nat:
            masquerade:
              - 10.0.0.0/8
              - 172.31.0.16/28
            dnat:
              - { name: web, eip: office, port: 80, protocol: tcp, to: 172.31.0.21 }
              - { name: mail, eip: office, port: 25, protocol: tcp, to: 172.31.0.21 }
    private:
      hosts:
        db1: { ansible_host: 172.31.0.20, nics: { eth0: { network: vpc-a, address: 172.31.0.20/24 } } }
    probes: { hosts: { outside1: { ansible_host: 198.51.100.10 } } }
`;

async function built() {
  const inventory = await loadText(INVENTORY);
  const host = inventory.hosts.get('gw1') as Host;
  const views = [...inventory.hosts].map(([name, { vars, connection }]) => [
    name,
    { ansible_host: connection.address, ...vars },
  ]);
  const context: RoleContext = {
    host,
    vars: host.vars,
    hosts: Object.fromEntries(views) as RoleContext['hosts'],
    groups: Object.fromEntries(inventory.groups),
    play: ['gw1'],
    template: templates(['templates']),
  };
  const { resources, checks = [] } = natGateway().build(context);
  const lines = INVENTORY.split('\n');
  const text = (line: number | undefined): string => lines[(line ?? 0) - 1]?.trim() ?? '';
  return {
    declared: new Map(resources.map(({ id, place }) => [id, text(place?.line)])),
    proven: new Map(
      checks.flatMap((spec) => spec(context)).map(({ name, place }) => [name, text(place?.line)]),
    ),
  };
}

describe('a change and a check know the line of the inventory that asks for them', () => {
  it('resources of a gateway', async () => {
    const { declared } = await built();
    expect(declared.get('addresses:eth0')).toMatch(/^eth0: /);
    expect(declared.get('firewalld-zone:public')).toMatch(/^public: /);
    // The value of `nat:`, which begins with its first key.
    expect(declared.get('rules:nat')).toBe('masquerade:');
    // No variable says that it forwards: the host does, by being a gateway.
    expect(declared.get('sysctl:nat-gateway')).toBe('gw1:');
    expect([...declared.values()]).not.toContain('');
  });

  it('proofs of a gateway', async () => {
    const { proven } = await built();
    expect(proven.get('db1 leaves by 203.0.113.10')).toBe('- 172.31.0.16/28');
    expect(proven.get('mail answers from outside')).toMatch(/^- \{ name: mail/);
  });
});
