import { describe, expect, it } from '@jest/globals';
import { isProvisionError } from '../../../src/model/error.ts';
import type { ProbeOutput } from '../../../src/model/resource.ts';
import { shaping } from '../../../src/resources/index.ts';
import type { ShapingProps } from '../../../src/resources/shaping.ts';
import { shapingPlan } from '../../../src/roles/bandwidth.ts';
import { readVariables } from '../../../src/roles/variables/index.ts';
import { captured, describeResource, facts } from './conformance.ts';

/** Two NICs, two packages, one of them one way only, and an EIP whose peak counts the other way. */
const PLAN = shapingPlan(
  readVariables({
    nics: {
      eth0: { address: '172.31.0.2/24' },
      'eth1.7': { address: '10.9.0.2/24', secondary: ['10.9.0.3/32'] },
    },
    eips: {
      office: { public: '203.0.113.10', private: '172.31.0.2' },
      shop: { public: '203.0.113.11', private: '10.9.0.2' },
      extra: { public: '203.0.113.12', private: '10.9.0.3', peak: '512kbit' },
    },
    networks: { a: { cidr: '172.31.0.0/24' }, b: { cidr: '10.9.0.0/24' } },
    bandwidth: [
      { name: 'shared', cap: '1500mbit', eips: ['office', 'shop'], guarantee: { office: '500mbit' } },
      { name: 'out', cap: '7mbit', eips: ['extra'], direction: 'egress' },
    ],
  }),
);
const TWO_NICS = captured('debian-12-shaping-two-nics');
const NOTHING = captured('debian-12-shaping-absent');
const SCRIPT = TWO_NICS.stdout.slice(TWO_NICS.stdout.indexOf('present\n') + 'present\n'.length);
const DECLARED: ShapingProps = { plan: PLAN, script: SCRIPT };
const declared = shaping(DECLARED);

const edited = (from: string | RegExp, to: string, output = TWO_NICS): ProbeOutput => {
  const stdout = output.stdout.replace(from, to);
  if (stdout === output.stdout) throw new Error(`nothing to replace: ${String(from)}`);
  return { ...output, stdout };
};
const sentences = (output: ProbeOutput): string[] =>
  declared.plan(output, facts)?.changes.map(({ sentence }) => sentence) ?? [];

describeResource('shaping', {
  resource: declared,
  matching: TWO_NICS,
  absent: NOTHING,
  different: edited('class htb 1:10 root rate 1500Mbit', 'class htb 1:10 root rate 1200Mbit'),
  differs: ['live.cap shared egress'],
  hostile: (text) =>
    shaping({
      plan: PLAN && { ...PLAN, nics: PLAN.nics.map((nic) => ({ ...nic, name: text })), exempt: [text] },
      script: text,
    }),
});

describe('shared bandwidth, live', () => {
  it('control: the capture shows two NICs and the filter of somebody else', () => {
    expect(TWO_NICS.stdout).toContain('== nic eth1.7\n');
    expect(TWO_NICS.stdout).toMatch(/pref 77 .*\n {2}match c0000207/);
  });

  it.each<[string, string | RegExp, string, string]>([
    [
      'a cap',
      'class htb 1:13 root rate 7Mbit ceil 7Mbit',
      'class htb 1:13 root rate 6Mbit ceil 6Mbit',
      'bandwidth out: cap is 6mbit live, should be 7mbit (out)',
    ],
    [
      'a share',
      'rate 500Mbit ceil 1500Mbit',
      'rate 500Mbit ceil 700Mbit',
      'bandwidth shared: share of office is 500mbit to 700mbit live, should be 500mbit to 1500mbit (out)',
    ],
    [
      'a peak',
      'rate 512Kbit ceil 512Kbit',
      'rate 256Kbit ceil 256Kbit',
      'bandwidth of extra: peak is 0.256mbit live, should be 0.512mbit (in)',
    ],
    [
      'a class gone',
      /class htb 1:13 root leaf.*\n/,
      '',
      'bandwidth of extra: peak is absent live, should be 0.512mbit (in)',
    ],
    ['a device down', 'pv-pi 0x83', 'pv-pi 0x82', 'bandwidth: device pv-pi is down live, should be up'],
    [
      'the wrong device',
      /(match 0a090002\/ffffffff at 12\n.*device )pv-pe/g,
      '$1ifb0',
      'bandwidth (out): missing live: 10.9.0.2 on eth1.7; not declared but present live: 10.9.0.2 to ifb0 on eth1.7',
    ],
    [
      'an address sorted into no class of ours',
      /flowid 1:11( .*\n {2}match ac1f0002\/ffffffff at 12)/,
      'flowid 1:99$1',
      'bandwidth (out): missing live: 172.31.0.2 to office; not declared but present live: 172.31.0.2 to 1:99',
    ],
    [
      'another network free',
      /0a090000\/ffffff00 at 16/g,
      '0a080000/ffff0000 at 16',
      'bandwidth (out): missing live: 10.9.0.0/24 free on eth0; not declared but present live: 10.8.0.0/16 free on eth0',
    ],
  ])('names %s', (_name, from, to, sentence) => {
    expect(sentences(edited(from, to))).toContain(sentence);
  });

  it('takes a rate that tc has cut off for the declared one, and a thousandth more for another', () => {
    expect(sentences(edited('rate 512Kbit ceil 512Kbit', 'rate 511999bit ceil 511999bit'))).toEqual([]);
    expect(sentences(edited('rate 512Kbit ceil 512Kbit', 'rate 511Kbit ceil 511Kbit'))).toHaveLength(1);
  });

  it('changes rates in place, and back', () => {
    const change = declared.plan(
      edited('1:13 root rate 7Mbit ceil 7Mbit', '1:13 root rate 6Mbit ceil 6Mbit'),
      facts,
    );
    const replace = (rate: string) =>
      `tc class replace dev 'pv-pe' parent '1:' classid '1:13' htb rate '${rate}' ceil '${rate}' burst '65536' cburst '65536' quantum '15000'`;
    expect(change?.apply.steps).toEqual([replace('7mbit')]);
    expect(change?.revert.steps).toEqual([replace('6mbit')]);
  });

  it('builds anew by the saved script where more than rates differ', () => {
    const change = declared.plan(edited(/class htb 1:13 root leaf.*\n/, ''), facts);
    expect(change?.apply.steps).toEqual([`sh '/etc/provision/shape.sh'`]);
    expect(change?.apply.paths).toContain('/etc/provision/shape.sh');
  });

  it('goes back to the script of before, when that was another', () => {
    const before = edited('1:13 root rate 7Mbit', '1:99 root rate 7Mbit', edited('# Shared', '# Formerly'));
    const steps = declared.plan(before, facts)?.revert.steps ?? [];
    expect(steps[0]).toContain('# Formerly');
    expect(steps[1]).toBe(`sh '/etc/provision/shape.sh'`);
  });

  it('absent: takes away what is ours on every NIC that has it, and nothing else', () => {
    const gone = shaping({ plan: null, script: null }).plan(TWO_NICS, facts);
    const steps = gone?.apply.steps.join('\n') ?? '';
    for (const nic of ['eth0', 'eth1.7'])
      expect(steps).toContain(`tc filter del dev '${nic}' "$way" prio "$priority"`);
    expect(steps).toContain(`ip link del dev 'pv-pe'`);
    expect(steps).toContain(`rm -f '/etc/provision/shape.sh'`);
    expect(steps).not.toMatch(/prio 77|qdisc del dev \S+ root/);
    expect(gone?.changes.every(({ action }) => action === 'delete')).toBe(true);
    expect(shaping({ plan: null, script: null }).plan(NOTHING, facts)).toBeNull();
  });

  it('a NIC that is no longer shaped is cleared, the others are built anew', () => {
    const one = PLAN && { ...PLAN, nics: PLAN.nics.slice(0, 1) };
    const steps = shaping({ plan: one, script: SCRIPT }).plan(TWO_NICS, facts)?.apply.steps ?? [];
    expect(steps[0]).toContain(`tc filter del dev 'eth1.7'`);
    expect(steps[0]).not.toContain(`'eth0'`);
    expect(steps[1]).toBe(`sh '/etc/provision/shape.sh'`);
  });

  const refusal = (output: ProbeOutput, props = DECLARED): string => {
    try {
      shaping(props).plan(output, facts);
    } catch (error) {
      return isProvisionError(error) ? `${error.code}: ${error.message} ${error.hint ?? ''}` : String(error);
    }
    return 'not refused';
  };

  it('refuses an ingress qdisc of somebody else on a NIC that it needs, and only there', () => {
    const foreign = captured('debian-12-shaping-foreign-ingress');
    expect(refusal(foreign)).toMatch(
      /^host-unsupported: eth1.7 has an ingress qdisc.*tc qdisc del dev eth1.7 ingress/,
    );
    expect(refusal(foreign, { plan: null, script: null })).toBe('not refused');
  });

  it('refuses a filter of another kind at a priority of ours', () => {
    const foreign = edited(
      '== nic eth0\n',
      '== nic eth0\nfilter protocol ip pref 4210 bpf chain 0 handle 0x1 x.o:[x] direct-action\n',
    );
    expect(refusal(foreign)).toContain('eth0 has a bpf filter of somebody else at priority 4210');
  });

  it('a host that prints blank lines without end is read in linear time', () => {
    const filter = /^filter .*u32.*\n/m;
    const began = performance.now();
    sentences(
      edited(filter, `filter protocol ip pref 4210 u32 chain 0 fh 999::1\n${'\n'.repeat(150_000)}$&`),
    );
    // By a pattern that begins with any white space: 15 s.
    expect(performance.now() - began).toBeLessThan(3000);
  });
});
