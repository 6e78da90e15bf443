import { execFileSync, spawnSync } from 'node:child_process';
import { describe, expect, it } from '@jest/globals';
import { egress, noEgress, reach } from '../../../src/checks/index.ts';
import { scriptAt } from '../../../src/checks/vantage.ts';
import { hostOf } from '../../../src/model/check.ts';
import type { PlayContext } from '../../../src/model/playbook.ts';

const context: PlayContext = {
  hosts: {
    db1: { echo_url: ['http://198.51.100.10/ip', 'http://198.51.100.11/ip'] },
    db2: { echo_url: 'outside1' },
    db3: {},
    outside1: { ansible_host: '198.51.100.10' },
  },
  groups: { private: ['db1', 'db2'], nat_gateway: ['db3'] },
  play: [],
};

const asRoot = process.getuid?.() === 0 ? it : it.skip;

describe('checks', () => {
  it('are asked from each host of a group, whose - and _ are the same', () => {
    const from = (name: string) =>
      egress({ from: name, expect: '203.0.113.10' })(context).map((check) => check.from);
    expect(from('private')).toEqual(['db1', 'db2']);
    expect(from('nat-gateway')).toEqual(['db3']);
    expect(from('controller')).toEqual(['controller']);
  });

  it('from nobody known is an error, unless it is optional', () => {
    expect(() => egress({ from: 'privat', expect: '' })(context)).toThrow('neither a host nor a group');
    expect(noEgress({ from: 'privat', optional: true })(context)).toEqual([]);
  });

  it('ask the URLs of echo_url in turn; the name of a host stands for its own service', () => {
    const [first, second] = egress({ from: 'private', expect: 'x' })(context);
    expect(first?.script).toContain("'http://198.51.100.10/ip' 'http://198.51.100.11/ip'");
    expect(second?.to).toBe('http://198.51.100.10/ip');
  });

  it('without an echo_url cannot be asked, and say so', () => {
    expect(egress({ from: 'db3', expect: 'x' })(context)[0]?.script).toContain('exit 69');
  });

  it('look up what they expect', () => {
    const looked = egress({ from: 'db1', expect: ({ groups }) => groups['private']?.join('+') ?? '' });
    expect(looked(context)[0]?.expect).toBe('db1+db2');
  });

  it.each([
    ['203.0.113.10\n', '203.0.113.10'],
    ['none\n', 'no way out'],
    ['', 'no way out'],
    ['<html>203.0.113.10</html>', 'an answer that is no address'],
    ['203.0.113.10; rm -rf /', 'an answer that is no address'],
    ['010.0.0.1', 'an answer that is no address'],
  ])('read %j, which is somebody else’s text, as %s', (output, seen) => {
    expect(egress({ from: 'db1', expect: 'x' })(context)[0]?.read(output)).toBe(seen);
  });

  it('as a user of a host are asked by that host', () => {
    const [check] = egress({ from: 'db1#crawler', expect: 'x' })(context);
    expect(check?.from).toBe('db1#crawler');
    expect(check?.to).toBe('http://198.51.100.10/ip');
    expect(check?.script).toContain("user='crawler'");
    expect(hostOf('db1#crawler')).toBe('db1');
    expect(() => egress({ from: 'db9#crawler', expect: 'x' })(context)).toThrow('neither a host nor a group');
    expect(() => egress({ from: "db1#'; reboot", expect: 'x' })(context)).toThrow('neither a host nor');
  });

  asRoot('as a user run with that user’s id, and nobody else’s groups', () => {
    const script = scriptAt('db1#nobody', 'id -u; id -g; id -G');
    expect(execFileSync('sh', ['-c', script], { encoding: 'utf8' })).toBe('65534\n65534\n65534\n');
    expect(execFileSync('sh', ['-c', scriptAt('db1', 'id -u')], { encoding: 'utf8' })).toBe('0\n');
  });

  asRoot('as a user that is not there cannot be asked', () => {
    const { status, stdout } = spawnSync('sh', ['-c', scriptAt('db1#nosuch', 'echo asked')], {
      encoding: 'utf8',
    });
    expect([status, stdout]).toEqual([69, 'there is no user nosuch\n']);
  });

  it('from a container are asked of its host, with the host’s own curl in its network', () => {
    const [check] = egress({ from: 'db1/web-a', expect: '203.0.113.10' })(context);
    expect([check?.from, hostOf(check?.from ?? '')]).toEqual(['db1/web-a', 'db1']);
    expect(check?.to).toBe('http://198.51.100.10/ip');
    expect(check?.script).toContain("name='web-a'");
    expect(check?.script).toMatch(/exec nsenter -t "\$\{pid#\*:\}" -n sh -c '.*curl/s);
    expect(() => egress({ from: 'db1/', expect: 'x' })(context)).toThrow('neither a host nor a group');
    expect(() => egress({ from: "db1/'; reboot", expect: 'x' })(context)).toThrow('neither a host nor');
  });

  it('may be asked from one address of the host', () => {
    const [check] = egress({ from: 'db1', source: '172.31.0.14', expect: 'x' })(context);
    expect(check?.script).toContain("'--interface' '172.31.0.14'");
  });

  it('reach says open or closed and nothing else', () => {
    const [check] = reach({ from: 'outside1', to: '203.0.113.10:8080', expect: 'open' })(context);
    expect([check?.read('open\n'), check?.read('closed\n'), check?.read('whatever')]).toEqual([
      'open',
      'closed',
      'closed',
    ]);
  });
});
