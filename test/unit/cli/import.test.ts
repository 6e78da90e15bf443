import { describe, expect, it } from '@jest/globals';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporary, typed } from './typed.ts';

const directory = temporary();
const FIXTURES = ['snat', 'gateways', 'forward', 'packages', 'eips'].map(
  (name) => `test/fixtures/aliyun-nat/${name}.json`,
);
const MAP = [
  '--map',
  '203.0.113.10=172.31.0.2/24',
  '--map',
  '203.0.113.11=172.31.0.3/24',
  '--map=203.0.113.12=172.31.0.4/24',
];

/** What `provision validate` says of a text as an inventory. */
async function validated(text: string) {
  const file = join(directory(), 'hosts.yml');
  writeFileSync(file, text);
  return typed('validate', '-i', file);
}

describe('provision import aliyun-nat', () => {
  it('prints an inventory that is valid once every address is known', async () => {
    const { code, out, err } = await typed('import', 'aliyun-nat', ...FIXTURES, '--host', 'gw1', ...MAP);
    expect(code).toBe(0);
    expect(out).not.toContain('FILL-IN');
    expect(err).toContain('note: "half-made"');
    expect(await validated(out)).toMatchObject({ code: 0, out: expect.stringContaining('valid\n') });
  });

  it('without them, validate names each place that is to be filled in; filled in by hand it is valid', async () => {
    const { code, out, err } = await typed('import', 'aliyun-nat', ...FIXTURES, '--host', 'gw1');
    expect(code).toBe(0);
    expect(err).toMatch(/note: eips\.office\.private: .*--map 203\.0\.113\.10=ADDRESS\/PREFIX/);
    const refused = await validated(out);
    expect(refused.code).toBe(5);
    for (const path of ['nics.eth0.address', 'eips.office.private', 'eips.shop.private']) {
      expect(refused.err).toMatch(
        new RegExp(`hosts\\.yml:\\d+:\\d+: error \\[inventory\\] ${path}: "FILL-IN"`),
      );
    }
    // First the three of the NIC, then those of the EIPs, in the same order.
    let count = 0;
    const filled = out.replaceAll(/(?<=[ :[])FILL-IN/g, () => {
      const address = `172.31.0.${(count % 3) + 2}`;
      count += 1;
      return count <= 3 ? `${address}/24` : address;
    });
    expect(await validated(filled)).toMatchObject({ code: 0 });
  });

  it('prints a file of host_vars without --host', async () => {
    const { out } = await typed('import', 'aliyun-nat', ...FIXTURES, ...MAP);
    expect(out).toMatch(/^nics:$/m);
    const files = directory({
      'hosts.yml': 'all: { children: { nat-gateway: { hosts: { gw1: } } } }\n',
      'host_vars/gw1.yml': out,
    });
    expect((await typed('validate', '-i', files)).code).toBe(0);
  });

  it('an address without its prefix length is asked for', async () => {
    const { out } = await typed(
      'import',
      'aliyun-nat',
      FIXTURES[1] ?? '',
      '--host',
      'gw1',
      '--map',
      '203.0.113.10=172.31.0.2',
    );
    expect(out).toContain('address: 172.31.0.2/FILL-IN');
    expect((await validated(out)).err).toMatch(/nics\.eth0\.address: .*no prefix length/);
  });

  it.each([
    [['--map', 'shop=172.31.0.2'], 'usage', '--map shop=172.31.0.2 is no pair of addresses'],
    [['--map', '203.0.113.99=172.31.0.2'], 'usage', 'which is no EIP of this gateway'],
    [['--host', '-oProxyCommand=x'], 'usage', 'no name for a host'],
    [['--gateway', 'ngw-none'], 'usage', 'no NAT gateway ngw-none'],
  ])('%j ends 5', async (flags, code, message) => {
    const said = await typed('import', 'aliyun-nat', ...FIXTURES, ...flags);
    expect([said.code, said.out]).toEqual([5, '']);
    expect(said.err).toMatch(new RegExp(`^error \\[${code}\\]`));
    expect(said.err).toContain(message);
    expect(said.err).toContain('next:');
  });

  it('hostile files end 5, each named with what is wrong in it', async () => {
    const files = directory({ 'cut.json': '{"ForwardTableEntries": {', 'other.json': '{"a": 1}' });
    const bad = ['cut.json', 'other.json'].map((name) => join(files, name));
    const said = await typed('import', 'aliyun-nat', ...FIXTURES, ...bad);
    expect([said.code, said.out]).toEqual([5, '']);
    expect(said.err).toMatch(/cut\.json:1:26: error \[inventory\] this is no JSON/);
    expect(said.err).toMatch(/other\.json: error \[inventory\] this is none of the answers/);
    for (const missing of [join(files, 'none.json'), files]) {
      const { code, err } = await typed('import', 'aliyun-nat', missing);
      expect([code, err]).toEqual([
        5,
        expect.stringMatching(/error \[inventory\] this file cannot be read \(E[A-Z]+\)/),
      ]);
    }
  });

  it('without a cloud: its help on stderr; without a file: an error', async () => {
    const alone = await typed('import');
    expect([alone.code, alone.out]).toEqual([5, '']);
    expect(alone.err).toContain('Usage: provision import host NAME | aliyun-nat FILE…');
    expect(await typed('import', 'aliyun-nat')).toMatchObject({
      code: 5,
      err: expect.stringContaining("'file'"),
    });
  });
});
