import { describe, expect, it } from '@jest/globals';
import { loadInventory } from '../../../src/inventory/load.ts';
import { topologyOf } from '../../../src/inventory/topology/index.ts';
import { nodesOf } from '../../../src/model/topology.ts';
import type { Topology, TopologyCard, TopologyNode } from '../../../src/model/topology.ts';
import { loadText } from './fixture.ts';

const prod = async (): Promise<Topology> => topologyOf(await loadInventory(['inventory/prod']));
const card = ({ cards }: Topology, title: string, kind?: TopologyCard['kind']): TopologyCard => {
  const found = cards.find(
    (one) => [one.head.title, one.head.detail].includes(title) && (!kind || one.kind === kind),
  );
  if (!found) throw new Error(`no card ${title}`);
  return found;
};
const rows = (one: TopologyCard): string[] =>
  one.sections.flatMap(({ title, nodes }) => [
    ...(title === null ? [] : [`# ${title}`]),
    ...nodes.map((node) => `${node.title} ${node.detail}`.trim()),
  ]);
/** `from > to` of the lines, by title. */
const lines = ({ cards, links }: Topology, way: 'in' | 'out', drawn?: boolean): string[] => {
  const named = new Map(cards.flatMap(nodesOf).map(({ id, title }) => [id, title]));
  return links
    .filter((link) => link.way === way && (drawn === undefined || link.drawn === drawn))
    .map(({ from, to }) => `${named.get(from) ?? ''} > ${named.get(to) ?? ''}`);
};

describe('the network of inventory/prod as a picture', () => {
  it('a gateway: its NICs, what is reached, what leaves; its EIPs with the package they share', async () => {
    const topology = await prod();
    expect(rows(card(topology, 'gw1', 'host'))).toEqual([
      'eth0 172.31.0.2/24 +2',
      '# Reached from outside',
      'shop-http tcp 80 → 172.31.0.8:8080',
      'media udp 20000-20100 → 172.31.0.9:20000-20100',
      'legacy any → 172.31.0.20',
      '# Leaving',
      '172.31.0.8 → shop',
      '172.31.0.64/26 → office, shop',
      '172.31.0.0/24 → masquerade',
    ]);
    expect(rows(card(topology, 'gw1', 'addresses'))).toEqual([
      '# shared · 1500mbit each way',
      'office 203.0.113.10',
      'shop 203.0.113.11',
      '# on their own',
      'legacy 203.0.113.12',
    ]);
  });

  it('an app host: bound users, containers, bridges; a balancer: listeners and redirects', async () => {
    const topology = await prod();
    expect(rows(card(topology, 'app1', 'host'))).toEqual([
      'eth0 172.31.0.8/24',
      'eth1 172.31.0.14/24',
      '# Apps',
      'crawler crawler → eth1',
      'web-a 172.19.0.100 → eth0 · 8090:8080',
      'web-b 172.20.0.101 → eth1 · 8091:8091',
    ]);
    expect(rows(card(topology, 'lb1', 'host'))).toEqual([
      'eth0 10.192.0.65/24',
      '# Listeners',
      'web tcp 8080 · 3 backends',
      'spread tcp 80 → 8001-8002',
    ]);
    expect(rows(card(topology, 'Elsewhere'))).toEqual([
      '172.31.0.9',
      '10.1.160.14 :8080 ×1',
      '10.1.160.15 :8080 ×1 draining',
      '203.0.113.99 :80 ×1',
    ]);
  });

  it('lines lead from the outside to what serves, and from a host to what translates it', async () => {
    const topology = await prod();
    expect(lines(topology, 'in', true)).toEqual(
      expect.arrayContaining([
        'office > eth0',
        'shop-http > eth0',
        'legacy > db1',
        'web > 203.0.113.99',
        'eth0 > vpc-a',
      ]),
    );
    expect(lines(topology, 'in', false)).toEqual(
      expect.arrayContaining(['shop > shop-http', 'eth0 > web-a']),
    );
    expect(lines(topology, 'out')).toEqual(
      expect.arrayContaining(['db1 > 172.31.0.0/24', '172.31.0.8 > shop', 'crawler > eth1']),
    );
  });

  it('every node has its own id, and its line of the inventory where it has one', async () => {
    const nodes = (await prod()).cards.flatMap(nodesOf);
    expect(new Set(nodes.map(({ id }) => id)).size).toBe(nodes.length);
    const entry = nodes.find(({ title }) => title === 'shop-http') as TopologyNode;
    expect(entry.place).toMatchObject({ file: expect.stringContaining('gw1.yml'), line: expect.any(Number) });
    expect(nodes.filter(({ host, place, kind }) => host !== null && kind !== 'host' && !place)).toEqual([]);
  });
});

describe('what an inventory leaves out', () => {
  it('a host without NICs and networks is there all the same', async () => {
    const topology = topologyOf(await loadText('all: { hosts: { alone: { ansible_host: 192.0.2.1 } } }'));
    expect(rows(card(topology, 'other hosts'))).toEqual(['alone 192.0.2.1']);
  });

  it('a NIC without a network stands in the one that has its address', async () => {
    const topology = topologyOf(
      await loadText(
        'all: { vars: { networks: { a: { cidr: 10.0.0.0/24 } } }, hosts: { db1: { nics: { eth0: { address: 10.0.0.5/24 } } } } }',
      ),
    );
    expect(rows(card(topology, 'a'))).toEqual(['db1 10.0.0.5']);
  });
});
