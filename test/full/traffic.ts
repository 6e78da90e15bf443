import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { Socket } from 'node:net';
import { loadInventory } from '../../src/inventory/load.ts';
import { labOf } from '../../src/lab/index.ts';
import { labNames } from '../../src/lab/names.ts';
import type { GatewayLab } from '../lab/gateway-lab.ts';

const PROGRAM = 'test/full/new-connections.mjs';

export interface Load {
  readonly total: number;
  /** Lost a packet, be it answered later. */
  readonly failed: number;
  /** Of these, the ones that a client who waits 5 s for the connection was not served by either. */
  readonly unserved: number;
  /** Milliseconds by the clock; null = none failed. */
  readonly firstFailed: number | null;
  readonly lastFailed: number | null;
}
export interface Held {
  readonly answers: number;
  readonly longestGapMs: number;
  readonly alive: boolean;
}

/** Starts the load generator in the network of hosts of a lab: Node from this machine, packets from there. */
export async function trafficIn({ inventory }: GatewayLab) {
  const lab = await labOf(await loadInventory([inventory]));
  if (!lab) throw new Error('the lab is not up');
  const names = labNames(lab.id);
  const start = (host: string, ...argv: string[]): ChildProcess => {
    const inside = ['ip', 'netns', 'exec', names.namespace(host), process.execPath, PROGRAM, ...argv];
    const child = spawn('setpriv', ['--pdeathsig', 'TERM', ...inside], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    // A test that failed before it ended this one must not wait for it for ever.
    child.unref();
    if (child.stdout instanceof Socket) child.stdout.unref();
    return child;
  };
  /** Ends one and answers what it counted. */
  const end = <T>(child: ChildProcess): Promise<T> =>
    new Promise((resolve, reject) => {
      let output = '';
      child.ref();
      if (child.stdout instanceof Socket) child.stdout.ref();
      child.stdout?.on('data', (chunk) => (output += String(chunk)));
      child.on('close', () => {
        try {
          resolve(JSON.parse(output) as T);
        } catch {
          reject(new Error(`the load generator printed ${JSON.stringify(output)}`));
        }
      });
      child.kill('SIGTERM');
    });
  return { start, end };
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
