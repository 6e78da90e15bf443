import { describe, expect, it } from '@jest/globals';
import { sysctl } from '../../../src/resources/index.ts';
import { captured, describeResource, facts } from './conformance.ts';

const values = {
  'net.ipv4.ip_forward': 1,
  'net.ipv4.conf.all.send_redirects': 0,
  'net.ipv4.conf.default.send_redirects': 0,
};
const content = Object.entries(values)
  .map(([key, value]) => `${key} = ${value}\n`)
  .join('');
const forwarding = sysctl({ name: 'nat-gateway', values, content });

const output = (live: readonly string[], saved: string): { stdout: string; code: number } => ({
  stdout: `${live.join('\n')}\n--\n${saved}`,
  code: 0,
});

describeResource('sysctl', {
  resource: forwarding,
  matching: captured('debian-12-sysctl-gateway'),
  absent: output(['absent', 'absent', 'absent'], 'absent\n'),
  different: captured('debian-12-sysctl-default'),
  differs: [
    'live.net.ipv4.conf.all.send_redirects',
    'live.net.ipv4.conf.default.send_redirects',
    'saved.net.ipv4.conf.all.send_redirects',
    'saved.net.ipv4.conf.default.send_redirects',
    'saved.net.ipv4.ip_forward',
  ],
  hostile: (text) => sysctl({ name: 'x', values: { [text]: text }, content: `${text} = ${text}\n` }),
  actionWhenAbsent: 'update',
});

describe('sysctl', () => {
  it('writes ip_forward before all others: it resets them', () => {
    const steps = forwarding.plan(output(['0', '1', '1'], `present\n${content}`), facts)?.apply.steps ?? [];
    expect(steps).toHaveLength(3);
    expect(steps[0]).toContain('/proc/sys/net/ipv4/ip_forward');
  });

  it('names only the saved layer when somebody edited the drop-in', () => {
    const change = forwarding.plan(
      output(['1', '0', '0'], `present\n${content}net.ipv4.tcp_syncookies = 0\n`),
      facts,
    );
    expect(change?.changes).toEqual([
      expect.objectContaining({ field: 'net.ipv4.tcp_syncookies', layer: 'saved', before: '0', after: null }),
    ]);
  });

  it('puts back the file it found, to the letter', () => {
    const found = '# by hand\nnet.ipv4.ip_forward = 0\n';
    const change = forwarding.plan(output(['0', '0', '0'], `present\n${found}`), facts);
    expect(change?.revert.writes?.[0]).toContain(`'${found}'`);
    expect(change?.revert.steps[0]).toBe(`printf '%s\\n' '0' > '/proc/sys/net/ipv4/ip_forward'`);
  });

  it('takes the drop-in away when the role is absent', () => {
    const absent = sysctl({ name: 'nat-gateway', values: {}, content: null });
    const change = absent.plan({ stdout: `--\npresent\n${content}`, code: 0 }, facts);
    expect(change?.changes[0]?.action).toBe('delete');
    expect(change?.apply.writes).toEqual([`rm -f '/etc/sysctl.d/99-zz-provision-nat-gateway.conf'`]);
  });
});
