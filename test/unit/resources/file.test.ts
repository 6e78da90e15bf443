import { describe, expect, it } from '@jest/globals';
import { file } from '../../../src/resources/index.ts';
import { captured, describeResource, facts } from './conformance.ts';

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

describe('file', () => {
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
