import { existsSync } from 'node:fs';
import { closest } from '../inventory/did-you-mean.ts';
import type { Command } from 'commander';
import { ProvisionError } from '../model/error.ts';

/**
 * The first word is a command or a playbook: one that looks like a command (letters and dashes, no such file) and is
 * none is a slip of the fingers, and one that is a command stands in the wrong place. Throws `usage`.
 */
export function refuseCommandWord(root: Command, word: string, first = false): void {
  if (!/^[a-z][a-z-]*$/.test(word) || existsSync(word)) return;
  const names = root.commands.map((command) => command.name());
  const known = word === 'help' || names.includes(word);
  if (known && first) return;
  if (known) {
    throw new ProvisionError('usage', `${word} is a command: it stands before its flags.`, {
      hint: `Type: provision ${word} …`,
    });
  }
  const near = closest(word, names);
  throw new ProvisionError('usage', `${word} is neither a command nor a playbook.`, {
    hint: near === undefined ? 'See: provision --help' : `Did you mean "provision ${near}"?`,
  });
}
