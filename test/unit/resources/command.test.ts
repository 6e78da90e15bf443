import { command } from '../../../src/resources/index.ts';
import { describeResource } from './conformance.ts';

describeResource('command', {
  resource: command({
    name: 'swap off',
    check: 'test ! -s /proc/swaps',
    run: 'swapoff -a',
    undo: 'swapon -a',
  }),
  matching: { stdout: '0\n', code: 0 },
  absent: { stdout: '1\n', code: 0 },
  different: { stdout: '1\n', code: 0 },
  differs: ['live.done'],
  // The texts of a command are the user's own shell; only its name is a value.
  hostile: (text) => command({ name: text, check: 'true', run: 'true', undo: 'true' }),
  actionWhenAbsent: 'update',
});
