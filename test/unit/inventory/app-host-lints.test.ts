import { describe, expect, it } from '@jest/globals';
import { complaintsAbout, loadText } from './fixture.ts';

const HOST = {
  networks: '{ a: { cidr: 172.31.0.0/24, gateway: 172.31.0.1 }, dark: { cidr: 10.9.0.0/24 } }',
  nics: '{ eth0: { network: a, address: 172.31.0.8/24 }, eth1: { network: a, address: 172.31.0.14/24, secondary: [172.31.0.15/24] }, eth2: { network: dark, address: 10.9.0.2/24 } }',
  eips: '{ a: { public: 203.0.113.8, private: 172.31.0.8 }, b: { public: 203.0.113.15, private: 172.31.0.15 } }',
};

/** An inventory of one host with these entries of `egress`, one a line from line 9 on. */
const withEgress = (entries: readonly string[], over: Partial<typeof HOST> = {}): string =>
  [
    ...['all:', '  hosts:', '    app1:', '      ansible_host: 172.31.0.8'],
    ...Object.entries({ ...HOST, ...over }).map(([key, value]) => `      ${key}: ${value}`),
    '      egress:',
    ...entries.map((entry) => `        - ${entry}`),
  ].join('\n');

const said = async (...args: Parameters<typeof withEgress>): Promise<string[]> =>
  (await complaintsAbout(withEgress(...args))).map(
    ({ message, line, hint }) => `${line}: ${message} ${hint}`,
  );

describe('an app host that cannot work is refused with file and line', () => {
  it('control: one that can is not', async () => {
    await loadText(
      withEgress([
        '{ name: x, nic: eth0, scheme: bind, users: [crawler] }',
        '{ name: y, nic: eth1, eip: b, scheme: bind, users: [mailer, 1001] }',
      ]),
    );
  });

  it.each([
    [
      'a NIC whose network has no gateway',
      '{ name: x, nic: eth2, scheme: bind }',
      'the network dark of eth2 has no gateway',
    ],
    [
      'an EIP of another NIC',
      '{ name: x, nic: eth0, eip: b, scheme: bind }',
      'b is mapped to 172.31.0.15, which is no address of eth0',
    ],
    ['an EIP that is not there', '{ name: x, nic: eth0, eip: c, scheme: bind }', 'there is no EIP named "c"'],
    [
      'a user twice',
      '{ name: x, nic: eth0, scheme: bind, users: [w, w] }',
      'the user w already belongs to the entry x',
    ],
  ])('%s', async (_what, entry, message) => {
    expect(await said([entry])).toEqual([expect.stringMatching(new RegExp(`^9: .*${message}`))]);
  });

  const bridge = (more: string): string => `{ nic: eth0, scheme: bridge, ${more} }`;
  it.each([
    [
      'a bridge that is a NIC',
      ['name: x, bridge: eth1, address: 172.19.0.100'],
      'eth1 is a NIC of this host',
    ],
    [
      'a bridge twice',
      ['name: x, bridge: br-a, address: 172.19.0.100', 'name: y, bridge: br-a, address: 172.19.0.101'],
      'br-a is the bridge of the entry x',
    ],
    [
      'an address twice',
      ['name: x, bridge: br-a, address: 172.19.0.100', 'name: y, bridge: br-b, address: 172.19.0.100'],
      '172.19.0.100 belongs to the entry x',
    ],
    [
      'an address of a NIC’s network',
      ['name: x, bridge: br-a, address: 172.31.0.100'],
      '172.31.0.100 belongs to the network a \\(172.31.0.0/24\\)',
    ],
    [
      'a name of 16 characters',
      ['name: x, bridge: br-sixteenletter, address: 172.19.0.100'],
      'longer than the 15 bytes of an interface name',
    ],
  ])('%s', async (_what, entries, message) => {
    const line = 8 + entries.length;
    expect(await said(entries.map(bridge))).toEqual([
      expect.stringMatching(new RegExp(`^${line}: .*${message}`)),
    ]);
  });

  it('a NIC that is in no network', async () => {
    const nics = '{ eth0: { address: 172.31.0.8/24 }, eth1: { network: a, address: 172.31.0.15/24 } }';
    expect(await said(['{ name: x, nic: eth0, scheme: bind }'], { nics })).toEqual([
      expect.stringContaining('eth0 is in no network'),
    ]);
  });

  it('a user that two NICs are to have', async () => {
    const entries = [
      '{ name: x, nic: eth0, scheme: bind, users: [33] }',
      "{ name: y, nic: eth1, scheme: bind, users: ['33'] }",
    ];
    expect(await said(entries)).toEqual([
      expect.stringMatching(/^10: .*the user 33 already belongs to the entry x/),
    ]);
  });

  it('control: a gateway’s entries by the first NIC are no matter; by another they are told, since these leave by the default route', async () => {
    const nat = (eip: string): string =>
      `${withEgress(['{ name: x, nic: eth0, scheme: bind }'])}\n      nat: { dnat: [{ name: d, eip: ${eip}, port: 80, protocol: tcp, to: 172.31.0.30 }], snat: [{ source: 172.31.0.30, to: ${eip} }] }`;
    const warnings = async (eip: string): Promise<string[]> =>
      (await loadText(nat(eip))).warnings.map(({ message }) => message);
    expect(await warnings('a')).toEqual([]);
    expect(await warnings('b')).toEqual([
      expect.stringContaining('b is an EIP of eth1, and what this host forwards leaves by its default route'),
      expect.stringContaining('b is an EIP of eth1'),
    ]);
  });

  it('more NICs than there are priorities for', async () => {
    const nics = Array.from(
      { length: 21 },
      (_none, at) => `eth${at}: { network: a, address: 172.31.0.${at + 20}/24 }`,
    );
    expect(
      await said(['{ name: x, nic: eth0, scheme: bind }'], { nics: `{ ${nics.join(', ')} }`, eips: '{}' }),
    ).toEqual([expect.stringMatching(/^6: .*an app host has 20 NICs at most/)]);
  });
});
