import { describe, expect, test } from '@jest/globals';
import { complaintsAbout, loadText } from './fixture.ts';

const inventory = (vars: string): string =>
  ['all:', '  hosts:', '    lb:', ...vars.split('\n').map((line) => `      ${line}`)].join('\n');

const HOST =
  'ansible_host: 10.0.0.2\nnics: { eth0: { network: a, address: 10.0.0.2/24 } }\nnetworks: { a: { cidr: 10.0.0.0/24 } }\neips: { shop: { public: 203.0.113.9, private: 10.0.0.2 } }';
const web = (more: string, backends = '[{ address: 10.0.0.3 }]'): string =>
  `${HOST}\nlisteners:\n  - { name: web, address: 10.0.0.2, port: 80, backends: ${backends}${more} }`;
const many = (count: number): string =>
  `[${Array.from({ length: count }, (_none, index) => `{ address: 10.0.${1 + (index >> 8)}.${index & 255} }`).join(', ')}]`;

interface Mistake {
  readonly what: string;
  readonly vars: string;
  readonly message: RegExp;
  readonly hint: RegExp;
}

const mistakes: Mistake[] = [
  {
    what: 'more turns than iptables passes in good time',
    vars: `${web('', many(101))}\nload_balancer: { engine: iptables }`,
    message: /take 101 turns, and 100 are what iptables/,
    hint: /algorithm: random/,
  },
  {
    what: 'weights that are finer than a map should hold',
    vars: web(
      '',
      `[${Array.from({ length: 20 }, (_none, index) => `{ address: 10.0.1.${index}, weight: ${256 - (index % 2)} }`).join(', ')}]`,
    ),
    message: /take 5110 turns, and 4096 are what a map should hold/,
    hint: /smaller weights/,
  },
  {
    what: 'a hash in iptables',
    vars: `${web(', algorithm: source-hash')}\nload_balancer: { engine: iptables }`,
    message: /iptables has no hash of the source/,
    hint: /engine: nftables/,
  },
  {
    what: 'more checked backends than one shell can ask',
    vars: web(', health: {}', many(101)),
    message: /more than 100 backends of this host are checked/,
    hint: /several balancers/,
  },
  {
    what: 'backends of several ports, some with a port',
    vars: web('', '[{ address: 10.0.0.3, port: 80 }, { address: 10.0.0.4 }]').replace(
      'port: 80, backends',
      'port: 80-90, backends',
    ),
    message: /some backends of web have a port/,
    hint: /for all of its backends, or for none/,
  },
  {
    what: 'a port that a DNAT entry has',
    vars: `${web('')}\nnat: { dnat: [{ name: old, eip: shop, port: 70-90, protocol: tcp, to: 10.0.0.9 }] }`,
    message: /the entry old of nat.dnat has this port of 10.0.0.2 too/,
    hint: /another port/,
  },
  {
    what: 'the port that provision comes in by',
    vars: web('').replace('port: 80', 'port: 20-30'),
    message: /takes port 22, by which provision reaches this host/,
    hint: /another port/,
  },
  {
    what: 'the same by a redirect',
    vars: `${HOST}\nlisteners: [{ name: s, redirect: { port: 22, to: 8001-8002 } }]`,
    message: /the listener s takes port 22/,
    hint: /another port/,
  },
  {
    what: 'two redirects of one port',
    vars: `${HOST}\nlisteners: [{ name: a, redirect: { port: 80, to: 1-2 } }, { name: b, redirect: { port: 80, to: 3-4 } }]`,
    message: /port 80 of this-host already belongs to the listener a/,
    hint: /another port/,
  },
  {
    what: 'a range that is too long to spread over',
    vars: `${HOST}\nlisteners: [{ name: s, redirect: { port: 80, to: 10000-20000 } }]`,
    message: /10001 ports are more than the 1000/,
    hint: /shorter range/,
  },
  {
    what: 'UDP that is asked by TCP',
    vars: web(', protocol: udp, health: {}'),
    message: /cannot be asked by TCP/,
    hint: /health.port/,
  },
  {
    what: 'two ways to ask',
    vars: web(', health: { command: "true", http: { path: / } }'),
    message: /either http or a command/,
    hint: /Leave one out/,
  },
  {
    what: 'a router that nobody knows the NIC of',
    vars: 'listeners:\n  - { name: w, address: 10.0.0.2, port: 80, backends: [{ address: 192.0.2.1, via: 10.0.0.1 }] }',
    message: /nobody knows which NIC reaches the router 10.0.0.1/,
    hint: /Declare nics/,
  },
];

describe('what a load balancer cannot be', () => {
  test.each(mistakes)('$what', async ({ vars, message, hint }) => {
    const complaints = await complaintsAbout(inventory(vars));
    const found = complaints.find((complaint) => message.test(complaint.message));
    expect(complaints.map((complaint) => complaint.message)).toEqual([expect.stringMatching(message)]);
    expect(found?.hint).toMatch(hint);
    expect(found?.line).toBeGreaterThan(0);
  });

  test('control: without the mistake each of them is valid', async () => {
    for (const vars of [
      web(''),
      `${web(', algorithm: random', many(101))}\nload_balancer: { engine: iptables }`,
      web(', algorithm: source-hash'),
      web(', health: {}', many(100)),
      web(', protocol: udp, health: { port: 8080 }'),
      `${HOST}\nlisteners: [{ name: s, redirect: { port: 80, to: 8001-8002 } }]`,
    ])
      expect((await loadText(inventory(vars))).warnings).toEqual([]);
  });

  test('affinity in iptables is allowed, and its limit told', async () => {
    const { warnings } = await loadText(
      inventory(`${web(', affinity: { by: client-ip }')}\nload_balancer: { engine: iptables }`),
    );
    expect(warnings.map(({ message }) => message)).toEqual([expect.stringMatching(/remembers 100 clients/)]);
  });
});
