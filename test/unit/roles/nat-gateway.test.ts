import { describe, expect, it } from '@jest/globals';
import { isProvisionError } from '../../../src/model/error.ts';
import type { Host } from '../../../src/model/host.ts';
import type { RoleContext } from '../../../src/model/playbook.ts';
import type { Resource } from '../../../src/model/resource.ts';
import { natGateway } from '../../../src/roles/nat-gateway.ts';
import { templates } from '../../../src/templating.ts';
import { facts } from '../resources/conformance.ts';

const GATEWAY = {
  nics: { eth0: { network: 'vpc-a', address: '172.31.0.2/24' } },
  eips: { office: { public: '203.0.113.10', private: '172.31.0.2' } },
  networks: { 'vpc-a': { cidr: '172.31.0.0/24', gateway: '172.31.0.1' } },
  nat: {
    engine: 'firewalld',
    masquerade: ['172.31.0.16/28'],
    dnat: [{ name: 'web', eip: 'office', port: 8080, protocol: 'tcp', to: '172.31.0.21', to_port: 80 }],
  },
};

const OTHERS = {
  db1: { nics: { eth0: { address: '172.31.0.20/24' } }, echo_url: ['http://198.51.100.10/ip'] },
  iso1: { nics: { eth0: { address: '172.31.0.40/24' } } },
  app1: {
    nics: { eth0: { address: '172.31.0.22/24' } },
    eips: { own: { public: '203.0.113.9', private: '172.31.0.22' } },
  },
  outside1: { ansible_host: '198.51.100.10' },
};

function build(over: object = {}) {
  const vars: Record<string, unknown> = { ...GATEWAY, ...over };
  const host: Host = {
    name: 'gw1',
    groups: ['all', 'nat-gateway'],
    vars,
    connection: { address: '172.31.0.2', become: true, jumps: [], hostKeys: [], via: 'ssh' },
    place: (path) => ({ file: 'hosts.yml', line: path.length }),
  };
  const context: RoleContext = {
    host,
    vars,
    hosts: { gw1: vars, ...OTHERS },
    groups: { probes: ['outside1'] },
    play: ['gw1'],
    template: templates(['templates']),
  };
  const result = natGateway().build(context);
  return { ...result, proofs: (result.checks ?? []).flatMap((spec) => spec(context)) };
}

const ABSENT = { stdout: '', code: 127 };
const find = (resources: readonly Resource[], id: string): Resource => {
  const found = resources.find((resource) => resource.id === id);
  if (!found) throw new Error(`no ${id} among ${resources.map((resource) => resource.id).join(', ')}`);
  return found;
};
const textOf = (resources: readonly Resource[], id: string, sshPort: number | null = 22): string =>
  find(resources, id).plan(ABSENT, { ...facts, sshPort })?.text?.after ?? '';

const refusal = (over: object): string => {
  try {
    build(over);
  } catch (error) {
    return isProvisionError(error) ? `${error.place?.file ?? ''}: ${error.message}` : String(error);
  }
  return 'not refused';
};

describe.each(['nftables', 'firewalld'])('a NAT gateway by %s', (engine) => {
  const firewall = { zones: { public: { interfaces: ['eth0'], sources: [], services: ['ssh'], ports: [] } } };
  const present = { nat: { ...GATEWAY.nat, engine }, firewall };
  const order = (over: object): string[] =>
    build(over)
      .resources.map(({ id }) => id)
      .filter((id) =>
        ['rules:nat', 'firewalld-zone:public', 'firewalld-policy:provision-forward'].includes(id),
      );

  it('translates before firewalld lets through, and lets nothing through before it stops translating', () => {
    const [first, , last] = order(present);
    if (engine === 'firewalld') expect([first, last]).toEqual(['firewalld-zone:public', 'rules:nat']);
    else expect([first, last]).toEqual(['rules:nat', 'firewalld-policy:provision-forward']);
    expect(order({ ...present, nat_gateway: { state: 'absent' } })).toEqual(order(present).toReversed());
  });
});

describe('NAT gateway by firewalld', () => {
  it('adds addresses first and switches forwarding on last', () => {
    expect(build().resources.map((resource) => resource.id)).toEqual([
      'addresses:eth0',
      'firewalld-blanket:zones',
      'package:firewalld',
      'firewalld-zone:public',
      'firewalld-policy:provision-forward',
      'service:firewalld',
      'rules:nat',
      'file:/etc/systemd/system/provision-nat.service',
      'service:provision-nat.service',
      'docker-forward:FORWARD',
      'file:/etc/modules-load.d/provision-conntrack.conf',
      'file:/etc/modprobe.d/provision-conntrack.conf',
      'sysctl:conntrack',
      'shaping:bandwidth',
      'file:/etc/systemd/system/provision-net.service',
      'sysctl:nat-gateway',
    ]);
  });

  it('masquerades declared sources towards everything but their own network', () => {
    const zone = textOf(build().resources, 'firewalld-zone:public');
    expect(zone).toContain(
      '<source address="172.31.0.16/28"/>\n    <destination address="172.31.0.0/24" invert="True"/>\n    <masquerade/>',
    );
    expect(zone).not.toContain('<forward/>');
  });

  it.each([
    [22, false],
    [2222, true],
  ])('keeps the port of the live SSH connection: %d', (port, added) => {
    expect(
      textOf(build().resources, 'firewalld-zone:public', port).includes(
        `<port port="${port}" protocol="tcp"/>`,
      ),
    ).toBe(added);
  });

  it('opens port 22 by number where the zone does not have the service ssh', () => {
    const firewall = { zones: { public: { interfaces: ['eth0'], services: [], ports: [] } } };
    expect(textOf(build({ firewall }).resources, 'firewalld-zone:public')).toContain(
      '<port port="22" protocol="tcp"/>',
    );
  });

  it('forwards a port of the address that the EIP is mapped to, once per protocol', () => {
    const dnat = [{ name: 'dns', eip: 'office', port: 53, protocol: 'tcp+udp', to: '172.31.0.20' }];
    const zone = textOf(build({ nat: { ...GATEWAY.nat, dnat } }).resources, 'firewalld-zone:public');
    expect(zone).toContain(
      '<destination address="172.31.0.2"/>\n    <forward-port port="53" protocol="tcp" to-addr="172.31.0.20"/>',
    );
    expect(zone).toContain('<forward-port port="53" protocol="udp" to-addr="172.31.0.20"/>');
  });

  it('sends no redirects from any of its NICs, also one with a dot in its name', () => {
    const nics = { ...GATEWAY.nics, 'eth1.7': { network: 'vpc-a', address: '172.31.0.3/24' } };
    const text = textOf(build({ nics }).resources, 'sysctl:nat-gateway');
    for (const name of ['all', 'default', 'eth0', 'eth1/7'])
      expect(text).toContain(`net.ipv4.conf.${name}.send_redirects = 0`);
  });

  it('puts NAT only into zones whose NICs have an EIP', () => {
    const nics = { ...GATEWAY.nics, eth1: { network: 'vpc-a', address: '172.31.0.3/24' } };
    const zone = (interfaces: string[]) => ({ interfaces, services: ['ssh'], ports: [] });
    const { resources } = build({
      nics,
      firewall: { zones: { outer: zone(['eth0']), inner: zone(['eth1']) } },
    });
    expect(textOf(resources, 'firewalld-zone:outer')).toContain('<masquerade/>');
    expect(textOf(resources, 'firewalld-zone:inner')).not.toContain('<masquerade/>');
  });

  it('proves itself: every known host with a declared source leaves by it, every TCP entry answers', () => {
    expect(build().proofs.map(({ from, kind, to, expect: expected }) => [from, kind, to, expected])).toEqual([
      ['db1', 'egress', 'http://198.51.100.10/ip', '203.0.113.10'],
      ['outside1', 'reach', '203.0.113.10:8080', 'open'],
    ]);
  });

  describe('absent', () => {
    const absent = (over: object = {}) => build({ nat_gateway: { state: 'absent' }, ...over });

    it('returns everything but the package to the baseline, in the reverse order: forwarding first', () => {
      const { resources, proofs, warnings } = absent();
      const present = build()
        .resources.filter(({ phase, kind }) => phase === 'main' && kind !== 'firewalld-blanket')
        .map(({ id }) => id);
      // Rules that were made by hand come back before ours go.
      expect(resources.map((resource) => resource.id)).toEqual([
        'adopted-lines:iptables',
        ...present.toReversed(),
      ]);
      // What has a name of ours was not there before.
      const ours =
        /provision-(nat|net|conntrack)|rules:nat|adopted-lines:|docker-forward:|sysctl:conntrack|shaping:|addresses:/;
      expect(resources.filter(({ id }) => !ours.test(id)).every((resource) => resource.toBaseline)).toBe(
        true,
      );
      expect(build().resources.some((resource) => resource.toBaseline)).toBe(false);
      expect(
        resources
          .filter((resource) => resource.toBaseline && resource.plan(ABSENT, facts) !== null)
          .map(({ id }) => id),
      ).toEqual([]);
      expect(proofs).toEqual([]);
      expect(warnings?.join()).toContain('its packages stay');
    });

    it('reads the same parameters and zones as the role that is present', () => {
      const firewall = {
        zones: { outer: { interfaces: ['eth0'], services: ['ssh'], ports: [] } },
      };
      // What stands around a zone is asked only where one is to be.
      const around = (question: unknown): boolean =>
        !/getActiveZones|^\{"say"/.test(JSON.stringify(question));
      const probes = ({ resources }: ReturnType<typeof build>) =>
        resources
          .filter(({ phase, kind }) => phase === 'main' && !/^(firewalld-blanket|adopted-lines)$/.test(kind))
          .map(({ probe }) => (Array.isArray(probe) ? probe.filter(around) : probe));
      expect(probes(absent({ firewall }))).toEqual(probes(build({ firewall })).toReversed());
    });

    it.each([
      ['no nat', { nat: undefined }],
      ['another engine', { nat: { masquerade: [] } }],
      ['bandwidth', { bandwidth: [{ name: 'shared', cap: '1500mbit', eips: ['office'] }] }],
    ])('is not refused for what only a gateway needs: %s', (_name, over) => {
      expect(() => absent(over)).not.toThrow();
    });
  });

  it('shapes what the inventory says, and nothing once it is absent', () => {
    const bandwidth = [{ name: 'shared', cap: '1500mbit', eips: ['office'] }];
    expect(textOf(build({ bandwidth }).resources, 'shaping:bandwidth')).toContain(`rate '1500mbit'`);
    const { resources } = build({ bandwidth, nat_gateway: { state: 'absent' } });
    expect(find(resources, 'shaping:bandwidth').plan(ABSENT, facts)).toBeNull();
  });

  it('says what it does nothing about', () => {
    expect(build().warnings).toEqual([]);
    const egress = [{ name: 'crawler', nic: 'eth0', scheme: 'bind', users: ['crawler'] }];
    expect(build({ egress }).warnings).toEqual([expect.stringContaining('egress has no effect')]);
  });

  it('adds the further addresses of its NICs before anything that names them, and takes them away again', () => {
    const nics = { eth0: { ...GATEWAY.nics.eth0, secondary: ['172.31.0.3/24'] } };
    const declared = (over: object) =>
      JSON.parse(find(build({ nics, ...over }).resources, 'addresses:eth0').declared ?? '') as unknown;
    expect(declared({})).toEqual({ nic: 'eth0', primary: '172.31.0.2/24', addresses: ['172.31.0.3/24'] });
    expect(declared({ nat_gateway: { state: 'absent' } })).toEqual({
      nic: 'eth0',
      primary: null,
      addresses: [],
    });
  });

  it.each([
    ['no nat', { nat: undefined }, 'needs `nat:`'],
    [
      'rules of iptables beside firewalld',
      { nat: { engine: 'iptables' }, firewall: { zones: { public: { interfaces: ['eth0'] } } } },
      'nat.engine iptables does not go with firewall.zones',
    ],
    [
      'snat',
      { nat: { ...GATEWAY.nat, snat: [{ source: '172.31.0.20', to: 'office' }] } },
      'cannot translate to a chosen address',
    ],
    [
      'any',
      { nat: { ...GATEWAY.nat, dnat: [{ name: 'all', eip: 'office', protocol: 'any', to: '172.31.0.20' }] } },
      'cannot forward protocol "any"',
    ],
    [
      'a shifted range',
      {
        nat: {
          ...GATEWAY.nat,
          dnat: [
            {
              name: 'r',
              eip: 'office',
              port: '7000-7003',
              protocol: 'tcp',
              to: '172.31.0.20',
              to_port: '9000-9003',
            },
          ],
        },
      },
      'cannot shift a range',
    ],
    [
      'filter rules',
      { firewall: { filter: [{ action: 'drop', direction: 'in', protocol: 'tcp', ports: [25] }] } },
      'firewall.filter does not go with nat.engine firewalld',
    ],
  ])('refuses %s, with its place', (_name, over, message) => {
    expect(refusal(over)).toContain(message);
    expect(refusal(over)).toMatch(/^hosts\.yml: gw1: /);
  });
});
