import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { applyScript, parseApply } from '../../src/engine/apply-script.ts';
import type { ApplyPlan } from '../../src/engine/apply-script.ts';
import type { ResourceChange } from '../../src/model/resource.ts';

const NONCE = '0123456789abcdef';
let directory = '';

beforeEach(() => {
  directory = mkdtempSync(path.join(os.tmpdir(), 'provision-apply-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

/** A change that makes a file, and whose way back removes it. */
const makes = (name: string, over: Partial<ResourceChange> = {}): ResourceChange => ({
  resource: `file:${name}`,
  kind: 'file',
  changes: [],
  apply: { steps: [`touch ${directory}/${name}`] },
  revert: { steps: [`rm ${directory}/${name}`] },
  ...over,
});

const fails = (name: string, code = 'false'): ResourceChange =>
  makes(name, { apply: { steps: [`touch ${directory}/${name}; ${code}; touch ${directory}/${name}-after`] } });

function play(plan: ApplyPlan, shell: string, mode: 'apply' | 'revert' = 'apply') {
  const stdout = execFileSync(shell, ['-s'], { input: applyScript(plan, NONCE, mode), encoding: 'utf8' });
  return { ...parseApply(stdout, NONCE, plan), files: readdirSync(directory).sort() };
}

// The hosts' sh is dash on Debian, bash on the RHEL family: both must keep `set -e` inside a step.
describe.each(['dash', 'bash'])('apply script in %s', (shell) => {
  it('makes all changes in order', () => {
    const result = play({ packages: [makes('package')], changes: [makes('a'), makes('b')] }, shell);
    expect(result).toEqual({ ending: 'applied', failures: [], files: ['a', 'b', 'package'] });
  });

  it('takes everything but packages back when a step fails, and says which', () => {
    const result = play({ packages: [makes('package')], changes: [makes('a'), fails('b', 'echo broken; exit 3'), makes('c')] }, shell);
    expect(result.ending).toBe('reverted');
    expect(result.failures).toEqual([{ resource: 'file:b', code: 3, output: 'broken' }]);
    expect(result.files).toEqual(['package']);
  });

  it('a step that fails in its middle does not go on', () => {
    expect(play({ packages: [], changes: [fails('a')] }, shell).files).toEqual([]);
  });

  it('says stuck when the way back fails too, and still goes the rest of it', () => {
    const stuck = makes('b', { apply: { steps: ['exit 4'] }, revert: { steps: ['exit 5'] } });
    const result = play({ packages: [], changes: [makes('a'), stuck] }, shell);
    expect(result.ending).toBe('stuck');
    expect(result.failures.map(({ resource, code }) => [resource, code])).toEqual([['file:b', 4], ['file:b', 5]]);
    expect(result.files).toEqual([]);
  });

  it('runs a handler once after all steps, however many ask for it', () => {
    const handler = { id: 'reload', script: `ls ${directory} >> ${directory}/handled` };
    const asks = (name: string) => makes(name, { apply: { steps: [`touch ${directory}/${name}`], handlers: [handler] } });
    play({ packages: [], changes: [asks('a'), asks('b')] }, shell);
    expect(readFileSync(path.join(directory, 'handled'), 'utf8').split('\n').filter((line) => line === 'a')).toHaveLength(1);
  });

  it('a handler that fails takes everything back', () => {
    const handler = { id: 'reload', script: 'echo no; exit 1' };
    const result = play({ packages: [], changes: [makes('a', { apply: { steps: [`touch ${directory}/a`], handlers: [handler] } })] }, shell);
    expect(result.ending).toBe('reverted');
    expect(result.files).toEqual([]);
  });

  it('takes back what was applied when asked to', () => {
    for (const name of ['a', 'b', 'package']) writeFileSync(path.join(directory, name), '');
    const result = play({ packages: [makes('package')], changes: [makes('a'), makes('b')] }, shell, 'revert');
    expect(result).toMatchObject({ ending: 'reverted', files: ['package'] });
  });

  it('a script cut off on its way does nothing', () => {
    const whole = applyScript({ packages: [], changes: [makes('a')] }, NONCE, 'apply');
    const cut = whole.slice(0, whole.lastIndexOf('apply </dev/null'));
    try {
      execFileSync(shell, ['-s'], { input: cut, stdio: ['pipe', 'pipe', 'ignore'] });
    } catch {
      // A syntax error is as good: nothing ran.
    }
    expect(readdirSync(directory)).toEqual([]);
    play({ packages: [], changes: [makes('a')] }, shell);
    expect(readdirSync(directory)).toEqual(['a']);
  });
});
