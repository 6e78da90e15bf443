import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { baselineName, newBaselines, withKeptFiles } from '../../src/engine/baseline.ts';
import { parseProbe, probeScript } from '../../src/engine/probe-script.ts';
import { confirmScript, launchScript, rollbackRequest } from '../../src/engine/transaction-script.ts';
import type { Transaction } from '../../src/engine/transaction-script.ts';
import { parseTransaction } from '../../src/engine/transaction-output.ts';
import { isProvisionError } from '../../src/model/error.ts';
import type { Resource } from '../../src/model/resource.ts';
import { file, toBaseline } from '../../src/resources/index.ts';

const NONCE = '0123456789abcdef';

let root = '';
let etc = '';
beforeEach(() => {
  root = mkdtempSync(path.join(os.tmpdir(), 'provision-baseline-'));
  etc = path.join(root, 'etc');
  mkdirSync(etc, { mode: 0o755 });
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const places = () => ({ state: path.join(root, 'state'), run: path.join(root, 'run') });
const baselines = (): string[] => {
  const at = path.join(root, 'state/baseline');
  return existsSync(at) ? readdirSync(at).sort() : [];
};
const recordOf = (resource: Resource): { state: { saved: { content: string } }; run: string } =>
  JSON.parse(
    readFileSync(path.join(root, 'state/baseline', baselineName(resource.id), 'record.json'), 'utf8'),
  ) as { state: { saved: { content: string } }; run: string };

// The hosts' sh is dash on Debian, bash on the RHEL family.
const shell = (script: string, name = 'dash'): string =>
  execFileSync(name, ['-s'], { input: script, encoding: 'utf8' });

const probe = (resources: readonly Resource[], by?: string) =>
  parseProbe(shell(probeScript(resources, [], NONCE, false, places()), by), resources, [], NONCE);

/** Everything that a run sends for these resources: their plan, and what is to be kept. */
function transaction(resources: readonly Resource[], id: string, by?: string): Transaction {
  const read = probe(resources, by);
  const changes = resources.flatMap((resource) => {
    const output = read.outputs.get(resource.id);
    const baseline = read.baselines.get(resource.id) ?? null;
    return (output && resource.plan(output, read.facts, { baseline })) ?? [];
  });
  return {
    id,
    nonce: NONCE,
    places: places(),
    armed: false,
    plan: { packages: [], changes: changes.map(withKeptFiles) },
    baselines: newBaselines(resources, read, id),
    confirmTimeout: 60,
    applyTimeout: 60,
    undoTimeout: 60,
    record: { run: id, who: 'me@here', at: 'now' },
  };
}

const send = (script: string, of: Transaction, by?: string) =>
  parseTransaction(shell(script, by), of.nonce, of.plan).ending;

let runs = 0;
/** Applies and confirms, or takes back. */
function run(
  resources: readonly Resource[],
  end: 'confirm' | 'revert' = 'confirm',
  by?: string,
): Transaction {
  const of = transaction(resources, `run-${String((runs += 1)).padStart(4, '0')}`, by);
  expect(send(launchScript(of), of, by)).toBe('applied');
  const script = end === 'confirm' ? confirmScript(of) : rollbackRequest(of);
  expect(send(script, of, by)).toBe(end === 'confirm' ? 'confirmed' : 'reverted');
  return of;
}

const at = (name: string): string => path.join(etc, name);
const declared = (name: string, content: string | null = 'ours\n'): Resource =>
  file({ path: at(name), content });
const text = (name: string): string | null => (existsSync(at(name)) ? readFileSync(at(name), 'utf8') : null);

describe.each(['dash', 'bash'])('a baseline in %s', (by) => {
  it('is kept once the change is confirmed, for what changed and for what was in sync already', () => {
    writeFileSync(at('a'), 'theirs\n');
    writeFileSync(at('b'), 'ours\n', { mode: 0o644 });
    const both = [declared('a'), declared('b')];
    const of = transaction(both, 'first', by);
    expect(of.plan.changes).toHaveLength(1);
    expect(send(launchScript(of), of, by)).toBe('applied');
    // Applied is not confirmed.
    expect(baselines()).toEqual([]);
    expect(send(confirmScript(of), of, by)).toBe('confirmed');
    expect(baselines()).toEqual(both.map(({ id }) => baselineName(id)).sort());
    expect(recordOf(declared('a'))).toMatchObject({
      resource: `file:${at('a')}`,
      run: 'first',
      state: { saved: { content: 'theirs\n' } },
    });
    expect(recordOf(declared('b')).state.saved.content).toBe('ours\n');
    expect(readdirSync(path.join(root, 'state/txn/first'))).not.toContain('baseline');
  });

  it('is not kept of a change that is taken back', () => {
    writeFileSync(at('a'), 'theirs\n');
    const of = run([declared('a')], 'revert', by);
    expect(of.baselines).toHaveLength(1);
    expect(baselines()).toEqual([]);
    expect(readdirSync(path.join(root, 'state/txn', of.id))).not.toContain('baseline');
    expect(text('a')).toBe('theirs\n');
    // Control: it is after a confirm.
    run([declared('a')], 'confirm', by);
    expect(baselines()).toHaveLength(1);
  });

  it('gives everything back, and then has nothing left to do', () => {
    writeFileSync(at('a'), 'theirs\n');
    chmodSync(at('a'), 0o640);
    chownSync(at('a'), process.getuid?.() ?? 0, 4);
    utimesSync(at('a'), 1_000_000, 1_000_000);
    symlinkSync('/nowhere', at('link'));
    const before = statSync(at('a'));
    const all = [declared('a'), declared('new'), declared('link')];
    run(all, 'confirm', by);
    expect([text('a'), text('new'), text('link')]).toEqual(['ours\n', 'ours\n', 'ours\n']);

    run(all.toReversed().map(toBaseline), 'confirm', by);
    const { mode, uid, gid, mtimeMs } = statSync(at('a'));
    expect([mode, uid, gid, mtimeMs]).toEqual([before.mode, before.uid, before.gid, before.mtimeMs]);
    expect(text('a')).toBe('theirs\n');
    expect(readdirSync(etc).sort()).toEqual(['a', 'link']);
    expect(execFileSync('readlink', [at('link')], { encoding: 'utf8' })).toBe('/nowhere\n');
    expect(transaction(all.map(toBaseline), 'again', by).plan.changes).toEqual([]);
  });
});

describe('the first baseline stays', () => {
  it('a later change, also one after a return, writes none', () => {
    writeFileSync(at('a'), 'theirs\n');
    run([declared('a')]);
    writeFileSync(at('a'), 'somebody else\n');
    expect(run([declared('a')]).baselines).toEqual([]);
    expect(recordOf(declared('a')).state.saved.content).toBe('theirs\n');
    run([toBaseline(declared('a'))]);
    expect(text('a')).toBe('theirs\n');
    run([declared('a')]);
    expect(recordOf(declared('a')).state.saved.content).toBe('theirs\n');
  });

  it('also against a run that had read the host before there was one', () => {
    writeFileSync(at('a'), 'theirs\n');
    const early = transaction([declared('a')], 'zz-early');
    run([declared('a')]);
    writeFileSync(at('a'), 'somebody else\n');
    expect(early.baselines).toHaveLength(1);
    expect(send(launchScript(early), early)).toBe('applied');
    expect(send(confirmScript(early), early)).toBe('confirmed');
    expect(recordOf(declared('a')).run).not.toBe('zz-early');
  });

  it('power lost between confirming and keeping: it is read from there, and the next transaction keeps it', () => {
    writeFileSync(at('a'), 'theirs\n');
    const cut = transaction([declared('a')], 'cut');
    expect(send(launchScript(cut), cut)).toBe('applied');
    renameSync(path.join(root, 'state/txn/cut/pending'), path.join(root, 'state/txn/cut/confirmed'));
    expect(baselines()).toEqual([]);
    run([toBaseline(declared('a'))]);
    expect(text('a')).toBe('theirs\n');
    expect(baselines()).toHaveLength(1);
  });
});

describe('what is not kept', () => {
  it('of a resource that only returns: it was never taken over', () => {
    writeFileSync(at('a'), 'theirs\n');
    expect(transaction([toBaseline(declared('a'))], 'gone')).toMatchObject({
      plan: { changes: [] },
      baselines: [],
    });
  });
});

describe('names', () => {
  it.each([
    '../../../escape',
    '/etc/passwd',
    '.',
    '',
    "x'; touch pwned; '",
    'a\nb',
    '$(id)',
    'x'.repeat(5000),
  ])('no id leaves the directory: %j', (name) => {
    writeFileSync(at('a'), 'theirs\n');
    const hostile: Resource = { ...declared('a'), id: name };
    run([hostile]);
    expect(baselines()).toEqual([expect.stringMatching(/^[0-9a-f]{64}$/)]);
    expect(readdirSync(root).sort()).toEqual(['etc', 'run', 'state']);
    expect(readdirSync(path.join(root, 'state')).sort()).toEqual(['baseline', 'journal', 'txn']);
    // It is found again by the same id, with all of it.
    expect(probe([toBaseline(hostile)]).baselines.get(name)?.text).toBe('theirs\n');
  });
});

describe('the directory', () => {
  it('is root’s alone, and so is what it holds', () => {
    writeFileSync(at('a'), 'secret\n', { mode: 0o644 });
    run([declared('a', 'ours\n')]);
    const state = path.join(root, 'state/baseline');
    const of = path.join(state, baselineName(declared('a').id));
    const modes = [state, of, path.join(of, 'record.json')].map((each) => statSync(each).mode & 0o777);
    expect(modes).toEqual([0o700, 0o700, 0o600]);
  });

  it('one that others can write is refused', () => {
    mkdirSync(path.join(root, 'state'), { mode: 0o700 });
    mkdirSync(path.join(root, 'state/baseline'));
    chmodSync(path.join(root, 'state/baseline'), 0o777);
    const of = transaction([declared('a')], 'open');
    expect(send(launchScript(of), of)).toBe('refused');
  });

  it('a record that is damaged, or of something else, is an error and no guess', () => {
    writeFileSync(at('a'), 'theirs\n');
    run([declared('a')]);
    const record = path.join(root, 'state/baseline', baselineName(declared('a').id), 'record.json');
    const whole = readFileSync(record, 'utf8');
    for (const damaged of [whole.slice(0, -5), whole.replace('file:', 'elif:'), '[]', 'null']) {
      writeFileSync(record, damaged);
      try {
        probe([toBaseline(declared('a'))]);
        throw new Error('was read');
      } catch (error) {
        expect(isProvisionError(error) && error.code).toBe('probe-failed');
      }
    }
  });

  it('a copy that is gone fails the change instead of taking the file for absent', () => {
    writeFileSync(at('a'), 'theirs\n');
    run([declared('a')]);
    const of = transaction([toBaseline(declared('a'))], 'late');
    rmSync(path.join(root, 'state/baseline'), { recursive: true });
    expect(send(launchScript(of), of)).toBe('reverted');
    expect(text('a')).toBe('ours\n');
  });
});
