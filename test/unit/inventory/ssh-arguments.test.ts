import { describe, expect, test } from '@jest/globals';
import { readSshArguments } from '../../../src/inventory/ssh-arguments.ts';
import { hostIn } from './fixture.ts';

const read = (text: string) => readSshArguments('args', text);

describe('arguments of ssh', () => {
  test.each([
    ['-J bastion', 'bastion'],
    ['-o ProxyJump=ops@bastion:2222,inner', 'ops@bastion:2222,inner'],
    ['-oProxyJump=bastion -o ControlMaster=auto -o ControlPersist=60s', 'bastion'],
    [`-o ProxyCommand="ssh -W %h:%p -q ops@bastion"`, 'ops@bastion'],
    [
      `-o 'ProxyCommand ssh -qW [%h]:%p -p 2222 -l ops -i ~/.ssh/id bastion.example'`,
      'ops@bastion.example:2222',
    ],
    ['-o ProxyJump=none', undefined],
    ['-o ServerAliveInterval=5 -C', undefined],
  ])('%s', (text, jump) => expect(read(text)).toEqual({ ...(jump ? { jump } : {}), warnings: [] }));

  test.each([
    '-o ProxyCommand="nc -x proxy %h %p"',
    '-o ProxyCommand="ssh -W %h:%p bastion; touch /tmp/x"',
    '-o ProxyCommand="ssh -W %h:%p -o ProxyCommand=x bastion"',
    '-o ProxyCommand="/tmp/ssh -W %h:%p bastion"',
    '-o ProxyCommand="ssh bastion nc %h %p"',
    '-o PermitLocalCommand=yes -o LocalCommand="touch /tmp/x"',
    '-oKnownHostsCommand=x',
    '-o Include=x',
  ])('%s would run a program here: refused', (text) => expect(read(text).refused).toBeDefined());

  test.each([
    [
      '-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null',
      /host keys are checked as --host-key-checking says/,
    ],
    ['-F ssh.cfg', /another ssh_config is not followed/],
    ['-p 2222', /-p has no effect here/],
    ['-o Foo=bar', /foo has no effect here/],
    ['-o "x', /cannot be read/],
  ])('%s has no effect, and that is said', (text, message) => {
    const { warnings, refused } = read(text);
    expect(refused).toBeUndefined();
    expect(warnings[0]?.message).toMatch(message);
  });

  test('the way in them is that of the host; `jump` goes before it', async () => {
    const jumps = async (vars: string) =>
      (await hostIn(`all: { hosts: { h: { ${vars} } } }`)).connection.jumps;
    expect(await jumps('ansible_ssh_common_args: "-J a,b"')).toEqual(['a', 'b']);
    expect(await jumps('ansible_ssh_common_args: "-J a", jump: c')).toEqual(['c']);
    expect(await jumps(`ansible_ssh_common_args: '-o ProxyCommand="ssh -W %h:%p x"'`)).toEqual(['x']);
  });
});
