import { existsSync, readFileSync, statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import { ProvisionError } from '../model/error.ts';
import type { ImageSpec } from './image-spec.ts';
import { DISK_ROOT } from './names.ts';

type Image = ImageSpec['image'];

/** Megabytes that one host takes: measured (docs/lab.md) on idle hosts, with room for what a run brings there. */
const PER_HOST: Readonly<Record<Image, { readonly memory: number; readonly disk: number }>> = {
  bare: { memory: 40, disk: 100 },
  full: { memory: 130, disk: 100 },
};

/** Megabytes that are free. */
export interface Room {
  readonly memory: number;
  readonly disk: number;
}

/** Megabytes that hosts of these images need. */
export const roomFor = (images: readonly Image[]): Room =>
  images.reduce(
    (sum, image) => ({
      memory: sum.memory + PER_HOST[image].memory,
      disk: sum.disk + PER_HOST[image].disk,
    }),
    { memory: 0, disk: 0 },
  );

/** Why these hosts do not fit, with the estimate; null = they do. */
export function roomRefusal(images: readonly Image[], free: Room): ProvisionError | null {
  const needed = roomFor(images);
  const short = (['memory', 'disk'] as const).filter((what) => free[what] < needed[what]);
  if (short.length === 0) return null;
  const said = short.map(
    (what) => `about ${needed[what]} MB of ${what}, and ${Math.floor(free[what])} MB are free`,
  );
  const full = images.filter((image) => image === 'full').length;
  return new ProvisionError(
    'usage',
    `${images.length} hosts (${full} of them with firewalld and Docker) need ${said.join('; ')}`,
    {
      hint: 'Build fewer hosts: provision lab down for labs nobody needs, or an inventory of a part of the network.',
    },
  );
}

/** MemAvailable of proc_meminfo(5), which counts in kB. */
export const availableMemory = (meminfo: string): number =>
  Number(/^MemAvailable:\s+(\d+) kB$/m.exec(meminfo)?.[1] ?? Infinity) / 1024;

const existing = (path: string): string => (existsSync(path) ? path : existing(dirname(path)));

/** Refuses a lab that this machine has no room for. */
export function requireRoom(images: readonly Image[]): void {
  const { bavail, bsize } = statfsSync(existing(DISK_ROOT));
  const refusal = roomRefusal(images, {
    memory: availableMemory(readFileSync('/proc/meminfo', 'utf8')),
    disk: (bavail * bsize) / 2 ** 20,
  });
  if (refusal !== null) throw refusal;
}
