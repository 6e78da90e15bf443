import { execFile, execFileSync, spawn } from 'node:child_process';
import {
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { endingOf, parseTransaction } from '../../src/engine/transaction-output.ts';
import {
  confirmScript,
  launchScript,
  rollbackRequest,
  statusScript,
} from '../../src/engine/transaction-script.ts';
import type { Transaction } from '../../src/engine/transaction-script.ts';
import type { ResourceChange } from '../../src/model/resource.ts';
import { file } from '../../src/resources/index.ts';
import { facts } from '../unit/resources/conformance.ts';
import { heard } from '../probed.ts';

let root = '';
let host = '';
beforeEach(() => {
  root = mkdtempSync(path.join(os.tmpdir(), 'provision-rollback-'));
  host = path.join(root, 'host');
  mkdirSync(host);
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const makes = (name: string, undo = `rm -f ${host}/${name}`): ResourceChange => ({
  resource: `file:${name}`,
  kind: 'file',
  phase: 'main',
  changes: [],
  apply: { steps: [`touch ${host}/${name}`] },
  revert: { steps: [undo] },
});

const transaction = (changes: readonly ResourceChange[], undoTimeout = 30): Transaction => ({
  id: '20261120T000000-00000000-1',
  nonce: '0123456789abcdef',
  places: { state: path.join(root, 'state'), run: path.join(root, 'run') },
  armed: false,
  plan: { packages: [], changes },
  confirmTimeout: 60,
  applyTimeout: 60,
  undoTimeout,
  baselines: [],
  record: { run: '20261120T000000-00000000', who: 'me@here', at: 'now' },
});

const files = (): string[] => readdirSync(host).sort();

function send(script: string, of: Transaction) {
  const stdout = execFileSync('dash', ['-s'], { input: script, encoding: 'utf8' });
  return { ...parseTransaction(stdout, of.nonce, of.plan), stdout };
}

describe('a step of the way back', () => {
  it('that hangs fails after its time, says so, and keeps no other from being done', () => {
    const of = transaction([makes('a'), makes('b', 'echo hanging; sleep 60'), makes('c')], 1);
    expect(send(launchScript(of), of).ending).toBe('applied');
    const start = Date.now();
    const { ending, failures } = send(rollbackRequest(of), of);
    expect(Date.now() - start).toBeLessThan(8000);
    expect(ending).toBe('stuck');
    expect(failures).toEqual([
      { resource: 'file:b', code: 124, output: 'hanging\nit did not end within 1 s' },
    ]);
    expect(files()).toEqual(['b']);
  });

  it('that cannot be ended but by force fails too', () => {
    const of = transaction([makes('a', `trap '' TERM; sleep 60 & wait; sleep 60`)], 1);
    expect(send(launchScript(of), of).ending).toBe('applied');
    expect(send(rollbackRequest(of), of).failures).toMatchObject([{ resource: 'file:a', code: 137 }]);
  });

  it('control: within its time it may be slow', () => {
    const of = transaction([makes('a', `sleep 2; rm ${host}/a`)], 30);
    send(launchScript(of), of);
    expect(send(rollbackRequest(of), of).ending).toBe('reverted');
    expect(files()).toEqual([]);
  });

  it('stops where it fails, and knows the values of its shell functions', () => {
    const of = transaction([makes('a', `known() { return 3; }\nknown\ntouch ${host}/after`)]);
    send(launchScript(of), of);
    expect(send(rollbackRequest(of), of).failures).toMatchObject([{ code: 3 }]);
    expect(files()).toEqual(['a']);
  });

  it('that leaves a process behind with its output open holds nothing up', () => {
    const of = transaction([makes('a', `rm ${host}/a; setsid sleep 20 &`)]);
    send(launchScript(of), of);
    const start = Date.now();
    expect(send(rollbackRequest(of), of).ending).toBe('reverted');
    expect(Date.now() - start).toBeLessThan(5000);
  });

  it('when its output has no place to go it is done all the same', () => {
    const of = transaction([makes('a')]);
    send(launchScript(of), of);
    mkdirSync(path.join(root, 'run', `said-${of.id}`));
    expect(send(rollbackRequest(of), of).ending).toBe('reverted');
    expect(files()).toEqual([]);
  });
});

it('case 23: one that went back only in part: the host itself refuses the next one, and says whose it is', () => {
  const of = transaction([makes('a', 'exit 5')]);
  send(launchScript(of), of);
  expect(send(rollbackRequest(of), of).ending).toBe('stuck');
  const next = { ...transaction([makes('b')]), id: '20261120T000001-11111111-1' };
  const { ending, refusal } = send(launchScript(next), next);
  expect([ending, refusal?.reason]).toEqual(['refused', 'stuck']);
  expect(JSON.parse(refusal?.text ?? '')).toMatchObject({ who: 'me@here' });
  expect(files()).toEqual(['a']);
});

it('asked while a step is under way that nothing can end: goes back after it, and no other begins', async () => {
  const slow = `touch ${host}/begun; sleep 1; touch ${host}/a`;
  const of = transaction([{ ...makes('a'), apply: { steps: [slow] } }, makes('b')]);
  const launched = spawn('dash', ['-s'], { stdio: ['pipe', 'ignore', 'ignore'] });
  const ended = new Promise((resolve) => launched.on('close', resolve));
  launched.stdin.end(launchScript(of));
  while (!existsSync(`${host}/begun`)) await new Promise((resolve) => setTimeout(resolve, 20));
  expect(send(rollbackRequest(of), of).ending).toBe('reverted');
  await ended;
  expect(files()).toEqual(['begun']);
  // Control: left alone, both are made.
  const whole = { ...of, id: '20261120T000001-00000000-1' };
  expect(send(launchScript(whole), whole).ending).toBe('applied');
  expect(files()).toEqual(['a', 'b', 'begun']);
}, 30_000);

describe('confirm and way back do not wait for ever', () => {
  it('another holds their lock for good: the way back is made, a confirm is not', async () => {
    const of = transaction([makes('a')]);
    send(launchScript(of), of);
    const holder = spawn('flock', [
      path.join(root, 'run/rollback.lock'),
      'sh',
      '-c',
      'echo held; read -r end',
    ]);
    await new Promise((resolve) => holder.stdout.once('data', resolve));
    const asked = (script: string): Promise<string> =>
      new Promise((resolve) => {
        const child = execFile('dash', ['-s'], (_error, stdout) => resolve(stdout));
        child.stdin?.end(script);
      });
    const start = Date.now();
    const confirming = asked(confirmScript(of)).then((stdout) => ({
      stdout,
      seconds: (Date.now() - start) / 1000,
    }));
    const reverting = asked(rollbackRequest(of));
    const confirm = await confirming;
    expect(confirm.stdout).toContain('cannot-confirm');
    expect(confirm.seconds).toBeLessThan(20);
    expect(existsSync(path.join(root, 'state/txn', of.id, 'pending'))).toBe(true);
    expect(parseTransaction(await reverting, of.nonce, of.plan).ending).toBe('reverted');
    expect(files()).toEqual([]);
    holder.stdin.end();
  }, 60_000);

  it('who asks while it is at work elsewhere is told its true ending', async () => {
    const of = transaction([makes('a', `sleep 3; rm ${host}/a`)]);
    send(launchScript(of), of);
    const first = new Promise((resolve) => {
      const child = execFile('dash', ['-s'], resolve);
      child.stdin?.end(rollbackRequest(of));
    });
    while (!existsSync(path.join(root, 'state/txn', of.id, 'rolling-back')))
      await new Promise((resume) => setTimeout(resume, 20));
    expect(endingOf(send(statusScript(of), of).stdout, of.nonce)).toBe('rolling-back');
    expect(endingOf(send(rollbackRequest(of), of).stdout, of.nonce)).toBe('rolled-back');
    await first;
  });

  it('one that was cut off in the middle is gone on with, and what was done is not done again', () => {
    const once = makes('b', `rm ${host}/b`);
    const of = transaction([makes('a', `test ! -e ${host}/jam && rm ${host}/a`), once]);
    send(launchScript(of), of);
    writeFileSync(`${host}/jam`, '');
    expect(send(rollbackRequest(of), of).ending).toBe('stuck');
    rmSync(`${host}/jam`);
    const at = path.join(root, 'state/txn', of.id);
    execFileSync('mv', [`${at}/stuck`, `${at}/rolling-back`]);
    expect(send(rollbackRequest(of), of).ending).toBe('reverted');
    expect(files()).toEqual([]);
  });
});

describe('files that the snapshot has', () => {
  const plain = (): string => `${host}/plain`;
  const read = (): string => heard([file({ path: plain(), content: '' })])[0]?.stdout ?? '';
  const planned = (): ResourceChange =>
    file({ path: plain(), content: 'after\n' }).plan({ stdout: read(), code: 0 }, facts) as ResourceChange;
  const seen = () => {
    const { uid, gid, mode, mtimeMs } = statSync(plain());
    return { uid, gid, mode, mtimeMs, text: readFileSync(plain(), 'utf8') };
  };

  it('an old owner without a name is no reason to end stuck', () => {
    writeFileSync(plain(), 'before\n', { mode: 0o640 });
    chownSync(plain(), 4242, 4243);
    const before = seen();
    const of = transaction([planned()]);
    expect(send(launchScript(of), of).ending).toBe('applied');
    expect(seen()).not.toEqual(before);
    expect(send(rollbackRequest(of), of).ending).toBe('reverted');
    expect(seen()).toEqual(before);
  });

  const immutable = (() => {
    const at = path.join(os.tmpdir(), `provision-immutable-${process.pid}`);
    writeFileSync(at, '');
    try {
      execFileSync('chattr', ['+i', at], { stdio: 'ignore' });
      execFileSync('chattr', ['-i', at], { stdio: 'ignore' });
      return true;
    } catch {
      return false;
    } finally {
      rmSync(at);
    }
  })();
  (immutable ? it : it.skip)(
    `one that cannot be written (chattr +i) is as it was: taken back, not stuck${immutable ? '' : ' (skipped: no chattr here)'}`,
    () => {
      writeFileSync(plain(), 'before\n');
      const of = transaction([makes('a'), planned()]);
      const before = seen();
      execFileSync('chattr', ['+i', plain()]);
      try {
        const { ending, failures } = send(launchScript(of), of);
        expect([ending, failures.map(({ resource }) => resource)]).toEqual(['reverted', [`file:${plain()}`]]);
        expect([files(), seen()]).toEqual([['plain'], before]);
      } finally {
        execFileSync('chattr', ['-i', plain()]);
      }
    },
  );

  (immutable ? it : it.skip)(
    'control: one that was changed and cannot be put back any more ends stuck',
    () => {
      writeFileSync(plain(), 'before\n');
      const of = transaction([planned()]);
      expect(send(launchScript(of), of).ending).toBe('applied');
      execFileSync('chattr', ['+i', plain()]);
      try {
        expect(send(rollbackRequest(of), of).ending).toBe('stuck');
      } finally {
        execFileSync('chattr', ['-i', plain()]);
      }
      expect(files()).toEqual(['plain']);
      expect(readFileSync(path.join(root, 'state/txn', of.id, 'failed'), 'utf8')).toContain(
        `${plain()} could not be put back`,
      );
    },
  );

  it('are there before the steps that need them, and as they were after steps that wrote them again', () => {
    writeFileSync(plain(), 'before\n');
    const before = seen();
    const reload = `cp ${plain()} ${host}/loaded; echo written anew > ${plain()}`;
    const of = transaction([
      {
        ...makes('plain'),
        apply: { writes: [`echo after > ${plain()}`], steps: [reload], paths: [plain()] },
        revert: { steps: [reload], paths: [plain()] },
      },
    ]);
    expect(send(launchScript(of), of).ending).toBe('applied');
    expect(readFileSync(`${host}/loaded`, 'utf8')).toBe('after\n');
    expect(send(rollbackRequest(of), of).ending).toBe('reverted');
    expect(readFileSync(`${host}/loaded`, 'utf8')).toBe('before\n');
    expect(seen()).toEqual(before);
  });
});
