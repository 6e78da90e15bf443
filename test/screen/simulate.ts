// Plays a fake run on the real screen: node node_modules/jiti/lib/jiti-cli.mjs test/screen/simulate.ts '{"hosts":3,"changes":7}'
import { writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { screen } from '../../src/cli/screen.ts';
import type { Emit } from '../../src/model/event.ts';
import { fakeRun } from './fake-run.ts';
import type { FakeRunOptions } from './fake-run.ts';

interface Simulation extends FakeRunOptions {
  /** How long the run takes. */
  readonly seconds?: number;
  readonly verbose?: number;
  readonly quiet?: boolean;
  readonly diff?: boolean;
  /** `none` = the events go nowhere: the floor that the screen's cost is held against. */
  readonly reporter?: 'screen' | 'none';
  /** Halfway: end the process, crash, or write to the terminal as anybody might. */
  readonly midway?: 'exit' | 'throw' | 'write' | 'stop';
  /** Where to write what it cost. */
  readonly costs?: string;
  /** How many runs after one another. */
  readonly runs?: number;
}

const PAUSE_MS = 5;

async function play(emit: Emit, simulation: Simulation): Promise<void> {
  const events = fakeRun(simulation);
  const total = (simulation.seconds ?? 1) * 1000;
  const start = performance.now();
  for (const [index, event] of events.entries()) {
    while (((performance.now() - start) / total) * events.length < index) await sleep(PAUSE_MS);
    if (index === Math.floor(events.length / 2)) {
      if (simulation.midway === 'exit') process.exit(1);
      if (simulation.midway === 'throw')
        process.nextTick(() => {
          throw new Error('midway');
        });
      if (simulation.midway === 'stop') return;
      if (simulation.midway === 'write') {
        process.stderr.write('\nSIGINT: stopping\n');
        console.log('said by a playbook');
      }
    }
    emit(event);
  }
}

const simulation = JSON.parse(process.argv[2] ?? '{}') as Simulation;
const before = process.cpuUsage();
const start = performance.now();
for (let run = 0; run < (simulation.runs ?? 1); run += 1) {
  const { verbose = 0, quiet = false, diff = false, reporter = 'screen' } = simulation;
  await play(reporter === 'none' ? () => undefined : await screen({ verbose, quiet, diff }), simulation);
}
const { user, system } = process.cpuUsage(before);
if (simulation.costs !== undefined) {
  writeFileSync(
    simulation.costs,
    JSON.stringify({ cpuMs: (user + system) / 1000, wallMs: performance.now() - start }),
  );
}
