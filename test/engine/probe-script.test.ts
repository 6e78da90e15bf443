import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmdirSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { parseProbe, probeScript } from '../../src/engine/probe-script.ts';
import type { Check } from '../../src/model/check.ts';
import { isProvisionError } from '../../src/model/error.ts';
import type { Resource } from '../../src/model/resource.ts';

const NONCE = 'fedcba9876543210';

const reads = (id: string, probe: string): Resource => ({
  id,
  kind: 'test',
  declared: null,
  probe,
  phase: 'main',
  plan: () => null,
  planBack: () => null,
  baseline: () => null,
});

const check = (script: string, retries = 0): Check => ({
  name: script,
  from: 'here',
  kind: 'test',
  to: 'there',
  expect: '',
  when: 'always',
  onFail: 'warn',
  retries,
  timeout: 1,
  script,
  read: (output) => output,
});

const shell = (script: string, env: Record<string, string> = {}): string =>
  execFileSync('dash', ['-s'], { input: script, encoding: 'utf8', env: { ...process.env, ...env } });

function probe(
  resources: readonly Resource[],
  checks: readonly Check[] = [],
  env: Record<string, string> = {},
) {
  return parseProbe(shell(probeScript(resources, checks, NONCE, true), env), resources, checks, NONCE);
}

const codeOf = (act: () => unknown): string => {
  try {
    act();
  } catch (error) {
    return isProvisionError(error) ? error.code : String(error);
  }
  return 'nothing thrown';
};

describe('probe script', () => {
  it('keeps trailing newlines, binary-safe text and exit codes', () => {
    const { outputs } = probe([
      reads('a', String.raw`printf 'x\n\n€\t\n'`),
      reads('b', 'exit 127'),
      reads('c', 'echo to stderr >&2; echo out'),
    ]);
    expect(outputs.get('a')).toEqual({ stdout: 'x\n\n€\t\n', code: 0 });
    expect(outputs.get('b')).toEqual({ stdout: '', code: 127 });
    expect(outputs.get('c')).toEqual({ stdout: 'out\n', code: 0 });
  });

  it('runs equal texts once', () => {
    const script = probeScript([reads('a', 'iptables-save'), reads('b', 'iptables-save')], [], NONCE, true);
    expect(script.match(/iptables-save/g)).toHaveLength(1);
  });

  it('learns by which port the connection came', () => {
    expect(probe([], [], { SSH_CONNECTION: '198.18.0.2 50022 172.31.0.2 2222' }).facts).toMatchObject({
      sshPort: 2222,
      sshClient: '198.18.0.2',
    });
    expect(probe([], [], { SSH_CONNECTION: '' }).facts).toMatchObject({
      sshPort: null,
      sshClient: null,
      ssh: null,
    });
  });

  it('learns which NIC it came to: here that of the loopback', () => {
    const { facts } = probe([], [], { SSH_CONNECTION: '127.0.0.1 50022 127.0.0.1 22' });
    expect(facts.ssh).toEqual({
      client: '127.0.0.1',
      clientPort: 50022,
      address: '127.0.0.1',
      port: 22,
      nic: 'lo',
    });
    expect(facts.os.id).not.toBe('');
  });

  it('a host that prints our frames cannot forge them: it does not know the word', () => {
    const { outputs } = probe([reads('a', "echo '@@0000000000000000 probe_0 4 eHgw'; echo '@@ end'")]);
    expect(outputs.get('a')?.stdout).toContain('@@0000000000000000');
  });

  it('what did not arrive whole is an error, not a state', () => {
    const resources = [reads('a', 'echo hello')];
    const whole = shell(probeScript(resources, [], NONCE, true));
    const parse = (stdout: string) => codeOf(() => parseProbe(stdout, resources, [], NONCE));
    expect(parse(whole)).toBe('nothing thrown');
    expect(parse(whole.replace(`@@${NONCE} end`, ''))).toBe('probe-failed');
    expect(parse(whole.replace(/(parts \d+ \w\w)\w/, '$1'))).toBe('probe-failed');
  });

  it('noise around the frames is ignored', () => {
    const resources = [reads('a', 'echo hello')];
    const noisy = `Welcome!\nlast login …\n${shell(probeScript(resources, [], NONCE, true))}\nbye`;
    expect(parseProbe(noisy, resources, [], NONCE).outputs.get('a')?.stdout).toBe('hello\n');
  });
});

describe('checks in the probe', () => {
  it('answers with what each printed and its exit code', () => {
    expect(
      probe([], [check('echo 203.0.113.10'), check('echo none; exit 1'), check('echo no curl; exit 69')])
        .checks,
    ).toEqual([
      { output: '203.0.113.10', code: 0 },
      { output: 'none', code: 1 },
      { output: 'no curl', code: 69 },
    ]);
  });

  it('asks again after a failure, and not after an answer or when it cannot ask', () => {
    const counting = (end: string): Check =>
      check(
        `n=$(cat "$counter" 2>/dev/null || echo 0); n=$((n + 1)); echo "$n" > "$counter"; echo "$n"; ${end}`,
        2,
      );
    const counted = (end: string): string => {
      const counter = `/tmp/provision-counter-${process.pid}-${Math.random()}`;
      const answer = probe([], [counting(end)], { counter }).checks[0]?.output ?? '';
      execFileSync('rm', ['-f', counter]);
      return answer;
    };
    expect(counted('exit 1')).toBe('3');
    expect(counted('exit 0')).toBe('1');
    expect(counted('exit 69')).toBe('1');
  });

  it('leaves no temporary file behind', () => {
    const TMPDIR = mkdtempSync(path.join(os.tmpdir(), 'provision-probe-'));
    probe([], [check('echo "$TMPDIR"; ls "$TMPDIR" | wc -l')], { TMPDIR });
    expect(readdirSync(TMPDIR)).toEqual([]);
    rmdirSync(TMPDIR);
  });

  it('control: while it runs, its answers do lie there', () => {
    const TMPDIR = mkdtempSync(path.join(os.tmpdir(), 'provision-probe-'));
    expect(probe([], [check('ls "$TMPDIR" | wc -l')], { TMPDIR }).checks[0]?.output.trim()).toBe('1');
    rmdirSync(TMPDIR);
  });
});
