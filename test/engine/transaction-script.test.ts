import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  confirmScript,
  extendScript,
  launchScript,
  rollbackRequest,
  scriptsOf,
  statusScript,
} from '../../src/engine/transaction-script.ts';
import { keptPlanText } from '../../src/engine/kept-plan.ts';
import { endingOf, parseTransaction } from '../../src/engine/transaction-output.ts';
import type { ChangePlan, Transaction } from '../../src/engine/transaction-script.ts';
import type { ResourceChange } from '../../src/model/resource.ts';

let root = '';
let host = '';

beforeEach(() => {
  root = mkdtempSync(path.join(os.tmpdir(), 'provision-transaction-'));
  host = path.join(root, 'host');
  mkdirSync(host);
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

/** A change that makes a file; its way back is left to the snapshot unless given. */
const makes = (name: string, over: Partial<ResourceChange> = {}): ResourceChange => ({
  resource: `file:${name}`,
  kind: 'file',
  phase: 'main',
  changes: [],
  apply: { steps: [`touch ${host}/${name}`] },
  revert: { steps: [`rm -f ${host}/${name}`] },
  ...over,
});

const fails = (name: string, code = 'false'): ResourceChange =>
  makes(name, { apply: { steps: [`touch ${host}/${name}; ${code}; touch ${host}/${name}-after`] } });

const transaction = (plan: ChangePlan, id = '20261120T000000-00000000'): Transaction => ({
  id,
  nonce: '0123456789abcdef',
  places: { state: path.join(root, 'state'), run: path.join(root, 'run') },
  armed: false,
  plan,
  baselines: [],
  confirmTimeout: 60,
  applyTimeout: 60,
  undoTimeout: 30,
  record: { run: id, who: 'me@here', at: 'now' },
});

const files = (): string[] => readdirSync(host).sort();

function send(script: string, of: Transaction, shell = 'dash') {
  const stdout = execFileSync(shell, ['-s'], { input: script, encoding: 'utf8' });
  return { ...parseTransaction(stdout, of.nonce, of.plan), stdout };
}

function play(plan: ChangePlan, shell?: string) {
  const of = transaction(plan);
  const { ending, failures } = send(launchScript(of), of, shell);
  return { ending, failures, files: files() };
}

// The hosts' sh is dash on Debian, bash on the RHEL family: both must keep `set -e` inside a step.
describe.each(['dash', 'bash'])('a transaction in %s', (shell) => {
  it('makes all changes in order', () => {
    const result = play({ packages: [makes('package')], changes: [makes('a'), makes('b')] }, shell);
    expect(result).toEqual({ ending: 'applied', failures: [], files: ['a', 'b', 'package'] });
  });

  it('takes everything but packages back when a step fails, and says which', () => {
    const plan = {
      packages: [makes('package')],
      changes: [makes('a'), fails('b', 'echo broken; exit 3'), makes('c')],
    };
    const result = play(plan, shell);
    expect(result.ending).toBe('reverted');
    expect(result.failures).toEqual([{ resource: 'file:b', code: 3, output: 'broken' }]);
    expect(result.files).toEqual(['package']);
  });

  it('a step that fails in its middle does not go on', () => {
    expect(play({ packages: [], changes: [fails('a')] }, shell).files).toEqual([]);
  });

  it('case 23: a way back that fails is stuck, the rest of it is still gone, and the next run is told', () => {
    const stuck = makes('b', { apply: { steps: ['exit 4'] }, revert: { steps: ['exit 5'] } });
    const result = play({ packages: [], changes: [makes('a'), stuck] }, shell);
    expect(result.ending).toBe('stuck');
    expect(result.failures.map(({ resource, code }) => [resource, code])).toEqual([
      ['file:b', 4],
      ['file:b', 5],
    ]);
    expect(result.files).toEqual([]);
    expect(readFileSync(path.join(root, 'state/journal'), 'utf8')).toContain('"ending":"stuck"');
  });
});

describe('a transaction', () => {
  it('runs a handler once after all steps, however many ask for it; a handler that fails takes everything back', () => {
    const handler = { id: 'reload', script: `echo x >> ${root}/handled` };
    const asks = (name: string, script = handler) =>
      makes(name, { apply: { steps: [`touch ${host}/${name}`], handlers: [script] } });
    expect(play({ packages: [], changes: [asks('a'), asks('b')] }).ending).toBe('applied');
    expect(readFileSync(`${root}/handled`, 'utf8')).toBe('x\n');
    rmSync(`${root}/state`, { recursive: true });
    const broken = play({ packages: [], changes: [asks('c', { id: 'reload', script: 'exit 1' })] });
    expect(broken).toMatchObject({ ending: 'reverted', files: ['a', 'b'] });
  });

  it('one that must be soon runs after the last change that asks for it, and before the one after that', () => {
    const says = (word: string) => `echo ${word} >> ${root}/handled`;
    const soon = { id: 'reload', script: says('reloaded'), soon: true };
    const late = { id: 'other', script: says('late') };
    const asks = (name: string, ...handlers: (typeof soon | typeof late)[]) =>
      makes(name, { apply: { steps: [says(name)], handlers } });
    const changes = [asks('a', late, soon), asks('b', soon), asks('c')];
    expect(play({ packages: [], changes }).ending).toBe('applied');
    expect(readFileSync(`${root}/handled`, 'utf8')).toBe('a\nb\nreloaded\nc\nlate\n');
    rmSync(`${root}/state`, { recursive: true });
    // What fails then is taken back like any other step, and nothing after it begins.
    const broken = asks('d', { ...soon, script: 'exit 1' });
    const result = play({ packages: [], changes: [broken, asks('e')] });
    expect([result.ending, result.failures.map(({ resource }) => resource)]).toEqual([
      'reverted',
      ['handler'],
    ]);
    expect(readFileSync(`${root}/handled`, 'utf8')).toMatch(/late\nd\n$/);
  });

  it('a new window stands before the old one is closed, and one that cannot be opened closes none', () => {
    const of = { ...transaction({ packages: [], changes: [] }), armed: true };
    const directory = path.join(root, 'state/txn', of.id);
    mkdirSync(directory, { recursive: true });
    const bin = path.join(root, 'bin');
    mkdirSync(bin);
    const prolong = (opens: boolean): string[] => {
      writeFileSync(path.join(directory, 'timer'), 'old-window\n');
      const log = path.join(root, 'log');
      rmSync(log, { force: true });
      for (const name of ['systemd-run', 'systemctl']) {
        const ends = name === 'systemd-run' && !opens ? 'exit 1' : '';
        writeFileSync(path.join(bin, name), `#!/bin/sh\necho "${name} $*" >> ${log}\n${ends}\n`, {
          mode: 0o755,
        });
      }
      const env = { PATH: `${bin}:/usr/bin:/bin` };
      spawnSync('dash', ['-s'], { input: extendScript(of), env });
      return readFileSync(log, 'utf8').trim().split('\n');
    };
    const opened = prolong(true);
    expect(opened.map((line) => line.split(' ').slice(0, 2).join(' '))).toEqual([
      'systemd-run -q',
      'systemctl is-active',
      'systemctl stop',
    ]);
    expect(opened.at(-1)).toBe('systemctl stop old-window.timer');
    expect(prolong(false)).toEqual([expect.stringMatching(/^systemd-run /)]);
    expect(readFileSync(path.join(directory, 'timer'), 'utf8')).toBe('old-window\n');
  });

  describe('the window', () => {
    /** Runs the steps as the unit does, with a first timer that stands; `during` is what happens while the window is opened. */
    const applied = (during = ''): string[] => {
      const of = { ...transaction({ packages: [], changes: [makes('a')] }), armed: true };
      const directory = path.join(root, 'state/txn', of.id);
      const bin = path.join(root, 'bin');
      [directory, bin, path.join(root, 'run')].forEach((made) => mkdirSync(made, { recursive: true }));
      for (const [name, text] of Object.entries({ ...scriptsOf(of), timer: 'first\n', pending: '{}' }))
        writeFileSync(path.join(directory, name), text.replaceAll('/etc/systemd', `${root}/systemd`));
      const log = path.join(root, 'log');
      const fake = (name: string, text: string): void =>
        writeFileSync(path.join(bin, name), `#!/bin/sh\necho "${name} $*" >> ${log}\n${text}\n`, {
          mode: 0o755,
        });
      fake('systemd-run', during.replaceAll('$T', directory));
      fake('systemctl', '');
      const command = `dash ${directory}/apply.sh >> ${log} 2>&1`;
      execFileSync('dash', ['-c', command], { env: { PATH: `${bin}:/usr/bin:/bin` } });
      return readFileSync(log, 'utf8')
        .trim()
        .split('\n')
        .map((line) => line.replace(`@@${of.nonce} `, '').replaceAll(`-${of.id}`, ''))
        .map((line) => line.replace(/provision-window-\d+/, 'window'))
        .map((line) => line.replace(/^systemd-run .*--unit=(\S+) .*/, 'systemd-run $1'));
    };

    it('is opened when all is said to be done, and the first timer stands until then', () => {
      expect(applied()).toEqual([
        ...['done 0', 'applied', 'systemd-run window', 'systemctl is-active -q window.timer'],
        'systemctl stop first.timer',
      ]);
    });

    it('of a change that was confirmed meanwhile is closed again', () => {
      expect(applied('mv "$T/pending" "$T/confirmed"').at(-1)).toBe(
        'systemctl stop provision-rollback.timer provision-window-*.timer',
      );
    });

    it('that cannot be opened takes the change back', () => {
      expect(applied('exit 1')).toContain('reverted');
      expect(files()).toEqual([]);
    });
  });

  it('a check runs once, before what was asked for with it, and not on the way back', () => {
    const says = (word: string) => `echo ${word} >> ${root}/handled`;
    const check = { id: 'check', script: says('checked'), soon: true, check: true };
    const reload = { id: 'reload', script: says('reloaded'), soon: true };
    const asks = (name: string, ...handlers: (typeof reload)[]) =>
      makes(name, {
        apply: { steps: [says(name)], handlers },
        revert: { steps: [says(`-${name}`)], handlers },
      });
    // The last one that is checked does not ask for the reload: the reload waits for it all the same.
    const changes = [asks('a', reload, check), asks('b', check), asks('c')];
    expect(play({ packages: [], changes }).ending).toBe('applied');
    expect(readFileSync(`${root}/handled`, 'utf8')).toBe('a\nb\nchecked\nreloaded\nc\n');
    expect(keptPlanText({ packages: [], changes })).not.toContain('checked');
    rmSync(`${root}/state`, { recursive: true });
    rmSync(`${root}/handled`);
    expect(play({ packages: [], changes: [...changes, fails('d')] }).ending).toBe('reverted');
    expect(readFileSync(`${root}/handled`, 'utf8')).toBe(
      'a\nb\nchecked\nreloaded\nc\n-c\n-b\n-a\nreloaded\n',
    );
  });

  it('a handler that fails is told as the change that its words name', () => {
    const handlers = [{ id: 'check', script: `echo "Zone 'public': 'htpp' is unknown"; exit 1`, soon: true }];
    const zone = (name: string) => makes(name, { apply: { steps: [], handlers } });
    const blamed = (...changes: ResourceChange[]) => {
      const { failures } = play({ packages: [], changes });
      rmSync(`${root}/state`, { recursive: true });
      return failures.map(({ resource }) => resource);
    };
    expect(blamed(zone('public'), zone('internal'))).toEqual(['file:public']);
    expect(blamed(zone('dmz'), zone('internal'))).toEqual(['handler']);
    // Control: one of that name that asks for no handler has no part in it; and two of a name cannot be told apart.
    expect(blamed(makes('public'), zone('internal'))).toEqual(['handler']);
    expect(blamed(zone('public'), { ...zone('public'), resource: 'policy:public' })).toEqual(['handler']);
  });

  it('a handler that fails before others is told by the file that its words name, and without their colours', () => {
    // Debian 11: busctl of systemd 247, firewalld 0.9.3.
    const said = String.raw`printf '\033[0;1;31mCall failed: INVALID_SERVICE: %s\033[0m\n' "'public.xml': 'httpx' not among existing services"`;
    const handlers = [
      { id: 'check', script: `${said}; exit 1`, soon: true },
      { id: 'reload', script: 'true', soon: true },
    ];
    const failed = (...names: string[]) => {
      const changes = names.map((name) => makes(name, { apply: { steps: [], handlers } }));
      const { failures } = play({ packages: [], changes });
      rmSync(`${root}/state`, { recursive: true });
      return failures.map(({ resource, output }) => [resource, output]);
    };
    const words = "Call failed: INVALID_SERVICE: 'public.xml': 'httpx' not among existing services";
    expect(failed('public', 'internal')).toEqual([['file:public', words]]);
    expect(failed('dmz', 'internal')).toEqual([['handler', words]]);
  });

  it('a handler that must be last is, wherever its change stands', () => {
    const asks = (name: string, last: boolean) =>
      makes(name, {
        apply: { steps: [], handlers: [{ id: name, script: `echo ${name} >> ${root}/handled`, last }] },
      });
    play({ packages: [], changes: [asks('puts-right', true), asks('reloads', false)] });
    expect(readFileSync(`${root}/handled`, 'utf8')).toBe('reloads\nputs-right\n');
  });

  it('case 7: a script cut off anywhere on its way does nothing', () => {
    const whole = launchScript(transaction({ packages: [], changes: [makes('a')] }));
    for (let cut = 1; cut < whole.length - 20; cut += Math.ceil(whole.length / 40)) {
      try {
        execFileSync('dash', ['-s'], { input: whole.slice(0, cut), stdio: ['pipe', 'ignore', 'ignore'] });
      } catch {
        // A syntax error is as good: nothing ran.
      }
      expect(files()).toEqual([]);
      expect(existsSync(path.join(root, 'state'))).toBe(false);
    }
  });

  it('case 4: a controller that goes away just when it is armed does not leave it waiting unbegun', () => {
    const of = transaction({ packages: [], changes: [makes('a'), makes('b')] });
    // Nobody reads on after the first line, so that the next one cannot be written.
    const said = execFileSync('sh', ['-c', '{ dash -s; echo ended >&2; } | head -n 1'], {
      input: launchScript(of).replace('mark begin', 'mark begin; sleep 0.3'),
      encoding: 'utf8',
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    expect(said).toContain('begin');
    expect(files()).toEqual(['a', 'b']);
  });

  it('case 7: scripts that arrived damaged are not run', () => {
    const of = transaction({ packages: [], changes: [makes('a')] });
    const damaged = launchScript(of).replace(`touch ${host}/a`, `touch ${host}/b`);
    expect(send(damaged, of)).toMatchObject({ ending: 'refused', refusal: { reason: 'not-armed' } });
    expect(files()).toEqual([]);
  });

  it('case 24: files come back with content, owner, mode, time and extended attributes, links as links', () => {
    const at = (name: string) => `${host}/${name}`;
    writeFileSync(at('plain'), 'before\n');
    chmodSync(at('plain'), 0o640);
    execFileSync('touch', ['-d', '2020-01-01', at('plain')]);
    symlinkSync('plain', at('link'));
    const before = statSync(at('plain'));
    const overwrite = (name: string): ResourceChange =>
      makes(name, {
        apply: {
          steps: [`rm -f ${at(name)}; echo after > ${at(name)}; chmod 0777 ${at(name)}`],
          paths: [at(name)],
        },
        revert: { steps: [] },
      });
    const appears = makes('new', {
      apply: { steps: [`touch ${at('new')}`], paths: [at('new')] },
      revert: { steps: [] },
    });
    const of = transaction({ packages: [], changes: [overwrite('plain'), overwrite('link'), appears] });
    expect(send(launchScript(of), of).ending).toBe('applied');
    expect(readFileSync(at('plain'), 'utf8')).toBe('after\n');
    expect(send(rollbackRequest(of), of).ending).toBe('reverted');
    const after = statSync(at('plain'));
    expect([after.mode, after.uid, after.gid, after.mtimeMs]).toEqual([
      before.mode,
      before.uid,
      before.gid,
      before.mtimeMs,
    ]);
    expect(readFileSync(at('plain'), 'utf8')).toBe('before\n');
    expect(execFileSync('readlink', [at('link')], { encoding: 'utf8' })).toBe('plain\n');
    expect(files()).toEqual(['link', 'plain']);
  });

  it('a change that was never begun is not "taken back": what others did there meanwhile stays', () => {
    const later = makes('b', { apply: { steps: [`touch ${host}/b`], paths: [`${host}/b`] } });
    const of = transaction({ packages: [], changes: [fails('a', `touch ${host}/b; exit 1`), later] });
    expect(send(launchScript(of), of).ending).toBe('reverted');
    expect(files()).toEqual(['b']);
  });
});

describe('the end of a transaction', () => {
  const plan = (): ChangePlan => ({ packages: [], changes: [makes('a')] });

  it('confirmed: it stays, and can be neither confirmed nor taken back again', () => {
    const of = transaction(plan());
    send(launchScript(of), of);
    expect(send(confirmScript(of), of).ending).toBe('confirmed');
    expect(send(rollbackRequest(of), of).ending).toBe('too-late');
    expect(files()).toEqual(['a']);
    expect(endingOf(send(statusScript(of), of).stdout, of.nonce)).toBe('confirmed');
  });

  it('case 12: taken back first, a confirm comes too late', () => {
    const of = transaction(plan());
    send(launchScript(of), of);
    expect(send(rollbackRequest(of), of).ending).toBe('reverted');
    expect(send(confirmScript(of), of).ending).toBe('too-late');
    expect(files()).toEqual([]);
    expect(endingOf(send(statusScript(of), of).stdout, of.nonce)).toBe('rolled-back');
  });

  it('case 13: confirm and rollback at the same moment, twenty times: exactly one wins, and both say the same', async () => {
    const { execFile } = await import('node:child_process');
    const asked = (script: string, of: Transaction): Promise<string> =>
      new Promise((resolve) => {
        const child = execFile('dash', ['-s'], (_error, stdout) =>
          resolve(parseTransaction(stdout, of.nonce, of.plan).ending),
        );
        child.stdin?.end(script);
      });
    for (let round = 0; round < 20; round += 1) {
      const of = transaction(plan(), `20261120T0000${String(round).padStart(2, '0')}-00000000`);
      send(launchScript(of), of);
      const endings = await Promise.all(
        round % 2
          ? [asked(rollbackRequest(of), of), asked(confirmScript(of), of)]
          : [asked(confirmScript(of), of), asked(rollbackRequest(of), of)],
      );
      expect(endings.filter((ending) => ending === 'too-late')).toHaveLength(1);
      expect(files()).toEqual(endings.includes('confirmed') ? ['a'] : []);
      rmSync(`${host}/a`, { force: true });
    }
  });

  it('case 16: while it is pending, another one is refused and told whose it is', () => {
    const first = transaction(plan());
    send(launchScript(first), first);
    // As if a timer stood behind it.
    rmSync(path.join(root, 'state/txn', first.id, 'unarmed'));
    const second = transaction({ packages: [], changes: [makes('b')] }, '20261120T000001-11111111');
    const { ending, refusal } = send(launchScript(second), second);
    expect(ending).toBe('refused');
    expect(refusal?.reason).toBe('pending');
    expect(JSON.parse(refusal?.text ?? '')).toMatchObject({ run: first.id, who: 'me@here' });
    expect(files()).toEqual(['a']);
  });

  it('one without a timer whose controller is gone locks the host for half an hour, not for good', () => {
    const first = transaction(plan());
    send(launchScript(first), first);
    const early = transaction({ packages: [], changes: [makes('c')] }, '20261120T000000-22222222');
    expect(send(launchScript(early), early).refusal?.reason).toBe('pending');
    const hourAgo = Date.now() / 1000 - 3600;
    utimesSync(path.join(root, 'state/txn', first.id, 'pending'), hourAgo, hourAgo);
    const second = transaction({ packages: [], changes: [makes('b')] }, '20261120T000001-11111111');
    expect(send(launchScript(second), second).ending).toBe('applied');
    expect(existsSync(path.join(root, 'state/txn', first.id, 'abandoned'))).toBe(true);
    expect(send(confirmScript(second), second).ending).toBe('confirmed');
    expect(files()).toEqual(['a', 'b']);
  });

  it('a way back that is empty or only a comment does not take the others with it', () => {
    const empty = makes('b', { revert: { steps: ['', '# nothing'] } });
    const of = transaction({ packages: [], changes: [makes('a'), empty] });
    expect(send(launchScript(of), of).ending).toBe('applied');
    expect(send(rollbackRequest(of), of).ending).toBe('reverted');
    expect(files()).toEqual(['b']);
  });

  it('a way back that does not parse is refused before anything is changed', () => {
    const broken = makes('b', { revert: { steps: ["echo 'open"] } });
    const of = transaction({ packages: [], changes: [makes('a'), broken] });
    expect(send(launchScript(of), of).refusal?.reason).toBe('not-armed');
    expect(files()).toEqual([]);
  });

  it('when power loss has emptied its mark of progress, all is taken back', () => {
    const of = transaction(plan());
    send(launchScript(of), of);
    writeFileSync(path.join(root, 'state/txn', of.id, 'reached'), '');
    expect(send(rollbackRequest(of), of).ending).toBe('reverted');
    expect(files()).toEqual([]);
  });

  it('whoever comes too late is told how it ended', () => {
    const stuck = transaction({ packages: [], changes: [makes('a', { revert: { steps: ['exit 5'] } })] });
    send(launchScript(stuck), stuck);
    expect(send(rollbackRequest(stuck), stuck).ending).toBe('stuck');
    expect(endingOf(send(rollbackRequest(stuck), stuck).stdout, stuck.nonce)).toBe('stuck');
    expect(endingOf(send(confirmScript(stuck), stuck).stdout, stuck.nonce)).toBe('stuck');
  });

  it('case 17: once somebody has asked about one that never began, it never will', () => {
    const of = transaction(plan());
    expect(endingOf(send(statusScript(of), of).stdout, of.nonce)).toBe('never');
    expect(send(launchScript(of), of).ending).toBe('refused');
    expect(files()).toEqual([]);
  });

  it('a file in a directory that others can write, and a directory in the place of a file, are refused', () => {
    chmodSync(host, 0o777);
    const paths = (where: string) => ({ apply: { steps: [], paths: [where] } });
    const open = transaction({ packages: [], changes: [makes('a', paths(`${host}/a`))] });
    expect(send(launchScript(open), open).refusal?.reason).toBe('not-armed');
    chmodSync(host, 0o700);
    mkdirSync(`${host}/d`);
    const directory = transaction({ packages: [], changes: [makes('d', paths(`${host}/d`))] });
    expect(send(launchScript(directory), directory).refusal?.reason).toBe('not-armed');
  });

  it('a step that leaves a process behind does not hold the locks', () => {
    const leaves = makes('a', { apply: { steps: [`touch ${host}/a; sleep 5 >/dev/null 2>&1 &`] } });
    const of = transaction({ packages: [], changes: [leaves] });
    expect(send(launchScript(of), of).ending).toBe('applied');
    const free = execFileSync('flock', ['-n', path.join(root, 'run/lock'), 'echo', 'free'], {
      encoding: 'utf8',
    });
    expect(free).toBe('free\n');
    expect(send(rollbackRequest(of), of).ending).toBe('reverted');
  });

  it('a state directory that is not ours alone is refused: nobody else can hold the lock or forge a confirm', () => {
    mkdirSync(path.join(root, 'state'), { mode: 0o777 });
    chmodSync(path.join(root, 'state'), 0o777);
    const of = transaction(plan());
    expect(send(launchScript(of), of).refusal?.text).toContain("not root's own");
    expect(files()).toEqual([]);
  });

  it('the host keeps the last ten transactions and their journal', () => {
    for (let round = 0; round < 13; round += 1) {
      const of = transaction(plan(), `20261120T0000${String(round).padStart(2, '0')}-00000000`);
      send(launchScript(of), of);
      send(confirmScript(of), of);
    }
    expect(readdirSync(path.join(root, 'state/txn'))).toHaveLength(10);
    const journal = readFileSync(path.join(root, 'state/journal'), 'utf8').trim().split('\n');
    expect(journal).toHaveLength(13);
    expect(JSON.parse(journal[12] ?? '')).toMatchObject({ ending: 'confirmed', record: { who: 'me@here' } });
  });
});
