import { describe, expect, it } from '@jest/globals';
import { bridges } from '../../../src/resources/index.ts';
import { captured, describeResource, facts, stepsOf } from './conformance.ts';

const TWO = [
  { name: 'br-eip1', address: '172.19.0.100' },
  { name: 'br-eip2', address: '172.19.0.101' },
];
const both = bridges({ bridges: TWO });
const absent = captured('debian-12-bridges-absent');
const whole = captured('debian-12-bridges');
const drifted = captured('debian-12-bridges-drifted');

describeResource('bridges', {
  resource: both,
  matching: whole,
  absent,
  different: drifted,
  differs: ['live.br-eip1', 'live.br-eip2', 'saved.script'],
  hostile: (text) => bridges({ bridges: [{ name: text, address: '172.19.0.100' }] }),
});

describe('bridges that apps listen on', () => {
  it('get a /32 each, or the kernel would have two routes to one network', () => {
    expect(both.plan(absent, facts)?.apply.steps).toEqual([
      `ip link add 'br-eip1' type bridge`,
      `ip addr replace '172.19.0.100/32' dev 'br-eip1'`,
      `ip link set 'br-eip1' up`,
      `ip link add 'br-eip2' type bridge`,
      `ip addr replace '172.19.0.101/32' dev 'br-eip2'`,
      `ip link set 'br-eip2' up`,
    ]);
  });

  it('say in words what is wrong with each', () => {
    expect(both.plan(drifted, facts)?.changes.map(({ sentence }) => sentence)).toEqual([
      'bridge br-eip1 is missing',
      'bridge br-eip2 is up live, should be 172.19.0.101/32, up',
      '/etc/provision/bridges.sh differs in the saved configuration',
    ]);
  });

  it('addresses and bridges of others are no difference', () => {
    const stdout = whole.stdout.replace('172.19.0.101/32 ', '172.19.0.101/32 10.1.1.1/24 ');
    expect(both.plan({ stdout: `bridge br-other 1 10.2.2.2/24 \n${stdout}`, code: 0 }, facts)).toBeNull();
  });

  it('one that is no longer declared goes, unless somebody uses it', () => {
    const change = bridges({ bridges: TWO.slice(0, 1) }).plan(whole, facts);
    const steps = stepsOf(change?.apply).join('\n');
    expect(steps).toContain(`ip addr del '172.19.0.101/32' dev 'br-eip2'`);
    expect(steps).toContain(`name='br-eip2'\nif [ -z "$(ls "/sys/class/net/$name/brif"`);
    expect(steps).not.toContain(`dev 'br-eip1'`);
  });

  it('return to what a bridge made by hand was before', () => {
    const before = both.baseline(
      { stdout: 'bridge br-eip1 1 172.19.0.100/16 \n== script\nabsent\n', code: 0 },
      facts,
    );
    if (!before) throw new Error('no baseline');
    const steps = both.planBack(whole, facts, before)?.apply.steps.join('\n') ?? '';
    expect(steps).toContain(`ip addr del '172.19.0.100/32' dev 'br-eip1'`);
    expect(steps).not.toContain(`name='br-eip1'`);
    expect(steps).toContain(`name='br-eip2'`);
  });

  it('an interface of that name that is no bridge is refused', () => {
    const output = { stdout: 'other br-eip1\n== script\nabsent\n', code: 0 };
    expect(() => both.plan(output, facts)).toThrow('br-eip1 is there and is no bridge.');
  });
});
