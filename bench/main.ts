import { readFileSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { loadInventory } from '../src/inventory/load.ts';
import { labDown, labUp } from '../src/lab/index.ts';
import type { Course } from './contestants.ts';
import { first, noChange, settle, writeProbe } from './course.ts';
import type { Series } from './course.ts';
import { writeInventory } from './inventory.ts';
import { openRoad } from './road.ts';
import { tables } from './table.ts';

const { values: flags } = parseArgs({
  options: {
    hosts: { type: 'string', default: '1,10' },
    // How many the lab has; default: the most of --hosts.
    lab: { type: 'string' },
    rtt: { type: 'string', default: '0,100' },
    rounds: { type: 'string', default: '7' },
    'slow-rounds': { type: 'string', default: '5' },
    only: { type: 'string', default: '' },
    'no-first': { type: 'boolean', default: false },
    keep: { type: 'boolean', default: false },
    out: { type: 'string', default: 'bench-result' },
  },
});
const numbers = (text: string): number[] => text.split(',').map(Number);
const progress = (line: string): void => void process.stderr.write(`${line}\n`);

/** What the figures depend on. */
const machine = () => ({
  at: new Date().toISOString(),
  cpu: os.cpus()[0]?.model ?? 'unknown',
  cores: os.cpus().length,
  memoryGb: Math.round(os.totalmem() / 2 ** 30),
  kernel: os.release(),
  node: process.version,
  loadAverage: os.loadavg().map((load) => Number(load.toFixed(1))),
});

// One lab for all: fewer hosts are a part of it.
const counts = numbers(flags.hosts);
const { file, names, directory } = writeInventory(Number(flags.lab ?? Math.max(...counts)));
const inventory = await loadInventory([file]);
const lab = await labUp(inventory, { progress });
const rounds = { rounds: Number(flags.rounds), slowRounds: Number(flags['slow-rounds']), progress };
const only = new RegExp(flags.only);
const series: Series[] = [];
const before = machine();
const save = (): void => {
  const result = { before, after: machine(), series };
  writeFileSync(`${flags.out}.json`, `${JSON.stringify(result, null, 2)}\n`);
  writeFileSync(`${flags.out}.md`, tables(series));
};
try {
  const probeFile = await writeProbe(file, names[0] ?? '', directory);
  for (const roundTripMs of numbers(flags.rtt)) {
    const road = await openRoad(lab, directory, roundTripMs);
    const course = (count: number): Course => ({
      ...{ road, inventory: file, names: names.slice(0, count), probeFile, directory },
    });
    for (const count of counts) {
      await settle(course(count), only);
      series.push(...(await noChange(course(count), lab, rounds, only)));
      save();
      if (flags['no-first'] || roundTripMs > 0) continue;
      series.push(...(await first(course(count), lab, rounds, only)));
      save();
    }
    road.close();
  }
  process.stdout.write(readFileSync(path.resolve(`${flags.out}.md`), 'utf8'));
} finally {
  if (!flags.keep) await labDown(inventory);
}
