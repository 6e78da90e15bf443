import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { isProvisionError } from '../../../src/model/error.ts';
import { rules } from '../../../src/resources/index.ts';
import type { RulesProps } from '../../../src/resources/rules.ts';
import { captured, describeResource, facts } from './conformance.ts';

const nft = readFileSync('test/fixtures/rules/small.nft', 'utf8');
const save = readFileSync('test/fixtures/rules/small.rules', 'utf8');
const byNft: RulesProps = { name: 'nat', engine: 'nftables', nftables: nft, iptables: null };
const byIptables: RulesProps = { name: 'nat', engine: 'iptables', nftables: null, iptables: save };

describeResource('rules', {
  resource: rules(byNft),
  matching: captured('debian-12-rules-nftables-loaded'),
  absent: captured('debian-12-rules-nftables-absent'),
  different: captured('debian-12-rules-nftables-drifted'),
  differs: ['live.dnat_port'],
  hostile: (text) => rules({ ...byNft, nftables: `${nft}# ${text}` }),
});

describeResource('rules', {
  resource: rules(byIptables),
  matching: captured('debian-12-rules-iptables-loaded'),
  absent: captured('debian-12-rules-iptables-absent'),
  different: captured('debian-12-rules-iptables-drifted'),
  differs: ['live.nat PROVISION-DNAT'],
  hostile: (text) => rules({ ...byIptables, iptables: `${save}# ${text}` }),
});

const sentences = (props: RulesProps, capture: string): string[] =>
  rules(props)
    .plan(captured(capture), facts)
    ?.changes.map(({ sentence }) => sentence) ?? [];

describe('rules', () => {
  it.each([
    [byNft, 'nftables'],
    [byIptables, 'iptables'],
  ] as const)('names an entry that goes elsewhere, in network words: $engine', (props, engine) => {
    expect(sentences(props, `debian-12-rules-${engine}-drifted`)).toEqual([
      '203.0.113.10:8080/tcp goes to 172.31.0.22:80 live, should go to 172.31.0.21:80',
    ]);
  });

  it('tells what new rules do, not how', () => {
    const said = sentences(byNft, 'debian-12-rules-nftables-absent');
    expect(said).toContain('the rules of provision are not loaded');
    expect(said).toContain('missing live: SNAT 172.31.0.21 to 172.31.0.3');
    expect(said).toContain('missing live: masquerade 172.31.0.16/28');
    expect(said.join('\n')).not.toContain('chain');
  });

  it('taken away, they leave nothing behind, and the plan says what ends', () => {
    const lines = captured('debian-12-rules-nftables-drifted').stdout.split('\n');
    lines[3] = '-';
    const gone = rules({ ...byNft, nftables: null }).plan({ stdout: lines.join('\n'), code: 0 }, facts);
    const said = gone?.changes.map(({ sentence }) => sentence) ?? [];
    expect(said).toContain('the rules of provision are loaded, and should not be');
    expect(said).toContain('not declared but present live: masquerade 172.31.0.16/28');
    expect(said.join('\n')).not.toContain('chain');
    expect(gone?.apply.steps).toEqual(
      expect.arrayContaining([`rm -f '/etc/provision/nat.nft'`, `rm -f '/etc/provision/load-nat'`]),
    );
    expect(gone?.revert.steps.join('\n')).toContain('chain guard');
  });

  it('loads the new backend before it takes the old one away', () => {
    const change = rules(byIptables).plan(captured('debian-12-rules-iptables-beside-nftables'), facts);
    expect(change?.changes.map(({ sentence }) => sentence)).toContain(
      'rules of provision in nftables should not exist: iptables holds them',
    );
    const steps = change?.apply.steps ?? [];
    const load = steps.findIndex((step) => step.startsWith(`sh '/etc/provision/load-nat'`));
    const clear = steps.findIndex((step) => step.includes('| nft -f /dev/stdin'));
    expect([load >= 0, clear > load]).toEqual([true, true]);
  });

  it('leaves no file of ours behind when nothing is wanted any more', () => {
    const lines = captured('debian-12-rules-nftables-drifted').stdout.split('\n');
    lines[3] = '-';
    const change = rules({ ...byNft, nftables: null }).plan({ stdout: lines.join('\n'), code: 0 }, facts);
    const gone = change?.apply.steps.filter((step) => step.startsWith('rm -f '));
    expect(gone).toEqual([`rm -f '/etc/provision/nat.nft'`, `rm -f '/etc/provision/load-nat'`]);
    // The snapshot has both, so that the way back brings them again.
    expect(change?.apply.paths).toEqual(
      expect.arrayContaining(['/etc/provision/nat.nft', '/etc/provision/load-nat']),
    );
  });

  it('takes a change back to the rules that were live, not to what a file says', () => {
    const change = rules(byNft).plan(captured('debian-12-rules-nftables-drifted'), facts);
    expect(change?.revert.steps.join('\n')).toContain('172.31.0.22 . 80');
    expect(change?.apply.steps.join('\n')).not.toContain('172.31.0.22 . 80');
  });

  it('what was loaded is remembered by what the host has said of it, and asked again where it could not say', () => {
    const output = captured('debian-12-rules-nftables-drifted');
    const digest = (text: string): string => createHash('sha256').update(text).digest('hex');
    const remembers = (stdout: string): string =>
      rules(byNft)
        .plan({ stdout, code: 0 }, facts)
        ?.apply.steps.find((step) => step.includes('/var/lib/provision/canonical/nat')) ?? '';
    const lines = output.stdout.split('\n');
    const canonical = Buffer.from(lines[3] ?? '', 'base64')
      .toString('utf8')
      .trimEnd();
    expect(remembers(output.stdout)).toContain(`digests='${digest(nft)} ${digest(canonical)}'`);
    lines[3] = 'missing';
    expect(remembers(lines.join('\n'))).toContain(`unshare -n sh -c 'nft -f /dev/stdin`);
  });

  it('forgets the UDP flows of a changed entry and no others', () => {
    const moved = nft.replaceAll(' . udp . 20000-20003 : 172.31.0.21', ' . udp . 20000-20003 : 172.31.0.22');
    expect(moved).not.toBe(nft);
    // A host that holds the old text: what it has is the capture, what it should have is edited.
    const lines = captured('debian-12-rules-nftables-drifted').stdout.split('\n');
    const canonical = Buffer.from(lines[3] ?? '', 'base64').toString('utf8');
    const want = canonical.replaceAll('20000-20003 : 172.31.0.21', '20000-20003 : 172.31.0.22');
    lines[2] = lines[3] ?? '';
    lines[3] = Buffer.from(want).toString('base64');
    const change = rules({ ...byNft, nftables: moved }).plan({ stdout: lines.join('\n'), code: 0 }, facts);
    const forget = change?.apply.steps.at(-1) ?? '';
    expect(forget.match(/^forget .*$/gm)).toEqual(
      ['172.31.0.3', '203.0.113.11'].flatMap((address) =>
        [20000, 20001, 20002, 20003].map((port) => `forget -d '${address}' --orig-port-dst '${port}'`),
      ),
    );
    // Control: the drift of a TCP entry forgets nothing.
    const tcp = rules(byNft).plan(captured('debian-12-rules-nftables-drifted'), facts);
    expect(tcp?.apply.steps.join('\n')).not.toContain('forget');
  });

  it('a host that says ports that are none makes nobody count them', () => {
    const lines = captured('debian-12-rules-nftables-drifted').stdout.split('\n');
    const live = Buffer.from(lines[2] ?? '', 'base64').toString('utf8');
    // Together they would seem to be two ports.
    const hostile = live.replace(
      /(map dnat_range \{[^}]*elements = \{ )/,
      '$1203.0.113.9 . udp . 0-4000000 : 172.31.0.9, 203.0.113.9 . udp . 4000000-1 : 172.31.0.9, ',
    );
    expect(hostile).not.toBe(live);
    lines[2] = Buffer.from(hostile).toString('base64');
    const change = rules(byNft).plan({ stdout: lines.join('\n'), code: 0 }, facts);
    const forget = change?.apply.steps.at(-1) ?? '';
    expect(forget.match(/^forget .*$/gm)).toEqual([`forget -d '203.0.113.9'`]);
  });

  it('a host whose table never ends is read in linear time', () => {
    const milliseconds = (count: number): number => {
      const live = Buffer.from('\tset a {\n'.repeat(count)).toString('base64');
      const began = performance.now();
      rules(byNft).plan({ stdout: `states nftables\n-\n${live}\n${live}\n-\n-\n`, code: 0 }, facts);
      return performance.now() - began;
    };
    // By a pattern over whole blocks: 15 s for each of the two texts.
    expect(milliseconds(60_000)).toBeLessThan(3000);
  });

  it.each([
    ['refused\nfirewalld before 2.0 runs there\n', 'firewalld before 2.0'],
    ['states nftables\n-\n-\nrefused\n/dev/stdin:7:2-9: Error: syntax error\n', 'syntax error'],
  ])('a host that does not take them says why: %j', (stdout, why) => {
    const plan = (): unknown => rules(byNft).plan({ stdout, code: 0 }, facts);
    let error: unknown;
    try {
      plan();
    } catch (thrown) {
      error = thrown;
    }
    expect(isProvisionError(error) && [error.code, error.message.includes(why)]).toEqual([
      'rules-refused',
      true,
    ]);
  });

  it('a large text travels only when the host asks for it', () => {
    const large = `${nft}# ${'x'.repeat(20_000)}\n`;
    const resource = rules({ ...byNft, nftables: large });
    expect(resource.probe).not.toContain('xxxx');
    expect(resource.probeMore?.({ stdout: 'same\n', code: 0 }, facts)).toBeNull();
    expect(resource.probeMore?.({ stdout: 'ask\n', code: 0 }, facts)).toContain('xxxx');
    expect(rules(byNft).probe).toContain('chain guard');
  });
});
