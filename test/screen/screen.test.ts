import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { afterAll, describe, expect, it } from '@jest/globals';
import { drawsTree } from '../../src/cli/screen.ts';
import { seenOn } from './virtual-terminal.ts';
import type { Seen } from './virtual-terminal.ts';

const directory = mkdtempSync(path.join(os.tmpdir(), 'provision-screen-'));
const jiti = path.resolve('node_modules/jiti/lib/jiti-cli.mjs');
const simulate = path.resolve('test/screen/simulate.ts');
const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

interface Played extends Seen {
  readonly code: number | null;
  readonly bytes: string;
  readonly cpuMs: number;
  readonly wallMs: number;
}

interface Window {
  readonly columns: number;
  readonly rows: number;
  readonly env?: Readonly<Record<string, string>>;
}

let played = 0;

/** Plays a fake run on a pseudo terminal of its own (script(1)). */
async function playOn(
  { columns, rows, env = {} }: Window,
  simulation: object,
  redirect = '',
): Promise<Played> {
  const costs = path.join(directory, `costs-${(played += 1)}.json`);
  const words = [process.execPath, jiti, simulate, JSON.stringify({ ...simulation, costs })]
    .map(quoted)
    .join(' ');
  const command = `stty -opost cols ${columns} rows ${rows}; exec ${words} ${redirect}`;
  const child = spawn('script', ['-qfec', command, '/dev/null'], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      PATH: process.env['PATH'],
      HOME: process.env['HOME'],
      TERM: 'xterm-256color',
      SHELL: '/bin/sh',
      ...env,
    },
  });
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
  const bytes = Buffer.concat(chunks).toString();
  // A process that ends early writes no costs.
  let cost = { cpuMs: NaN, wallMs: NaN };
  try {
    cost = JSON.parse(readFileSync(costs, 'utf8')) as typeof cost;
  } catch {
    // Nothing to read.
  }
  return { code, bytes, ...cost, ...seenOn(bytes, columns) };
}

afterAll(() => rmSync(directory, { recursive: true, force: true }));

const widest = (lines: readonly string[]): number => Math.max(...lines.map((line) => line.length));
const times = (text: string, lines: readonly string[]): number =>
  lines.filter((line) => line.includes(text)).length;

const hasScript = spawnSync('script', ['--version']).status === 0;
const describeTerminal = hasScript ? describe : describe.skip;

describeTerminal(`a terminal${hasScript ? '' : ' (script(1) of util-linux is missing)'}`, () => {
  it.each([
    [3, 80, 24],
    [60, 80, 24],
    [60, 200, 50],
  ])(
    '%i hosts on %i columns and %i rows: the tree gives way to the summary',
    async (hosts, columns, rows) => {
      const run = await playOn(
        { columns, rows },
        { hosts, changes: 7, seconds: 1, serial: 20, unreachableEvery: 3 },
      );
      expect(run.code).toBe(0);
      expect(run.cursorVisible).toBe(true);
      expect(run.bytes).toContain('\u001B[?25h');
      expect(widest(run.lines)).toBeLessThanOrEqual(columns);
      expect(times('RECAP', run.lines)).toBe(1);
      expect(times('NAT gateways', run.lines)).toBe(1);
      expect(times('missing live and in the saved configuration: service ssh', run.lines)).toBeGreaterThan(0);
      expect(run.lines.some((line) => line.includes('❯'))).toBe(false);
      expect(run.bytes).toContain('❯');
      expect(run.redraws).toBeLessThanOrEqual((run.wallMs / 1000) * 10 + 2);
    },
    20_000,
  );

  it('no frame is wider or higher than the terminal', async () => {
    const [columns, rows] = [60, 16];
    const run = await playOn({ columns, rows }, { hosts: 60, changes: 7, seconds: 1, unreachableEvery: 4 });
    const frames = run.bytes.slice(0, run.bytes.indexOf('\u001B[?25h')).split(/\r(?=\u001B\[\d+A)/);
    expect(frames.length).toBeGreaterThan(3);
    for (const frame of frames.slice(1, -1)) {
      const lines = stripVTControlCharacters(frame)
        .split('\n')
        .filter((line) => line !== '' && !line.includes('warning:'));
      expect(lines.length).toBeLessThan(rows);
      expect(widest(lines)).toBeLessThan(columns);
    }
  }, 20_000);

  it('500 hosts with 10 changes each cost little', async () => {
    const simulation = { hosts: 500, changes: 10, seconds: 3, unreachableEvery: 50, serial: 50 };
    const window = { columns: 200, rows: 50 };
    const floor = await playOn(window, { ...simulation, reporter: 'none' });
    const run = await playOn(window, simulation);
    expect(run.cpuMs - floor.cpuMs).toBeLessThan(1000);
    expect(run.redraws).toBeLessThanOrEqual((run.wallMs / 1000) * 10 + 2);
    expect(run.bytes.length).toBeLessThan(50 * 200 * run.redraws);
    expect(times('RECAP', run.lines)).toBe(1);
    expect(run.lines).toContainEqual(expect.stringContaining('more hosts without trouble'));
  }, 30_000);

  it.each(['exit', 'throw'])(
    'the process ends midway (%s): the cursor is back, and who was busy is still seen',
    async (midway) => {
      const run = await playOn({ columns: 80, rows: 24 }, { hosts: 3, changes: 7, midway });
      expect(run.code).toBe(1);
      expect(run.cursorVisible).toBe(true);
      expect(times('ended early', run.lines)).toBe(1);
      expect(times('❯ gw1', run.lines)).toBe(1);
    },
    20_000,
  );

  it('what others write stays whole, above the tree', async () => {
    const run = await playOn({ columns: 80, rows: 24 }, { hosts: 3, changes: 7, midway: 'write' });
    expect(run.lines).toContain('SIGINT: stopping');
    expect(run.lines).toContain('said by a playbook');
    expect(run.lines.indexOf('said by a playbook')).toBeLessThan(
      run.lines.findIndex((line) => line.includes('NAT gateways')),
    );
  }, 20_000);

  it('several runs: each tree has ended before the next', async () => {
    const run = await playOn({ columns: 80, rows: 24 }, { hosts: 3, changes: 2, seconds: 0.4, runs: 3 });
    expect(times('RECAP', run.lines)).toBe(3);
    expect(times('NAT gateways', run.lines)).toBe(3);
    expect(run.cursorVisible).toBe(true);
  }, 20_000);

  it('results in a file have the form of lines, and no colours', async () => {
    const file = path.join(directory, 'results.txt');
    const run = await playOn(
      { columns: 80, rows: 24 },
      { hosts: 3, changes: 3, seconds: 0.4 },
      `> ${quoted(file)}`,
    );
    const results = readFileSync(file, 'utf8');
    expect(results).toContain('gw2       ~ package firewalld is not installed\n');
    expect(results).not.toContain('\u001B');
    expect(times('NAT gateways', run.lines)).toBe(1);
    expect(times('RECAP', run.lines)).toBe(0);
  }, 20_000);

  it.each([
    ['CI', { CI: 'true' }, {}],
    ['a dumb terminal', { TERM: 'dumb' }, {}],
    ['-q', {}, { quiet: true }],
  ])(
    'no tree: %s',
    async (_name, env, flags) => {
      const run = await playOn(
        { columns: 80, rows: 24, env },
        { hosts: 3, changes: 3, seconds: 0.2, ...flags },
      );
      expect(run.bytes).not.toMatch(/\u001B\[[^m]*[A-Za-ln-z]/);
      expect(times('package firewalld is not installed', run.lines)).toBe(3);
    },
    20_000,
  );

  it('NO_COLOR leaves the tree and takes the colours', async () => {
    const run = await playOn(
      { columns: 80, rows: 24, env: { NO_COLOR: '1' } },
      { hosts: 3, changes: 3, seconds: 0.4 },
    );
    expect(run.bytes).toContain('❯');
    expect(run.bytes).not.toMatch(/\u001B\[[\d;]*m/);
  }, 20_000);
});

describe('tree or lines', () => {
  const terminal = { isTTY: true };
  it.each([
    ['a terminal', true, false, terminal, {}],
    ['no terminal', false, false, {}, {}],
    ['CI=false is no CI', true, false, terminal, { CI: 'false' }],
    ['CI', false, false, terminal, { CI: '1' }],
    ['dumb', false, false, terminal, { TERM: 'dumb' }],
    ['quiet', false, true, terminal, {}],
  ])('%s', (_name, tree, quiet, stderr, env) => expect(drawsTree(quiet, stderr, env)).toBe(tree));
});
