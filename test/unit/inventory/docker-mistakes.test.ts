import { describe, expect, it } from '@jest/globals';
import { complaintsAbout, hostIn } from './fixture.ts';

/** The seed's host with one Docker network per NIC and a bridge. */
const INVENTORY = `all:
  hosts:
    app1:
      ansible_host: 172.31.0.8
      networks: { vpc-a: { cidr: 172.31.0.0/24, gateway: 172.31.0.1 } }
      nics:
        eth0: { network: vpc-a, address: 172.31.0.8/24 }
        eth1: { network: vpc-a, address: 172.31.0.14/24 }
      eips:
        a: { public: 109.25.48.65, private: 172.31.0.8 }
        b: { public: 119.26.38.75, private: 172.31.0.14 }
      nat: { dnat: [{ name: media, eip: b, port: 7000-7010, protocol: udp, to: 172.31.0.20 }] }
      listeners: [{ name: lb, address: 109.25.48.65, port: 443, backends: [{ address: 10.9.0.9 }] }]
      egress:
        - name: web-a
          nic: eth0
          scheme: docker
          network: { name: net_a, subnet: 172.19.0.0/24, bridge: eip_a, options: { mtu: 1400 } }
          containers:
            - { name: web-a, image: eip, ip: 172.19.0.100, publish: ['8090:8080'], environment: { WEB: x } }
        - name: web-b
          nic: eth1
          scheme: docker
          network: { name: net_b, subnet: 172.20.0.0/24, bridge: eip_b }
          containers:
            - { name: web-b, image: eip, ip: 172.20.0.100, publish: ['8091:8080', '53:53/udp'] }
        - { name: old, nic: eth1, scheme: bridge, bridge: br-old, address: 172.21.0.5, publish: ['8092:80'] }
`;

/** What is written instead of what, what is said of it, and the text that the place leads to. */
const MISTAKES: readonly [string, string, string, RegExp, string][] = [
  [
    'two networks that overlap',
    '172.20.0.0/24',
    '172.19.0.0/16',
    /172.19.0.0\/16 of net_b overlaps the Docker network net_a \(172.19.0.0\/24\)/,
    '172.19.0.0/16',
  ],
  [
    'Docker’s own network',
    '172.20.0.0/24',
    '172.17.128.0/24',
    /overlaps the network that Docker makes for itself, docker0 \(172.17.0.0\/16\)/,
    '172.17.128.0/24',
  ],
  [
    'the network of a NIC',
    '172.20.0.0/24',
    '172.31.0.0/16',
    /overlaps the network vpc-a \(172.31.0.0\/24\)/,
    '172.31.0.0/16',
  ],
  [
    'the address of a bridge',
    '172.20.0.0/24',
    '172.21.0.0/24',
    /overlaps the bridge br-old \(172.21.0.5\)/,
    '172.21.0.0/24',
  ],
  [
    'a subnet without room',
    '172.20.0.0/24',
    '172.20.0.100/31',
    /has no room for a gateway and containers/,
    '172.20.0.100/31',
  ],
  [
    'a gateway outside',
    'bridge: eip_b',
    'gateway: 172.19.0.1',
    /172.19.0.1 is not in 172.20.0.0\/24/,
    '172.19.0.1 }',
  ],
  [
    'a container outside',
    '172.20.0.100',
    '172.19.0.101',
    /172.19.0.101 is not in 172.20.0.0\/24/,
    '172.19.0.101',
  ],
  [
    'a container with the gateway’s address',
    '172.20.0.100',
    '172.20.0.1',
    /172.20.0.1 is the gateway of net_b, the host itself/,
    '172.20.0.1,',
  ],
  [
    'a container with the network address',
    '172.20.0.100',
    '172.20.0.0',
    /172.20.0.0 is the network address of 172.20.0.0\/24/,
    '172.20.0.0,',
  ],
  [
    'a container with the broadcast address',
    '172.20.0.100',
    '172.20.0.255',
    /172.20.0.255 is the broadcast address/,
    '172.20.0.255,',
  ],
  [
    'two containers with one address',
    'subnet: 172.20.0.0/24, bridge: eip_b }\n          containers:\n            - { name: web-b, image: eip, ip: 172.20.0.100, publish: [',
    'subnet: 172.20.0.0/24, bridge: eip_b }\n          containers:\n            - { name: web-c, image: eip, ip: 172.20.0.100 }\n            - { name: web-b, image: eip, ip: 172.20.0.100, publish: [',
    /another container of this host has this ip/,
    '172.20.0.100, publish',
  ],
  [
    'two containers of one name',
    'name: web-b, image',
    'name: web-a, image',
    /another container of this host has this name/,
    'web-a, image: eip, ip: 172.20',
  ],
  [
    'a bridge name of 16 characters',
    'bridge: eip_b',
    'bridge: eip_bridge_of_16',
    /longer than the 15 bytes of an interface name/,
    'eip_bridge_of_16',
  ],
  [
    'a bridge with a NIC’s name',
    'bridge: eip_b',
    'bridge: eth1',
    /eth1 is the name of another interface/,
    'eth1 }',
  ],
  [
    'two networks with one bridge',
    'bridge: eip_b',
    'bridge: eip_a',
    /eip_a is the name of another interface/,
    'eip_a }',
  ],
  [
    'a network of Docker itself',
    'name: net_b',
    'name: host',
    /host is a network of Docker itself/,
    'host, subnet',
  ],
  [
    'one network in two forms',
    'name: net_b',
    'name: net_a',
    /the network net_a is not the same as in web-a/,
    '{ name: net_a, subnet: 172.20',
  ],
  [
    'an option that the role sets',
    'mtu: 1400',
    'com.docker.network.host_ipv4: 1.2.3.4',
    /com.docker.network.host_ipv4 cannot be set here/,
    '1.2.3.4',
  ],
  [
    'a port published twice',
    "['8091:8080'",
    "['8092:8080'",
    /tcp port 8092 of 172.31.0.14 is already taken by the container web-b/,
    "'8092:80'",
  ],
  [
    'a port that an entry of nat.dnat has',
    "'53:53/udp'",
    "'7005:53/udp'",
    /udp port 7005 of 172.31.0.14 is already taken by the entry media of nat.dnat/,
    "'7005:53/udp'",
  ],
  [
    'a port that a listener has',
    "['8090:8080']",
    "['443:8080']",
    /tcp port 443 of 172.31.0.8 is already taken by the listener lb/,
    "'443:8080'",
  ],
  [
    'the port of SSH',
    "['8090:8080']",
    "['22:8080']",
    /tcp port 22 of 172.31.0.8 is already taken by sshd/,
    "'22:8080'",
  ],
  [
    'a name that Docker does not take',
    'name: web-b, image',
    'name: _, image',
    /"_" is not a name that Docker takes/,
    '_, image',
  ],
  ['a variable’s name with "="', 'WEB: x', '"A=B": x', /"A=B" cannot name an environment variable/, '"A=B"'],
];

describe('Docker networks and containers that do not fit together', () => {
  it.each(MISTAKES)(
    '%s: refused with the place, before any host is contacted',
    async (_what, from, to, message, place) => {
      expect(INVENTORY).toContain(from);
      const text = INVENTORY.replace(from, to);
      const complaints = await complaintsAbout(text);
      const found = complaints.find((one) => message.test(one.message));
      expect([complaints.map((one) => one.message), found?.hint]).toEqual([
        expect.arrayContaining([expect.stringMatching(message)]),
        expect.stringMatching(/./),
      ]);
      const line = text.split('\n')[(found?.line ?? 0) - 1] ?? '';
      expect(line.slice((found?.column ?? 0) - 1)).toMatch(
        new RegExp(`^${place.replaceAll(/[.[\]{}()*?+|\\^$]/g, '\\$&')}`),
      );
    },
  );

  it('control: as they are written, they fit', async () => {
    expect((await hostIn(INVENTORY)).vars['egress']).toHaveLength(3);
  });

  it('the same port of another NIC, or of another protocol, is another port', async () => {
    const text = INVENTORY.replace("'8091:8080'", "'8090:8080'").replace("'53:53/udp'", "'8090:53/udp'");
    expect((await hostIn(text)).vars['egress']).toHaveLength(3);
  });

  it('one network for containers of two NICs is written alike in both entries', async () => {
    const network = '{ name: net_a, subnet: 172.19.0.0/24, bridge: eip_a, options: { mtu: 1400 } }';
    const text = INVENTORY.replace('{ name: net_b, subnet: 172.20.0.0/24, bridge: eip_b }', network).replace(
      '172.20.0.100',
      '172.19.0.101',
    );
    expect((await hostIn(text)).vars['egress']).toHaveLength(3);
  });
});
