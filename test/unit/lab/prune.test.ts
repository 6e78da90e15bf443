import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { directoryOf } from '../../../src/lab/image.ts';
import { layersOf } from '../../../src/lab/image-recipe.ts';
import { pruneImages } from '../../../src/lab/prune.ts';

describe('pruning the cache of images', () => {
  const [present = ''] = layersOf({
    release: 'debian-13',
    image: 'bare',
    nic: 'networkd',
    iptables: 'nft',
  }).map(directoryOf);
  let cache: string;
  beforeEach(() => {
    cache = mkdtempSync(path.join(os.tmpdir(), 'provision-prune-'));
    for (const name of [present, 'debian-12-0123456789ab', 'full-0123456789ab', 'build-Ab3dEf', 'lost+found'])
      mkdirSync(path.join(cache, name, 'etc'), { recursive: true });
    writeFileSync(path.join(cache, 'notes.txt'), 'mine');
  });
  afterEach(() => rmSync(cache, { recursive: true, force: true }));
  const left = () => readdirSync(cache).sort();
  const mountOf = (...layers: string[]) =>
    `36 35 98:0 / /var/lib/x rw - overlay pv1 rw,lowerdir=${layers.map((name) => path.join(cache, name)).join(':')},upperdir=/u\n`;

  test('takes what no recipe makes any more and half-built ones, and nothing of others', async () => {
    const { removed, inUse } = await pruneImages({ cache, mounts: '' });
    expect(removed.sort()).toEqual(['build-Ab3dEf', 'debian-12-0123456789ab', 'full-0123456789ab']);
    expect(inUse).toEqual([]);
    expect(left()).toEqual([present, 'lost+found', 'notes.txt'].sort());
  });

  test('leaves what a running host stands on', async () => {
    const mounts = mountOf('full-0123456789ab', 'debian-12-0123456789ab');
    const { removed, inUse } = await pruneImages({ cache, mounts });
    expect(removed).toEqual(['build-Ab3dEf']);
    expect(inUse.sort()).toEqual(['debian-12-0123456789ab', 'full-0123456789ab']);
  });

  test('takes the present ones only when asked to', async () => {
    await pruneImages({ cache, mounts: '', all: true });
    expect(left()).toEqual(['lost+found', 'notes.txt']);
  });

  test('has nothing to do where there is no cache', async () => {
    expect(await pruneImages({ cache: path.join(cache, 'none'), mounts: '' })).toEqual({
      removed: [],
      inUse: [],
    });
  });
});
