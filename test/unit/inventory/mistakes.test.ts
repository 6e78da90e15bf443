import { describe, expect, test } from '@jest/globals';
import { complaintsAbout, loadText } from './fixture.ts';

interface Mistake {
  readonly what: string;
  /** Variables of the host gw, one per line; the first line is line 4 of the file. */
  readonly vars: string;
  readonly message: string | RegExp;
  readonly line: number;
  readonly column: number;
  readonly hint: string | RegExp;
}

const inventory = (vars: string): string =>
  ['all:', '  hosts:', '    gw:', ...vars.split('\n').map((line) => `      ${line}`)].join('\n');

const NICS =
  'networks: { a: { cidr: 10.0.0.0/24, gateway: 10.0.0.1 } }\nnics: { eth0: { network: a, address: 10.0.0.2/24 } }\neips: { shop: { public: 203.0.113.9, private: 10.0.0.2 } }';

const mistakes: Mistake[] = [
  {
    what: 'case 34: a typo in a key',
    vars: 'nics:\n  eth0: { adress: 10.0.0.2/24, address: 10.0.0.2/24 }',
    message: 'nics.eth0.adress: this key is not known (host gw)',
    line: 5,
    column: 17,
    hint: 'Did you mean "address"?',
  },
  {
    what: 'a missing key',
    vars: 'nics:\n  eth0: {}',
    message: 'nics.eth0.address: is missing (text) (host gw)',
    line: 5,
    column: 15,
    hint: 'Add it.',
  },
  {
    what: 'a wrong type',
    vars: 'listeners: web',
    message: 'listeners: must be a list, is text: "web" (host gw)',
    line: 4,
    column: 18,
    hint: 'Write it as a list: [web].',
  },
  {
    what: 'text for true',
    vars: 'listeners:\n  - { name: w, snat: "yes", address: 10.0.0.1, port: 80, backends: [{ address: 10.0.0.3 }] }',
    message: /must be true or false, is text: "yes"/,
    line: 5,
    column: 28,
    hint: 'Write true, without quotes.',
  },
  {
    what: 'case 34: an unknown word',
    vars: 'firewall: { filter: [{ action: dorp, direction: in }] }',
    message: /"dorp" is not one of: accept, drop, reject/,
    line: 4,
    column: 38,
    hint: 'Did you mean "drop"?',
  },
  {
    what: 'an address outside its network',
    vars: 'networks: { a: { cidr: 10.0.0.0/24 } }\nnics: { eth0: { network: a, address: 10.0.1.2/24 } }',
    message: 'nics.eth0.address: 10.0.1.2 is not in the network a (10.0.0.0/24) (host gw)',
    line: 5,
    column: 44,
    hint: 'Write an address of 10.0.0.0/24, or another network.',
  },
  {
    what: 'another prefix length than the network',
    vars: 'networks: { a: { cidr: 10.0.0.0/24 } }\nnics: { eth0: { network: a, address: 10.0.0.2/16 } }',
    message: /another prefix length than the network a/,
    line: 5,
    column: 44,
    hint: 'Write 10.0.0.2/24.',
  },
  {
    what: 'an unknown network',
    vars: 'networks: { vpc-a: { cidr: 10.0.0.0/24 } }\nnics: { eth0: { network: vpc-b, address: 10.0.0.2/24 } }',
    message: 'nics.eth0.network: there is no network named "vpc-b" (host gw)',
    line: 5,
    column: 32,
    hint: 'Did you mean "vpc-a"?',
  },
  {
    what: 'case 33: a bad CIDR',
    vars: 'networks: { a: { cidr: 10.0.0.0/33 } }',
    message: /no prefix length from 0 to 32/,
    line: 4,
    column: 30,
    hint: 'Write it as 172.31.0.0/24.',
  },
  {
    what: 'case 33: host bits',
    vars: 'networks: { a: { cidr: 172.31.0.5/24 } }',
    message: /host bits are set: did you mean 172.31.0.0\/24\?/,
    line: 4,
    column: 30,
    hint: 'Write 172.31.0.0/24.',
  },
  {
    what: 'case 33: an octal address',
    vars: 'ansible_host: 010.0.0.1',
    message: /leading zero/,
    line: 4,
    column: 21,
    hint: 'Write 10.0.0.1 if that is meant.',
  },
  {
    what: 'case 33: a short address',
    vars: 'ansible_host: "10.1"',
    message: /"10.1" is not an IPv4 address/,
    line: 4,
    column: 21,
    hint: /four numbers/,
  },
  {
    what: 'case 33: port 0',
    vars: 'ansible_port: 0',
    message: 'ansible_port: 0 is not a port (host gw)',
    line: 4,
    column: 21,
    hint: 'Write a port from 1 to 65535.',
  },
  {
    what: 'case 33: port 65536',
    vars: 'lab: { ssh_port: 65536 }',
    message: 'lab.ssh_port: 65536 is not a port (host gw)',
    line: 4,
    column: 24,
    hint: 'Write a port from 1 to 65535.',
  },
  {
    what: 'a range backwards',
    vars: 'firewall: { filter: [{ action: drop, direction: in, protocol: tcp, ports: 9-8 }] }',
    message: /"9-8" ends before it begins/,
    line: 4,
    column: 81,
    hint: 'Write 8-9.',
  },
  {
    what: 'ports without a protocol',
    vars: 'firewall: { filter: [{ action: drop, direction: in, ports: 9 }] }',
    message: /protocol any has no ports/,
    line: 4,
    column: 66,
    hint: /tcp/,
  },
  {
    what: 'case 33: IPv6',
    vars: 'eips: { a: { public: "2001:db8::1", private: 10.0.0.1 } }',
    message: /IPv6 is not supported in this version/,
    line: 4,
    column: 28,
    hint: 'Write an IPv4 address.',
  },
  {
    what: 'a line break',
    vars: 'bandwidth: [{ name: "a\\nb", cap: 1gbit, eips: [x] }]',
    message: 'bandwidth[0].name: must not contain a line break (host gw)',
    line: 4,
    column: 27,
    hint: /one line/,
  },
  {
    what: 'a control character',
    vars: 'ansible_user: "a\\eb"',
    message: /control character U\+001B/,
    line: 4,
    column: 21,
    hint: /one line/,
  },
  {
    what: 'case 33: an interface name that is too long',
    vars: 'nics: { a23456789012345x: { address: 10.0.0.1/24 } }',
    message: /longer than the 15 bytes/,
    line: 4,
    column: 15,
    hint: 'Shorten it.',
  },
  {
    what: 'a zone name that is too long',
    vars: 'firewall: { zones: { a2345678901234567x: {} } }',
    message: /at most 17 characters, has 18/,
    line: 4,
    column: 28,
    hint: '',
  },
  {
    what: 'case 34: an unknown eip',
    vars: `${NICS}\nnat:\n  dnat:\n    - { name: x, eip: shpo, port: 80, protocol: tcp, to: 10.0.0.9 }`,
    message: 'nat.dnat[0].eip: there is no EIP named "shpo" (host gw)',
    line: 9,
    column: 29,
    hint: 'Did you mean "shop"?',
  },
  {
    what: 'a source of two SNAT entries, written in two ways',
    vars: `${NICS}\nnat: { snat: [{ source: 10.0.0.8, to: shop }, { source: 10.0.0.8/32, to: shop }] }`,
    message: /10\.0\.0\.8\/32 already has entry 1 of nat\.snat/,
    line: 7,
    column: 63,
    hint: 'Write one entry; several EIPs go into its to: [a, b].',
  },
  {
    what: 'an unknown eip of a pool',
    vars: `${NICS}\nnat: { snat: [{ source: 10.0.0.8, to: [shop, toString] }] }`,
    message: /no EIP named "toString"/,
    line: 7,
    column: 52,
    hint: 'Known: shop.',
  },
  {
    what: 'an EIP on no NIC',
    vars: 'nics: { eth0: { address: 10.0.0.2/24 } }\neips: { a: { public: 1.2.3.4, private: 10.0.0.3 } }',
    message: /10.0.0.3 is not an address of any NIC/,
    line: 5,
    column: 46,
    hint: 'Its addresses: 10.0.0.2.',
  },
  {
    what: 'case 34: two dnat entries of one name',
    vars: `${NICS}\nnat:\n  dnat:\n    - { name: x, eip: shop, port: 80, protocol: tcp, to: 10.0.0.9 }\n    - { name: x, eip: shop, port: 81, protocol: tcp, to: 10.0.0.9 }`,
    message: /"x" is already the name of entry 1 of nat.dnat/,
    line: 10,
    column: 21,
    hint: /name of its own/,
  },
  {
    what: 'two dnat entries that share a port',
    vars: `${NICS}\nnat:\n  dnat:\n    - { name: x, eip: shop, port: 80-90, protocol: tcp+udp, to: 10.0.0.9 }\n    - { name: y, eip: shop, port: 85, protocol: udp, to: 10.0.0.9 }`,
    message: 'nat.dnat[1].port: udp port 85 of shop already goes to the entry x (host gw)',
    line: 10,
    column: 41,
    hint: /another port/,
  },
  {
    what: 'a whole address over the SSH port that provision connects by',
    vars: `${NICS}\nansible_host: 10.0.0.2\nnat:\n  dnat:\n    - { name: x, eip: shop, protocol: any, to: 10.0.0.9 }`,
    message: /the entry x takes port 22 of 10\.0\.0\.2, by which provision reaches this host/,
    line: 10,
    column: 45,
    hint: /except_ports: \[22\]/,
  },
  {
    what: 'an entry on the SSH port that provision connects by',
    vars: `${NICS}\nansible_host: 10.0.0.2\nansible_port: 2222\nnat:\n  dnat:\n    - { name: x, eip: shop, port: 2200-2300, protocol: tcp, to: 10.0.0.9 }`,
    message: /the entry x takes port 2222 of 10\.0\.0\.2/,
    line: 11,
    column: 41,
    hint: /another port or EIP/,
  },
  {
    what: 'a port with protocol any',
    vars: `${NICS}\nnat: { dnat: [{ name: x, eip: shop, port: 80, protocol: any, to: 10.0.0.9 }] }`,
    message: /protocol any maps every port/,
    line: 7,
    column: 49,
    hint: /protocol: tcp/,
  },
  {
    what: 'ranges of different length',
    vars: `${NICS}\nnat: { dnat: [{ name: x, eip: shop, port: 80-90, protocol: tcp, to: 10.0.0.9, to_port: 1-2 }] }`,
    message: /2 private ports for 11 public ones/,
    line: 7,
    column: 94,
    hint: /11 ports/,
  },
  {
    what: 'overlapping networks',
    vars: 'networks:\n  a: { cidr: 10.0.0.0/16 }\n  b: { cidr: 10.0.1.0/24 }',
    message: /10.0.1.0\/24 overlaps the network a/,
    line: 6,
    column: 20,
    hint: /addresses of its own/,
  },
  {
    what: 'a zone with an unknown interface',
    vars: `${NICS}\nfirewall: { zones: { public: { interfaces: [eth1] } } }`,
    message: /no NIC named "eth1"/,
    line: 7,
    column: 51,
    hint: 'Did you mean "eth0"?',
  },
  {
    what: 'an EIP in two packages',
    vars: `${NICS}\nbandwidth:\n  - { name: p, cap: 1gbit, eips: [shop] }\n  - { name: q, cap: 1gbit, eips: [shop], direction: egress }`,
    message: /shop already is in the package p/,
    line: 9,
    column: 41,
    hint: /one package/,
  },
  {
    what: 'a guarantee for no member',
    vars: `${NICS}\nbandwidth: [{ name: p, cap: 1gbit, eips: [shop], guarantee: { office: 1mbit } }]`,
    message: /office is not a member of this package/,
    line: 7,
    column: 69,
    hint: /Its members: shop/,
  },
  {
    what: 'more guaranteed than there is',
    vars: `${NICS}\nbandwidth: [{ name: p, cap: 1gbit, eips: [shop], guarantee: { shop: 2gbit } }]`,
    message: /more is guaranteed \(2000mbit\) than the cap of 1gbit/,
    line: 7,
    column: 67,
    hint: /raise the cap/,
  },
  {
    what: 'a cap that cannot be kept',
    vars: `${NICS}\nbandwidth: [{ name: p, cap: 1kbit, eips: [shop] }]`,
    message: /1kbit is too little to be shaped/,
    line: 7,
    column: 35,
    hint: /8kbit/,
  },
  {
    what: 'a bad rate',
    vars: 'bandwidth: [{ name: a, cap: 100Mbps, eips: [x] }]',
    message: /"100Mbps" is not a rate/,
    line: 4,
    column: 35,
    hint: /1500mbit/,
  },
  {
    what: 'a scheme without its keys',
    vars: `${NICS}\negress: [{ name: x, nic: eth0, scheme: docker, containers: [] }]`,
    message: /scheme docker needs network/,
    line: 7,
    column: 16,
    hint: 'Add network:.',
  },
  {
    what: 'a container outside its network',
    vars: `${NICS}\negress: [{ name: x, nic: eth0, scheme: docker, network: { name: n, subnet: 172.19.0.0/16 }, containers: [{ name: c1, image: a, ip: 172.20.0.1 }] }]`,
    message: /172.20.0.1 is not in 172.19.0.0\/16/,
    line: 7,
    column: 138,
    hint: /172.19.0.0\/16/,
  },
  {
    what: 'two listeners on one port',
    vars: 'listeners:\n  - { name: a, address: 10.0.0.1, port: 80, backends: [{ address: 10.0.0.3 }] }\n  - { name: b, address: 10.0.0.1, port: 70-90, backends: [{ address: 10.0.0.3 }] }',
    message: /port 80 of 10.0.0.1 already belongs to the listener a/,
    line: 6,
    column: 47,
    hint: /another port/,
  },
  {
    what: 'a host that is an option',
    vars: 'ansible_host: -oFoo=bar',
    message: /must not start with "-": ssh would take it for an option/,
    line: 4,
    column: 21,
    hint: /IPv4 address/,
  },
  {
    what: 'a host that is a proxy command',
    vars: 'ansible_host: -oProxyCommand=x',
    message: /ansible_host is refused/,
    line: 4,
    column: 21,
    hint: /jump:/,
  },
  {
    what: 'a host with shell signs',
    vars: 'ansible_host: a;b',
    message: /is not a host name/,
    line: 4,
    column: 21,
    hint: /letters/,
  },
  {
    what: 'a user that is an option',
    vars: 'ansible_user: -lroot',
    message: /must not start with "-"/,
    line: 4,
    column: 21,
    hint: /login name/,
  },
  {
    what: 'a jump that is an option',
    vars: 'jump: [-oFoo]',
    message: /jump\[0\]: "-oFoo" must not start with "-"/,
    line: 4,
    column: 14,
    hint: /IPv4/,
  },
  {
    what: 'ssh arguments that run a program',
    vars: 'ansible_ssh_common_args: -o ProxyCommand="touch /tmp/x"',
    message: /ansible_ssh_common_args is refused: it names a command that would run on the machine/,
    line: 4,
    column: 32,
    hint: /jump:.*~\/\.ssh\/config/,
  },
  {
    what: 'a program in the place of ssh',
    vars: 'ansible_ssh_executable: /tmp/ssh',
    message: /ansible_ssh_executable is refused: it would run on the machine/,
    line: 4,
    column: 7,
    hint: /jump:.*~\/\.ssh\/config/,
  },
  {
    what: 'a command in an unknown ansible variable',
    vars: 'ansible_other: { x: [-o ProxyCommand=y] }',
    message: /ansible_other is refused/,
    line: 4,
    column: 28,
    hint: /jump:/,
  },
  {
    what: 'an old name with a wrong value',
    vars: 'ansible_ssh_port: 0',
    message: 'ansible_port: 0 is not a port (host gw)',
    line: 4,
    column: 25,
    hint: 'Write a port from 1 to 65535.',
  },
  {
    what: 'a reference to nothing',
    vars: 'ansible_host: "{{ address }}"',
    message: 'ansible_host: there is no variable "address" (host gw)',
    line: 4,
    column: 21,
    hint: /Define it/,
  },
  {
    what: 'Jinja beyond a reference, deep inside a variable of ours',
    vars: 'eips: { a: { public: "{{ x | default(1) }}", private: 10.0.0.2 } }',
    message:
      'eips.a.public: {{ x | default(1) }} is more of Jinja than a reference to a variable, which is all that is evaluated here (host gw)',
    line: 4,
    column: 28,
    hint: /Write the value out/,
  },
  {
    what: 'a vault value that is cut off',
    vars: 'secret: !vault |\n  $ANSIBLE_VAULT;1.1;AES256',
    message: 'this value is no whole text of ansible-vault: salt, HMAC and encrypted text are expected',
    line: 4,
    column: 22,
    hint: /Encrypt it again/,
  },
  {
    what: 'a secret where a name is expected',
    vars: 'jump: !secret env:JUMP',
    message: 'jump: a secret cannot stand here (host gw)',
    line: 4,
    column: 21,
    hint: /encrypted file of variables/,
  },
  {
    what: 'a secret where a mapping is expected',
    vars: 'nat: { $secret: "env:NAT" }',
    message: 'nat: a secret cannot stand here (host gw)',
    line: 4,
    column: 12,
    hint: /encrypted file of variables/,
  },
  {
    what: 'a secret inside a text of ours',
    vars: 'pw: !secret env:PW\nansible_user: "x{{ pw }}"',
    message: 'ansible_user: a secret cannot stand here (host gw)',
    line: 5,
    column: 21,
    hint: /encrypted file of variables/,
  },
  {
    what: 'a reference to no secret',
    vars: 'pw: !secret pass:x',
    message: 'this refers to no secret',
    line: 4,
    column: 19,
    hint: /env:NAME, file:PATH/,
  },
  {
    what: 'case 34: a duplicate key',
    vars: 'ansible_user: a\nansible_user: b',
    message: 'the key "ansible_user" stands twice in this mapping, first in line 4',
    line: 5,
    column: 7,
    hint: /Keep one/,
  },
  {
    what: 'a way in a circle',
    vars: 'jump: gw',
    message: 'jump: the way to this host leads in a circle: gw > gw (host gw)',
    line: 4,
    column: 13,
    hint: /Take one/,
  },
  {
    what: 'case 33: an octal address of a NIC',
    vars: 'nics: { eth0: { address: 010.0.0.1/24 } }',
    message: /leading zero/,
    line: 4,
    column: 32,
    hint: 'Write 10.0.0.1 if that is meant.',
  },
  {
    what: 'case 33: host bits of a source',
    vars: 'nat: { masquerade: [10.0.0.8/24] }',
    message: 'nat.masquerade[0]: "10.0.0.8/24": host bits are set: did you mean 10.0.0.0/24? (host gw)',
    line: 4,
    column: 27,
    hint: 'Write 10.0.0.0/24.',
  },
  {
    what: 'case 33: port 0 as text',
    vars: `${NICS}\nnat: { dnat: [{ name: x, eip: shop, port: '0', protocol: tcp, to: 10.0.0.9 }] }`,
    message: /"0" is not a port or a range of ports/,
    line: 7,
    column: 49,
    hint: 'Write 80 or 20000-20100, within 1 to 65535.',
  },
  {
    what: 'case 33: a range up to port 65536',
    vars: `${NICS}\nnat: { dnat: [{ name: x, eip: shop, port: 65000-65536, protocol: tcp, to: 10.0.0.9 }] }`,
    message: /"65000-65536" is not a port or a range of ports/,
    line: 7,
    column: 49,
    hint: 'Write 80 or 20000-20100, within 1 to 65535.',
  },
  {
    what: 'case 33: IPv6 where a port forwarding ends',
    vars: `${NICS}\nnat: { dnat: [{ name: x, eip: shop, port: 80, protocol: tcp, to: 'fd00::9' }] }`,
    message: 'nat.dnat[0].to: "fd00::9": IPv6 is not supported in this version (host gw)',
    line: 7,
    column: 72,
    hint: 'Write an IPv4 address.',
  },
  {
    what: 'case 33: an IPv6 network',
    vars: "networks: { a: { cidr: 'fd00::/64' } }",
    message: /IPv6 is not supported in this version/,
    line: 4,
    column: 30,
    hint: 'Write an IPv4 address.',
  },
  {
    what: 'case 33: an interface of a zone whose name is too long',
    vars: 'firewall: { zones: { public: { interfaces: [a23456789012345x] } } }',
    message: /longer than the 15 bytes/,
    line: 4,
    column: 51,
    hint: 'Shorten it.',
  },
  {
    what: 'a key called __proto__',
    vars: 'eips: { __proto__: { public: 1.2.3.4, private: 1.2.3.4 } }',
    message: '"__proto__" cannot be a key',
    line: 4,
    column: 15,
    hint: /another name/,
  },
];

describe('a mistake in a host’s variables is told with its place and what to write', () => {
  test.each(mistakes)('$what', async ({ vars, message, line, column, hint }) => {
    const complaints = await complaintsAbout(inventory(vars));
    const close = (wanted: string | RegExp) =>
      typeof wanted === 'string' ? wanted : expect.stringMatching(wanted);
    expect(complaints).toContainEqual({
      message: close(message),
      line,
      column,
      hint: hint === '' ? undefined : close(hint),
    });
  });
});

describe('case 34: warnings', () => {
  const warningsOf = async (vars: string) => (await loadText(inventory(vars))).warnings;

  test.each([
    ['nicss: {}', 'nicss is not a variable that provision reads (host gw). Did you mean "nics"?', 7],
    ['eip: {}', 'eip is not a variable that provision reads (host gw). Did you mean "eips"?', 7],
    [
      'mode: 0644',
      '0644 is 420, as Ansible reads it (YAML 1.1), and 644 in YAML 1.2. Write 420, or "0644" for the text',
      13,
    ],
    [
      'flag: no',
      'no is false, as Ansible reads it (YAML 1.1), and text in YAML 1.2. Write false, or "no" for the text',
      13,
    ],
    [
      'ansible_become_pass: x',
      'ansible_become_password stands here in plain text (host gw). Put it into a vault, or refer to it: docs/secrets.md',
      7,
    ],
  ])('%s', async (vars, message, column) => {
    expect(await warningsOf(vars)).toEqual([
      { message, place: { file: expect.any(String), line: 4, column } },
    ]);
  });

  test('a quoted word and a variable of the user’s own are nobody’s business', async () => {
    expect(await warningsOf('flag: "no"\nmy_app_version: 3')).toEqual([]);
  });

  test('an EIP that is given away as a whole and that others leave by', async () => {
    const warnings = await warningsOf(
      `${NICS}\nnat:\n  snat: [{ source: 10.0.0.7, to: shop }]\n  dnat: [{ name: x, eip: shop, protocol: any, to: 10.0.0.9 }]`,
    );
    expect(warnings.map(({ message }) => message)).toEqual([
      expect.stringContaining('shop belongs to the entry x as a whole'),
    ]);
  });

  test('sources that are let through, or excepted, and that nothing translates', async () => {
    const rule = (more: string): string => `    - { action: accept, direction: forward, ${more} }`;
    const warnings = await warningsOf(
      [
        NICS,
        'nat: { masquerade: [10.0.0.0/26], snat: [{ source: 10.0.0.7, to: shop, except: [0.0.0.0/0] }] }',
        'firewall:',
        '  filter:',
        rule('source: 10.0.0.64/26'),
        rule('source: [10.0.0.9, 10.0.0.64/26], destination: 10.0.0.128/26'),
        rule('source: [10.0.0.9, 198.51.100.0/24]'),
        rule('source: [10.0.0.9, 10.0.0.200], destination: 10.9.0.0/24'),
      ].join('\n'),
    );
    expect(warnings.map(({ message }) => message.split(' (host')[0])).toEqual([
      'nat.snat[0].except[0]: 10.0.0.7 keeps its own source towards everywhere, and so has no translation at all',
      'firewall.filter[0].source: 10.0.0.64/26 is let through, and nothing translates it: nothing of it leaves the networks',
      'firewall.filter[3].source: 10.0.0.200 is let through, and nothing translates it: nothing of it leaves the networks',
    ]);
  });

  test('an address in no known network', async () => {
    const warnings = await warningsOf(
      'networks: { a: { cidr: 10.0.0.0/24, gateway: 10.0.0.1 } }\nnat: { masquerade: [10.9.0.0/24] }',
    );
    expect(warnings.map(({ message }) => message)).toEqual([
      'nat.masquerade[0]: 10.9.0.0/24 is in no known network (host gw). Declare its network, or mend the address',
    ]);
  });
});
