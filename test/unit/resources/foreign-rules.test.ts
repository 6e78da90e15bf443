import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { keepForeignRules } from '../../../src/resources/foreign-rules.ts';

/** In the place of iptables-save and iptables-restore: the rules are a file. */
const PROGRAM = `#!${process.execPath}
const { appendFileSync, readFileSync, writeFileSync } = require('node:fs');
const file = process.env.RULES;
if (process.argv[1].endsWith('-save')) { process.stdout.write(readFileSync(file, 'utf8')); process.exit(); }
const given = readFileSync(0, 'utf8');
appendFileSync(file + '.restored', given);
const tables = new Map();
let table;
const load = (text) => {
  for (const line of text.split('\\n')) {
    const [command, chain] = line.split(' ');
    if (line.startsWith('*')) { table = tables.get(line) ?? tables.set(line, new Map()).get(line); continue; }
    if (line.startsWith(':')) { table.set(command.slice(1), { policy: chain, rules: [] }); continue; }
    if (line === '' || line === 'COMMIT' || line.startsWith('#')) continue;
    const fail = (why) => { console.error(why + ': ' + line); process.exit(2); };
    if (line.includes('refused')) fail('refused');
    if (command === '-N') { if (table.has(chain)) fail('exists'); table.set(chain, { policy: '-', rules: [] }); continue; }
    const found = table.get(chain) ?? fail('no chain');
    if (command === '-P') { found.policy = line.split(' ')[2]; continue; }
    const target = / -j (\\S+)/.exec(line)?.[1];
    if (target && !/^(ACCEPT|DROP|RETURN|MASQUERADE|REJECT)$/.test(target) && !table.has(target)) fail('no target');
    const rule = line.replace(/^-[AID] \\S+( \\d+(?= ))?/, '');
    if (command === '-A') found.rules.push(rule);
    else if (command === '-D') { const at = found.rules.indexOf(rule); if (at < 0) fail('not there'); found.rules.splice(at, 1); }
    else {
      const at = Number(line.split(' ')[2]) - 1;
      if (!(at >= 0 && at <= found.rules.length)) fail('no such place');
      found.rules.splice(at, 0, rule);
    }
  }
};
load(readFileSync(file, 'utf8'));
load(given);
let text = '';
for (const [name, chains] of tables) {
  text += name + '\\n';
  for (const [chain, { policy }] of chains) text += ':' + chain + ' ' + policy + ' [0:0]\\n';
  for (const [chain, { rules }] of chains) for (const rule of rules) text += '-A ' + chain + rule + '\\n';
  text += 'COMMIT\\n';
}
writeFileSync(file, text);
`;

const table = (name: string, chains: readonly string[], rules: readonly string[]): string =>
  `*${name}\n${chains.map((chain) => `:${chain} [0:0]\n`).join('')}${rules.map((rule) => `-A ${rule}\n`).join('')}COMMIT\n`;

const BUILT_IN = ['INPUT ACCEPT', 'FORWARD ACCEPT', 'OUTPUT ACCEPT'];
const EMPTY = table('filter', BUILT_IN, []);

let directory: string;
let rules: string;
beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'provision-foreign-'));
  rules = path.join(directory, 'rules');
  for (const name of ['iptables-nft-save', 'iptables-nft-restore']) {
    writeFileSync(path.join(directory, name), PROGRAM);
    chmodSync(path.join(directory, name), 0o755);
  }
  // Docker is not there.
  writeFileSync(path.join(directory, 'systemctl'), '#!/bin/sh\nexit 3\n', { mode: 0o755 });
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const shell = (script: string): { code: number; output: string } => {
  const here = script.replaceAll('/run/provision', path.join(directory, 'run'));
  // Only those programs, whatever this machine has.
  const env = { PATH: `${directory}:/usr/bin:/bin`, RULES: rules, PROVISION_TRANSACTION: 'txn' };
  try {
    const output = execFileSync('dash', ['-e'], { input: here, env, encoding: 'utf8', stdio: 'pipe' });
    return { code: 0, output };
  } catch (error) {
    const { status, stdout, stderr } = error as { status: number; stdout: string; stderr: string };
    return { code: status, output: `${stdout}${stderr}` };
  }
};

/** What is there after a change of firewalld that leaves `after`. */
function kept(before: string, after: string, ending = ''): { code: number; output: string; now: string } {
  writeFileSync(rules, before);
  writeFileSync(`${rules}.after`, after);
  const script = `cat "$RULES.after" > "$RULES"\n${ending}`;
  const ended = shell(keepForeignRules({ script, dockerAnswers: true }));
  return { ...ended, now: readFileSync(rules, 'utf8') };
}

const restored = (): string =>
  existsSync(`${rules}.restored`) ? readFileSync(`${rules}.restored`, 'utf8') : '';
const leftover = (): boolean => existsSync(path.join(directory, 'run', 'iptables-txn'));

describe('rules of others around a change of firewalld', () => {
  const OTHERS = table(
    'filter',
    ['INPUT ACCEPT', 'FORWARD DROP', 'OUTPUT ACCEPT', 'OPS -', 'EMPTY -'],
    [
      'INPUT -p tcp -j OPS',
      'FORWARD -s 192.0.2.1/32 -j ACCEPT',
      'FORWARD -s 192.0.2.2/32 -j DROP',
      'FORWARD -s 192.0.2.2/32 -j DROP',
      `OPS -m comment --comment "it's $(touch x) \\"*nat" -j RETURN`,
    ],
  );

  it('come back whole: chains, policies, order, rules that stand there twice', () => {
    expect(kept(OTHERS, EMPTY)).toMatchObject({ code: 0, now: OTHERS });
    expect(leftover()).toBe(false);
  });

  it('nothing is loaded where nothing is gone', () => {
    expect(kept(OTHERS, OTHERS)).toMatchObject({ code: 0, now: OTHERS });
    expect(restored()).toBe('');
  });

  it('come back when the change fails, which is still a failure', () => {
    expect(kept(OTHERS, EMPTY, 'exit 7')).toMatchObject({ code: 7, now: OTHERS });
  });

  it('what Docker has made again in another order is put into the one that it had', () => {
    const chains = [...BUILT_IN, 'DOCKER-USER -', 'DOCKER -'];
    const before = table('filter', chains, [
      'FORWARD -s 192.0.2.1/32 -j ACCEPT',
      'FORWARD -j DOCKER-USER',
      'FORWARD -o docker0 -j DOCKER',
      'FORWARD -s 192.0.2.2/32 -j DROP',
      'DOCKER-USER -s 192.0.2.67/32 -j DROP',
      'DOCKER-USER -j RETURN',
    ]);
    const after = table('filter', chains, [
      'FORWARD -o docker0 -j DOCKER',
      'FORWARD -o br-new -j DOCKER',
      'FORWARD -j DOCKER-USER',
      'DOCKER-USER -j RETURN',
    ]);
    // A rule that is new stays behind the one that it stands behind.
    const wanted = before.replace(
      'docker0 -j DOCKER\n',
      'docker0 -j DOCKER\n-A FORWARD -o br-new -j DOCKER\n',
    );
    expect(kept(before, after).now).toBe(wanted);
  });

  it('of firewalld’s own with its backend iptables nothing comes back', () => {
    const chains = ['INPUT_direct -', 'INPUT_ZONES -', 'IN_public -'];
    const inner = ['IN_public_log -', 'IN_public_deny -', 'IN_public_allow -'];
    const own = (ports: readonly string[], foreign: readonly string[]): string =>
      table(
        'filter',
        [...BUILT_IN, ...chains, ...inner, ...(foreign.length > 0 ? ['IN_OPS -'] : [])],
        [
          ...foreign,
          'INPUT -i lo -j ACCEPT',
          'INPUT -j INPUT_direct',
          'INPUT -j INPUT_ZONES',
          'INPUT_ZONES -j IN_public',
          ...ports.map((port) => `IN_public_allow -p tcp -m tcp --dport ${port} -j ACCEPT`),
        ],
      );
    const foreign = ['INPUT -s 192.0.2.1/32 -j IN_OPS', 'INPUT -i lo -j ACCEPT'];
    const closed = kept(own(['22', '80'], foreign), own(['22'], [])).now;
    expect(closed).toContain('-A INPUT -s 192.0.2.1/32 -j IN_OPS\n-A INPUT -i lo -j ACCEPT\n-A INPUT -i lo');
    expect(closed).toContain(':IN_OPS - ');
    expect(closed).not.toContain('--dport 80');
    // It has stopped: its own loopback rule goes, that of others stays.
    const stopped = kept(own(['22'], foreign), EMPTY).now;
    expect(stopped.match(/^-A .*$/gm)).toEqual([
      '-A INPUT -s 192.0.2.1/32 -j IN_OPS',
      '-A INPUT -i lo -j ACCEPT',
    ]);
  });

  it('what a killed run has left is put back by its way back', () => {
    writeFileSync(rules, OTHERS);
    const killed = `cat "$RULES.after" > "$RULES"; kill -9 $$`;
    writeFileSync(`${rules}.after`, EMPTY);
    expect(shell(keepForeignRules({ script: killed, dockerAnswers: true })).code).not.toBe(0);
    expect([readFileSync(rules, 'utf8'), leftover()]).toEqual([EMPTY, true]);
    const way = keepForeignRules({ script: 'cat "$RULES.after" > "$RULES"', dockerAnswers: false });
    expect(shell(way).code).toBe(0);
    expect([readFileSync(rules, 'utf8'), leftover()]).toEqual([OTHERS, false]);
  });

  it('one that the host does not take any more is a failure that names it, and keeps no other from coming back', () => {
    const before = table('filter', BUILT_IN, [
      'INPUT -s 192.0.2.1/32 -j ACCEPT',
      'INPUT -m refused -j DROP',
      'INPUT -s 192.0.2.2/32 -j ACCEPT',
    ]);
    const { code, output, now } = kept(before, EMPTY);
    expect(code).toBe(1);
    expect(output).toContain('rules of others could not all be put back by iptables-nft');
    expect(output).toContain('filter: -A INPUT -m refused -j DROP');
    expect(now).toBe(before.replace('-A INPUT -m refused -j DROP\n', ''));
    // What is missing is there for whoever wants it.
    expect(leftover()).toBe(true);
  });
});
