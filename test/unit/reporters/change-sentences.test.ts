import { describe, expect, it } from '@jest/globals';
import type { ResourceChange } from '../../../src/model/resource.ts';
import { sentencesOf, titleOf, withoutName } from '../../../src/reporters/change-sentences.ts';
import { firewalldPolicy, packageInstalled, sysctl } from '../../../src/resources/index.ts';
import { captured, facts } from '../resources/conformance.ts';

const planned = (change: ResourceChange | null): ResourceChange => {
  if (!change) throw new Error('nothing differs');
  return change;
};

const policyXml = captured('debian-12-firewalld-1.3.3-policy-forward').stdout.replace(/^[^]*?(?=<\?xml)/, '');
const policy = firewalldPolicy({ name: 'provision-forward', xml: () => policyXml });

// The real resources make the sentences: should their words change, this is where it shows.
describe('live and saved in one sentence', () => {
  it('both layers miss the same', () => {
    const change = planned(policy.plan(captured('debian-12-firewalld-1.3.3-policy-absent'), facts));
    const sentences = sentencesOf(change);
    expect(sentences).toContain(
      'policy provision-forward does not exist live and in the saved configuration',
    );
    expect(sentences.find((sentence) => sentence.includes('forwarding from'))).toMatch(
      /^policy provision-forward: missing live and in the saved configuration: forwarding from /,
    );
    expect(sentences).toHaveLength(change.changes.length / 2);
  });

  it('different values with the same wish', () => {
    const values = { 'net.ipv4.ip_forward': 1 };
    const change = sysctl({ name: 'x', values, content: 'net.ipv4.ip_forward = 1\n' }).plan(
      { stdout: '0\n--\nabsent\n', code: 0 },
      facts,
    );
    expect(sentencesOf(planned(change))).toEqual([
      'net.ipv4.ip_forward is 0 live and not set in the saved configuration, should be 1',
    ]);
  });

  it('what only one layer misses stays as it is', () => {
    const change = planned(policy.plan(captured('debian-12-firewalld-1.3.3-policy-absent'), facts));
    const live = { ...change, changes: change.changes.filter(({ layer }) => layer === 'live') };
    expect(sentencesOf(live)).toEqual(live.changes.map(({ sentence }) => sentence));
  });

  it('a resource with one layer', () => {
    const change = packageInstalled({ name: 'firewalld' }).plan(captured('debian-12-package-absent'), facts);
    expect(sentencesOf(planned(change))).toEqual(['package firewalld is not installed']);
  });

  it('control characters are shown, and a sentence is one line', () => {
    const change = planned(packageInstalled({ name: 'x' }).plan(captured('debian-12-package-absent'), facts));
    const hostile = {
      ...change,
      changes: change.changes.map((one) => ({ ...one, sentence: 'a\u001B[2J\nb' })),
    };
    expect(sentencesOf(hostile)).toEqual(['a\\x1b[2J b']);
  });
});

describe('below the heading of its resource', () => {
  it.each([
    ['zone public: missing live: service ssh', 'firewalld-zone:public', 'missing live: service ssh'],
    ['zone public does not exist live', 'firewalld-zone:public', 'does not exist live'],
    [
      'net.ipv4.ip_forward is 0 live, should be 1',
      'sysctl:nat',
      'net.ipv4.ip_forward is 0 live, should be 1',
    ],
    ['/etc/x differs in the saved configuration', 'file:/etc/x', 'differs in the saved configuration'],
    ['thing:x size is 1 live, should be 2', 'thing:x', 'size is 1 live, should be 2'],
  ])('%s', (sentence, resource, rest) => expect(withoutName(sentence, resource)).toBe(rest));

  it('headings', () => expect(titleOf('file:/etc/a:b')).toBe('file /etc/a:b'));
});
