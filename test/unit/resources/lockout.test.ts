import { describe, expect, it } from '@jest/globals';
import { parseSshConnection } from '../../../src/model/ssh-connection.ts';
import type { Facts, ProbeOutput, Resource } from '../../../src/model/resource.ts';
import { firewalldPolicy, firewalldZone, service } from '../../../src/resources/index.ts';
import { captured, facts } from './conformance.ts';

/** eth0 is in `public`. */
const HELD = captured('debian-12-firewalld-1.3.3-zone-holds-eth0');
/** No interface is in any zone, `internal` holds the source 198.18.0.0/24, and the default zone is `public`. */
const UNBOUND = captured('debian-12-firewalld-1.3.3-zone-default-holds-nothing');
const NO_POLICY = captured('debian-12-firewalld-1.3.3-policy-absent-live');
/** firewalld is not there. */
const BARE: ProbeOutput = { stdout: '\n\n\nabsent\n', code: 0 };

const from = (client: string, port = 22): Facts => ({
  ...facts,
  sshPort: port,
  sshClient: client,
  ssh: { client, clientPort: 50022, address: '172.31.0.2', port, nic: 'eth0' },
});
const OUTSIDE = from('198.18.0.2');
const ELSEWHERE = from('192.0.2.9');

const zone = (inside: string, name = 'public', target = ''): Resource =>
  firewalldZone({ name, xml: () => `<zone${target && ` target="${target}"`}>${inside}</zone>` });
const policy = (inside: string, target = 'DROP', priority = -1): Resource =>
  firewalldPolicy({
    name: 'guard',
    xml: () => `<policy target="${target}" priority="${priority}">${inside}</policy>`,
  });
const forecast = (
  resource: Resource,
  output = HELD,
  of = OUTSIDE,
  others: readonly Resource[] = [],
): string | null => {
  const change = resource.plan(output, of, { others });
  if (change === null) throw new Error('nothing to change: nothing to foretell');
  return change.lockout ?? null;
};

const ETH0 = '<interface name="eth0"/>';
const SSH = '<service name="ssh"/>';
const rule = (inside: string, attributes = 'family="ipv4"'): string => `<rule ${attributes}>${inside}</rule>`;

describe('the SSH connection of a run', () => {
  // Debian 12: ip -4 -o addr
  const LINES = [
    '1: lo    inet 127.0.0.1/8 scope host lo\\       valid_lft forever preferred_lft forever',
    '2: eth0    inet 172.31.0.2/24 brd 172.31.0.255 scope global eth0\\       valid_lft forever preferred_lft forever',
  ];

  it('is read with the NIC that holds its address', () => {
    expect(parseSshConnection('198.18.0.2 50022 172.31.0.2 2222', LINES)).toEqual({
      client: '198.18.0.2',
      clientPort: 50022,
      address: '172.31.0.2',
      port: 2222,
      nic: 'eth0',
    });
  });

  it('has no NIC where none holds it, and is none where the run does not come by SSH', () => {
    expect(parseSshConnection('198.18.0.2 50022 172.31.0.22 22', LINES)?.nic).toBeNull();
    expect(parseSshConnection('', LINES)).toBeNull();
  });
});

describe('a zone that our SSH arrives in', () => {
  it('and that opens nothing for it would lock us out: zone, way, connection and port are named', () => {
    expect(forecast(zone(`${ETH0}<service name="http"/>`))).toBe(
      'zone public, where SSH from 198.18.0.2 to 172.31.0.2:22 arrives (interface eth0): no service, port or rich rule accepts 22/tcp (target default)',
    );
  });

  it.each<[string, string]>([
    ['the service', SSH],
    ['the port', '<port port="22" protocol="tcp"/>'],
    ['a range with the port', '<port port="20-25" protocol="tcp"/>'],
    ['the protocol', '<protocol value="tcp"/>'],
    ['a rich rule for the service', rule(`<source address="198.18.0.0/24"/>${SSH}<accept/>`)],
    ['a rich rule for the source', rule('<source address="198.18.0.2"/><accept/>')],
    ['a rich rule for the port', rule('<port port="22" protocol="tcp"/><accept/>')],
    [
      'a rich rule for all but another source',
      rule(`<source address="10.0.0.0/8" invert="True"/>${SSH}<accept/>`),
    ],
    ['a rich rule of an ipset, which nobody can look into', rule(`<source ipset="admins"/>${SSH}<accept/>`)],
    ['a drop of others', `${SSH}${rule('<source address="10.0.0.0/8"/><drop/>')}`],
    ['a drop for IPv6', `${SSH}${rule('<drop/>', 'family="ipv6"')}`],
    ['an acceptance before a drop', rule(`${SSH}<accept/>`, 'priority="-5"') + rule('<drop/>')],
    ['a forward-port of another port', `${SSH}<forward-port port="80" protocol="tcp" to-addr="10.0.0.9"/>`],
  ])('says nothing when it is let in by %s', (_name, inside) => {
    expect(forecast(zone(ETH0 + inside))).toBeNull();
  });

  it.each<[string, string, string]>([
    ['another port', '<port port="2222" protocol="tcp"/>', 'no service'],
    ['the port of UDP', '<port port="22" protocol="udp"/>', 'no service'],
    ['a rich rule for another source', rule(`<source address="10.0.0.0/8"/>${SSH}<accept/>`), 'no service'],
    [
      'a rich rule for another address',
      rule(`<destination address="10.9.9.9"/>${SSH}<accept/>`),
      'no service',
    ],
    [
      'a drop of the source',
      SSH + rule('<source address="198.18.0.0/24"/><drop/>'),
      'source address="198.18.0.0/24" drop',
    ],
    ['a reject of the port', SSH + rule('<port port="22" protocol="tcp"/><reject/>'), 'reject'],
    [
      'a drop before an acceptance',
      rule('<drop/>', 'priority="-9"') + rule(`${SSH}<accept/>`, 'priority="-5"'),
      'drop',
    ],
    [
      'a forward-port of the port',
      `${SSH}<forward-port port="22" protocol="tcp" to-addr="10.0.0.9"/>`,
      '22/tcp to 10.0.0.9: takes it elsewhere',
    ],
    [
      'a rich forward-port of the port',
      SSH +
        rule('<destination address="172.31.0.2"/><forward-port port="1-100" protocol="tcp" to-port="80"/>'),
      'forward-port port="1-100"',
    ],
  ])('warns of %s', (_name, inside, named) => {
    expect(forecast(zone(ETH0 + inside))).toContain(named);
  });

  it('the service ssh is port 22 and no other', () => {
    expect(forecast(zone(ETH0 + SSH), HELD, from('198.18.0.2', 2222))).toContain('2222/tcp');
    expect(
      forecast(zone(`${ETH0}${SSH}<port port="2222" protocol="tcp"/>`), HELD, from('198.18.0.2', 2222)),
    ).toBeNull();
  });

  it('target ACCEPT lets in, DROP does not', () => {
    expect(forecast(zone(ETH0, 'public', 'ACCEPT'))).toBeNull();
    expect(forecast(zone(ETH0, 'public', 'DROP'))).toContain('(target DROP)');
    expect(forecast(zone(ETH0 + SSH, 'public', 'DROP'))).toBeNull();
  });

  it('a policy of the same run that lets in before the zone makes it harmless', () => {
    const opens = policy(`<ingress-zone name="ANY"/><egress-zone name="HOST"/>${SSH}`, 'CONTINUE');
    expect(forecast(zone(ETH0), HELD, OUTSIDE, [opens])).toBeNull();
  });
});

describe('which zone our SSH arrives in', () => {
  const closed = (inside = '', name = 'public'): Resource => zone(inside, name);

  it('the default zone, when no zone holds the NIC', () => {
    expect(forecast(closed(), UNBOUND, ELSEWHERE)).toContain('(the default zone)');
    expect(forecast(closed('', 'dmz'), UNBOUND, ELSEWHERE)).toBeNull();
  });

  it('by its source, whatever zone holds the NIC', () => {
    expect(forecast(closed('<source address="198.18.0.0/24"/>', 'dmz'))).toContain('zone dmz');
    // `internal` holds our source already: `public` does not matter.
    expect(forecast(closed(ETH0), UNBOUND, OUTSIDE)).toBeNull();
    expect(forecast(closed(ETH0), UNBOUND, ELSEWHERE)).toContain('interface eth0');
  });

  it('none but the one that another resource of the run declares', () => {
    const inner = zone(`${ETH0}${SSH}`, 'inner');
    expect(forecast(closed(), BARE, OUTSIDE, [inner])).toBeNull();
    expect(forecast(closed(), BARE, OUTSIDE, [])).toContain('the default zone');
    const office = zone(`<source address="198.18.0.0/16"/>${SSH}`, 'office');
    expect(forecast(closed(ETH0), BARE, OUTSIDE, [office])).toBeNull();
  });

  it('of two sources the nearer one', () => {
    const wide = zone(`<source address="198.0.0.0/8"/>${SSH}`, 'wide');
    expect(forecast(closed('<source address="198.18.0.0/24"/>', 'narrow'), HELD, OUTSIDE, [wide])).toContain(
      'zone narrow',
    );
    const narrow = zone(`<source address="198.18.0.0/24"/>${SSH}`, 'narrow');
    expect(forecast(closed('<source address="198.0.0.0/8"/>', 'wide'), HELD, OUTSIDE, [narrow])).toBeNull();
  });

  it('nobody knows when the run does not come by SSH', () => {
    expect(forecast(closed(ETH0), HELD, { ...facts, ssh: null })).toBeNull();
  });
});

describe('a policy', () => {
  const between = (ingress: string, egress: string): string =>
    `<ingress-zone name="${ingress}"/><egress-zone name="${egress}"/>`;

  it.each(['DROP', 'REJECT'])('with target %s that stands before our zone would lock us out', (target) => {
    expect(forecast(policy(between('ANY', 'HOST'), target), NO_POLICY, ELSEWHERE)).toBe(
      `policy guard, which SSH from 192.0.2.9 to 172.31.0.2:22 passes before zone public: no service, port or rich rule accepts 22/tcp (target ${target})`,
    );
    expect(forecast(policy(between('public', 'HOST'), target), NO_POLICY, ELSEWHERE)).not.toBeNull();
  });

  it.each<[string, Resource]>([
    ['that is for forwarded traffic', policy(between('ANY', 'ANY'))],
    ['from another zone', policy(between('dmz', 'HOST'))],
    ['that stands after the zones', policy(between('ANY', 'HOST'), 'DROP', 5)],
    ['that goes on', policy(between('ANY', 'HOST'), 'CONTINUE')],
    ['that lets SSH in', policy(`${between('ANY', 'HOST')}${SSH}`)],
  ])('%s says nothing', (_name, resource) => {
    expect(forecast(resource, NO_POLICY, ELSEWHERE)).toBeNull();
  });

  it('knows by which zone we come: here by the source of `internal`', () => {
    expect(forecast(policy(between('internal', 'HOST')), NO_POLICY, OUTSIDE)).toContain('zone internal');
    expect(forecast(policy(between('public', 'HOST')), NO_POLICY, OUTSIDE)).toBeNull();
  });
});

describe('the service of SSH', () => {
  const running = captured('debian-12-service-running');

  it.each(['ssh', 'sshd', 'ssh.service'])('%s stopped or not enabled would lock us out', (name) => {
    expect(forecast(service({ name, running: false, enabled: true }), running)).toContain('would be stopped');
    expect(forecast(service({ name, running: true, enabled: false }), running)).toContain('next boot');
  });

  it('says nothing of other services, of one that is started, and without SSH', () => {
    expect(forecast(service({ name: 'nginx', running: false, enabled: false }), running)).toBeNull();
    const stopped = captured('debian-12-service-stopped');
    expect(forecast(service({ name: 'ssh', running: true, enabled: true }), stopped)).toBeNull();
    expect(
      forecast(service({ name: 'ssh', running: false, enabled: false }), running, { ...facts, ssh: null }),
    ).toBeNull();
  });
});
