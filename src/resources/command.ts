import type { Fields } from '../model/resource.ts';
import { defineResource } from './define.ts';

export interface CommandProps {
  readonly name: string;
  /** Shell text that only reads: exit 0 = nothing to do. */
  readonly check: string;
  /** Shell text that makes `check` succeed. */
  readonly run: string;
  /** Shell text that takes it back. */
  readonly undo: string;
}

interface CommandState {
  readonly live: Fields;
}

/** The escape hatch: shell text of your own with its check and its way back. */
export const command = defineResource<CommandProps, CommandState>({
  kind: 'command',
  name: ({ name }) => name,
  desired: () => ({ live: { done: true } }),
  probe: ({ check }) => `( ${check}\n) >/dev/null 2>&1; echo $?`,
  parse: ({ stdout }) => ({ live: { done: stdout.trim() === '0' } }),
  transition: ({ to }, { run, undo }) => ({ steps: [to.live.done === true ? run : undo] }),
  sentence: (_difference, { name }) => `${name}: its check does not succeed yet`,
});
