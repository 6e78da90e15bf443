import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

export interface Timing {
  readonly seconds: number;
  /** User and system time of the process and its children. */
  readonly cpu: number;
  /** Peak of the largest process. */
  readonly rssMb: number;
  readonly stdout: string;
}

/** Runs a command to its end under time(1), which asks wait4(2) what it cost. Throws when it fails. */
export function timed(argv: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Timing> {
  const directory = mkdtempSync(path.join(tmpdir(), 'provision-bench-time-'));
  const file = path.join(directory, 'time');
  return new Promise((resolve, reject) => {
    const child = spawn('/usr/bin/time', ['-f', '%e %U %S %M', '-o', file, ...argv], {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (chunk) => (stdout += String(chunk)));
    child.stderr.on('data', (chunk) => (stderr += String(chunk)));
    child.on('error', () => reject(new Error('/usr/bin/time is missing: apt-get install time')));
    child.on('close', (code) => {
      const [seconds = 0, user = 0, system = 0, kib = 0] = readFileSync(file, 'utf8')
        .trim()
        .split(/\s/)
        .map(Number);
      rmSync(directory, { recursive: true });
      if (code === 0) resolve({ seconds, cpu: user + system, rssMb: kib / 1024, stdout });
      else reject(new Error(`${argv.join(' ')} ended ${String(code)}:\n${stdout}${stderr}`));
    });
  });
}

/** The one in the middle; of an even number the mean of two. NaN of none. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const half = sorted.length / 2;
  if (Number.isInteger(half)) return ((sorted[half - 1] ?? NaN) + (sorted[half] ?? NaN)) / 2;
  return sorted[Math.floor(half)] ?? NaN;
}
