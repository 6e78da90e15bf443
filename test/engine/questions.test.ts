import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { parseProbe, probeScript } from '../../src/engine/probe-script.ts';
import { isProvisionError } from '../../src/model/error.ts';
import type { Probe, Question, Resource } from '../../src/model/resource.ts';
import { heard } from '../probed.ts';

const reads = (id: string, probe: Probe): Resource => ({
  ...{ id, kind: 'test', declared: null, probe, phase: 'main' },
  ...{ plan: () => null, planBack: () => null, baseline: () => null },
});

const answers = (questions: readonly Question[], shell: string, env?: Record<string, string>): string[] =>
  heard(
    questions.map((question, index) => reads(String(index), [question])),
    { shell, ...(env ? { env } : {}) },
  ).map(({ stdout }) => stdout);

let root = '';
const at = (name: string): string => path.join(root, name);
const BINARY = Buffer.from([0x00, 0xff, 0x78, 0x30, 0x0a, 0x00]);
beforeAll(() => {
  root = mkdtempSync(path.join(os.tmpdir(), 'provision-questions-'));
  writeFileSync(at('plain'), 'first\n\nwithout an end');
  writeFileSync(at('lines'), 'one\ntwo\n\n');
  writeFileSync(at('empty'), '');
  writeFileSync(at('€ $(touch "pwned")\n'), '€\n');
  writeFileSync(at('binary'), BINARY);
  writeFileSync(at('frame'), 'x0\n--\n--\nabsent\n@@');
  for (const name of ['plain', 'lines', 'empty', 'binary', 'frame']) chmodSync(at(name), 0o640);
  mkdirSync(at('directory'));
  symlinkSync(at('plain'), at('link'));
  symlinkSync('no\nwhere', at('dangling'));
  symlinkSync('/proc/self/mounts', at('proc'));
});
afterAll(() => rmSync(root, { recursive: true }));

// The hosts' sh is dash on Debian, bash on the RHEL family.
describe.each(['dash', 'bash'])('what is asked together in %s', (shell) => {
  const owner = execFileSync('stat', ['-c', '%U %G', os.tmpdir()], { encoding: 'utf8' }).trim();

  it('files: their bytes whole, whatever they hold and are called', () => {
    const files = ['plain', 'none', 'frame', 'empty', 'lines', '€ $(touch "pwned")\n', 'link', 'dangling'];
    expect(
      answers(
        [...files, 'directory', 'proc'].map((name) => ({ file: at(name) })),
        shell,
      ),
    ).toEqual([
      'present\nfirst\n\nwithout an end',
      'absent\n',
      'present\nx0\n--\n--\nabsent\n@@',
      'present\n',
      'present\none\ntwo\n\n',
      'present\n€\n',
      'present\nfirst\n\nwithout an end',
      'absent\n',
      'absent\n',
      // It says that it is empty, and its bytes would be taken for those of the next.
      'present\n',
    ]);
  });

  it('what stands at a path itself: with its mode and owner, or where it leads', () => {
    const names = ['link', 'plain', 'directory', 'dangling', 'empty', 'none'];
    const asked = [...names.map((name) => ({ entry: at(name) })), { entry: '' }, { entry: '-n' }];
    expect(answers([...asked, { file: at('plain') }], shell)).toEqual([
      `link ${at('plain')}\n`,
      `0640 ${owner}\nfirst\n\nwithout an end`,
      'directory\n',
      'link no\nwhere\n',
      `0640 ${owner}\n`,
      ...['absent\n', 'absent\n', 'absent\n'],
      'present\nfirst\n\nwithout an end',
    ]);
  });

  it('a file that is no text is told from another one, and does not shift the next', () => {
    const [binary, plain] = answers([{ file: at('binary') }, { file: at('plain') }], shell);
    expect(binary).toBe(`present\n${BINARY.toString('utf8')}`);
    expect(plain).toContain('first');
  });

  it('values of the kernel, each known from those that are not there', () => {
    const value = (key: string) => ({ value: `/proc/sys/net/ipv4/${key}` });
    const said = answers(['ip_forward', 'ip_forwrd', 'conf/none/forwarding', 'tcp_rmem'].map(value), shell);
    expect(said.slice(0, 3)).toEqual([expect.stringMatching(/^[01]\n$/), 'unknown\n', 'absent\n']);
    expect(said[3]).toMatch(/^\d+\s+\d+\s+\d+\n$/);
  });

  it('lines of the files that match, each with its file, whatever they hold and are called', () => {
    const directory = at(`$(touch "pwned") ? ${shell}`);
    mkdirSync(directory);
    writeFileSync(path.join(directory, 'a.xml'), 'one\n\nwithout an end');
    writeFileSync(path.join(directory, 'b c.xml'), Buffer.from('\0two:2\n'));
    writeFileSync(path.join(directory, 'a.xml.old'), 'old\n');
    const [matching, nothing, value] = answers(
      [
        { lines: path.join(directory, '*.xml') },
        { lines: path.join(directory, '*.none') },
        { value: '/proc/sys/kernel/ostype' },
      ],
      shell,
    );
    expect(matching?.split('\n')).toEqual([
      `${directory}/a.xml:one`,
      `${directory}/a.xml:`,
      `${directory}/a.xml:without an end`,
      `${directory}/b c.xml:\0two:2`,
      '',
    ]);
    expect([nothing, value]).toEqual(['', 'Linux\n']);
  });

  it('addresses of one NIC and of no other', () => {
    const all = execFileSync('ip', ['-4', '-o', 'addr'], { encoding: 'utf8' });
    const [lo, other, none] = answers(
      [{ addresses: 'lo' }, { addresses: 'l' }, { addresses: 'none0' }],
      shell,
    );
    expect(lo).toBe(
      all
        .split('\n')
        .filter((line) => / lo /.test(line))
        .map((line) => `${line}\n`)
        .join(''),
    );
    expect(lo).toContain('inet 127.0.0.1/8');
    expect([other, none]).toEqual(['', '']);
  });

  it('text in place: in the shell that the next one runs in, where the others have one each', () => {
    const said = answers(
      [{ inline: 'a=1; false' }, { inline: 'echo "${a-}"' }, 'a=2; exit 3', 'echo "(${a-})"'],
      shell,
    );
    expect(said).toEqual(['', '1\n', '', '()\n']);
  });

  it('packages: installed ones, by name or with their architecture, and no others', () => {
    const all = execFileSync('dpkg', ['--print-architecture'], { encoding: 'utf8' }).trim();
    const names = ['dpkg', `dpkg:${all}`, 'dpk', 'nosuchpackage', 'dpkg*', 'dpkg:none'];
    expect(
      answers(
        names.map((name) => ({ package: name })),
        shell,
      ),
    ).toEqual([...['installed\n', 'installed\n', 'absent\n', 'absent\n', 'absent\n', 'absent\n']]);
  });

  it('packages of rpm: one question where all are there, one each where one is not', () => {
    const bin = at(`bin-${shell}`);
    mkdirSync(bin);
    const rpm = `#!/bin/sh\necho "$*" >> ${bin}/calls\nfor a; do [ "$a" != other ] || exit 1; done\n`;
    writeFileSync(path.join(bin, 'rpm'), rpm, { mode: 0o755 });
    for (const tool of ['base64', 'tr', 'cat', 'ip', 'tail', 'sh', 'dash', 'bash'])
      symlinkSync(execFileSync('which', [tool], { encoding: 'utf8' }).trim(), path.join(bin, tool));
    // Of dpkg-query nothing is to be found; what the script adds to PATH has none either on a host of that family.
    const found = (names: string[]): string[] => {
      const resources = names.map((name) => reads(name, [{ package: name }]));
      const script = probeScript(resources, [], '0123456789abcdef', false).replace(/^PATH=.*$/m, '');
      const said = execFileSync(`/bin/${shell}`, ['-s'], { input: script, env: { PATH: bin } }).toString();
      const { outputs } = parseProbe(said, resources, [], '0123456789abcdef');
      return names.map((name) => outputs.get(name)?.stdout ?? '');
    };
    const calls = (): string[] =>
      execFileSync('cat', [path.join(bin, 'calls')], { encoding: 'utf8' })
        .trim()
        .split('\n');
    expect(found(['nftables', 'firewalld'])).toEqual(['installed\n', 'installed\n']);
    expect(calls()).toEqual(['-q --quiet -- nftables firewalld']);
    expect(found(['nftables', 'other'])).toEqual(['installed\n', 'absent\n']);
  });

  it('a probe of several questions hears them in its order, and the code of the last', () => {
    const mixed = reads('mixed', ['echo first', { say: '--\n' }, { file: at('lines') }, 'echo end; exit 3']);
    const [output] = heard([mixed, reads('other', [{ file: at('plain') }])], { shell });
    expect(output).toEqual({ stdout: 'first\n--\npresent\none\ntwo\n\nend\n', code: 3 });
  });
});

describe('what is asked together', () => {
  const of = (...probes: Probe[]): Resource[] => probes.map((probe, index) => reads(String(index), probe));
  const script = (...probes: Probe[]): string => probeScript(of(...probes), [], 'cafe', false);

  it('is asked once, however many ask for it', () => {
    const twice = script([{ unit: 'a.service' }, 'nft list'], [{ unit: 'a.service' }], 'nft list');
    expect(twice.match(/a\.service/g)).toHaveLength(1);
    expect(twice.match(/nft list/g)).toHaveLength(1);
    expect(script([{ unit: 'a.service' }], [{ unit: 'b.service' }]).match(/systemctl/g)).toHaveLength(1);
    expect(script('true')).not.toMatch(/systemctl|dpkg-query|stat -L/);
  });

  it('units, as systemd says them in turn', () => {
    const resources = of(...['a', '*', 'b', 'c'].map((name): Probe => [{ unit: `${name}.service` }]));
    const said = 'LoadState=loaded\nActiveState=active\n\nLoadState=not-found\nActiveState=inactive\n';
    const bin = mkdtempSync(path.join(os.tmpdir(), 'provision-systemctl-'));
    writeFileSync(
      path.join(bin, 'systemctl'),
      `#!/bin/sh\ncase "$*" in *'*'*) exit 1 ;; esac\nprintf '${said.replaceAll('\n', '\\n')}'\n`,
      {
        mode: 0o755,
      },
    );
    const outputs = heard(resources, { env: { PATH: `${bin}:${process.env['PATH'] ?? ''}` } });
    rmSync(bin, { recursive: true });
    expect(outputs.map(({ stdout }) => stdout)).toEqual([
      'LoadState=loaded\nActiveState=active\n',
      // Not asked for: it would be answered with any number of others.
      '',
      'LoadState=not-found\nActiveState=inactive\n',
      '',
    ]);
  });

  it('a file that changes its size in between is an error, not a state', () => {
    const resources = of([{ file: at('plain') }], [{ file: at('lines') }]);
    const text = probeScript(resources, [], 'cafe', false);
    const read = (edit: (script: string) => string): string => {
      const said = execFileSync('dash', ['-s'], { input: edit(text), encoding: 'utf8' });
      try {
        parseProbe(said, resources, [], 'cafe');
      } catch (error) {
        return isProvisionError(error) ? error.code : String(error);
      }
      return 'nothing thrown';
    };
    expect(read((script) => script)).toBe('nothing thrown');
    const grown = read((script) => script.replace('cat -- "$@"', 'cat -- "$@"; echo more'));
    expect(grown).toBe('probe-failed');
    expect(read((script) => script.replace('cat -- "$@"', 'cat -- "$1"'))).toBe('probe-failed');
  });
});
