import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { importAliyunNat } from '../../../../src/inventory/import/aliyun-nat.ts';
import type { ImportChoices } from '../../../../src/inventory/import/aliyun-nat.ts';
import { readAliyunResponses } from '../../../../src/inventory/import/aliyun-responses.ts';
import { importedYaml } from '../../../../src/inventory/import/imported-gateway.ts';
import type { ImportedGateway } from '../../../../src/inventory/import/imported-gateway.ts';
import { problemsOf } from '../../../../src/model/error.ts';
import type { ProvisionError } from '../../../../src/model/error.ts';

const FILES = ['forward', 'snat', 'eips', 'packages', 'gateways'];
const captured = (name: string) => ({
  file: `${name}.json`,
  text: readFileSync(`test/fixtures/aliyun-nat/${name}.json`, 'utf8'),
});
const json = (data: unknown, file = 'x.json') => ({ file, text: JSON.stringify(data) });

const imported = (
  texts: readonly { file: string; text: string }[],
  choices: Partial<ImportChoices> = {},
): ImportedGateway => importAliyunNat(readAliyunResponses(texts), { map: new Map(), ...choices });

const forwards = (...entries: object[]) =>
  json({ ForwardTableEntries: { ForwardTableEntry: entries } }, 'forward.json');
const snats = (...entries: object[]) => json({ SnatTableEntries: { SnatTableEntry: entries } }, 'snat.json');

const ENTRY = {
  ForwardEntryName: 'web',
  ExternalIp: '203.0.113.10',
  ExternalPort: '80',
  InternalIp: '10.0.0.8',
  InternalPort: '80',
  IpProtocol: 'TCP',
  Status: 'Available',
};
const dnatOf = (entry: object): { dnat: ImportedGateway['dnat'][number] | undefined; notes: string } => {
  const { dnat, notes } = imported([forwards({ ...ENTRY, ...entry })]);
  return { dnat: dnat[0], notes: notes.filter((note) => !note.startsWith('eips.')).join('\n') };
};

describe('a whole gateway', () => {
  it('is the same in whatever order its files come', () => {
    const sorted = ({ notes, ...rest }: ImportedGateway) => ({ ...rest, notes: [...notes].sort() });
    const all = FILES.map(captured);
    expect(sorted(imported(all.toReversed()))).toEqual(sorted(imported(all)));
  });

  it('has its EIPs, and not those of servers', () => {
    const { eips } = imported(FILES.map(captured));
    expect(eips.map((eip) => [eip.name, eip.public, eip.peak])).toEqual([
      ['office', '203.0.113.10', '100mbit'],
      ['shop', '203.0.113.11', '200mbit'],
      ['eip-203-0-113-12', '203.0.113.12', '5mbit'],
    ]);
  });

  it('tells everything that is not as it was', () => {
    const { notes } = imported(FILES.map(captured));
    for (const told of [
      /"half-made".*"Pending", not Available: left out/,
      /"old".*"Deleting", not Available: left out/,
      /"masked".*"203\.0\.XX\.XX" is no IPv4 address: left out/,
      /eips\.office\.private: .*--map 203\.0\.113\.10=/,
      /nat\.dnat legacy-box: port 22 was kept for the gateway/,
      /"shared".*"203\.0\.113\.13".*no longer share the cap/,
      /"elsewhere".*left out/,
      /1 other EIPs/,
    ]) {
      expect(notes.filter((note) => told.test(note))).toHaveLength(1);
    }
  });

  it('control: a table without anything special has no notes', () => {
    const map = new Map([['203.0.113.10', '10.0.0.2/24']]);
    expect(imported([forwards(ENTRY)], { map }).notes).toEqual([]);
  });

  it('takes the answers as the older calls wrap them, and several in one file', () => {
    const answers = FILES.map((name) => JSON.parse(captured(name).text) as object);
    const [first, ...others] = answers;
    const wrapped = [{ DescribeForwardTableEntriesResponse: first }, ...others];
    expect(imported([json(wrapped)]).dnat).toEqual(imported(FILES.map(captured)).dnat);
  });

  it('takes one thing where a list should be, and an entry that stands in two pages once', () => {
    const alone = json({ ForwardTableEntries: { ForwardTableEntry: { ...ENTRY, ForwardEntryId: 'fwd-1' } } });
    expect(imported([alone, alone]).dnat).toHaveLength(1);
  });

  it('says that pages are missing', () => {
    const page = json({ TotalCount: 30, ForwardTableEntries: { ForwardTableEntry: [ENTRY] } });
    expect(imported([page]).notes).toContain(
      'ForwardTableEntries: 1 of 30 are here; ask for the other pages too (PageNumber)',
    );
  });
});

describe('DNAT entries', () => {
  it.each([
    [
      { ExternalPort: '80/82', InternalPort: '8080/8082' },
      { port: '80-82', toPort: '8080-8082' },
    ],
    [
      { ExternalPort: 80, InternalPort: 80 },
      { port: '80', toPort: null },
    ],
    [{ IpProtocol: 'udp' }, { protocol: 'udp' }],
    [
      { IpProtocol: 'Any', ExternalPort: 'Any', InternalPort: 'any' },
      { protocol: 'any', port: null },
    ],
    [{ IpProtocol: 'any' }, { protocol: 'tcp+udp', port: '80' }],
    [
      { ExternalPort: 'any', InternalPort: 'any' },
      { protocol: 'tcp', port: '1-65535', toPort: null },
    ],
    [{ ForwardEntryName: '' }, { name: 'eip-203-0-113-10-80-tcp', remark: null }],
    [{ ForwardEntryName: '网站' }, { name: 'eip-203-0-113-10-80-tcp', remark: 'in the cloud: "网站"' }],
    [{ ForwardEntryName: '-oProxyCommand=x' }, { name: 'oProxyCommand-x' }],
    [{ ForwardEntryName: '__proto__' }, { name: '__proto__-2' }],
    [{ ForwardEntryName: 'x'.repeat(128) }, { name: 'x'.repeat(64) }],
  ])('%j', (entry, expected) => {
    expect(dnatOf(entry).dnat).toMatchObject(expected);
  });

  it.each([
    [{ ExternalPort: '0' }, 'ExternalPort "0" is no port'],
    [{ ExternalPort: '82/80' }, 'ExternalPort "82/80" is no port'],
    [{ ExternalPort: '65000/65536' }, 'is no port'],
    [{ InternalPort: 'eighty' }, 'InternalPort "eighty" is no port'],
    [{ ExternalPort: '80/82', InternalPort: '80/81' }, 'ranges of different length'],
    [{ IpProtocol: 'ICMP' }, 'IpProtocol "ICMP" is none of'],
    [{ ExternalIp: '2001:db8::1' }, 'ExternalIp "2001:db8::1" is no IPv4 address'],
    [{ InternalIp: '010.0.0.8' }, 'InternalIp "010.0.0.8" is no IPv4 address'],
    [{ InternalIp: '' }, 'InternalIp "" is no IPv4 address'],
    [{ Status: 'Pending' }, 'not Available'],
  ])('%j is left out and told', (entry, why) => {
    const { dnat, notes } = dnatOf(entry);
    expect(dnat).toBeUndefined();
    expect(notes).toContain(why);
    expect(notes).toContain('left out');
  });

  it('have names of their own', () => {
    const { dnat } = imported([
      forwards(ENTRY, { ...ENTRY, ExternalPort: '81' }, { ...ENTRY, ExternalPort: '82' }),
    ]);
    expect(dnat.map(({ name }) => name)).toEqual(['web', 'web-2', 'web-3']);
  });
});

describe('SNAT entries', () => {
  const snat = (entry: object) => imported([snats({ SnatIp: '203.0.113.10', ...entry })]);

  it.each([
    [{ SourceCIDR: '10.0.0.0/24' }, { source: '10.0.0.0/24', to: ['eip-203-0-113-10'] }],
    [{ SourceCIDR: '10.0.0.8/32' }, { source: '10.0.0.8' }],
    [{ SourceCIDR: '10.0.0.8' }, { source: '10.0.0.8' }],
    [{ SourceCIDR: '10.0.0.8/24' }, { source: '10.0.0.0/24' }],
    [
      { SourceCIDR: '10.0.0.0/24', SnatIp: '203.0.113.10, 203.0.113.11' },
      { to: ['eip-203-0-113-10', 'eip-203-0-113-11'] },
    ],
  ])('%j', (entry, expected) => {
    expect(snat(entry).snat).toEqual([expect.objectContaining(expected)]);
  });

  it('of one source become one pool', () => {
    const { snat: pool, notes } = imported([
      snats(
        { SourceCIDR: '10.0.0.0/24', SnatIp: '203.0.113.10' },
        { SourceCIDR: '10.0.0.0/24', SnatIp: '203.0.113.11' },
      ),
    ]);
    expect(pool.map(({ to }) => to)).toEqual([['eip-203-0-113-10', 'eip-203-0-113-11']]);
    expect(notes.join('\n')).toContain('has an entry already');
  });

  it('of a vSwitch whose network is not told are left out', () => {
    const { snat: none, notes } = snat({ SourceCIDR: '', SourceVSwitchId: 'vsw-1', SnatEntryId: 'snat-1' });
    expect(none).toEqual([]);
    expect(notes.join('\n')).toMatch(/"snat-1": its SourceCIDR \(of the vSwitch "vsw-1"\)/);
  });
});

describe('shared bandwidth', () => {
  const eip = (address: string, more: object) => ({
    IpAddress: address,
    AllocationId: address,
    InstanceType: 'Nat',
    InstanceId: 'ngw-1',
    ...more,
  });
  const eips = (...list: object[]) => json({ EipAddresses: { EipAddress: list } });

  it('is known from the EIPs alone', () => {
    const member = { BandwidthPackageId: 'cbwp-1', Bandwidth: '1500', BandwidthPackageBandwidth: '1500' };
    const { bandwidth, eips: found } = imported([
      eips(eip('203.0.113.10', member), eip('203.0.113.11', member)),
    ]);
    expect(bandwidth).toEqual([
      { name: 'cbwp-1', cap: '1500mbit', eips: ['eip-203-0-113-10', 'eip-203-0-113-11'], remark: null },
    ]);
    // Its Bandwidth is that of the package.
    expect(found.map(({ peak }) => peak)).toEqual([null, null]);
  });

  it('with a rate that is none is left out', () => {
    const { bandwidth, notes } = imported([
      eips(eip('203.0.113.10', { Bandwidth: 'fast' })),
      json({
        CommonBandwidthPackages: {
          CommonBandwidthPackage: {
            Bandwidth: 'fast',
            PublicIpAddresses: { PublicIpAddresse: { IpAddress: '203.0.113.10' } },
          },
        },
      }),
    ]);
    expect(bandwidth).toEqual([]);
    expect(notes.filter((note) => note.includes('"fast"'))).toHaveLength(2);
  });
});

describe('several gateways', () => {
  const both = [
    forwards(
      { ...ENTRY, NatGatewayId: 'ngw-1' },
      { ...ENTRY, ExternalIp: '203.0.113.20', NatGatewayId: 'ngw-2' },
    ),
  ];

  it('one must be chosen, and only what is its own is imported', () => {
    expect(() => imported(both)).toThrow(
      expect.objectContaining({ code: 'usage', hint: expect.stringContaining('--gateway ngw-1') }),
    );
    const { eips, dnat } = imported(both, { gateway: 'ngw-2' });
    expect([eips.map((eip) => eip.public), dnat.length]).toEqual([['203.0.113.20'], 1]);
    expect(() => imported(both, { gateway: 'ngw-3' })).toThrow(/no NAT gateway ngw-3/);
  });

  it('entries of old answers name only their table, and the gateway names its tables', () => {
    const table = json({
      NatGateways: {
        NatGateway: [
          { NatGatewayId: 'ngw-1', ForwardTableIds: { ForwardTableId: ['ftb-1'] } },
          { NatGatewayId: 'ngw-2', ForwardTableIds: { ForwardTableId: ['ftb-2'] } },
        ],
      },
    });
    const entries = forwards(
      { ...ENTRY, ForwardTableId: 'ftb-1' },
      { ...ENTRY, ForwardEntryName: 'b', ForwardTableId: 'ftb-2' },
    );
    expect(imported([table, entries], { gateway: 'ngw-2' }).dnat.map(({ name }) => name)).toEqual(['b']);
  });

  it('one of a VPC alone has no public side', () => {
    const inner = json({ NatGateways: { NatGateway: { NatGatewayId: 'ngw-1', NetworkType: 'intranet' } } });
    expect(() => imported([inner])).toThrow(/no public addresses/);
  });
});

describe('files that are no such answers', () => {
  const problems = (text: string): readonly ProvisionError[] => {
    try {
      readAliyunResponses([captured('snat'), { file: 'bad.json', text }]);
    } catch (error) {
      return problemsOf(error);
    }
    return [];
  };

  it.each([
    ['', /no JSON/],
    ['{"ForwardTableEntries":', /no JSON/],
    ['<?xml version="1.0"?>', /no JSON/],
    ['null', /an answer is an object, this is null/],
    ['[[]]', /an answer is an object, this is a list/],
    ['"text"', /this is "text"/],
    ['{}', /none of the answers/],
    ['{"Instances":{}}', /none of the answers/],
    [
      '{"Code":"InvalidAccessKeyId.NotFound","Message":"x"}',
      /an error of the cloud: "InvalidAccessKeyId.NotFound"/,
    ],
    ['{"ForwardTableEntries":[1]}', /^ForwardTableEntries is a list/],
    [
      '{"ForwardTableEntries":{"ForwardTableEntry":[1]}}',
      /^ForwardTableEntries\.ForwardTableEntry\[0\] is 1/,
    ],
    [
      '{"ForwardTableEntries":{"ForwardTableEntry":[{"ExternalIp":{"a":1}}]}}',
      /^ForwardTableEntries\.ForwardTableEntry\[0\]\.ExternalIp is an object/,
    ],
    ['{"NatGateways":{"NatGateway":[{"NatGatewayId":true}]}}', /NatGatewayId is true/],
    [`{"NatGateways":${'['.repeat(20_000)}`, /no JSON/],
    ['{"__proto__":{"ForwardTableEntries":{}}}', /none of the answers/],
  ])('%s', (text, message) => {
    const found = problems(text);
    expect(found.map(({ code }) => code)).toEqual(['inventory']);
    expect(found[0]).toMatchObject({
      message: expect.stringMatching(message),
      hint: expect.any(String),
      place: { file: 'bad.json' },
    });
  });

  it('name the line and column of broken JSON, or the text around', () => {
    const long = `{\n  "a": ],\n  "b": "${'x'.repeat(200)}"\n}`;
    expect(problems(long)[0]?.message).toContain(`"a": ],`);
    expect(problems('{} {}')[0]?.place).toEqual({ file: 'bad.json', line: 1, column: 4 });
    expect(problems('{\n  "a":')[0]?.place).toEqual({ file: 'bad.json', line: 2, column: 7 });
  });

  it('control: a good one has no problem', () => {
    expect(problems(captured('forward').text)).toEqual([]);
  });
});

it('hostile texts of the cloud stay in comments of one line, and in names that are names', () => {
  const hostile = '"; $(id)\n- evil: true\n\u001B[2J\u009B2J\u2028{{x}} #';
  const text = importedYaml(
    imported([forwards({ ...ENTRY, ForwardEntryName: hostile, ForwardEntryId: hostile, Status: '' })]),
    'gw1',
  );
  expect(text).not.toMatch(/[\u001B\u009B\u2028]/);
  expect(text.split('\n').filter((line) => /^\s*- evil/.test(line))).toEqual([]);
  expect(text).toContain('name: id-evil-true');
});
