import { describe, expect, it } from '@jest/globals';
import { file } from '../../../src/resources/index.ts';
import { captured, describeResource, facts, stepsOf } from './conformance.ts';

const path = '/etc/sysctl.d/99-zz-provision-nat-gateway.conf';
const content = captured('debian-12-file-present').stdout.split('\n').slice(1).join('\n');

describeResource('file', {
  resource: file({ path, content }),
  matching: captured('debian-12-file-present'),
  absent: captured('debian-12-file-absent'),
  different: { stdout: '0600 root root\nother\n', code: 0 },
  differs: ['saved.content', 'saved.mode'],
  hostile: (text) => file({ path: `/etc/${text}`, content: text, owner: text }),
});

describe('case 25: a path that is no plain file', () => {
  const planned = (stdout: string, text: string | null = 'new\n') =>
    file({ path: '/etc/motd', content: text }).plan({ stdout, code: 0 }, facts);

  it('a link is replaced itself, whatever it points to, and comes back as a link', () => {
    const change = planned('link /etc/shadow\n');
    expect(change?.changes.map(({ sentence }) => sentence)).toEqual([
      '/etc/motd is missing',
      '/etc/motd is a symbolic link to /etc/shadow',
    ]);
    expect(stepsOf(change?.apply)[0]).toMatch(/mv -fT "\$t" '\/etc\/motd'/);
    expect(stepsOf(change?.revert)).toEqual([`ln -sfnT -- '/etc/shadow' '/etc/motd'`]);
    expect(change?.text).toEqual({ path: '/etc/motd', before: null, after: 'new\n' });
  });

  it('a link must not exist either where no file must exist', () => {
    expect(stepsOf(planned('link /nowhere\n', null)?.apply)).toEqual([`rm -f '/etc/motd'`]);
    expect(planned('absent\n', null)).toBeNull();
  });

  it('a directory is refused by name, in the plan already', () => {
    for (const text of ['new\n', null]) {
      expect(() => planned('directory\n', text)).toThrow(
        expect.objectContaining({ code: 'host-unsupported', message: expect.stringContaining('/etc/motd') }),
      );
    }
  });
});

describe('file', () => {
  it('a new one is one change; of one that is there, mode and owner are told apart', () => {
    const told = (stdout: string): (string | undefined)[] =>
      file({ path: '/etc/motd', content: 'new\n' })
        .plan({ stdout, code: 0 }, facts)
        ?.changes.map(({ sentence }) => sentence) ?? [];
    expect(told('absent\n')).toEqual(['/etc/motd is missing']);
    expect(told('0600 root adm\nnew\n')).toEqual([
      'file:/etc/motd mode is 0600 in the saved configuration, should be 0644',
      'file:/etc/motd group is adm in the saved configuration, should be root',
    ]);
  });

  it('offers both texts for a diff', () => {
    expect(
      file({ path, content: 'new\n' }).plan({ stdout: '0644 root root\nold\n', code: 0 }, facts)?.text,
    ).toEqual({ path, before: 'old\n', after: 'new\n' });
  });

  it('removes what must not exist, and puts it back as it was', () => {
    const change = file({ path, content: null }).plan({ stdout: '0640 root adm\nold\n', code: 0 }, facts);
    expect(change?.apply.writes).toEqual([`rm -f '${path}'`]);
    expect(change?.revert.writes?.[0]).toContain(`chmod '0640'`);
    expect(change?.revert.writes?.[0]).toContain(`chown 'root:adm'`);
  });
});
