import { describe, expect, it } from '@jest/globals';
import { sysctl } from '../../../src/resources/index.ts';
import { captured, describeResource, facts } from './conformance.ts';
import { heard } from '../../probed.ts';

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

describe('case 35: kernel parameters that cannot be meant', () => {
  const one = (key: string, value: string | number) =>
    sysctl({ name: 'x', values: { [key]: value }, content: `${key} = ${value}\n` });

  it.each([
    ['net.ipv4.ip_forward', 7, '0 to 1'],
    ['net.ipv4.ip_forward', '1; reboot', '0 to 1'],
    ['net.ipv4.conf.eth0/1.rp_filter', 99, '0 to 2'],
    ['net.ipv4.conf.all.send_redirects', -1, '0 to 1'],
    ['net.ipv4.conf.all.arp_ignore', 1.5, '0 to 8'],
  ])('%s = %s is refused before any host is contacted', (key, value, range) => {
    expect(() => one(key, value)).toThrow(
      expect.objectContaining({
        code: 'playbook',
        message: `${key} = ${value}: it takes ${range}.`,
        hint: expect.stringContaining(range),
      }),
    );
  });

  it('control: what they do take passes', () => {
    for (const value of [0, 1, 2, '2']) one('net.ipv4.conf.eth0.rp_filter', value);
    one('net.ipv4.ip_forward', '1');
    one('net.core.somaxconn', 4096);
  });

  it('a key that the kernel does not have is refused before anything is changed', () => {
    const plan = () => one('net.ipv4.ip_forwrd', 1).plan(output(['unknown'], 'absent\n'), facts);
    expect(plan).toThrow(
      expect.objectContaining({
        code: 'host-unsupported',
        message: 'the kernel there has no parameter net.ipv4.ip_forwrd.',
        hint: expect.stringContaining('ls /proc/sys/net/ipv4'),
      }),
    );
  });

  it('the probe tells an unknown key from one whose interface or module is not there yet', () => {
    const read = (key: string) => heard([one(key, 1)])[0]?.stdout.split('\n')[0];
    expect(read('net.ipv4.ip_forwrd')).toBe('unknown');
    expect(read('net.ipv4.conf.nosuchnic.forwarding')).toBe('absent');
    expect(read('net.ipv4.conf.lo.forwarding')).toMatch(/^[01]$/);
  });

  it('a key of an interface that may still be made is left to the steps', () => {
    const key = 'net.ipv4.conf.br-eip1.rp_filter';
    expect(
      one(key, 2)
        .plan(output(['absent'], 'absent\n'), facts)
        ?.apply.steps.at(-1),
    ).toContain('/proc/sys/net/ipv4/conf/br-eip1/rp_filter');
  });
});

describe('sysctl', () => {
  it('case 35: writes ip_forward before all others: it resets them', () => {
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
