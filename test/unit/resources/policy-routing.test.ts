import { execFileSync } from 'node:child_process';
import { describe, expect, it } from '@jest/globals';
import { isProvisionError } from '../../../src/model/error.ts';
import type { ProbeOutput } from '../../../src/model/resource.ts';
import { policyRouting } from '../../../src/resources/index.ts';
import type { PolicyRoutingProps } from '../../../src/resources/index.ts';
import { restartNetworkd } from '../../../src/resources/networkd-restart.ts';
import { captured, describeResource, facts, stepsOf } from './conformance.ts';

const NETWORK = '172.31.0.0/24';
const nic = (name: string, table: number, address: string) => ({
  ...{ name, table, address, gateway: '172.31.0.1' },
  networks: [{ cidr: NETWORK, address }],
});
const TWO_NICS: PolicyRoutingProps = {
  nics: [nic('eth0', 5200, '172.31.0.8'), nic('eth1', 5201, '172.31.0.14')],
  sources: [
    { block: '172.31.0.8', nic: 'eth0' },
    { block: '172.31.0.14', nic: 'eth1' },
  ],
  users: [{ user: 'www-data', nic: 'eth1' }],
};
const NOTHING: PolicyRoutingProps = { nics: [], sources: [], users: [] };
const routing = policyRouting(TWO_NICS);
const dropIn = (name: string): string => `/etc/systemd/network/10-${name}.network.d/provision-routing.conf`;

const absent = captured('debian-12-networkd-252-routing-absent');
const whole = captured('debian-12-networkd-252-routing');
const drifted = captured('debian-12-networkd-252-routing-drifted');
const edited = (output: ProbeOutput, from: string | RegExp, to: string): ProbeOutput => {
  const stdout = output.stdout.replace(from, to);
  if (stdout === output.stdout) throw new Error(`nothing to replace: ${String(from)}`);
  return { ...output, stdout };
};

describeResource('policy-routing', {
  resource: routing,
  matching: whole,
  absent,
  different: drifted,
  differs: ['live.rules', 'live.routes', `saved.${dropIn('eth1')}`],
  hostile: (text) =>
    policyRouting({
      nics: [{ ...nic('eth0', 5200, '172.31.0.8'), name: text }],
      sources: [{ block: '172.31.0.8', nic: text }],
      users: [{ user: text, nic: text }],
    }),
});

const sentences = (output: ProbeOutput, props = TWO_NICS): string[] =>
  (policyRouting(props).plan(output, facts)?.changes ?? []).map(({ sentence }) => sentence);

const refusal = (output: ProbeOutput, props = TWO_NICS): string => {
  try {
    policyRouting(props).plan(output, facts);
  } catch (error) {
    return isProvisionError(error) ? `${error.code}: ${error.message} ${error.hint ?? ''}` : String(error);
  }
  return 'not refused';
};

describe('policy routing', () => {
  it('fills tables before rules lead to them, and restarts networkd instead of a reload, which takes from others', () => {
    const steps = stepsOf(routing.plan(absent, facts)?.apply).map((step) => step.split('\n')[0]);
    const first = (text: string): number => steps.findIndex((step) => step?.startsWith(text));
    expect(first('ip -4 route replace')).toBeGreaterThanOrEqual(0);
    expect(first('ip -4 route replace')).toBeLessThan(first('ip -4 rule add'));
    expect(routing.plan(absent, facts)?.apply.handlers).toEqual([restartNetworkd]);
    expect(steps.join('\n')).not.toContain('networkctl');
  });

  it('asks the main table after the networks of NICs and before everything else', () => {
    const added = stepsOf(routing.plan(absent, facts)?.apply).filter((step) => step.includes('rule add'));
    expect(added.map((step) => step.replaceAll("'", '').replace(' protocol static', ''))).toEqual([
      'ip -4 rule add priority 5200 from 172.31.0.8 to 172.31.0.0/24 lookup 5200',
      'ip -4 rule add priority 5201 from 172.31.0.14 to 172.31.0.0/24 lookup 5201',
      'ip -4 rule add priority 5221 from all to 172.31.0.0/24 uidrange 33-33 lookup 5201',
      'ip -4 rule add priority 5240 from all lookup main suppress_prefixlength 0',
      'ip -4 rule add priority 5250 from 172.31.0.8 lookup 5200',
      'ip -4 rule add priority 5251 from 172.31.0.14 lookup 5201',
      'ip -4 rule add priority 5271 from all uidrange 33-33 lookup 5201',
    ]);
  });

  it('has the rules of all NICs and the last routes of all tables in the file of each', () => {
    for (const name of ['eth0', 'eth1']) {
      const write = stepsOf(routing.plan(absent, facts)?.apply).find((step) => step.includes(dropIn(name)));
      expect(write?.match(/^\[RoutingPolicyRule\]$/gm)).toHaveLength(7);
      expect(write?.match(/^Type=unreachable$/gm)).toHaveLength(2);
      expect(write?.match(/^Gateway=172.31.0.1$/gm)).toHaveLength(1);
    }
  });

  it('names in words what went and what somebody wrote into its file', () => {
    const [rules, routes, file] = sentences(drifted);
    expect(rules).toBe('policy routing: missing live: rule 5251: from 172.31.0.14 lookup 5201');
    expect(routes).toContain(
      'default via 172.31.0.1 dev eth1 src 172.31.0.14 in table 5201, unreachable default metric 4278198272 in table 5201',
    );
    expect(file).toContain(`not declared but present in ${dropIn('eth1')}: [Route] Gateway=172.31.0.1`);
    expect(file).toContain('DHCP=yes');
  });

  it('mends a rule alone without a restart of networkd', () => {
    const output = edited(whole, /\{"priority":5251[^}]*\},/, '');
    expect(stepsOf(routing.plan(output, facts)?.apply)).toEqual([
      `ip -4 rule add 'priority' '5251' 'from' '172.31.0.14' 'lookup' '5201' 'protocol' 'static'`,
    ]);
  });

  it('replaces a route whose router is another, after the old one went', () => {
    const output = edited(
      whole,
      '"gateway":"172.31.0.1","dev":"eth1"',
      '"gateway":"172.31.0.9","dev":"eth1"',
    );
    const steps = stepsOf(routing.plan(output, facts)?.apply).map((step) => step.replaceAll("'", ''));
    expect(steps).toEqual([
      'ip -4 route del default via 172.31.0.9 dev eth1 src 172.31.0.14 onlink table 5201 2>/dev/null || true',
      'ip -4 route replace default via 172.31.0.1 dev eth1 src 172.31.0.14 onlink table 5201 protocol static',
    ]);
  });

  it('takes flags of the kernel, as linkdown, for no difference', () => {
    expect(
      routing.plan(edited(whole, '"flags":["onlink"]', '"flags":["onlink","linkdown"]'), facts),
    ).toBeNull();
  });

  it.each([
    ['a priority of ours and a table of somebody else', '{"priority":5205,"src":"10.1.2.3","table":"77"}'],
    ['a table of ours and a priority of somebody else', '{"priority":999,"src":"10.1.2.3","table":"5201"}'],
    ['a selector that we never use', '{"priority":5205,"src":"all","fwmark":"0x1","table":"5201"}'],
  ])('leaves alone a rule with %s', (_what, rule) => {
    expect(routing.plan(edited(whole, 'rules [', `rules [${rule},`), facts)).toBeNull();
  });

  it('takes away a rule and routes of ours that are no longer declared, rules first', () => {
    const [eth0] = TWO_NICS.nics;
    if (!eth0) throw new Error('no NIC');
    const props = { nics: [eth0], sources: TWO_NICS.sources.slice(0, 1), users: [] };
    const steps = stepsOf(policyRouting(props).plan(whole, facts)?.apply).map((step) =>
      step.replaceAll("'", ''),
    );
    const at = (text: string): number => steps.findIndex((step) => step.includes(text));
    expect(at('rule del priority 5251 from 172.31.0.14 lookup 5201')).toBeGreaterThan(0);
    expect(at('route del default via 172.31.0.1 dev eth1')).toBeGreaterThan(at('rule del priority 5251'));
    expect(steps[at(`rm -f ${dropIn('eth1')}`)]).toContain('rmdir');
  });

  it('nothing declared: all of it goes, and a host without it stays as it is', () => {
    const nothing = policyRouting(NOTHING);
    expect(nothing.plan(absent, facts)).toBeNull();
    const change = nothing.plan(whole, facts);
    expect(new Set(change?.changes.map(({ action }) => action))).toEqual(new Set(['delete']));
    expect(change?.apply.paths).toEqual([dropIn('eth0'), dropIn('eth1')]);
  });

  it('a user that is not there is refused with what to type', () => {
    expect(refusal(edited(whole, 'user www-data 33', 'user www-data '))).toBe(
      'host-unsupported: the host has no user www-data. Create it first (useradd --system www-data), or correct users in egress.',
    );
  });

  it('a NIC that is not there is refused', () => {
    expect(refusal(edited(whole, /=== nic eth1\n[^]*$/, '=== nic eth1\nmissing\n'))).toContain(
      'the host has no interface eth1.',
    );
  });

  it('a host whose output is cut is no plan', () => {
    expect(() => routing.plan({ stdout: 'rules [{"priority"', code: 0 }, facts)).toThrow();
  });
});

describe('policy routing under networkd of systemd 247, which fails over its own rules', () => {
  const before = captured('debian-11-networkd-247-routing-absent');
  const fields = (output: ProbeOutput): string[] =>
    (routing.plan(output, facts)?.changes ?? []).map(({ layer, field }) => `${layer}.${field}`);

  it('is the script that follows the NICs, and networkd is left alone', () => {
    expect(fields(before)).toEqual([
      ...['live.rules', 'live.routes', 'live.following'],
      ...['saved.script', 'saved.unit', 'saved.enabled'],
    ]);
    expect(stepsOf(routing.plan(before, facts)?.apply).join('\n')).not.toContain('systemd-networkd');
    expect(routing.plan(captured('debian-11-networkd-247-routing'), facts)).toBeNull();
  });

  it('goes back to a host whose files were deleted while the unit ran without a start of it, which would fail', () => {
    const standing = captured('debian-11-networkd-247-routing');
    const restarts = (path: string): number[] => {
      const without = edited(standing, new RegExp(`(=== file ${path}\\n)present\\n[^=]*`), '$1absent\n');
      const change = routing.plan(without, facts);
      return [change?.apply, change?.revert].map(
        (way) => stepsOf(way).filter((step) => step.includes('systemctl restart')).length,
      );
    };
    expect(restarts('/etc/provision/routing')).toEqual([1, 0]);
    expect(restarts('/etc/systemd/system/provision-routing.service')).toEqual([1, 0]);
    // Control: a unit that was not enabled had all it needs.
    const disabled = routing.plan(edited(standing, '\nenabled\n', '\n'), facts);
    expect(stepsOf(disabled?.revert).join()).toContain('systemctl restart');
  });

  it('control: by 248, and where the version is not known, it is drop-ins', () => {
    const dropIns = ['live.rules', 'live.routes', `saved.${dropIn('eth0')}`, `saved.${dropIn('eth1')}`];
    expect(fields(edited(before, 'systemd 247', 'systemd 248'))).toEqual(dropIns);
    expect(fields(edited(before, 'systemd 247.so', 'systemd .so'))).toEqual(dropIns);
  });
});

describe('policy routing under ifupdown', () => {
  const ifupdown = captured('debian-12-ifupdown-0.8.41-routing');

  it('is a script of ours that follows the NICs, and its unit', () => {
    const change = routing.plan(captured('debian-12-ifupdown-0.8.41-routing-absent'), facts);
    expect(change?.changes.map(({ layer, field }) => `${layer}.${field}`)).toEqual([
      ...['live.rules', 'live.routes', 'live.following'],
      ...['saved.script', 'saved.unit', 'saved.enabled'],
    ]);
    expect(change?.apply.steps.at(-1)).toBe(`systemctl restart 'provision-routing.service'`);
    expect(routing.plan(ifupdown, facts)).toBeNull();
  });

  it('a unit that was stopped, or is not enabled, is drift of its own layer', () => {
    const fields = (output: ProbeOutput): (string | undefined)[] =>
      (routing.plan(output, facts)?.changes ?? []).map(({ layer, field }) => `${layer}.${field}`);
    expect(fields(edited(ifupdown, '\nfollowing\n', '\n'))).toEqual(['live.following']);
    expect(fields(edited(ifupdown, '\nenabled\n', '\n'))).toEqual(['saved.enabled']);
    expect(fields(edited(ifupdown, "'5271'", "'5272'"))).toEqual(['saved.script']);
  });

  it('asserts again only for events of its own NICs', () => {
    const write = stepsOf(
      routing.plan(captured('debian-12-ifupdown-0.8.41-routing-absent'), facts)?.apply,
    ).find((step) => step.includes('/etc/provision/routing'));
    const pattern = /case \$event in (.*)\) assert/.exec(write ?? '')?.[1]?.replaceAll(`'\\''`, "'") ?? '';
    const asserts = (line: string): boolean =>
      execFileSync('dash', ['-c', `case $1 in ${pattern}) echo yes;; *) echo no;; esac`, 'x', line], {
        encoding: 'utf8',
      }) === 'yes\n';
    expect(asserts('3: eth1@if5: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500')).toBe(true);
    expect(asserts('3: eth1    inet 172.31.0.14/24 scope global eth1')).toBe(true);
    expect(asserts('7: eth10: <BROADCAST,MULTICAST> mtu 1500')).toBe(false);
    expect(asserts('9: veth1f2@if8: <BROADCAST> mtu 1500 master eip_bridge')).toBe(false);
  });
});

describe('policy routing beside other managers of NICs', () => {
  const by = (from: string, to: string): ((output: ProbeOutput) => ProbeOutput) => {
    return (output) => ({ ...output, stdout: output.stdout.replaceAll(from, to) });
  };
  const NETWORK_FILE = 'NETWORK_FILE=/etc/systemd/network/10-eth1.network';
  const managers: [string, (output: ProbeOutput) => ProbeOutput, string][] = [
    [
      'netplan',
      by(NETWORK_FILE, 'NETWORK_FILE=/run/systemd/network/10-netplan-eth1.network'),
      `sed '/^#/d' /run/systemd/network/10-netplan-eth1.network > /etc/systemd/network/05-eth1.network && networkctl reload`,
    ],
    [
      'cloud-init',
      by('Name=eth1', '# written by cloud-init\nName=eth1'),
      `sed '/^#/d' /etc/systemd/network/10-eth1.network`,
    ],
    [
      'amazon-ec2-net-utils',
      by(NETWORK_FILE, 'NETWORK_FILE=/run/systemd/network/70-eth1.network.policy-routes'),
      '/etc/systemd/network/05-eth1.network',
    ],
    [
      'NetworkManager',
      (output) =>
        by(
          '== NetworkManager\n',
          '== NetworkManager\nmanaged=true\n',
        )({ ...output, stdout: output.stdout.replaceAll(/^.*NETWORK_FILE=.*\n/gm, '') }),
      `+ipv4.routing-rules 'priority 5200 from 172.31.0.8 to 172.31.0.0/24 table 5200, `,
    ],
    [
      'a file that is for other interfaces too, /etc/systemd/network/10-eth0.network',
      by(NETWORK_FILE, 'NETWORK_FILE=/etc/systemd/network/10-eth0.network'),
      'a .network file of its own',
    ],
  ];

  it.each(managers)(
    'refuses %s, with what to type, until rules and tables are there',
    (name, change, hint) => {
      const said = refusal(change(absent));
      expect(said).toContain(`is configured by ${name}`);
      expect(said).toContain(hint);
      expect(refusal(change(whole))).toBe('not refused');
    },
  );

  it('tells NetworkManager users, routes and the way past the main table in its own words', () => {
    const said = refusal(managers[3]?.[1](absent) ?? absent);
    expect(said).toContain('priority 5240 from 0.0.0.0/0 table 254 suppress_prefixlength 0');
    expect(said).toContain('priority 5271 from 0.0.0.0/0 uidrange 33-33 table 5201');
    expect(said).toContain('0.0.0.0/0 172.31.0.1 src=172.31.0.8 table=5200');
    expect(said).toContain('0.0.0.0/0 4278198272 type=unreachable table=5201');
  });

  it('warns of routes of the main table that lead packets of all NICs by one', () => {
    const output = edited(
      whole,
      'main default',
      'main 10.8.0.0/16 via 172.31.0.9 dev eth0 proto static \nmain default',
    );
    expect(routing.warnings?.(output)).toEqual([
      'the main table leads packets of every NIC by one: 10.8.0.0/16 via 172.31.0.9 dev eth0 proto static',
    ]);
    expect(routing.warnings?.(whole)).toEqual([]);
  });
});

describe('what policy routing foretells for the SSH connection of the run', () => {
  const ssh = { client: '198.18.0.2', clientPort: 50022, address: '172.31.0.8', port: 22, nic: 'eth0' };
  const lockout = (
    over: Partial<PolicyRoutingProps['nics'][number]>,
    more: Partial<typeof ssh> = {},
    output = absent,
  ) =>
    policyRouting({
      ...TWO_NICS,
      nics: TWO_NICS.nics.map((one) => (one.name === 'eth0' ? { ...one, ...over } : one)),
    }).plan(output, { ...facts, ssh: { ...ssh, ...more } })?.lockout;

  it('another router than the one that answers leave by now', () => {
    expect(lockout({ gateway: '172.31.0.99' })).toBe(
      'answers from 172.31.0.8 to 198.18.0.2 leave eth0 by 172.31.0.1 now, and would leave it by 172.31.0.99',
    );
  });

  it('no router at all', () => {
    expect(lockout({ gateway: null })).toContain('would find no way out of eth0');
  });

  it('nothing where the way stays, or where the client is a neighbour, or the main table knows better', () => {
    expect(lockout({})).toBeUndefined();
    expect(lockout({ gateway: '172.31.0.99' }, { client: '172.31.0.20' })).toBeUndefined();
    expect(lockout({ gateway: '172.31.0.99' }, { address: '10.9.9.9' })).toBeUndefined();
    const known = edited(absent, 'main default', 'main 198.18.0.0/15 via 172.31.0.1 dev eth0 \nmain default');
    expect(lockout({ gateway: '172.31.0.99' }, {}, known)).toBeUndefined();
  });
});
