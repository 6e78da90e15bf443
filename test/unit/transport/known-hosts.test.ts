import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  fingerprintOf,
  knownHostsLine,
  knownHostsName,
  knownKeyTypes,
  lookUpHostKey,
  namesHold,
  parseKnownHosts,
} from '../../../src/transport/known-hosts.ts';

const wire = (type: string, body: string): Buffer => {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(type.length);
  return Buffer.concat([length, Buffer.from(type), Buffer.from(body)]);
};
const ed25519 = wire('ssh-ed25519', 'one');
const other = wire('ssh-ed25519', 'two');
const rsa = wire('ssh-rsa', 'three');
const line = (names: string, key: Buffer): string => knownHostsLine(names, key);
const judge = (text: string, names: string[], key: Buffer): string =>
  lookUpHostKey(parseKnownHosts(text, 'kh'), names, key).verdict;

describe('lookup agrees with ssh-keygen -F', () => {
  let directory = '';
  const key = (): string => readFileSync(join(directory, 'key.pub'), 'utf8').split(' ').slice(0, 2).join(' ');
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'known-hosts-'));
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(directory, 'key')]);
  });
  afterAll(() => rmSync(directory, { recursive: true }));

  const fields = [
    'gw1',
    'gw1,10.0.0.1',
    '[gw1]:2222',
    '*.example.org',
    '*.example.org,!bad.example.org',
    'gw?',
    '10.0.0.*',
    '[10.0.0.1]:22',
    'GW1.Example.org',
    '!gw1,*',
    'a.b',
    'fe80::1',
    '*',
  ];
  const names = [
    'gw1',
    'gw2',
    'gw10',
    '10.0.0.1',
    '[gw1]:2222',
    '[10.0.0.1]:22',
    'a.example.org',
    'bad.example.org',
    'gw1.example.org',
    'axb',
    'a.b',
    'fe80::1',
  ];
  const found = (file: string, name: string): boolean =>
    spawnSync('ssh-keygen', ['-F', name, '-f', file]).status === 0;

  it(`for ${String(fields.length * names.length)} plain pairs`, () => {
    const file = join(directory, 'plain');
    for (const field of fields) {
      writeFileSync(file, `${field} ${key()}\n`);
      for (const name of names)
        expect([field, name, namesHold(field, name)]).toEqual([field, name, found(file, name)]);
    }
  });

  it('case 36: for names hashed by ssh-keygen -H, and ssh-keygen finds what is hashed here', () => {
    const file = join(directory, 'hashed');
    writeFileSync(file, names.map((name) => `${name} ${key()}\n`).join(''));
    execFileSync('ssh-keygen', ['-H', '-f', file], { stdio: 'ignore' });
    const hashed = parseKnownHosts(readFileSync(file, 'utf8'), file);
    expect(hashed).toHaveLength(names.length);
    expect(hashed.every((entry) => entry.names.startsWith('|1|'))).toBe(true);
    for (const [index, name] of names.entries()) {
      expect(hashed.map((entry) => namesHold(entry.names, name)).indexOf(true)).toBe(index);
    }
    const blob = Buffer.from(key().split(' ')[1] ?? '', 'base64');
    writeFileSync(file, knownHostsLine('[gw1]:2222', blob, Buffer.alloc(20, 7)));
    expect(found(file, '[gw1]:2222')).toBe(true);
    expect(found(file, 'gw1')).toBe(false);
  });

  it('shows fingerprints as ssh-keygen -l does', () => {
    const shown = execFileSync('ssh-keygen', ['-lf', join(directory, 'key.pub')], { encoding: 'utf8' });
    expect(shown).toContain(` ${fingerprintOf(Buffer.from(key().split(' ')[1] ?? '', 'base64'))} `);
  });
});

describe('case 36: verdicts', () => {
  it.each([
    ['unknown', ''],
    ['unknown', line('gw2', ed25519)],
    ['ok', line('gw1', ed25519)],
    ['ok', line('gw1', other) + line('gw1', ed25519)],
    ['changed', line('gw1', other)],
    ['changed', line('gw1', rsa) + line('gw1', other)],
    ['other-type', line('gw1', rsa)],
    ['revoked', line('gw1', ed25519) + `@revoked ${line('*', ed25519)}`],
    ['ok', line('gw1', ed25519) + `@revoked ${line('*', other)}`],
    ['cert-only', `@cert-authority ${line('*', rsa)}`],
    ['ok', `@cert-authority ${line('*', rsa)}${line('gw1', ed25519)}`],
    ['unknown', `# ${line('gw1', ed25519)}\n\ngw1\n@strange ${line('gw1', ed25519)}`],
    ['ok', `  gw1\tssh-ed25519   ${ed25519.toString('base64')} a comment\r\n`],
  ])('%s: %j', (verdict, text) => {
    expect(judge(text, ['gw1'], ed25519)).toBe(verdict);
  });

  it('take a key kept under the plain name for another port, but never call it changed', () => {
    const names = ['[gw1]:2222', 'gw1'];
    expect(judge(line('gw1', ed25519), names, ed25519)).toBe('ok');
    expect(judge(line('gw1', other), names, ed25519)).toBe('unknown');
    expect(judge(`@revoked ${line('gw1', ed25519)}${line('[gw1]:2222', ed25519)}`, names, ed25519)).toBe(
      'revoked',
    );
  });

  it('name the line', () => {
    const known = parseKnownHosts(`# a\n\n${line('gw1', other)}`, '/home/me/.ssh/known_hosts');
    expect(lookUpHostKey(known, ['gw1'], ed25519).entries).toMatchObject([
      { file: '/home/me/.ssh/known_hosts', line: 3, type: 'ssh-ed25519' },
    ]);
  });
});

it('names a host as ssh keeps it', () => {
  expect(knownHostsName('GW1', 22)).toBe('gw1');
  expect(knownHostsName('gw1', 2222)).toBe('[gw1]:2222');
  expect(knownHostsName('gw1', 2222, 'Alias')).toBe('alias');
});

it('lists the types a host can be asked for', () => {
  const known = parseKnownHosts(
    line('gw1', rsa) + line('gw2', ed25519) + `@cert-authority ${line('*', other)}`,
    'kh',
  );
  expect(knownKeyTypes(known, ['gw1'])).toEqual(['ssh-rsa']);
});
