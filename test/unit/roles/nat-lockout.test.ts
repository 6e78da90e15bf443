import { describe, expect, it } from '@jest/globals';
import type { SshConnection } from '../../../src/model/ssh-connection.ts';
import { natLockout } from '../../../src/roles/nat-lockout.ts';
import { natRules } from '../../../src/roles/nat-rules.ts';
import { readVariables } from '../../../src/roles/variables/index.ts';

const SSH: SshConnection = {
  client: '198.51.100.7',
  clientPort: 50022,
  address: '172.31.0.2',
  port: 22,
  nic: 'eth0',
};
const forecast = (nat: object, filter: object[] = [], ssh = SSH): string | null =>
  natLockout(
    natRules(
      readVariables({
        nics: { eth0: { address: '172.31.0.2/24' } },
        eips: { office: { public: '203.0.113.10', private: '172.31.0.2' } },
        nat,
        firewall: { filter },
      }),
    ),
    ssh,
  );
const whole = (except_ports: number[]) => ({
  dnat: [{ name: 'all', eip: 'office', protocol: 'any', to: '172.31.0.9', except_ports }],
});
const rule = (over: object) => ({ action: 'drop', direction: 'in', protocol: 'tcp', ...over });

describe('the forecast for rules of a gateway (case 31)', () => {
  it.each([
    [
      'an entry on the port',
      { dnat: [{ name: 'x', eip: 'office', port: '20-30', protocol: 'tcp', to: '10.0.0.9' }] },
      [],
      'the DNAT entry x takes 172.31.0.2:22',
    ],
    ['a whole address', whole([]), [], 'the DNAT entry all takes all of 172.31.0.2'],
    [
      'a list of ports',
      {},
      [rule({ ports: ['21-25', 80] })],
      'rule 1 of firewall.filter would drop tcp port 22 from 198.51.100.7',
    ],
    ['a source', {}, [rule({ protocol: 'any', source: '198.51.100.0/24' })], 'rule 1 of firewall.filter'],
    [
      'a second rule',
      {},
      [rule({ ports: [80] }), rule({ ports: [22], action: 'reject' })],
      'rule 2 of firewall.filter would reject',
    ],
    [
      'answers',
      {},
      [rule({ direction: 'out', destination: '198.51.100.7' })],
      'would drop answers to 198.51.100.7',
    ],
  ])('names %s', (_what, nat, filter, expected) => {
    expect(forecast(nat, filter)).toContain(expected);
  });

  it.each([
    ['nothing is declared', {}, []],
    ['the port is kept', whole([22]), []],
    ['it is another protocol', {}, [rule({ protocol: 'udp', ports: [22] })]],
    [
      'an earlier rule lets it in',
      {},
      [rule({ action: 'accept', ports: [22], source: '198.51.100.7' }), rule({})],
    ],
    ['it is another source', {}, [rule({ source: '203.0.113.0/24' })]],
    ['it is another NIC', {}, [rule({ interface: 'eth1' })]],
    ['it is forwarded traffic', {}, [rule({ direction: 'forward' })]],
    ['answers go to another port', {}, [rule({ direction: 'out', ports: [443] })]],
  ])('is silent where %s', (_what, nat, filter) => {
    expect(forecast(nat, filter)).toBeNull();
  });
});
