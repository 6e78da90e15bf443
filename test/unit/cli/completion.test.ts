import { describe, expect, it } from '@jest/globals';
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { completionScript as bashScript } from '../../../src/cli/completion-bash.ts';
import { completionScript as zshScript } from '../../../src/cli/completion-zsh.ts';
import { typedWords } from '../../../src/cli/completion-words.ts';
import { program } from '../../../src/cli/program.ts';
import { temporary, typed } from './typed.ts';

const directory = temporary();
const words = typedWords(program('1.2.3'));

/** What bash offers for the last of these words, in a directory with these files. */
function offered(line: readonly string[], files: Readonly<Record<string, string>> = {}): string[] {
  const cwd = directory({ ...files, 'completion.bash': bashScript(words) });
  const ask =
    'source ./completion.bash; rm completion.bash; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _provision; printf "%s\\n" "${COMPREPLY[@]}"';
  const out = execFileSync('bash', ['--norc', '-uc', ask, 'bash', ...line], { cwd, encoding: 'utf8' });
  return out
    .split('\n')
    .filter((text) => text !== '')
    .toSorted();
}

const FILES = { 'playbooks/gateway.ts': '', 'inventory/lab/hosts.yml': '', 'a name': '' };

describe('completion in bash', () => {
  it.each([
    { line: ['provision', 'va'], offers: ['validate'] },
    { line: ['provision', 'in'], offers: ['init', 'inventory', 'inventory'] },
    { line: ['provision', 'inventory', ''], offers: ['blame', 'graph', 'host', 'list'] },
    { line: ['provision', 'schema', ''], offers: ['events', 'inventory', 'report', 'variables'] },
    { line: ['provision', 'completion', 'z'], offers: ['zsh'] },
    { line: ['provision', 'ping', '--host-key-checking', ''], offers: ['accept-new', 'off', 'strict'] },
    { line: ['provision', 'ping', '--host-key-checking', '=', 's'], offers: ['strict'] },
    { line: ['provision', 'ping', '--host-key-checking', '='], offers: ['accept-new', 'off', 'strict'] },
    { line: ['provision', '-i', 'inv'], offers: ['inventory'] },
    { line: ['provision', '-i', 'inventory/'], offers: ['inventory/lab'] },
    { line: ['provision', 'lab', 'up', '-i', 'inventory/l'], offers: ['inventory/lab'] },
    { line: ['provision', 'render', 'p.ts', '--out', ''], offers: ['inventory', 'playbooks'] },
    { line: ['provision', 'validate', 'a'], offers: ['a name'] },
    { line: ['provision', 'playbooks/'], offers: ['playbooks/gateway.ts'] },
    { line: ['provision', 'playbooks/gateway.ts', '--che'], offers: ['--check'] },
    { line: ['provision', 'playbooks/gateway.ts', ''], offers: [] },
    { line: ['provision', '-l', 'lab', 'lab', 'do'], offers: ['down'] },
    { line: ['provision', '-l', ''], offers: [] },
  ])('$line', ({ line, offers }) => {
    expect(offered(line, FILES)).toEqual(offers);
  });

  it('knows every flag of every command', () => {
    for (const command of words.commands.filter(({ commands }) => commands.length === 0)) {
      expect(offered(['provision', command.name, '-'])).toEqual(
        command.flags.flatMap(({ names }) => names).toSorted(),
      );
    }
    const root = offered(['provision', '-']);
    for (const flag of ['--version', '--check', '--diff', '-i', '-l']) expect(root).toContain(flag);
  });

  it('is what the command prints, and registers itself', async () => {
    expect(await typed('completion', 'bash')).toEqual({ code: 0, out: bashScript(words), err: '' });
    const cwd = directory({ 'completion.bash': bashScript(words) });
    const said = execFileSync('bash', ['--norc', '-c', 'source ./completion.bash; complete -p provision'], {
      cwd,
      encoding: 'utf8',
    });
    expect(said).toBe('complete -F _provision provision\n');
  });
});

const hasZsh = spawnSync('zsh', ['-f', '-c', 'exit']).status === 0;

/** What zsh makes of a line when Tab is pressed, in a terminal of its own (zpty). */
function completed(line: string, files: Readonly<Record<string, string>>): string {
  const cwd = directory({ ...files, 'functions/_provision': zshScript(words) });
  const ask = `
    zmodload zsh/zpty
    zpty shell zsh -f -i
    zpty -w shell "fpath=($1/functions $fpath); PS1='> '; autoload -Uz compinit; compinit -u -D; unsetopt zle_bracketed_paste; rm -rf functions-seen; cd $1; echo REA''DY"
    zpty -r -m shell seen '*READY*'
    sleep 0.5
    zpty -w -n shell "$2"$'\\t'
    sleep 1
    while zpty -r -t shell chunk; do print -rn -- "$chunk"; done
    zpty -d shell`;
  const out = execFileSync('zsh', ['-f', '-c', ask, 'zsh', cwd, line], { encoding: 'utf8', timeout: 20_000 });
  // The line as it stands after Tab, without the signs that draw it.
  return out.replaceAll(/\x1B\[[0-9;?]*[A-Za-z]|[\x00-\x09\x0B-\x1F]/g, '');
}

describe('completion in zsh', () => {
  it('is what the command prints, with a function for every command', async () => {
    const { code, out } = await typed('completion', 'zsh');
    expect([code, out]).toEqual([0, zshScript(words)]);
    expect(out).toMatch(/^#compdef provision\n/);
    for (const name of [
      '_provision_ping',
      '_provision_inventory_blame',
      '_provision_lab_up',
      '_provision_run',
    ])
      expect(out).toContain(`\n${name}() {`);
    expect(out).toContain(
      "'(--host-key-checking)'--host-key-checking='[host keys]:mode:(strict accept-new off)'",
    );
  });

  (hasZsh ? it : it.skip).each([
    ['provision va', 'provision validate'],
    ['provision schema rep', 'provision schema report'],
    ['provision ping --jso', 'provision ping --json'],
    ['provision playbooks/gat', 'provision playbooks/gateway.ts'],
    ['provision playbooks/gateway.ts --che', 'provision playbooks/gateway.ts --check'],
    ['provision ping --host-key-checking acc', 'provision ping --host-key-checking accept-new'],
    ['provision inventory bl', 'provision inventory blame'],
  ])(
    `%s${hasZsh ? '' : ' (skipped: zsh is not installed)'}`,
    (line, whole) => {
      expect(completed(line, FILES)).toContain(whole);
    },
    30_000,
  );

  (hasZsh ? it : it.skip)(`parses${hasZsh ? '' : ' (skipped: zsh is not installed)'}`, () => {
    const cwd = directory({ _provision: zshScript(words) });
    expect(existsSync(join(cwd, '_provision'))).toBe(true);
    expect(spawnSync('zsh', ['-f', '-n', join(cwd, '_provision')]).status).toBe(0);
  });
});
