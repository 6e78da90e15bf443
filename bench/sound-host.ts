import { startFakeHost } from '../test/fakehost/fake-host.ts';
import type { FakeHost } from '../test/fakehost/fake-host.ts';

const FACTS = [
  'fake',
  '6.1.0',
  'systemd',
  '10.0.0.1 40000 10.0.0.2 22',
  '0',
  '1: lo    inet 127.0.0.1/8;',
  'ID=debian',
  'VERSION_ID="12"',
];

/** An SSH server that answers every probe at once: all checks of commands end 0, so nothing is left to do. */
export const soundHost = (): Promise<FakeHost> =>
  startFakeHost({
    answer: (_command, script) => {
      const nonce = /@@([0-9a-f]{16}) /.exec(script)?.[1] ?? '';
      const parts = [...script.matchAll(/^part(?:_here)? (\w+)/gm)].map(([, name = '']) => {
        const said = name === 'facts' ? FACTS.join('\n') : name.startsWith('probe') ? '0\n' : '';
        return `${said}x0\n@@${nonce} ${name}\n`;
      });
      const text = Buffer.from(parts.join('')).toString('base64');
      const frames = [`@@${nonce} parts ${text.length} ${text}`];
      return { stdout: [`@@${nonce} begin`, ...frames, `@@${nonce} end`, ''].join('\n') };
    },
  });
