import { describe, expect, test } from '@jest/globals';
import { complaintsAbout, loadText } from './fixture.ts';

const inventory = (line: string): string => `all:
  children:
    nat-gateway:
      hosts:
        gw:
          adopt:
            iptables:
              - ${line}
`;

const SNAT = '-t nat -A POSTROUTING -s 172.19.0.100/32 -j SNAT --to-source 172.31.0.8';

describe('adopt', () => {
  test('on a host without a role that would load rules is refused', async () => {
    const text = inventory(JSON.stringify(SNAT));
    expect(await complaintsAbout(text.replace('nat-gateway:', 'databases:'))).toEqual([
      {
        message:
          'adopt.iptables: rules that were made by hand go only where a role loads its own, and this host has none (host gw)',
        line: 7,
        column: 13,
        hint: 'Put the host into one of the groups nat-gateway, app-host, load-balancer, or take adopt away.',
      },
    ]);
    // Control: the other spelling of a group's name is one of them.
    await expect(loadText(text.replace('nat-gateway:', 'app_host:'))).resolves.toBeDefined();
  });

  test('the same rule twice is refused', async () => {
    const twice = `${inventory(JSON.stringify(SNAT))}              - ${JSON.stringify(SNAT)}\n`;
    expect(await complaintsAbout(twice)).toEqual([
      {
        message: 'adopt.iptables[1]: is the same rule as entry 1 of adopt.iptables (host gw)',
        line: 9,
        column: 17,
        hint: 'Name it once: every rule that reads so goes.',
      },
    ]);
  });
});

describe('adopt.iptables', () => {
  test.each([
    SNAT,
    '-t nat -A PREROUTING -p tcp -m tcp --dport 8080 -m statistic --mode nth --every 2 --packet 0 -j DNAT --to-destination 10.1.160.14:8080',
    `-t filter -A f2b-sshd -s 192.0.2.1/32 -m comment --comment "it's -A \\"x\\" $(reboot)" -j REJECT`,
  ])('takes %s', async (line) => {
    const { hosts } = await loadText(inventory(JSON.stringify(line)));
    expect(hosts.get('gw')?.vars['adopt']).toEqual({ iptables: [line] });
  });

  test.each([
    [
      'a command of an article',
      `sudo iptables ${SNAT}`,
      /is a command, not a line/,
      /as: -t nat -A POSTROUTING/,
    ],
    [
      'an insert',
      SNAT.replace('-A', '-I'),
      /is not a line of the form -t TABLE -A CHAIN/,
      /Write it as iptables-save/,
    ],
    ['no table', SNAT.replace('-t nat ', ''), /does not name its table/, /with the table before it/],
    ['an unknown table', SNAT.replace('nat', 'natt'), /iptables has no table "natt"/, /Tables: filter, nat/],
    ['a policy', '-t filter -P FORWARD ACCEPT', /is not a line of the form/, /Write it as/],
    ['a flush', '-t nat -F', /is not a line of the form/, /Write it as/],
    [
      'a chain that is none',
      '-t nat -A $(id) -j ACCEPT',
      /"\$\(id\)" is not the name of a chain/,
      /Write it as/,
    ],
    [
      'a chain of ours',
      '-t nat -A PROVISION-OUT -j ACCEPT',
      /is a line that provision itself makes/,
      /take this line out/,
    ],
    [
      'a jump of ours',
      '-t nat -A PREROUTING -j PROVISION_LB-IN',
      /is a line that provision itself makes/,
      /take this line out/,
    ],
    ['two rules', `${SNAT} -A POSTROUTING -j ACCEPT`, /holds more than one rule/, /one rule in each line/],
    ['a second line', `${SNAT}\nCOMMIT`, /must not contain a line break/, /on one line/],
  ])('refuses %s', async (_what, line, message, hint) => {
    const [found] = await complaintsAbout(inventory(JSON.stringify(line)));
    expect([found?.message, found?.hint]).toEqual([
      expect.stringMatching(message),
      expect.stringMatching(hint),
    ]);
    expect([found?.line, found?.column]).toEqual([8, 17]);
  });
});
